import { add, type Decimal, decimal, formatDecimal, min, multiply, parseDecimal, subtract } from "#core/decimal.ts";
import type { OpenOrder, PortfolioNow } from "./algorithm.ts";
import type { Reserved } from "./portfolio.ts";
import { lookUp } from "./recent.ts";
import { optimize } from "./sizing.ts";
import type { Kept, State } from "./state.ts";

// What an algorithm is told of the portfolio, and what its orders may still take of it.

/** What pending orders may still take: cash at the last quotes for buys, shares for sells. */
export function reservedBy({ pending, portfolio }: Pick<Kept, "pending" | "portfolio">): Reserved {
  let cash = decimal("0");
  const buying = new Map<string, Decimal>();
  const selling = new Map<string, Decimal>();
  for (const { request } of pending.values()) {
    const quantity = parseDecimal(request.quantity);
    if (!quantity.ok) continue;
    const filled = lookUp(portfolio.filled, request.clientOrderId)?.quantity ?? decimal("0");
    const open = subtract(quantity.value, filled);
    if (request.side === "sell") selling.set(request.sid, add(selling.get(request.sid) ?? decimal("0"), open));
    else {
      const price = portfolio.quotes.get(request.sid) ?? decimal("0");
      const costs = multiply(open, price, "ceiling");
      cash = add(cash, costs);
      buying.set(request.sid, add(buying.get(request.sid) ?? decimal("0"), costs));
    }
  }
  return { cash, buying, selling };
}

/**
 * The cash that the sizing bets on the event `cause`: never more than one order may be worth.
 *
 * @param sid the instrument; undefined where the event is about none
 */
export function betOn(
  state: Pick<State, "pending" | "portfolio" | "settings">,
  cause: string,
  sid: string | undefined,
): Decimal {
  const { effective, seed } = state.settings;
  const wager = { sid, instruments: effective.limits.instruments.length, seed, cause };
  const bet = optimize(state.portfolio, effective.portfolio.sizing, reservedBy(state), wager);
  return min(bet, decimal(effective.limits.maxOrderNotional));
}

export function portfolioNow(state: State, cause: string, sid?: string): PortfolioNow {
  return {
    cash: formatDecimal(state.portfolio.cash),
    equity: formatDecimal(state.portfolio.equity),
    positions: state.portfolio.positionTexts,
    ...(state.pending.size === 0 ? {} : { orders: openOrders(state) }),
    bet: formatDecimal(betOn(state, cause, sid)),
  };
}

/** For whom an instrument's price is worth a field. */
export function priceOf({ portfolio }: Pick<State, "portfolio">, sid: string): { readonly price?: string } {
  const price = portfolio.quotes.get(sid);
  return price === undefined ? {} : { price: formatDecimal(price) };
}

function openOrders({ pending, portfolio }: State): readonly OpenOrder[] {
  return [...pending.values()].map(({ request, status }) => ({
    clientOrderId: request.clientOrderId,
    sid: request.sid,
    side: request.side,
    quantity: request.quantity,
    filledQuantity: formatDecimal(lookUp(portfolio.filled, request.clientOrderId)?.quantity ?? decimal("0")),
    ...(status === undefined ? {} : { status }),
  }));
}
