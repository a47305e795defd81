import { describe, expectTypeOf, test } from "vitest";
import type * as core from "#core/description.ts";
import type {
  BarMessage,
  IndicatorMessage,
  OrderEventMessage,
  OrderStatus,
  QuoteMessage,
  SignalMessage,
  TradeMessage,
} from "#core/messages.ts";
import type { slotMethods } from "#core/slots.ts";
import type { AlgorithmCommand, OpenOrder, PortfolioNow, TimerTurn } from "#executor/algorithm.ts";
import type { Indicators } from "#executor/indicators.ts";
import type * as slots from "#executor/slots.ts";
import type * as sdk from "#sdk/typescript/index.ts";

// An algorithm's author reads the SDK's types, the program has its own: `npm run types` refuses this file when the two part.

/** What an algorithm is promised of a message: every field that the SDK names, of the type that travels. */
type Promised<Message, Named> = Pick<Message, keyof Named & keyof Message>;

describe("the SDK's types are those of what runs", () => {
  test("describe()", () => {
    expectTypeOf<sdk.ParameterType>().toEqualTypeOf<core.ParameterType>();
    expectTypeOf<Omit<sdk.Parameter, "default">>().toEqualTypeOf<Omit<core.Parameter, "default">>();
    expectTypeOf<keyof sdk.Parameter>().toEqualTypeOf<keyof core.Parameter>();
    expectTypeOf<Omit<sdk.Description, "params">>().toEqualTypeOf<Omit<core.Description, "params">>();
    expectTypeOf<keyof sdk.Description>().toEqualTypeOf<keyof core.Description>();
    expectTypeOf<core.Description>().toExtend<sdk.Description>();
  });

  test("data", () => {
    expectTypeOf<Promised<QuoteMessage, sdk.Quote>>().toEqualTypeOf<sdk.Quote>();
    expectTypeOf<Promised<BarMessage, sdk.Bar>>().toEqualTypeOf<sdk.Bar>();
    expectTypeOf<Promised<TradeMessage, sdk.Trade>>().toEqualTypeOf<sdk.Trade>();
    expectTypeOf<Promised<IndicatorMessage, sdk.Indicator>>().toEqualTypeOf<sdk.Indicator>();
    expectTypeOf<SignalMessage & { readonly strategy: string }>().toExtend<sdk.SharedSignal>();
    expectTypeOf<sdk.Data["type"]>().toEqualTypeOf<"quote" | "bar" | "trade" | "indicator" | "signal">();
  });

  test("orders, timers, commands and the portfolio", () => {
    expectTypeOf<sdk.OrderStatus>().toEqualTypeOf<OrderStatus>();
    expectTypeOf<OrderEventMessage>().toExtend<sdk.OrderEvent>();
    expectTypeOf<sdk.OpenOrder>().toEqualTypeOf<OpenOrder>();
    expectTypeOf<sdk.Timer>().toEqualTypeOf<TimerTurn>();
    expectTypeOf<AlgorithmCommand>().toExtend<sdk.Command>();
    expectTypeOf<keyof sdk.Command>().toEqualTypeOf<keyof AlgorithmCommand>();
    type View = Omit<sdk.PortfolioView, "optimize" | "orders">;
    expectTypeOf<View>().toEqualTypeOf<Pick<PortfolioNow, keyof View>>();
    expectTypeOf<Indicators>().toExtend<sdk.Indicators>();
  });

  test("sizing and guard", () => {
    expectTypeOf<sdk.Wager>().toEqualTypeOf<slots.Wager>();
    expectTypeOf<sdk.ProposedOrder>().toEqualTypeOf<slots.ProposedOrder>();
    expectTypeOf<keyof sdk.Verdict>().toEqualTypeOf<keyof slots.Verdict>();
    expectTypeOf<keyof sdk.Sizing>().toEqualTypeOf<keyof sdk.Slot | typeof slotMethods.sizing>();
    expectTypeOf<keyof sdk.Guard>().toEqualTypeOf<keyof sdk.Slot | typeof slotMethods.guard>();
  });
});
