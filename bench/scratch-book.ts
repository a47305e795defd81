import { join } from "node:path";
import { mkdtempSync, statSync } from "node:fs";
import { decimal } from "#core/decimal.ts";
import { assemble, start } from "#gateway/assemble.ts";
import { Book } from "#gateway/book.ts";
import { parseLimits, strategyOfKey } from "#gateway/limits.ts";
import { PaperVenue } from "#gateway/paper-venue.ts";
const folder = mkdtempSync("/tmp/s/book-");
const n = Number(process.argv[2] ?? 20000);
const durability = (process.argv[3] ?? "process") as "process";
const strategy = strategyOfKey("momentum.sma-cross")!;
const limits = parseLimits(strategy, Buffer.from(JSON.stringify({strategy, running:"true", startingCash:"1000000000","limits.instruments":"AAPL","limits.venues":"paper","limits.maxOrderNotional":"2000","limits.maxPositionNotional":"500000000","limits.orderRate":"999999/1s","limits.maxDrawdown":"1"})));
if (!limits.ok) throw new Error(limits.error.message);
const file = join(folder, "book.sqlite");
const book = new Book({ file, durability });
const events: any[] = [];
let ms = 1000;
const clock = { nowMs: () => ms, after: () => () => undefined };
const rules = { feeBps: decimal("1"), slippageBps: decimal("2"), collarBps: undefined, maxOpenOrders: 9, hours: undefined };
const say = (b: any) => void events.push(b);
const assembled = assemble({
  ...{ book, clock, wallMs: clock.nowMs, bus: { publish: async () => undefined }, log: () => undefined },
  announcer: { announce: say, repeat: say },
  venues: new Map([["paper", new PaperVenue("paper", rules, undefined, clock)]]),
  limits: () => ({ kind: "limits", limits: limits.value }),
  strategies: () => [strategy],
  git: () => ({ halts: new Map(), refused: new Set(), strategies: new Map([[strategy, "cancel"]]) }),
} as any);
start(assembled);
assembled.gateway.receive("md/replay/AAPL/quote", Buffer.from(JSON.stringify({v:1,type:"quote",sid:"AAPL",venue:"replay",quote:"100",session:"s",seq:1,ts:7})));
const t: number[] = [], m: number[] = [];
const cpu0 = process.cpuUsage();
for (let i = 0; i < n; i++) {
  ms += 5;
  const p = Buffer.from(JSON.stringify({v:1,type:"order",clientOrderId:`order-${i}`,epoch:1,sid:"AAPL",venue:"paper",side: i % 2 ? "sell":"buy",orderType:"market",quantity:"1",cause:`s-1:md/replay/AAPL/quote:${i}`,expiresAtMs:ms+10000,ts:5}));
  let s = performance.now();
  assembled.gateway.receive("strat/momentum/sma-cross/order/request", p);
  t.push(performance.now() - s);
  const e = events.pop(); if (e.event.status !== "filled") throw new Error(JSON.stringify(e));
  s = performance.now();
  book.markPublished(e);
  m.push(performance.now() - s);
}
const cpu = process.cpuUsage(cpu0);
const q = (a: number[], p: number) => [...a].sort((x, y) => x - y)[Math.floor(a.length * p)]!.toFixed(3);
for (const [k, a] of [["receive", t], ["mark", m]] as const) console.log(k, "p50", q(a, .5), "p99", q(a, .99), "p99.9", q(a, .999), "max", Math.max(...a).toFixed(1), "sum", a.reduce((x,y)=>x+y,0).toFixed(0));
console.log("cpu us/order", ((cpu.user + cpu.system) / n).toFixed(0), "db", statSync(file).size, "wal", statSync(file + "-wal").size);
book.close();
