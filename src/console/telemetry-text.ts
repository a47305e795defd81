import { parseStrategyId, type StrategyId } from "#core/identity.ts";
import type { MessageKind, MessageOf } from "#core/messages.ts";
import { isMessage } from "#core/payload.ts";
import { err, ok, type Result } from "#core/result.ts";
import { type FeedHeard, type Heard, type StrategyTelemetry, validators } from "./telemetry.ts";

// What a console in a cluster heard on the bus, as one text for `slipway status`: the messages as they came, and when.

/** What is no such text. */
export interface TelemetryMalformed {
  readonly code: "telemetry-malformed";
  readonly message: string;
}

type Unknown = { readonly [key: string]: unknown };

/** Without the trails of equity, which are for drawing. */
export function formatTelemetry(heard: Heard): string {
  const { gateway, sinceMs } = heard;
  const strategies = [...heard.strategies].map(([id, { equityTrail: _trail, ...said }]) => [id, said]);
  return JSON.stringify({
    ...{ v: 1, atMs: heard.nowMs(), sinceMs, gateway },
    strategies: Object.fromEntries(strategies),
    feeds: Object.fromEntries(heard.feeds),
    feedsHeard: Object.fromEntries(heard.feedsHeard),
  });
}

/**
 * Reads it as strictly as the bus is read: what is no message that its topic promises is left out.
 *
 * @param said the text's JSON
 * @returns with a clock that stands at the moment when the text was written
 */
export function parseTelemetry(said: unknown): Result<Heard, TelemetryMalformed> {
  const value = objectOf(said);
  const { v, atMs, sinceMs, gateway, feeds, feedsHeard } = value;
  if (v !== 1 || !isTime(atMs) || !isTime(sinceMs)) {
    const message = `it is not what a console says: ${String(JSON.stringify(said)).slice(0, 80)}`;
    return err({ code: "telemetry-malformed", message });
  }
  const strategies = new Map<StrategyId, StrategyTelemetry>();
  for (const [name, said] of Object.entries(objectOf(value["strategies"]))) {
    const id = parseStrategyId(name);
    if (id.ok) strategies.set(id.value, strategyOf(objectOf(said)));
  }
  return ok({
    ...{ sinceMs, strategies, nowMs: () => atMs },
    gateway: messageOf("gateway-state", gateway),
    feeds: mapOf(feeds, (state) => messageOf("feed-state", state)),
    feedsHeard: mapOf(feedsHeard, feedHeardOf),
  });
}

function strategyOf(said: Unknown): StrategyTelemetry {
  const parts = {
    state: messageOf("state", said["state"]),
    metric: messageOf("metric", said["metric"]),
    account: messageOf("account", said["account"]),
    problem: messageOf("log", said["problem"]),
    lastDenied: messageOf("order-event", said["lastDenied"]),
    before: beforeOf(objectOf(said["before"])),
    metricAtMs: timeOf(said["metricAtMs"]),
    accountSinceMs: timeOf(said["accountSinceMs"]),
    firstEventAtMs: timeOf(said["firstEventAtMs"]),
    firstOrderAtMs: timeOf(said["firstOrderAtMs"]),
    firstFillAtMs: timeOf(said["firstFillAtMs"]),
    lastDeniedAtMs: timeOf(said["lastDeniedAtMs"]),
  };
  const known = Object.entries(parts).filter(([, part]) => part !== undefined);
  return { ...(Object.fromEntries(known) as { [Name in keyof typeof parts]: never }), equityTrail: [] };
}

function messageOf<Kind extends MessageKind>(kind: Kind, value: unknown): MessageOf[Kind] | undefined {
  const validate = validators[kind];
  return validate !== undefined && isMessage<Kind>(validate, value) ? value : undefined;
}

function beforeOf({ events, orders }: Unknown): StrategyTelemetry["before"] {
  return isTime(events) && isTime(orders) ? { events, orders } : undefined;
}

function feedHeardOf(value: unknown): FeedHeard | undefined {
  const { atMs, stepMs } = objectOf(value);
  return isTime(atMs) && isTime(stepMs) ? { atMs, stepMs } : undefined;
}

function mapOf<Value>(value: unknown, read: (value: unknown) => Value | undefined): ReadonlyMap<string, Value> {
  const found = new Map<string, Value>();
  for (const [name, one] of Object.entries(objectOf(value))) {
    const known = read(one);
    if (known !== undefined) found.set(name, known);
  }
  return found;
}

/** Whole and not below zero: milliseconds since the epoch, or a count. */
function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function timeOf(value: unknown): number | undefined {
  return isTime(value) ? value : undefined;
}

function objectOf(value: unknown): Unknown {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
