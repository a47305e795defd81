import type { JsonObject, JsonValue } from "#core/json.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import type { Fault } from "#core/result.ts";
import type { Decision } from "./decisions.ts";
import type { DataMessage } from "./messages.ts";

/** What an algorithm is told once. */
export interface AlgorithmStart {
  /** The spec's, with `starting_cash`. */
  readonly params: JsonObject;
  readonly mode: "replay" | "paper" | "live";
  /** 53 bits. */
  readonly seed: number;
  readonly strategy: string;
}

export interface AlgorithmFacts {
  readonly channels: readonly string[];
  /** Hooks it has, in the wire's names: `warm`, `on_order`, `snapshot`, `restore`, `stop`. */
  readonly hooks: ReadonlySet<string>;
  /** Content digest of the bundle, hex, if it is known. */
  readonly digest: string | undefined;
}

/** The portfolio as an algorithm sees it during one call. */
export interface PortfolioNow {
  readonly cash: string;
  readonly equity: string;
  readonly positions: { readonly [sid: string]: string };
  /** What `optimize(data)` answers. */
  readonly bet: string;
}

export interface AlgorithmLog {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
}

export interface Outcome {
  readonly decisions: readonly Decision[];
  readonly logs: readonly AlgorithmLog[];
  /** Lines of its own that went lost since the last outcome: above what a call may log, or its process may print. Absent: none. */
  readonly linesDropped?: number;
}

/**
 * The one algorithm of an executor, in this process or behind a socket. One call at a time.
 *
 * Every call may throw an `AlgorithmError`: the algorithm's own exception, or an answer that is none. A `Fault` means that it is gone or
 * never answers, and no further call will help.
 */
export interface Algorithm {
  initialize(start: AlgorithmStart): Promise<AlgorithmFacts>;
  /** An event from before the first live one. What an algorithm without `warm` decides on it is dropped. `nowUs` is event time. */
  warm(data: DataMessage, nowUs: number, portfolio: PortfolioNow): Promise<void>;
  event(data: DataMessage, nowUs: number, portfolio: PortfolioNow): Promise<Outcome>;
  order(event: OrderEventMessage, nowUs: number, portfolio: PortfolioNow): Promise<Outcome>;
  /** Its state and that of its random numbers; only `restore` looks inside. */
  snapshot(): Promise<JsonValue>;
  restore(state: JsonValue): Promise<void>;
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
  constructor(
    message: string,
    details: { readonly place?: string | undefined; readonly traceback?: string | undefined },
  ) {
    super(message);
    this.place = details.place;
    this.traceback = details.traceback;
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
  initialize: 30_000,
  warm: 30_000,
  event: 5_000,
  order: 5_000,
  snapshot: 5_000,
  restore: 30_000,
  stop: 2_000,
} as const;
