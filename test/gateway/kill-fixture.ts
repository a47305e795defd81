// A gateway without a bus that kills itself with SIGKILL at one step of its book: the child of book.test.ts.
import { writeSync } from "node:fs";
import { join } from "node:path";
import { decimal } from "#core/decimal.ts";
import { Book } from "#gateway/book.ts";
import { Desk } from "#gateway/desk.ts";
import { Gateway } from "#gateway/gateway.ts";
import { Ledger } from "#gateway/ledger.ts";
import { parseLimits, strategyOfKey } from "#gateway/limits.ts";
import { PaperVenue } from "#gateway/paper-venue.ts";
import { Prices } from "#gateway/prices.ts";

const [folder, killAt, limitsText, request, quoteTopic, quote] = process.argv.slice(2).map(String);
const strategy = strategyOfKey("momentum.sma-cross");
if (strategy === undefined) throw new Error("no strategy");
const limits = parseLimits(strategy, Buffer.from(limitsText ?? ""));
if (!limits.ok) throw new Error(limits.error.message);
let steps = 0;
const book = new Book({
  file: join(folder ?? "", "book.sqlite"),
  durability: "process",
  onStep() {
    steps += 1;
    if (steps === Number(killAt)) process.kill(process.pid, "SIGKILL");
  },
});
const say = ({ event }: { readonly event: object }): void => void writeSync(1, `${JSON.stringify(event)}\n`);
const clock = { nowMs: () => 1000, after: () => () => undefined };
const rules = {
  feeBps: decimal("1"),
  slippageBps: decimal("2"),
  collarBps: undefined,
  maxOpenOrders: 9,
  hours: undefined,
};
const shared = {
  ...{ book, ledger: new Ledger(book.accounts()), prices: new Prices() },
  announcer: { announce: say, repeat: say },
  venues: new Map([["paper", new PaperVenue("paper", rules, undefined, clock)]]),
  log: () => undefined,
};
const gateway = new Gateway({
  ...{ ...shared, desk: new Desk({ ...shared, clock }), clock, wallMs: clock.nowMs },
  bus: { publish: async () => undefined },
  limits: () => ({ kind: "limits", limits: limits.value }),
  standing: () => ({ mode: "trade" }),
});
gateway.receive(quoteTopic ?? "", Buffer.from(quote ?? ""));
gateway.receive("strat/momentum/sma-cross/order/request", Buffer.from(request ?? ""));
book.close();
