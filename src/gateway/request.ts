import { compare, type Decimal, decimal, formatDecimal, parseDecimal } from "#core/decimal.ts";
import { parseStrategyId, type StrategyId } from "#core/identity.ts";
import { canonicalJson } from "#core/json.ts";
import { err, ok, type Result } from "#core/result.ts";
import { ownPrefix } from "./closing.ts";
import { type Fields, keyProblem, readObject, shown } from "./fields.ts";

/** An order request that was read; nothing is decided about it yet. */
export interface OrderRequest {
  readonly clientOrderId: string;
  readonly epoch: number;
  readonly sid: string;
  readonly venue: string;
  readonly side: "buy" | "sell";
  /** Above zero, at most 4 decimals. */
  readonly quantity: Decimal;
  readonly cause: string;
  readonly expiresAtMs: number;
  readonly ts: number;
}

/** Why a request could not be read, with what could be read of it, for an answer. */
export interface RequestMalformed {
  readonly code: "order-malformed";
  readonly message: string;
  readonly clientOrderId: string | undefined;
  readonly sid: string;
  readonly venue: string;
  readonly side: "buy" | "sell";
}

const requestBytesMax = 4_096;
const quantityMax = decimal("1000000000");
const keys = [
  ...["v", "type", "clientOrderId", "epoch", "sid", "venue", "side", "orderType", "quantity", "cause", "expiresAtMs"],
  "ts",
];
/** An executor of an earlier version sends none. */
const optionalKeys = ["traceparent"];
const id = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const instrument = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const venueName = /^[a-z][a-z0-9-]{0,39}$/;
/** Printable ASCII. */
const causeText = /^[\x21-\x7e]{1,256}$/;
const trace = /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/;

const leaves = { request: "order/request", resend: "order/resend", turn: "turn/request" } as const;

/** Whose message it is: the broker let only that identity publish to this topic, so the topic is the proof and the payload is not asked. */
export function strategyOfTopic(topic: string, leaf: keyof typeof leaves): StrategyId | undefined {
  const parts = /^strat\/([^/]+\/[^/]+)\/([a-z]+\/[a-z]+)$/.exec(topic);
  const parsed = parts?.[2] !== leaves[leaf] || parts[1] === undefined ? undefined : parseStrategyId(parts[1]);
  return parsed?.ok === true ? parsed.value : undefined;
}

/** Who asks something of the gateway on a topic, as the topic has it; undefined: it is no executor's question. */
export function askerOfTopic(topic: string): string | undefined {
  return /^strat\/([^/]+\/[^/]+)\/(?:order|turn)\/[a-z]+$/.exec(topic)?.[1];
}

/** Reads a payload from an executor, which is untrusted: exact keys, types and ranges. */
export function parseRequest(payload: Uint8Array): Result<OrderRequest, RequestMalformed> {
  const fields = readObject(payload, requestBytesMax);
  if (typeof fields === "string") return malformed({}, fields);
  const problem = keyProblem(fields, keys, optionalKeys) ?? fieldProblem(fields);
  if (problem !== undefined) return malformed(fields, problem);
  const { clientOrderId, epoch, sid, venue, side, quantity, cause, expiresAtMs, ts } = fields as unknown as Raw;
  const parsed = parseDecimal(quantity);
  if (!parsed.ok) return malformed(fields, `quantity is ${shown(quantity)}`);
  return ok({ clientOrderId, epoch, sid, venue, side, quantity: parsed.value, cause, expiresAtMs, ts });
}

/** The shape that `fieldProblem` has proved. */
type Raw = Omit<OrderRequest, "quantity"> & { readonly quantity: string };

function fieldProblem(fields: Fields): string | undefined {
  const { v, type, clientOrderId, epoch, sid, venue, side, orderType, quantity, cause, expiresAtMs, ts } = fields;
  const { traceparent } = fields;
  if (v !== 1) return `v is ${shown(v)}, not 1`;
  if (type !== "order") return `type is ${shown(type)}, not "order"`;
  if (!matches(id, clientOrderId))
    return `clientOrderId is ${shown(clientOrderId)}, not 1 to 64 letters, digits, . _ -`;
  if (clientOrderId.startsWith(ownPrefix))
    return `clientOrderId starts with ${ownPrefix}, as only the gateway's own do`;
  if (!isCount(epoch)) return `epoch is ${shown(epoch)}, not a whole number`;
  if (!matches(instrument, sid)) return `sid is ${shown(sid)}, not an instrument`;
  if (!matches(venueName, venue)) return `venue is ${shown(venue)}, not a venue`;
  if (side !== "buy" && side !== "sell") return `side is ${shown(side)}, not "buy" or "sell"`;
  if (orderType !== "market") return `orderType is ${shown(orderType)}, not "market"`;
  const problem = quantityProblem(quantity);
  if (problem !== undefined) return problem;
  if (!matches(causeText, cause)) return `cause is ${shown(cause)}, not 1 to 256 printable characters`;
  if (traceparent !== undefined && !matches(trace, traceparent))
    return `traceparent is ${shown(traceparent)}, not one of W3C Trace Context`;
  if (!isCount(expiresAtMs)) return `expiresAtMs is ${shown(expiresAtMs)}, not a time in milliseconds`;
  if (!Number.isSafeInteger(ts)) return `ts is ${shown(ts)}, not a time in microseconds`;
  return undefined;
}

function quantityProblem(value: unknown): string | undefined {
  const parsed = typeof value === "string" ? parseDecimal(value) : undefined;
  if (parsed?.ok !== true) return `quantity is ${shown(value)}, not a decimal in quotes`;
  if (compare(parsed.value, decimal("0")) <= 0) return `quantity is ${shown(value)}, not above 0`;
  if (parsed.value % decimal("0.0001") !== 0n) return `quantity is ${shown(value)}; at most 4 decimals are allowed`;
  if (compare(parsed.value, quantityMax) > 0) return `quantity is ${shown(value)}, above ${formatDecimal(quantityMax)}`;
  return undefined;
}

function matches(pattern: RegExp, value: unknown): value is string {
  return typeof value === "string" && pattern.test(value);
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function malformed(fields: Fields, message: string): Result<never, RequestMalformed> {
  const { clientOrderId, sid, venue, side } = fields;
  return err({
    code: "order-malformed",
    message: `the order request is malformed: ${message}`,
    clientOrderId: matches(id, clientOrderId) ? clientOrderId : undefined,
    sid: matches(instrument, sid) ? sid : "",
    venue: matches(venueName, venue) ? venue : "",
    // An order event must name a side; that of an unreadable request means nothing.
    side: side === "sell" ? "sell" : "buy",
  });
}

/** What makes two requests with one id the same order. A repeat by a restarted executor has another epoch, expiry and time. */
export function contentOf({ sid, venue, side, quantity, cause }: OrderRequest): string {
  return canonicalJson({ sid, venue, side, quantity: formatDecimal(quantity), cause });
}
