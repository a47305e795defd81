// What travels on the bus: flat JSON objects, `v: 1`, times in microseconds UTC, money and quantities as decimal strings. The schemas are in
// schemas/bus/; docs/runtime.md says who may publish what.
import type {
  AccountMessage,
  BarMessage,
  BirthMessage,
  CommandMessage,
  DeadLetterMessage,
  FeedStateMessage,
  GatewayCommandMessage,
  GatewayHaltsMessage,
  GatewayStateMessage,
  HistoryMessage,
  IndicatorMessage,
  LogMessage,
  MetricMessage,
  OrderEventMessage,
  OrderRequestMessage,
  OrderResendMessage,
  OrderStatementMessage,
  PlatformMetricMessage,
  QuoteMessage,
  RecorderStateMessage,
  RefillMessage,
  RefillRequestMessage,
  SignalMessage,
  StateMessage,
  TradeMessage,
  TurnAnswerMessage,
  TurnRequestMessage,
} from "./bus-messages.generated.ts";

export type * from "./bus-messages.generated.ts";

/** The message of each kind of topic; a kind is named like its schema. */
export interface MessageOf {
  readonly quote: QuoteMessage;
  readonly trade: TradeMessage;
  readonly bar: BarMessage;
  readonly history: HistoryMessage;
  readonly indicator: IndicatorMessage;
  readonly signal: SignalMessage;
  readonly "order-request": OrderRequestMessage;
  readonly "order-event": OrderEventMessage;
  readonly "order-resend": OrderResendMessage;
  readonly "order-statement": OrderStatementMessage;
  readonly "turn-request": TurnRequestMessage;
  readonly "turn-answer": TurnAnswerMessage;
  readonly account: AccountMessage;
  readonly state: StateMessage;
  readonly metric: MetricMessage;
  readonly log: LogMessage;
  readonly command: CommandMessage;
  readonly "gateway-state": GatewayStateMessage;
  readonly "gateway-command": GatewayCommandMessage;
  readonly "gateway-halts": GatewayHaltsMessage;
  readonly "feed-state": FeedStateMessage;
  readonly birth: BirthMessage;
  readonly "dead-letter": DeadLetterMessage;
  readonly "refill-request": RefillRequestMessage;
  readonly refill: RefillMessage;
  readonly "recorder-state": RecorderStateMessage;
  readonly "platform-metric": PlatformMetricMessage;
}

export type MessageKind = keyof MessageOf;

/** What a replay tells; the events of a history. */
export type MarketMessage = QuoteMessage | BarMessage;

/** A message before the client of the bus has numbered it. */
export type Unstamped<Numbered> = Omit<Numbered, "session" | "seq">;
