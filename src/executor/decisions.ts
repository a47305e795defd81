import { type Decimal, decimal, floorTo, parseDecimal } from "#core/decimal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { ownField, show, unknownField } from "./answers.ts";

/** What an algorithm decided on one event; with a quantity it is an order, without one the portfolio sizes it. */
export interface Decision {
  readonly sid: string;
  readonly side: "buy" | "sell";
  readonly quantity?: Decimal;
}

export interface DecisionsMalformed {
  readonly code: "decisions-malformed";
  readonly message: string;
}

const decisionsMax = 100;
/** All that a decision has: an order is a market order at the venue of the spec, whose limits the gateway holds. */
const fields = ["sid", "side", "quantity"] as const;

/** Nothing, one decision or a list. The algorithm is untrusted: whatever else it returns is refused whole, never half used. */
export function parseDecisions(value: unknown): Result<readonly Decision[], DecisionsMalformed> {
  if (value === undefined || value === null) return ok([]);
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (items.length > decisionsMax) return malformed(`${items.length} decisions on one event; at most ${decisionsMax}`);
  const decisions: Decision[] = [];
  for (const item of items) {
    const decision = parseDecision(item);
    if (!decision.ok) return decision;
    decisions.push(decision.value);
  }
  return ok(decisions);
}

function parseDecision(item: unknown): Result<Decision, DecisionsMalformed> {
  if (typeof item !== "object" || item === null) return malformed(`a decision is an object, not ${show(item)}`);
  const unknown = unknownField(item, "a decision", fields);
  if (unknown !== undefined) return malformed(unknown);
  const [sid, side, quantity] = fields.map((field) => ownField(item, field));
  if (typeof sid !== "string" || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/.test(sid)) {
    return malformed(`a decision's sid is an instrument, not ${show(sid)}`);
  }
  if (side !== "buy" && side !== "sell") return malformed(`a decision's side is "buy" or "sell", not ${show(side)}`);
  if (quantity === undefined || quantity === null) return ok({ sid, side });
  const parsed = typeof quantity === "string" ? parseDecimal(quantity) : undefined;
  if (parsed?.ok !== true || parsed.value <= decimal("0") || floorTo(parsed.value, 4) !== parsed.value) {
    const allowed = 'a decimal string above 0 with at most 4 decimals, for example "1.5"';
    return malformed(`a decision's quantity is ${allowed}, not ${show(quantity)}`);
  }
  return ok({ sid, side, quantity: parsed.value });
}

function malformed(message: string): Result<never, DecisionsMalformed> {
  return err({ code: "decisions-malformed", message });
}
