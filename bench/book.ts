// What an order costs at the gateway, without a bus: read, judged, filled on paper and written to the book. With each commit flushed to the disk, as venues with
// real money have it, and without; and so many orders in one commit, as one tick makes many strategies send them.
//
//   node bench/book.ts [orders]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Book } from "#gateway/book.ts";
import type { Durability } from "#gateway/book-database.ts";
import type { BookedEvent } from "#gateway/book-entry.ts";
import { readLimits, startPaperGateway } from "../test/gateway/paper-gateway.ts";

const [orders = 2_000] = process.argv.slice(2).map(Number);
const strategy = "momentum/sma-cross";
const texts = {
  ...{ instruments: "AAPL", venues: "paper", maxOrderNotional: "2000", maxPositionNotional: "500000" },
  ...{ orderRate: "999999/1s", maxDrawdown: "1" },
};
const keys = Object.fromEntries(Object.entries(texts).map(([key, value]) => [`limits.${key}`, value]));
const limits = readLimits(
  "momentum.sma-cross",
  JSON.stringify({ strategy, running: "true", startingCash: "1000000", ...keys }),
);

/** Takes so many orders a commit. @returns milliseconds of each commit, with its orders, and CPU of all */
function run(
  durability: Durability,
  perCommit: number,
): { readonly tookMs: readonly number[]; readonly cpuMs: number } {
  const folder = mkdtempSync(join(tmpdir(), "slipway-bench-book-"));
  const book = new Book({ file: join(folder, "book.sqlite"), durability });
  const said: BookedEvent[] = [];
  const say = (booked: BookedEvent): void => void said.push(booked);
  // It moves on by the orders: a flood is refused at 200 a second.
  let nowMs = 1_000;
  const { gateway, desk } = startPaperGateway({ book, limits, say, nowMs: () => nowMs });
  const quote = { v: 1, type: "quote", sid: "AAPL", venue: "replay", quote: "100", session: "s", seq: 1, ts: 7 };
  gateway.receive("md/replay/AAPL/quote", Buffer.from(JSON.stringify(quote)));
  const tookMs: number[] = [];
  const before = process.cpuUsage();
  for (let index = 0; index < orders; ) {
    const requests = Array.from({ length: Math.min(perCommit, orders - index) }, (_, place) => ({
      ...{ v: 1, type: "order", clientOrderId: `order-${index + place}`, epoch: 1, sid: "AAPL", venue: "paper" },
      ...{ side: (index + place) % 2 === 0 ? "buy" : "sell", orderType: "market", quantity: "1", ts: 5 },
      ...{ cause: `s:md/replay/AAPL/quote:${index + place}`, expiresAtMs: nowMs + 10_000 },
    }));
    const fromMs = performance.now();
    book.openGroup();
    for (const request of requests)
      gateway.receive(`strat/${strategy}/order/request`, Buffer.from(JSON.stringify(request)));
    book.commitGroup();
    tookMs.push(performance.now() - fromMs);
    index += requests.length;
    nowMs += 10 * perCommit;
    if (said.length >= 100) book.markPublished(said.splice(0));
  }
  const { user, system } = process.cpuUsage(before);
  const filled = desk.counters.fills;
  if (filled !== orders) throw new Error(`${filled} of ${orders} orders were filled`);
  book.close();
  rmSync(folder, { recursive: true, force: true });
  return { tookMs: tookMs.sort((a, b) => a - b), cpuMs: (user + system) / 1000 };
}

run("process", 1);
for (const durability of ["process", "power"] as const) {
  const shown = [1, 10, 50].map((perCommit) => {
    const { tookMs, cpuMs } = run(durability, perCommit);
    const at = (share: number): string => (tookMs[Math.floor(tookMs.length * share)] ?? Number.NaN).toFixed(2);
    return `${perCommit} a commit: p50 ${at(0.5)} ms, p99 ${at(0.99)}, ${((cpuMs / orders) * 1000).toFixed(0)} us CPU an order`;
  });
  console.log(`book     ${durability === "power" ? "flushed" : "paper  "} ${shown.join("; ")}`);
}
