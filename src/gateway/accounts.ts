import type { Bus } from "#bus/client.ts";
import type { Log } from "#bus/process.ts";
import { formatDecimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import type { AccountMessage, Unstamped } from "#core/messages.ts";
import type { Desk } from "./desk.ts";
import type { Ledger } from "./ledger.ts";
import type { Prices } from "./prices.ts";
import { drawdownOf, equityOf, type Standing } from "./risk.ts";

export interface AccountsOptions {
  readonly ledger: Ledger;
  readonly prices: Prices;
  readonly desk: Desk;
  readonly standing: (strategy: StrategyId) => Standing;
  /** Every strategy that has limits. */
  readonly strategies: () => readonly StrategyId[];
  readonly wallMs: () => number;
}

/** The schema's bounds. */
const reasonLengthMax = 1_000;
const positionsMax = 1_000;
const standings = { trade: "trading", reduce: "reducing", halt: "halted" } as const;

/** What each strategy has by the book and the gateway's prices: what people are shown, since nothing that an executor says is believed. */
export class Accounts {
  readonly #options: AccountsOptions;

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  /** Those with an account or with limits. */
  strategies(): readonly StrategyId[] {
    return [...new Set([...this.#options.ledger.strategies(), ...this.#options.strategies()])];
  }

  message(strategy: StrategyId): Unstamped<AccountMessage> {
    const { ledger, prices, desk, standing, wallMs } = this.#options;
    const account = ledger.get(strategy);
    const stands = standing(strategy);
    const equity = account && equityOf(account, (sid) => prices.get(sid));
    const held = [...(account?.positions ?? [])].slice(0, positionsMax);
    return {
      ...{ v: 1, type: "account" },
      ...(account === undefined ? {} : { cash: formatDecimal(account.cash) }),
      ...(account === undefined || equity === undefined
        ? {}
        : { equity: formatDecimal(equity), drawdown: formatDecimal(drawdownOf(equity, account.peak)) }),
      positions: Object.fromEntries(held.map(([sid, quantity]) => [sid, formatDecimal(quantity)])),
      ...{ openOrders: desk.openCount(strategy), standing: standings[stands.mode] },
      ...(stands.mode === "trade" ? {} : { reason: stands.why.message.slice(0, reasonLengthMax) }),
      atMs: wallMs(),
    };
  }
}

export interface TellerOptions {
  readonly accounts: Pick<Accounts, "strategies" | "message">;
  readonly bus: Pick<Bus, "publish">;
  readonly log: Log;
  readonly guarded: (work: () => void) => void;
}

/** Between an order's change and what is said of the account. */
const soonMs = 50;
/** What only prices have changed is told so often at most, of all strategies together. */
const pricedPerSecond = 200;

/** Says an account whenever it has changed: at once after an order, with the next look of each second after a price. */
export class AccountTeller {
  readonly #options: TellerOptions;
  /** What was said last, without its time. */
  readonly #said = new Map<StrategyId, string>();
  readonly #changed = new Set<StrategyId>();
  #timer: NodeJS.Timeout | undefined;
  #next = 0;

  constructor(options: TellerOptions) {
    this.#options = options;
  }

  /** Something of its orders has changed. */
  changed(strategy: StrategyId): void {
    this.#changed.add(strategy);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#options.guarded(() => {
        for (const one of this.#changed) this.#tell(one);
      });
      this.#changed.clear();
    }, soonMs);
  }

  /** To be called each second: prices move all of them, and a standing changes without an order. */
  look(): void {
    const all = this.#options.accounts.strategies();
    for (let count = Math.min(all.length, pricedPerSecond); count > 0; count -= 1) {
      const strategy = all[this.#next % all.length];
      this.#next = (this.#next + 1) % all.length;
      if (strategy !== undefined) this.#tell(strategy);
    }
  }

  /** After this the book is not touched. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #tell(strategy: StrategyId): void {
    const { accounts, bus, log } = this.#options;
    const message = accounts.message(strategy);
    const now = JSON.stringify({ ...message, atMs: 0 });
    if (now === this.#said.get(strategy)) return;
    this.#said.set(strategy, now);
    bus.publish(`strat/${strategy}/account`, message, { qos: 1, retain: true }).catch((cause: unknown) => {
      this.#said.delete(strategy);
      log("warn", "an account was not published", { strategy, error: String(cause) });
    });
  }
}
