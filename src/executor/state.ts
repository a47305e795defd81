import type { Decimal } from "#core/decimal.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type {
  CommandMessage,
  ExecutorState,
  OrderEventMessage,
  OrderRequestMessage,
  OrderStatus,
} from "#core/messages.ts";
import type { Heard } from "#core/rewind.ts";
import type { TimerSpec } from "./algorithm.ts";
import type { Decision } from "./decisions.ts";
import type { Line } from "./line.ts";
import type { MarketEvent } from "./messages.ts";
import type { Portfolio } from "./portfolio.ts";
import type { Table } from "./table.ts";
import type { Timers } from "./timers.ts";

/** Counters since the strategy's first start. */
export interface Counters {
  readonly events: number;
  readonly orders: number;
  readonly fills: number;
  readonly denied: number;
  readonly errors: number;
  readonly conflated: number;
  readonly gaps: number;
  readonly badPayloads: number;
}

export const noCounters: Counters = {
  events: 0,
  orders: 0,
  fills: 0,
  denied: 0,
  errors: 0,
  conflated: 0,
  gaps: 0,
  badPayloads: 0,
};

/** A request without a final answer. */
export interface Pending {
  readonly request: OrderRequestMessage;
  /** The last answer; undefined when there is none. */
  readonly status: OrderStatus | undefined;
  readonly askedAtMs: number;
}

export interface Seen extends Heard {
  readonly seq: number;
}

/** The last of the gateway's numbered events. */
export interface Told {
  /** 0 before the first. */
  readonly seq: number;
  /** Of that event; undefined before the first. */
  readonly digest: string | undefined;
}

/** The question to the gateway's book. */
export interface Asking {
  /** Unanswered, or to be asked anew. */
  readonly due: boolean;
  readonly tries: number;
  /** When it was asked last: the answer names it. */
  readonly atMs: number;
  /** The question that was asked last has its answer. */
  readonly answered: boolean;
}

/** What survives the process. */
export interface Kept {
  readonly portfolio: Portfolio;
  readonly counters: Counters;
  readonly pending: ReadonlyMap<string, Pending>;
  /** Per channel, the last event that the algorithm was given. */
  readonly processed: Table<Seen>;
  readonly timers: Timers;
  /** Ids of the last commands that the algorithm was given, newest last: one that comes again is not carried out again. */
  readonly commands: readonly string[];
  /** The last order event that is booked, with all before it; undefined until the gateway has said what its book has. */
  readonly told: Told | undefined;
}

export const commandsMax = 100;

export interface Settings {
  readonly effective: EffectiveStrategy;
  /** `<team>/<name>`. */
  readonly strategy: string;
  readonly epoch: number;
  readonly seed: number;
  readonly hooks: ReadonlySet<string>;
  readonly timers: readonly TimerSpec[];
  readonly digest: string | undefined;
}

export type Item =
  | { readonly kind: "market"; readonly event: MarketEvent }
  | { readonly kind: "order"; readonly event: OrderEventMessage }
  | { readonly kind: "command"; readonly command: CommandMessage };

/** Where the decisions of one event stand, while code of the strategy's own is asked about one of them. */
export interface Deciding {
  readonly cause: { readonly id: string; readonly ts: number };
  readonly decisions: readonly Decision[];
  /** The one in question. */
  readonly index: number;
  /** How many orders have come of the event. */
  readonly sent: number;
}

export type InFlight =
  | { readonly kind: "event"; readonly cause: string; readonly ts: number }
  | { readonly kind: "sizing"; readonly deciding: Deciding }
  | { readonly kind: "guard"; readonly deciding: Deciding; readonly quantity: Decimal }
  | { readonly kind: "stop" }
  | { readonly kind: "snapshot" /** After the stop hook: then it ends. */; readonly last: boolean };

export interface State extends Kept {
  readonly settings: Settings;
  readonly status: ExecutorState;
  readonly reason: string | undefined;
  readonly gatewayOnline: boolean;
  /** Why it is not, in its own words or those of its will. */
  readonly gatewayReason: string | undefined;
  /** It said so itself, so an answer of it does not mean that it takes orders. A will may come late. */
  readonly gatewayDeclines: boolean;
  /** What waits for the algorithm, in order. A quote's key is its channel, so a newer one takes its place. */
  readonly inbox: Line<Item>;
  readonly arrivals: number;
  /** More channels speak than it follows. */
  readonly crowded: boolean;
  readonly inFlight: InFlight | undefined;
  /** Per channel, the last event that arrived. */
  readonly received: Table<Seen>;
  readonly stopping: string | undefined;
  /** The last order event that arrived; those after `told` wait in line. */
  readonly heard: Told | undefined;
  readonly asking: Asking;
  /** Channels that a replay which began anew has not come to yet. Not kept: what it has not come to begins it again after a restart. */
  readonly earlier: ReadonlySet<string>;
  readonly lastEventTs: number | undefined;
  /** What was skipped last; undefined: nothing since this process started. */
  readonly lastError: { readonly message: string; readonly atMs: number } | undefined;
  readonly warmedBy: number | undefined;
  /** Something that a metric shows has changed since the last one. */
  readonly dirty: boolean;
  readonly metricAtMs: number;
  /** Something that a snapshot holds has changed since the last one. */
  readonly unsaved: boolean;
  readonly snapshotDue: boolean;
  /** From when until when nothing that came could be read; undefined: the last message could. */
  readonly unreadable: { readonly sinceMs: number; readonly untilMs: number; readonly topic: string } | undefined;
  /** The algorithm has failed to say its state, so often since it last did; it is asked ever more seldom. */
  readonly snapshotFailing: { readonly times: number; readonly last: string } | undefined;
  readonly snapshotAtMs: number;
}

/** What `gw/state` said. */
export interface GatewayHeard {
  readonly online: boolean;
  readonly reason?: string;
  /** The broker said it in the gateway's place. */
  readonly isWill?: boolean;
}

/** How long ago something was, by a clock on the wall. One that was set back counts as long enough: nothing may wait for it to catch up. */
export function elapsedMs(sinceMs: number, nowMs: number): number {
  return nowMs < sinceMs ? Number.POSITIVE_INFINITY : nowMs - sinceMs;
}

export function initialState(settings: Settings, kept: Kept, nowMs: number): State {
  return {
    ...kept,
    settings,
    status: "warming-up",
    reason: undefined,
    gatewayOnline: false,
    gatewayReason: undefined,
    gatewayDeclines: false,
    inbox: [],
    arrivals: 0,
    crowded: false,
    inFlight: undefined,
    received: kept.processed,
    heard: kept.told,
    asking: { due: true, tries: 0, atMs: 0, answered: false },
    stopping: undefined,
    earlier: new Set(),
    lastEventTs: undefined,
    lastError: undefined,
    warmedBy: undefined,
    dirty: true,
    metricAtMs: 0,
    unsaved: true,
    snapshotDue: false,
    unreadable: undefined,
    snapshotFailing: undefined,
    snapshotAtMs: nowMs,
  };
}
