import {
  add,
  type Decimal,
  decimal,
  divide,
  floorTo,
  formatDecimal,
  multiply,
  negate,
  parseDecimal,
  subtract,
} from "#core/decimal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { isFields, keyProblem, readObject, shown } from "./fields.ts";

/** A venue that fills every market order at once, on paper. */
export interface PaperVenue {
  readonly kind: "paper";
  /** Hundredths of a percent of the fill's value. */
  readonly feeBps: Decimal;
  /** Hundredths of a percent of the price, against the trader. */
  readonly slippageBps: Decimal;
}

export interface PaperFill {
  /** At most 4 decimals, so that price times quantity is exact. */
  readonly price: Decimal;
  readonly notional: Decimal;
  readonly fee: Decimal;
}

export interface VenuesMalformed {
  readonly code: "venues-malformed";
  readonly message: string;
}

const bps = decimal("10000");
const priceDecimals = 4;

/**
 * What an order would be filled at. All rounding is against the trader: a buyer's price up to the next 0.0001, a seller's down; the fee
 * up to the next 1e-8.
 */
export function paperFill(venue: PaperVenue, side: "buy" | "sell", quantity: Decimal, last: Decimal): PaperFill {
  const worse = side === "buy" ? "ceiling" : "floor";
  const factor = side === "buy" ? add(bps, venue.slippageBps) : subtract(bps, venue.slippageBps);
  // Rounding the same way to ever coarser steps is rounding once to the coarsest.
  const slipped = divide(multiply(last, factor, worse), bps, worse);
  const price = side === "buy" ? negate(floorTo(negate(slipped), priceDecimals)) : floorTo(slipped, priceDecimals);
  const notional = multiply(price, quantity, "exact");
  const fee = divide(multiply(notional, venue.feeBps, "ceiling"), bps, "ceiling");
  return { price, notional, fee };
}

/** Parses `venues.json`: a venue's name to its settings. */
export function parseVenues(bytes: Uint8Array): Result<ReadonlyMap<string, PaperVenue>, VenuesMalformed> {
  const fields = readObject(bytes, 1024 * 1024);
  if (typeof fields === "string") return malformed(fields);
  const venues = new Map<string, PaperVenue>();
  for (const [name, settings] of Object.entries(fields)) {
    if (!isFields(settings)) return malformed(`${name} is ${shown(settings)}`);
    const problem = keyProblem(settings, ["kind", "feeBps", "slippageBps"]);
    if (problem !== undefined) return malformed(`${name}: ${problem}`);
    if (settings["kind"] !== "paper") {
      return malformed(`${name}: kind is ${shown(settings["kind"])}; this gateway knows "paper" only`);
    }
    const [feeBps, slippageBps] = [basisPoints(settings["feeBps"]), basisPoints(settings["slippageBps"])];
    if (feeBps === undefined) return malformed(`${name}: feeBps is ${shown(settings["feeBps"])}, not 0 to 9999`);
    if (slippageBps === undefined) {
      return malformed(`${name}: slippageBps is ${shown(settings["slippageBps"])}, not 0 to 9999`);
    }
    venues.set(name, { kind: "paper", feeBps, slippageBps });
  }
  return ok(venues);
}

function basisPoints(value: unknown): Decimal | undefined {
  const parsed = typeof value === "string" ? parseDecimal(value) : undefined;
  if (parsed?.ok !== true || parsed.value < 0n || parsed.value >= bps) return undefined;
  return parsed.value;
}

function malformed(message: string): Result<never, VenuesMalformed> {
  return err({ code: "venues-malformed", message: `the venues file is wrong: ${message}` });
}

/** For people. */
export function describeVenue(name: string, { feeBps, slippageBps }: PaperVenue): string {
  return `${name}: paper, fee ${formatDecimal(feeBps)} bps, slippage ${formatDecimal(slippageBps)} bps`;
}
