import { describe, expect, test } from "vitest";
import { validateGatewayHalts } from "#core/bus-validators.generated.js";
import { decimal, formatDecimal } from "#core/decimal.ts";
import type { Halt, HaltTarget } from "#core/halt.ts";
import type { StrategyId } from "#core/identity.ts";
import { parseStanding } from "#gateway/standing.ts";
import {
  type Bench,
  bytes,
  cleanUp,
  commandOf,
  limitsOf,
  openBench,
  standingOf,
  strategy,
  temporaryFolder,
} from "./fixtures.ts";

cleanUp();

const other = "momentum/other" as StrategyId;
const haltWith = (change: Partial<Halt> = {}): Halt => ({
  ...{
    id: "halt-1",
    verb: "halt",
    target: strategy as string as HaltTarget,
    by: "alice",
    reason: "a bad tick",
    atMs: 1_000,
  },
  ...change,
});

/** A bench that holds 10 AAPL; orders take a second. */
function holding(options: Parameters<typeof openBench>[0] = {}): Bench {
  const bench = openBench({ simulation: { delayMs: 1_000 }, ...options });
  bench.price("AAPL", "100");
  bench.send({ clientOrderId: "first", quantity: "10" });
  bench.clock.advance(1_000);
  expect(held(bench)).toBe("10");
  return bench;
}

function held(bench: Bench, of = strategy): string {
  return formatDecimal(bench.book.accounts().get(of)?.positions.get("AAPL") ?? decimal("0"));
}

const codeOf = (bench: Bench, change: Parameters<Bench["send"]>[0]): string | undefined => {
  const event = bench.send(change);
  return event?.reason?.code ?? event?.status;
};
const said = (bench: Bench) => bench.halts.message(1).halts;

describe("a command acts at once", () => {
  test("halt: open orders are canceled, positions stay, nothing passes", () => {
    const bench = holding();
    bench.send({ clientOrderId: "buy", quantity: "1" });
    bench.send({ clientOrderId: "sell", side: "sell", quantity: "1" });
    bench.command();
    expect(said(bench)).toMatchObject([
      {
        id: "halt-1",
        verb: "halt",
        scope: strategy,
        strategies: 1,
        ordersCanceled: 2,
        ordersOpen: 2,
        positionsOpen: 1,
        recorded: false,
      },
    ]);
    expect(codeOf(bench, { clientOrderId: "later", quantity: "1" })).toBe("strategy-halted");
    expect(codeOf(bench, { clientOrderId: "out", side: "sell", quantity: "1" })).toBe("strategy-halted");
    bench.clock.advance(5_000);
    expect(said(bench)).toMatchObject([{ ordersCanceled: 2, ordersOpen: 0, positionsOpen: 1 }]);
    // One of them was filled before the venue heard of the cancellation, or it was not: the book says which.
    const ends = new Map(bench.events.map((event) => [event.clientOrderId, event.status]));
    for (const id of ["buy", "sell"]) expect(["filled", "canceled"]).toContain(ends.get(id));
    expect(bench.events.find(({ reason }) => reason?.code === "strategy-halted")?.reason?.message).toBe(
      "momentum/sma-cross is halted by alice (halt-1): a bad tick",
    );
  });

  test("reduce: purchases on order are canceled, sales pass", () => {
    const bench = holding({ simulation: { delayMs: 1_000, fills: 3, fillEveryMs: 10_000 } });
    bench.clock.advance(60_000);
    bench.send({ clientOrderId: "buy", quantity: "9" });
    bench.send({ clientOrderId: "sell", side: "sell", quantity: "2" });
    bench.command({ verb: "reduce", scope: "momentum" });
    expect(said(bench)).toMatchObject([{ verb: "reduce", scope: "momentum", ordersCanceled: 1 }]);
    expect(codeOf(bench, { clientOrderId: "more", quantity: "1" })).toBe("strategy-reducing");
    expect(codeOf(bench, { clientOrderId: "less", side: "sell", quantity: "1" })).toBe("pending-new");
  });

  test("flatten: everything is sold, once, also when the first order comes to nothing", () => {
    const bench = holding({
      rules: { feeBps: decimal("0") },
      simulation: { delayMs: 500, loseRequestPercent: 40, seed: 3 },
    });
    bench.command({ verb: "flatten", scope: "all" });
    for (let second = 0; second < 600 && held(bench) !== "0"; second += 1) {
      bench.halts.enforce();
      bench.halts.enforce();
      bench.clock.advance(1_000);
    }
    expect(held(bench)).toBe("0");
    const own = new Map(
      bench.events
        .filter(({ clientOrderId }) => clientOrderId.startsWith("gw-"))
        .map((event) => [event.clientOrderId, event]),
    );
    expect([...own.values()].filter(({ status }) => status === "filled")).toMatchObject([
      { side: "sell", filledQuantity: "10" },
    ]);
    expect(said(bench)).toMatchObject([{ ordersOpen: 0, positionsOpen: 0 }]);
    expect(codeOf(bench, { clientOrderId: "later", quantity: "1" })).toBe("strategy-halted");
  });

  test("flatten waits for a price, and for the venue's hours", () => {
    const folder = temporaryFolder();
    holding({ folder }).close();
    const bench = openBench({ folder, simulation: { delayMs: 0 } });
    bench.command({ verb: "flatten" });
    expect(held(bench)).toBe("10");
    expect(said(bench)).toMatchObject([{ closed: [], held: [{ strategy, sid: "AAPL", quantity: "10" }] }]);
    bench.price("AAPL", "100");
    bench.halts.enforce();
    expect(held(bench)).toBe("0");
  });

  test("flatten says what it has closed, at which price and fee, and what is still held", () => {
    const bench = holding();
    bench.price("AAPL", "110");
    bench.command({ verb: "flatten" });
    bench.clock.advance(5_000);
    const [halt] = said(bench);
    expect(halt).toMatchObject({
      closed: [
        { strategy, sid: "AAPL", side: "sell", quantity: "10", filledQuantity: "10", price: "110", status: "filled" },
      ],
      held: [],
    });
    expect(validateGatewayHalts({ ...bench.halts.message(1), session: "s", seq: 1 })).toBe(true);
  });

  test("the same command again changes nothing, another one of its id is refused", () => {
    const bench = holding();
    bench.command();
    bench.command();
    bench.command({ verb: "flatten" });
    expect(said(bench)).toHaveLength(1);
    expect(bench.halts.message(1).refused).toMatchObject([{ id: "halt-1", code: "command-id-reused" }]);
    expect(held(bench)).toBe("10");
  });

  test.each([
    ["another verb than the topic's", "gw/cmd/reduce", {}],
    ["no verb of ours", "gw/cmd/resume", { verb: "resume" }],
    ["no reason", "gw/cmd/halt", { reason: "" }],
    ["an id that is no file's name", "gw/cmd/halt", { id: "../x" }],
    ["a pattern as scope", "gw/cmd/halt", { scope: "+" }],
    ["its own limits", "gw/cmd/halt", { limits: {} }],
    ["too late", "gw/cmd/halt", { expiresAtMs: 999 }],
    ["no message at all", "gw/cmd/halt", { v: 2 }],
  ])("%s is not carried out", (_name, topic, change) => {
    const bench = holding();
    bench.gateway.receive(topic, bytes({ ...commandOf(), ...change }));
    expect(said(bench)).toEqual([]);
    expect(codeOf(bench, { clientOrderId: "later", quantity: "1" })).toBe("pending-new");
  });

  test("a team's name that nobody can have is refused aloud", () => {
    const bench = holding();
    bench.command({ scope: "kube-system" });
    expect(bench.halts.message(1).refused).toMatchObject([{ code: "target-malformed" }]);
  });

  test("what is said keeps to the schema, however much is halted", () => {
    const bench = holding();
    for (let index = 0; index < 250; index += 1)
      bench.command({ id: `halt-${index}`, scope: `team${index}`, reason: "x".repeat(500), by: "y".repeat(100) });
    bench.command({ id: "everything", scope: "all" });
    const message = { ...bench.halts.message(1), session: "s", seq: 1 };
    expect(validateGatewayHalts(message)).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThan(64 * 1024);
    expect(message.halts.map(({ id }) => id)).toContain("everything");
    expect(message.refused.length).toBeGreaterThan(0);
    expect(codeOf(bench, { clientOrderId: "later", quantity: "1" })).toBe("strategy-halted");
  });
});

describe("Git and book agree", () => {
  test("a halt survives a restart, and only its disappearance from Git ends it", () => {
    const folder = temporaryFolder();
    let bench = holding({ folder });
    bench.command();
    const restart = (): void => {
      bench.close();
      bench = openBench({ folder, git: bench.git.standing ?? standingOf() });
      bench.price("AAPL", "100");
    };
    const reads = (halts: readonly Halt[] | undefined): void => {
      bench.git.standing = halts && standingOf({ halts: new Map(halts.map((halt) => [halt.id, halt])) });
      bench.halts.reconcile();
    };
    restart();
    expect(codeOf(bench, { clientOrderId: "a", quantity: "1" })).toBe("strategy-halted");
    // Never seen in Git: reading Git without it ends nothing.
    reads([]);
    expect(codeOf(bench, { clientOrderId: "b", quantity: "1" })).toBe("strategy-halted");
    reads([haltWith()]);
    expect(said(bench)).toMatchObject([{ id: "halt-1", recorded: true }]);
    restart();
    expect(said(bench)).toMatchObject([{ id: "halt-1", recorded: true }]);
    // Unreadable is not gone.
    reads(undefined);
    expect(codeOf(bench, { clientOrderId: "c", quantity: "1" })).toBe("limits-unreadable");
    restart();
    reads([haltWith({ id: "halt-2" })]);
    expect(said(bench)).toMatchObject([{ id: "halt-2" }]);
    reads([]);
    expect(said(bench)).toEqual([]);
    expect(codeOf(bench, { clientOrderId: "d", quantity: "1" })).toBe("filled");
    // Its command comes again, late: it is over.
    bench.command();
    expect(said(bench)).toEqual([]);
    restart();
    expect(codeOf(bench, { clientOrderId: "e", quantity: "1" })).toBe("filled");
  });

  test("a halt that is only in Git holds, too, and acts", () => {
    const bench = holding();
    bench.send({ clientOrderId: "open", quantity: "1" });
    bench.git.standing = standingOf({
      halts: new Map([["from-git", haltWith({ id: "from-git", verb: "flatten", target: "momentum" as HaltTarget })]]),
    });
    bench.halts.reconcile();
    for (let second = 0; second < 10; second += 1) {
      bench.halts.enforce();
      bench.clock.advance(1_000);
    }
    expect(held(bench)).toBe("0");
    expect(codeOf(bench, { clientOrderId: "later", quantity: "1" })).toBe("strategy-halted");
    bench.git.standing = standingOf();
    bench.halts.reconcile();
    expect(codeOf(bench, { clientOrderId: "again", quantity: "1" })).toBe("pending-new");
  });

  test("killed at any step of a command: the repeated command is carried out, once", () => {
    for (let step = 1; step <= 12; step += 1) {
      const folder = temporaryFolder();
      let left = Number.POSITIVE_INFINITY;
      const bench = holding({
        folder,
        onStep() {
          left -= 1;
          if (left === 0) throw new Error("killed");
        },
      });
      bench.send({ clientOrderId: "open", quantity: "1" });
      left = step;
      try {
        bench.command({ verb: "flatten" });
      } catch (error) {
        expect(String(error)).toContain("killed");
      }
      bench.close();
      const next = openBench({ folder, simulation: { delayMs: 1_000 } });
      next.price("AAPL", "100");
      next.command({ verb: "flatten" });
      for (let second = 0; second < 30; second += 1) {
        next.halts.enforce();
        next.clock.advance(1_000);
      }
      expect(held(next)).toBe("0");
      expect(said(next)).toMatchObject([{ id: "halt-1", ordersOpen: 0, positionsOpen: 0 }]);
      next.close();
    }
  });
});

describe("a strategy that is refused or deleted", () => {
  const retired = (retire: "cancel" | "flatten" | "keep"): Bench => {
    const bench = holding({ git: standingOf({ strategies: new Map([[strategy, retire]]) }) });
    bench.send({ clientOrderId: "open", quantity: "1" });
    return bench;
  };
  const run = (bench: Bench): void => {
    for (let second = 0; second < 10; second += 1) {
      bench.halts.enforce();
      bench.clock.advance(1_000);
    }
  };

  test.each([
    ["flatten", "0"],
    ["cancel", "10"],
    ["keep", "11"],
  ] as const)("deleted, %s: it holds %s then", (retire, position) => {
    const bench = retired(retire);
    bench.limits.delete(strategy);
    // The list of strategies comes later than the limits: nothing is done until both agree.
    bench.halts.enforce();
    expect(bench.desk.onOrder(strategy)).toHaveLength(1);
    bench.git.standing = standingOf({ strategies: new Map() });
    bench.halts.reconcile();
    run(bench);
    // A cancellation takes as long as a fill, so the purchase may have been quicker.
    const expected = retire === "cancel" ? [position, "11"] : [position];
    expect(expected).toContain(held(bench));
    expect(bench.desk.onOrder(strategy)).toEqual([]);
    expect(codeOf(bench, { clientOrderId: "later", quantity: "1" })).toBe("strategy-unknown");
  });

  test("what becomes of it is remembered over a restart", () => {
    const folder = temporaryFolder();
    holding({ folder, git: standingOf({ strategies: new Map([[strategy, "flatten"]]) }) }).close();
    const bench = openBench({ folder, git: standingOf({ strategies: new Map() }) });
    bench.limits.delete(strategy);
    bench.price("AAPL", "100");
    run(bench);
    expect(held(bench)).toBe("0");
  });

  test("refused by today's policies: stopped, and its retire is carried out", () => {
    const bench = retired("flatten");
    bench.limits.set(strategy, { kind: "limits", limits: limitsOf({ running: false }) });
    bench.git.standing = standingOf({ strategies: new Map([[strategy, "flatten"]]), refused: new Set([strategy]) });
    bench.halts.reconcile();
    run(bench);
    expect(held(bench)).toBe("0");
    expect(codeOf(bench, { clientOrderId: "later", quantity: "1" })).toBe("strategy-stopped");
  });

  test("one that is only stopped keeps what it holds", () => {
    const bench = retired("flatten");
    bench.limits.set(strategy, { kind: "limits", limits: limitsOf({ running: false }) });
    bench.halts.reconcile();
    run(bench);
    expect(held(bench)).toBe("11");
  });

  test("unreadable limits, or a list that cannot be read, retire nobody", () => {
    const bench = retired("flatten");
    bench.limits.set(strategy, { kind: "unreadable", message: "torn" });
    bench.git.standing = standingOf({ strategies: new Map() });
    run(bench);
    bench.limits.delete(strategy);
    bench.git.standing = undefined;
    run(bench);
    expect(held(bench)).toBe("11");
  });

  test("the others go on", () => {
    const bench = retired("flatten");
    bench.limits.set(other, { kind: "limits", limits: limitsOf({ strategy: other }) });
    bench.send({ clientOrderId: "x", quantity: "2" }, `strat/${other}/order/request`);
    bench.limits.delete(strategy);
    bench.git.standing = standingOf({ strategies: new Map([[other, "flatten"]]) });
    bench.halts.reconcile();
    run(bench);
    expect([held(bench), held(bench, other)]).toEqual(["0", "2"]);
  });
});

describe("standing.json", () => {
  const good = { halts: [{ ...haltWith() }], refused: ["a/b"], strategies: { "a/b": "flatten" } };

  test("is read", () => {
    const parsed = parseStanding(bytes(good));
    expect(parsed.ok && [...parsed.value.halts.values()]).toEqual([haltWith()]);
    expect(parsed.ok && parsed.value.strategies.get("a/b" as StrategyId)).toBe("flatten");
  });

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["a list", bytes([])],
    ["a missing key", bytes({ halts: [], refused: [] })],
    ["an unknown key", bytes({ ...good, resumed: [] })],
    ["a halt of an unknown verb", bytes({ ...good, halts: [{ ...haltWith(), verb: "resume" }] })],
    ["a halt of nobody", bytes({ ...good, halts: [{ ...haltWith(), target: "+" }] })],
    ["a halt with a field too many", bytes({ ...good, halts: [{ ...haltWith(), until: 1 }] })],
    ["a refused strategy with a path", bytes({ ...good, refused: ["../x"] })],
    ["an unknown retirement", bytes({ ...good, strategies: { "a/b": "sell" } })],
    ["a strategy without a team", bytes({ ...good, strategies: { b: "keep" } })],
  ])("%s is refused", (_name, payload) => {
    expect(parseStanding(payload).ok).toBe(false);
  });
});

describe("who may", () => {
  const operators = [
    { group: "risk", members: ["erin"], may: [{ target: "all" as HaltTarget, verbs: ["halt", "flatten"] as const }] },
  ];
  const send = (bench: Bench, topic: string, change: Parameters<typeof commandOf>[0]): void =>
    bench.gateway.receive(topic, bytes(commandOf({ verb: "halt", ...change })));

  test("is whom Git names, by the topic that only their account may use; others are told why not", () => {
    const bench = openBench({ git: standingOf({ operators }) });
    send(bench, "gw/cmd/halt", { id: "by-operator", by: "erin" });
    send(bench, "gw/cmd/desk/halt", { id: "by-desk", by: "erin" });
    send(bench, "gw/cmd/risk/halt", { id: "by-mallory", by: "mallory" });
    send(bench, "gw/cmd/risk/reduce", { id: "reduced", by: "erin", verb: "reduce" });
    expect(said(bench)).toEqual([]);
    const { refused } = bench.halts.message(1);
    expect(refused.map(({ id, code }) => [id, code])).toEqual([
      ...["reduced", "by-mallory", "by-desk", "by-operator"].map((id) => [id, "halt-not-allowed"]),
    ]);
    expect(refused[1]?.message).toBe(
      "mallory may not halt momentum/sma-cross: policies/teams.yaml lets risk (erin) do that",
    );
    send(bench, "gw/cmd/risk/halt", { id: "allowed", by: "Erin" });
    expect(said(bench).map(({ id }) => id)).toEqual(["allowed"]);
  });

  test("is everybody whom the bus lets speak while Git cannot be read: nothing passes then anyway", () => {
    const bench = openBench({ git: standingOf({ operators }) });
    bench.git.standing = undefined;
    send(bench, "gw/cmd/halt", { id: "anyone", by: "mallory" });
    expect(said(bench).map(({ id }) => id)).toEqual(["anyone"]);
  });

  test.each([
    { operators: [{ group: "risk", members: ["erin"], may: [{ target: "all", verbs: ["halt"] }] }], good: true },
    { operators: [], good: true },
    { operators: {}, good: false },
    { operators: [{ group: "Risk!", members: [], may: [] }], good: false },
    { operators: [{ group: "risk", members: [1], may: [] }], good: false },
    { operators: [{ group: "risk", members: [], may: [{ target: "a/b/c", verbs: ["halt"] }] }], good: false },
    { operators: [{ group: "risk", members: [], may: [{ target: "all", verbs: ["resume"] }] }], good: false },
  ])("standing.json with $operators", ({ operators: given, good }) => {
    const standing = { halts: [], refused: [], strategies: {}, operators: given };
    expect(parseStanding(bytes(standing)).ok).toBe(good);
  });
});
