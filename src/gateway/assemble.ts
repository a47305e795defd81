import type { Bus } from "#bus/client.ts";
import type { Log } from "#bus/process.ts";
import type { StrategyId } from "#core/identity.ts";
import { Accounts } from "./accounts.ts";
import type { Announcer } from "./announcer.ts";
import type { Book } from "./book.ts";
import { Claims } from "./claims.ts";
import type { Clock } from "./clock.ts";
import { Closing } from "./closing.ts";
import { Desk } from "./desk.ts";
import { Gateway } from "./gateway.ts";
import { Halts } from "./halts.ts";
import { Ledger } from "./ledger.ts";
import type { LimitsEntry } from "./limits-directory.ts";
import { Prices } from "./prices.ts";
import type { Standing } from "./risk.ts";
import type { GitStanding } from "./standing.ts";
import { Turns } from "./turns.ts";
import type { Venue } from "./venue.ts";

/** Everything that the gateway's parts get from the outside. */
export interface Parts {
  readonly book: Book;
  readonly bus: Pick<Bus, "publish">;
  readonly announcer: Pick<Announcer, "announce" | "repeat">;
  readonly venues: ReadonlyMap<string, Venue>;
  readonly limits: (strategy: StrategyId) => LimitsEntry;
  /** Every strategy that has limits. */
  readonly strategies: () => readonly StrategyId[];
  readonly git: () => GitStanding | undefined;
  readonly clock: Clock;
  readonly wallMs: () => number;
  readonly log: Log;
  /** What a person writes to accept a book that knows less than the executors. */
  readonly acceptFile?: string;
  /** Told after each change of an order. */
  readonly changed?: (strategy: StrategyId) => void;
}

export interface Assembled {
  readonly gateway: Gateway;
  readonly desk: Desk;
  readonly halts: Halts;
  readonly claims: Claims;
  readonly accounts: Accounts;
}

/** Puts the gateway's parts together, as the process and the tests have them. Nothing runs before `start`. */
export function assemble(parts: Parts): Assembled {
  const shared = { ...parts, prices: new Prices(), ledger: new Ledger(parts.book.accounts()) };
  const desk = new Desk(shared);
  const claims = new Claims({
    ...{ ...shared, acceptFile: parts.acceptFile ?? "accept-book", nowMs: parts.clock.nowMs },
    live: [...parts.venues.values()].some(({ live }) => live),
  });
  const halts = new Halts({ ...shared, desk, closing: new Closing({ ...shared, desk }) });
  const standing = (strategy: StrategyId): Standing => claims.standingOf(strategy) ?? halts.standingOf(strategy);
  const gateway = new Gateway({
    ...{ ...shared, desk, claims, turns: new Turns({ ...shared, nowMs: parts.clock.nowMs }) },
    standing,
    command: (message, group) => halts.command(message, group),
  });
  return { gateway, desk, halts, claims, accounts: new Accounts({ ...shared, desk, standing }) };
}

/** Goes on where an earlier process was: its orders are asked after, what it was told to stop stays stopped. */
export function start({ desk, halts }: Assembled): void {
  desk.start();
  halts.reconcile();
}
