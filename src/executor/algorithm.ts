import type { JsonObject, JsonValue } from "#core/json.ts";
import type { OrderEventMessage, OrderStatus } from "#core/messages.ts";
import { err, type Fault, ok, type Result } from "#core/result.ts";
import type { SlotFiles } from "#core/slots.ts";
import type { Decision } from "./decisions.ts";
import type { DataMessage } from "./messages.ts";
import type { Checked, ProposedOrder, Sized, Wager } from "./slots.ts";

/** What an algorithm is told once. */
export interface AlgorithmStart {
  /** The spec's, with `starting_cash`. */
  readonly params: JsonObject;
  readonly mode: "replay" | "paper" | "live";
  /** 53 bits. */
  readonly seed: number;
  readonly strategy: string;
  /** Files of the strategy's own that size and hold back; absent: none. */
  readonly slots?: SlotFiles;
}

export interface AlgorithmFacts {
  readonly channels: readonly string[];
  /**
   * Hooks it has, in the wire's names: `warm`, `on_order`, `on_timer`, `on_command`, `snapshot`, `restore`, `restore_other` (its `restore` takes the state
   * of other versions, too), `stop`.
   */
  readonly hooks: ReadonlySet<string>;
  readonly timers: readonly TimerSpec[];
  /** Content digest of the bundle, hex, if it is known. */
  readonly digest: string | undefined;
}

/** Who wrote a state. */
export interface Writer {
  /** Digest of its bundle, hex, if it is known. */
  readonly version?: string;
  /** The spec's of then. */
  readonly params: JsonObject;
  /** Code and params are those of now. */
  readonly same: boolean;
}

/** A timer that the algorithm asked for. */
export interface TimerSpec {
  readonly name: string;
  /** Of event time. */
  readonly everySeconds: number;
}

/** A timer's turn: `time` is a multiple of its interval, microseconds. */
export interface TimerTurn {
  readonly name: string;
  readonly time: number;
}

/** An operator's command, as the algorithm sees it. */
export interface AlgorithmCommand {
  readonly id: string;
  readonly verb: string;
  readonly arguments: JsonObject;
}

/** An order without a final answer, as an algorithm sees it. */
export interface OpenOrder {
  readonly clientOrderId: string;
  readonly sid: string;
  readonly side: "buy" | "sell";
  readonly quantity: string;
  readonly filledQuantity: string;
  readonly status?: OrderStatus;
}

/** The portfolio as an algorithm sees it during one call. */
export interface PortfolioNow {
  readonly cash: string;
  readonly equity: string;
  readonly positions: { readonly [sid: string]: string };
  /** Without a final answer, oldest first; absent: none. */
  readonly orders?: readonly OpenOrder[];
  /** What `optimize(data)` answers; where the sizing is a file, the most that it may answer. */
  readonly bet: string;
}

export interface AlgorithmLog {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
}

/** What code said while it was called. */
export interface Said {
  readonly logs: readonly AlgorithmLog[];
  /** Lines of its own that went lost since the last outcome: above what a call may log, or its process may print. Absent: none. */
  readonly linesDropped?: number;
}

export interface Outcome extends Said {
  readonly decisions: readonly Decision[];
}

/**
 * The one algorithm of an executor, in this process or behind a socket. One call at a time.
 *
 * Every call may throw an `AlgorithmError`: the algorithm's own exception, or an answer that is none. A `Fault` means that it is gone or
 * never answers, and no further call will help.
 */
export interface Algorithm {
  /** Called first. What its `describe()` answers, unchecked; undefined without one. */
  describe(): Promise<unknown>;
  initialize(start: AlgorithmStart): Promise<AlgorithmFacts>;
  /** An event from before the first live one. What an algorithm without `warm` decides on it is dropped. `nowUs` is event time. */
  warm(data: DataMessage, nowUs: number, portfolio: PortfolioNow): Promise<void>;
  event(data: DataMessage, nowUs: number, portfolio: PortfolioNow): Promise<Outcome>;
  order(event: OrderEventMessage, nowUs: number, portfolio: PortfolioNow): Promise<Outcome>;
  timer(turn: TimerTurn, portfolio: PortfolioNow): Promise<Outcome>;
  command(command: AlgorithmCommand, nowUs: number, portfolio: PortfolioNow): Promise<Outcome>;
  /** The sizing of `AlgorithmStart.slots`: how much cash a signal to buy bets. */
  optimize(wager: Wager, nowUs: number, portfolio: PortfolioNow): Promise<Sized>;
  /** The guard of `AlgorithmStart.slots`: what is to become of an order. */
  check(order: ProposedOrder, nowUs: number, portfolio: PortfolioNow): Promise<Checked>;
  /** Its state and that of its random numbers; only `restore` looks inside. */
  snapshot(): Promise<JsonValue>;
  /** @returns whether it has that state now: another version's only where its hook takes `writer`, too (the hook `restore_other`) */
  restore(state: JsonValue, writer: Writer): Promise<boolean>;
  stop(reason: string): Promise<readonly AlgorithmLog[]>;
  /** Called once when it is gone or silent, also between calls. */
  onEnd(handler: (fault: Fault) => void): void;
  close(): void;
}

/** The algorithm threw, or answered nonsense: its author's business. */
export class AlgorithmError extends Error {
  override readonly name = "AlgorithmError";
  /** `algorithm.ts:12:5`, as its author counts, if it could be told. */
  readonly place: string | undefined;
  readonly traceback: string | undefined;
  /** Of JSON-RPC, if it came over the wire. */
  readonly code: number | undefined;
  /** What it said in the call before it threw. */
  readonly said: Said;
  constructor(
    message: string,
    details: {
      readonly place?: string | undefined;
      readonly traceback?: string | undefined;
      readonly code?: number | undefined;
      readonly said?: Said;
    },
  ) {
    super(message);
    this.code = details.code;
    this.place = details.place;
    this.traceback = details.traceback;
    this.said = details.said ?? { logs: [] };
  }
}

/** A failure in one sentence: `the algorithm failed at algorithm.ts:12:5 while it was warmed: TypeError: …`. */
export function describeFailure(
  { message, place }: Pick<AlgorithmError, "message" | "place">,
  did = "failed",
  when = "",
): string {
  const where = place === undefined ? "" : ` at ${place}`;
  return `the algorithm ${did}${where}${when}: ${message}`;
}

/** Milliseconds a call may take (docs/rpc.md). */
export const deadlinesMs = {
  hello: 30_000,
  initialize: 30_000,
  warm: 30_000,
  event: 5_000,
  order: 5_000,
  timer: 5_000,
  command: 5_000,
  optimize: 5_000,
  check: 5_000,
  snapshot: 5_000,
  restore: 30_000,
  stop: 2_000,
} as const;

export const timersMax = 10;
const timerSecondsMax = 31_536_000;
export const snapshotBytesMax = 1024 * 1024;

/**
 * A timer that an algorithm asks for, or why it cannot have it. The algorithm is untrusted, in whichever process it is.
 *
 * @param asked those that it has already
 */
export function parseTimer(
  seconds: unknown,
  name: unknown,
  asked: readonly TimerSpec[],
): Result<TimerSpec, { readonly code: "timer-malformed"; readonly message: string }> {
  const refused = (message: string) => err({ code: "timer-malformed" as const, message });
  if (typeof seconds !== "number" || !Number.isSafeInteger(seconds) || seconds < 1 || seconds > timerSecondsMax)
    return refused(`every() takes whole seconds from 1 to ${timerSecondsMax}, not ${String(seconds)}`);
  const called = name ?? String(seconds);
  if (typeof called !== "string" || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/.test(called))
    return refused("a timer's name is 1 to 40 letters, digits, dots, underscores and hyphens");
  if (asked.some((timer) => timer.name === called)) return refused(`there is a timer called ${called} already`);
  if (asked.length >= timersMax) return refused(`an algorithm has at most ${timersMax} timers`);
  return ok({ name: called, everySeconds: seconds });
}
