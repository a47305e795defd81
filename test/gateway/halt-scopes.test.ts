import { expect, test } from "vitest";
import { decimal, formatDecimal } from "#core/decimal.ts";
import type { Halt, HaltTarget } from "#core/halt.ts";
import type { StrategyId } from "#core/identity.ts";
import { type Bench, cleanUp, limitsOf, openBench, standingOf, strategy, temporaryFolder } from "./fixtures.ts";

// Each command for each scope: what it names it stops at once, and nobody else; a restart changes nothing, its disappearance from Git ends it.

cleanUp();

const all = [strategy, "momentum/other" as StrategyId, "seed/random-ts" as StrategyId] as const;
const strategies = new Map(all.map((id) => [id, "cancel" as const]));

function open(folder: string): Bench {
  const bench = openBench({ folder, git: standingOf({ strategies }) });
  for (const id of all) bench.limits.set(id, { kind: "limits", limits: limitsOf({ strategy: id }) });
  bench.price("AAPL", "100");
  bench.halts.enforce();
  return bench;
}

let orders = 0;
function outcome(bench: Bench, id: StrategyId, side: "buy" | "sell"): string | undefined {
  orders += 1;
  const event = bench.send({ clientOrderId: `o-${orders}`, side, quantity: "1" }, `strat/${id}/order/request`);
  return event?.reason?.code ?? event?.status;
}

const held = (bench: Bench, id: StrategyId): string =>
  formatDecimal(bench.book.accounts().get(id)?.positions.get("AAPL") ?? decimal("0"));

const stopped = {
  halt: { buy: "strategy-halted", sell: "strategy-halted", held: "10" },
  reduce: { buy: "strategy-reducing", sell: "filled", held: "10" },
  flatten: { buy: "strategy-halted", sell: "strategy-halted", held: "0" },
} as const;

const scopes: readonly (readonly [HaltTarget, readonly StrategyId[]])[] = [
  [strategy as string as HaltTarget, [strategy]],
  ["momentum" as HaltTarget, all.slice(0, 2)],
  ["all" as HaltTarget, all],
];
const cases = (["halt", "reduce", "flatten"] as const).flatMap((verb) =>
  scopes.map(([target, named]) => ({ verb, target, named })),
);

test.each(cases)("$verb of $target", ({ verb, target, named }) => {
  const folder = temporaryFolder();
  let bench = open(folder);
  for (const id of all)
    bench.send({ clientOrderId: "first", side: "buy", quantity: "10" }, `strat/${id}/order/request`);
  const restart = (): void => {
    bench.close();
    bench = open(folder);
  };
  const reads = (halts: readonly Halt[]): void => {
    bench.git.standing = standingOf({ strategies, halts: new Map(halts.map((halt) => [halt.id, halt])) });
    bench.halts.reconcile();
  };
  /** A reduction lets one share go at each look. */
  let looks = 0;
  const holds = (): void => {
    const rest = verb === "reduce" ? String(10 - looks) : stopped[verb].held;
    looks += 1;
    for (const id of named) {
      expect([id, held(bench, id)]).toEqual([id, rest]);
      expect([outcome(bench, id, "buy"), outcome(bench, id, "sell")]).toEqual([stopped[verb].buy, stopped[verb].sell]);
    }
    for (const id of all.filter((one) => !named.includes(one)))
      expect([outcome(bench, id, "buy"), outcome(bench, id, "sell"), held(bench, id)]).toEqual([
        "filled",
        "filled",
        "10",
      ]);
  };
  bench.command({ verb, scope: target });
  holds();
  restart();
  holds();
  const { id, by, reason, atMs } = bench.book.halts.active()[0] ?? { id: "", by: "", reason: "", atMs: 0 };
  reads([{ id, by, reason, atMs, verb, target }]);
  holds();
  restart();
  reads([{ id, by, reason, atMs, verb, target }]);
  holds();
  reads([]);
  for (const one of all) expect(outcome(bench, one, "buy")).toBe("filled");
});
