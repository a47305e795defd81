// CPU of a quote's way to its fill, all in one process, beside NautilusTrader (if Python has it), in pairs. Ours reads and writes JSON at each step, holds it to
// schemas, and has journal and book on disk; theirs keeps everything in memory.
//
//   [PYTHON=/path/to/python] node bench/orders.ts [quotes] [pairs]
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { median, spread } from "./measure.ts";

const [quotes = 20_000, rounds = 3] = process.argv.slice(2).map(Number);
const python = process.env["PYTHON"] ?? "python3";

/** Microseconds of CPU an order. */
function run(argv: readonly string[]): number {
  const [program = "", ...rest] = argv;
  const { stdout, stderr, status } = spawnSync(program, [...rest, String(quotes)], {
    encoding: "utf8",
    timeout: 600_000,
  });
  if (status !== 0) throw new Error(`${argv.join(" ")} ended with ${status}:\n${stderr}`);
  const { orders, cpuMs } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as {
    readonly orders: number;
    readonly cpuMs: number;
  };
  if (orders !== quotes) throw new Error(`${argv.join(" ")} filled ${orders} of ${quotes} orders`);
  return (cpuMs / orders) * 1000;
}

const ours = [
  process.execPath,
  "--disable-warning=ExperimentalWarning",
  join(import.meta.dirname, "orders-slipway.ts"),
];
const theirs = [python, join(import.meta.dirname, "orders-nautilus.py")];
const peer = spawnSync(python, ["-c", "import nautilus_trader; print(nautilus_trader.__version__)"], {
  encoding: "utf8",
});
const own: number[] = [];
const other: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  own.push(run(ours));
  if (peer.status === 0) other.push(run(theirs));
}
const beside =
  peer.status === 0
    ? `; NautilusTrader ${peer.stdout.trim()} ${spread(other, 0)} us; ratio ${median(own.map((us, index) => us / (other[index] ?? Number.NaN))).toFixed(2)}`
    : "; NautilusTrader is not there";
console.log(`orders   quote to fill in one process ${spread(own, 0)} us CPU${beside}`);
