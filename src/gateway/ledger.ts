import { compare, type Decimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import { assert } from "#core/result.ts";
import type { LastPrice } from "./prices.ts";
import { type Account, equityOf } from "./risk.ts";

/** The book's accounts in memory, with their peaks followed at each price. What is here is what the book has, but for newer peaks. */
export class Ledger {
  readonly #accounts: Map<StrategyId, Account>;
  /** Who holds an instrument: a price touches only them. */
  readonly #holders = new Map<string, Set<StrategyId>>();
  #peaks = new Map<StrategyId, Decimal>();

  constructor(accounts: ReadonlyMap<StrategyId, Account>) {
    this.#accounts = new Map(accounts);
    for (const [strategy, { positions }] of accounts) {
      for (const sid of positions.keys()) this.#hold(strategy, sid);
    }
  }

  get(strategy: StrategyId): Account | undefined {
    return this.#accounts.get(strategy);
  }

  strategies(): readonly StrategyId[] {
    return [...this.#accounts.keys()];
  }

  /** Strategies that hold something. */
  holding(): readonly StrategyId[] {
    return [...this.#accounts].filter(([, { positions }]) => positions.size > 0).map(([strategy]) => strategy);
  }

  open(strategy: StrategyId, cash: Decimal): Account {
    assert(!this.#accounts.has(strategy), `${strategy} has an account`);
    const account: Account = { cash, peak: cash, positions: new Map() };
    this.#accounts.set(strategy, account);
    return account;
  }

  /** Follows what the book has committed. */
  applyFill(
    strategy: StrategyId,
    sid: string,
    fill: { readonly cash: Decimal; readonly position: Decimal; readonly peak: Decimal },
  ): void {
    const positions = new Map(this.#accounts.get(strategy)?.positions);
    if (fill.position === 0n) {
      positions.delete(sid);
      this.#holders.get(sid)?.delete(strategy);
    } else {
      positions.set(sid, fill.position);
      this.#hold(strategy, sid);
    }
    this.#accounts.set(strategy, { cash: fill.cash, peak: fill.peak, positions });
  }

  /**
   * A new price of an instrument may lift its holders' peaks.
   *
   * @param rewound a replay began anew: the peak is what the equity is now, until every instrument has a price of the new session
   */
  mark(sid: string, price: (sid: string) => LastPrice | undefined, rewound = false): void {
    for (const strategy of this.#holders.get(sid) ?? []) {
      const account = this.#accounts.get(strategy);
      const equity = account === undefined ? undefined : equityOf(account, price);
      if (account === undefined || equity === undefined) continue;
      if (rewound ? compare(equity, account.peak) === 0 : compare(equity, account.peak) <= 0) continue;
      this.#accounts.set(strategy, { ...account, peak: equity });
      this.#peaks.set(strategy, equity);
    }
  }

  /** Peaks that rose since the last call. */
  takePeaks(): ReadonlyMap<StrategyId, Decimal> {
    const peaks = this.#peaks;
    this.#peaks = new Map();
    return peaks;
  }

  #hold(strategy: StrategyId, sid: string): void {
    const holders = this.#holders.get(sid) ?? new Set<StrategyId>();
    this.#holders.set(sid, holders.add(strategy));
  }
}
