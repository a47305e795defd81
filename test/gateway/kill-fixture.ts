// A gateway without a bus that kills itself with SIGKILL at one step of its book: the child of book.test.ts.
import { writeSync } from "node:fs";
import { join } from "node:path";
import { decimal } from "#core/decimal.ts";
import { assemble, start } from "#gateway/assemble.ts";
import { Book } from "#gateway/book.ts";
import { parseLimits, strategyOfKey } from "#gateway/limits.ts";
import { PaperVenue } from "#gateway/paper-venue.ts";

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
const assembled = assemble({
  ...{ book, clock, wallMs: clock.nowMs, bus: { publish: async () => undefined }, log: () => undefined },
  announcer: { announce: say, repeat: say },
  venues: new Map([["paper", new PaperVenue("paper", rules, undefined, clock)]]),
  limits: () => ({ kind: "limits", limits: limits.value }),
  strategies: () => [strategy],
  git: () => ({ halts: new Map(), refused: new Set(), strategies: new Map([[strategy, "cancel"]]) }),
});
start(assembled);
assembled.gateway.receive(quoteTopic ?? "", Buffer.from(quote ?? ""));
assembled.gateway.receive("strat/momentum/sma-cross/order/request", Buffer.from(request ?? ""));
book.close();
