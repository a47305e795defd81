import { type Decimal, decimal, formatDecimal, parseDecimal } from "#core/decimal.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { Said } from "./algorithm.ts";
import { ownField, show, unknownField } from "./answers.ts";

/** A signal to buy, as a sizing of the strategy's own is asked about it. Decimals are strings. */
export interface Wager {
  /** The instrument; absent where nothing in particular is asked about. */
  readonly sid?: string;
  /** Its last price, if there is one. */
  readonly price?: string;
  /** The most that may be bet: the free cash, and no more than one order may be worth. */
  readonly most: string;
}

/** An order as a guard of the strategy's own is asked about it, before the gateway is. */
export interface ProposedOrder {
  readonly sid: string;
  readonly side: "buy" | "sell";
  readonly quantity: string;
  /** The last price, if there is one. */
  readonly price?: string;
}

export interface Sized extends Said {
  readonly bet: Decimal;
}

/** Why an order is held back, or made smaller. */
export interface Verdict {
  readonly reason: string;
  /** What is left of it; zero holds it back. */
  readonly quantity: Decimal;
}

export interface Checked extends Said {
  /** Absent: it may go as it is. */
  readonly verdict?: Verdict;
}

export interface AnswerMalformed {
  readonly code: "answer-malformed";
  readonly message: string;
}

const zero = decimal("0");
const reasonMax = 500;
/** Of what `check()` answers. */
const fields = ["reason", "quantity"] as const;

/** What `optimize()` answered. It is untrusted; more than the wager's most is cut to it. */
export function parseBet(value: unknown, { most }: Wager): Result<Decimal, AnswerMalformed> {
  const parsed = typeof value === "string" ? parseDecimal(value) : undefined;
  if (parsed?.ok !== true || parsed.value < zero)
    return malformed(`optimize() must return a decimal string of at least 0, for example "500.25", not ${show(value)}`);
  const bound = decimal(most);
  return ok(parsed.value > bound ? bound : parsed.value);
}

/** What `check()` answered. It is untrusted: nothing that it says makes an order larger. */
export function parseVerdict(value: unknown, order: ProposedOrder): Result<Verdict | undefined, AnswerMalformed> {
  if (value === undefined || value === null) return ok(undefined);
  const [reason, quantity] = fields.map((field) => ownField(Object(value), field));
  if (typeof value !== "object" || typeof reason !== "string" || reason === "")
    return malformed(`check() must return nothing, or {reason, quantity?}, not ${show(value)}`);
  const unknown = unknownField(value, "the answer of check()", fields);
  if (unknown !== undefined) return malformed(unknown);
  const why = reason.slice(0, reasonMax);
  if (quantity === undefined || quantity === null) return ok({ reason: why, quantity: zero });
  const parsed = typeof quantity === "string" ? parseDecimal(quantity) : undefined;
  const asked = decimal(order.quantity);
  if (parsed?.ok !== true || parsed.value < zero || parsed.value > asked || parsed.value % decimal("0.0001") !== 0n)
    return malformed(
      `check() may make an order of ${formatDecimal(asked)} smaller, to a decimal string with at most 4 decimals, not to ${show(quantity)}`,
    );
  return ok({ reason: why, quantity: parsed.value });
}

function malformed(message: string): Result<never, AnswerMalformed> {
  return err({ code: "answer-malformed", message });
}
