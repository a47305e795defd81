import { describe, expect, test } from "vitest";
import { errorLine } from "#bus/metric.ts";
import { describeProblems } from "#cli/up/table.ts";
import { createOverview, type Overview } from "#console/overview.ts";
import { TelemetryReader } from "#console/telemetry.ts";
import { account, application, cluster, emptyGit, metric } from "./fixtures.ts";

const strategy = "seed/random-ts";
const merged = { ...emptyGit, main: "a".repeat(40), merged: new Set([strategy]) };
const rendered = { ...merged, environmentHead: "c".repeat(40), rendered: new Map([[strategy, { replicas: 1 }]]) };
const stopped = { ...rendered, rendered: new Map([[strategy, { replicas: 0 }]]) };

const ending = { ...application(strategy, "OutOfSync", "Progressing"), ending: true };

describe("stage", () => {
  test.each([
    ["only an open proposal knows it", { ...emptyGit, proposed: new Map([[strategy, 1]]) }, undefined, "proposed"],
    ["on main", merged, undefined, "merged"],
    ["on the environment branch, no server", rendered, undefined, "rendered"],
    ["the cluster has older objects", rendered, cluster([application(strategy, "OutOfSync", "Healthy")]), "rendered"],
    ["applied, not ready", rendered, cluster([application(strategy, "Synced", "Progressing")]), "synced"],
    ["applied, crashing", rendered, cluster([application(strategy, "Synced", "Degraded")]), "synced"],
    ["healthy", rendered, cluster([application(strategy, "Synced", "Healthy")]), "running"],
    ["stopped, and its process lives its grace", stopped, cluster([ending]), "rendered"],
    ["taken off the branch, likewise", { ...emptyGit, main: "a".repeat(40) }, cluster([ending]), "rendered"],
    ["no replicas wanted", stopped, cluster([application(strategy, "Synced", "Healthy")]), "stopped"],
  ])("%s", (_name, git, status, stage) => {
    const overview = createOverview({ environment: "paper", git, cluster: status, telemetry: undefined, nowMs: 0 });
    expect(overview.rows.map((row) => [row.strategy, row.stage])).toEqual([[strategy, stage]]);
  });
});

test("what is ending says so, whatever its executor said last", () => {
  const telemetry = new TelemetryReader(() => 0);
  telemetry.apply(`strat/${strategy}/state`, { v: 1, type: "state", state: "running", epoch: 1, atMs: 0 });
  const overview = createOverview({
    environment: "paper",
    git: stopped,
    cluster: cluster([ending]),
    telemetry,
    nowMs: 0,
  });
  expect(overview.rows[0]?.state).toBe("ending");
});

describe("problem", () => {
  test("the cluster's sentence comes before the executor's", () => {
    const telemetry = new TelemetryReader(() => 0);
    telemetry.apply(`strat/${strategy}/state`, {
      v: 1,
      type: "state",
      state: "faulted",
      reason: "boom",
      epoch: 1,
      atMs: 0,
    });
    const status = cluster([application(strategy, "Synced", "Degraded", "killed 3 times: over 128 MiB")]);
    expect(
      createOverview({ environment: "paper", git: rendered, cluster: status, telemetry, nowMs: 0 }).rows[0]?.problem,
    ).toBe("killed 3 times: over 128 MiB");
  });

  test("why the gateway takes no orders is shown, and in the row of an executor that gave no reason of its own", () => {
    const telemetry = new TelemetryReader(() => 0);
    const gone = { v: 1, type: "gateway-state", state: "offline", session: "s", seq: 2, atMs: 1 };
    telemetry.apply("gw/state", { ...gone, reason: "it was stopped" });
    telemetry.apply(`strat/${strategy}/state`, { v: 1, type: "state", state: "halted", epoch: 1, atMs: 0 });
    const status = cluster([application(strategy, "Synced", "Healthy")]);
    const overview = createOverview({ environment: "paper", git: rendered, cluster: status, telemetry, nowMs: 0 });
    expect(overview).toMatchObject({ gateway: "offline", gatewayReason: "it was stopped" });
    expect(overview.rows[0]?.problem).toBe("halted: the gateway is offline: it was stopped");
    telemetry.apply("gw/state", { ...gone, state: "online" });
    expect(createOverview({ environment: "paper", git: rendered, cluster: status, telemetry, nowMs: 0 })).toMatchObject(
      { gateway: "online", gatewayReason: null },
    );
  });

  test("why the bus keeps it out comes before what its pod says, until it is back, and for no longer than it is kept out", () => {
    const telemetry = new TelemetryReader(() => 0);
    const message = "cut off from the bus: 2,769 messages in 0.8 s, …; it is let in again at 14:58:38 UTC";
    telemetry.apply(`strat/${strategy}/log`, errorLine(message, 1_000));
    const status = cluster([application(strategy, "Synced", "Degraded", "/ready answers 503")]);
    const problemAt = (nowMs: number, state: string): string | null | undefined => {
      telemetry.apply(`strat/${strategy}/state`, { v: 1, type: "state", state, epoch: 1, atMs: 0 });
      return createOverview({ environment: "paper", git: rendered, cluster: status, telemetry, nowMs }).rows[0]
        ?.problem;
    };
    expect(problemAt(2_000, "offline")).toBe(message);
    expect(problemAt(900_000, "offline")).toBe("/ready answers 503");
    expect(problemAt(3_000, "running")).toBe("/ready answers 503");
  });

  test.each([
    [
      "limits.maxOrderNotional: the order is worth 2500, above the bound 2000",
      /^let it order less, or propose another limits\.maxOrderNotional in strategies\/seed\/random-ts\/strategy\.yaml$/,
    ],
    ["limits.maxDrawdown: the drawdown is 0.3, above the bound 0.2; only sales pass", undefined],
    ["it needs 2500 with the fee, above the cash 10", undefined],
  ])(
    "a refused order is named when nothing worse is known, with what to do if a limit refused it: %s",
    (message, fix) => {
      const telemetry = new TelemetryReader(() => 0);
      telemetry.apply(`strat/${strategy}/order/event`, {
        v: 1,
        type: "order-event",
        clientOrderId: "x",
        status: "denied",
        sid: "GOOG",
        venue: "paper",
        side: "buy",
        quantity: "1",
        filledQuantity: "0",
        reason: { code: "any", message },
        seq: 1,
        ts: 0,
      });
      const status = cluster([application(strategy, "Synced", "Healthy")]);
      const [row] = createOverview({ environment: "paper", git: rendered, cluster: status, telemetry, nowMs: 0 }).rows;
      expect(row?.problem).toMatch(/^last refused order at .*: /);
      expect(row?.problem).toContain(message);
      expect(row?.fix).toEqual(fix === undefined ? null : expect.stringMatching(fix));
    },
  );
});

describe("a process that ended", () => {
  const row = (
    container: string,
    reason: "OOMKilled" | "Completed" | "Error",
    containers: number,
    waiting: boolean,
    more: { readonly message?: string; readonly awaits?: string } = {},
  ) => {
    const healthy = application(strategy, "Synced", waiting ? "Degraded" : "Healthy", waiting ? "it ended" : undefined);
    const [pod] = healthy.pods;
    const [executor] = pod?.containers ?? [];
    if (pod === undefined || executor === undefined) throw new Error("the fixture has a container");
    const state = waiting ? ({ state: "waiting", reason: "CrashLoopBackOff", startsAgainAtMs: 9 } as const) : {};
    const cause = { container, reason, exitCode: 1, message: "was seen to end", atMs: 7 };
    const pods = [{ ...pod, containers: Array.from({ length: containers }, () => ({ ...executor, ...state })), cause }];
    const status = cluster([{ ...healthy, pods, ...more }]);
    return createOverview({ environment: "paper", git: rendered, cluster: status, telemetry: undefined, nowMs: 0 })
      .rows[0];
  };
  test.each([
    ["failed its liveness probe 3 times: /live on port 1 does not answer within 2 s", "event() or another call"],
    [
      "did not start within 60 s: /startup on port 1 does not answer within 1 s; the last it wrote: warmed",
      "its first event()",
    ],
  ])("whose loop was kept by its algorithm says where to look: %s", (message, where) => {
    const degraded = application(strategy, "Synced", "Degraded", "it ended");
    const [pod] = degraded.pods;
    if (pod === undefined) throw new Error("the fixture has a pod");
    const cause = { container: "executor", reason: "Error", exitCode: 137, message, atMs: 7 } as const;
    const status = cluster([{ ...degraded, pods: [{ ...pod, cause }] }]);
    const [shown] = createOverview({
      environment: "paper",
      git: rendered,
      cluster: status,
      telemetry: undefined,
      nowMs: 0,
    }).rows;
    expect(shown?.fix).toContain(where);
    expect(shown?.fix).toContain("look for a loop without an end");
  });

  test.each([
    {
      container: "algorithm",
      reason: "OOMKilled",
      containers: 2,
      state: "OOMKilled",
      fix: "raise resources.memory in strategies/seed/random-ts/strategy.yaml",
    },
    { container: "executor", reason: "OOMKilled", containers: 1, state: "OOMKilled", fix: "raise resources.memory" },
    {
      container: "executor",
      reason: "OOMKilled",
      containers: 2,
      state: "OOMKilled",
      fix: "defaults.memory in policies/environments/paper.yaml",
    },
    {
      container: "algorithm",
      reason: "Completed",
      containers: 2,
      state: "Completed",
      fix: "return from its functions",
    },
    { container: "executor", reason: "Error", containers: 1, state: "CrashLoopBackOff", fix: null },
  ] as const)("$container, $reason, of $containers", ({ container, reason, containers, state, fix }) => {
    const shown = row(container, reason, containers, true);
    expect(shown).toMatchObject({ state, startsAgainAtMs: 9, problem: "it ended" });
    if (fix === null) expect(shown?.fix).toBeNull();
    else expect(shown?.fix).toContain(fix);
  });

  test.each([
    { said: "its pod cannot be made: exceeded quota: team", fix: "propose higher totals for the team" },
    { said: "ImagePullBackOff: not found", fix: "is that image in the registry" },
    { said: "no node takes its pod: 1 Insufficient memory", fix: "add a node" },
  ])("once says nothing of what helps where it stands still now: $said", ({ said, fix }) => {
    const ended = row("algorithm", "OOMKilled", 2, true, { message: said });
    expect(ended).toMatchObject({ problem: said, fix: expect.stringContaining(fix) });
  });

  test("says nothing of what a person is asked to agree to", () => {
    const awaits = "Argo CD deletes nothing of it before a person agrees";
    expect(row("algorithm", "OOMKilled", 2, true, { message: awaits, awaits })).toMatchObject({
      ...{ problem: awaits, fix: null },
    });
  });

  test("is told of when it has come back, too, and no longer a problem", () => {
    expect(row("algorithm", "OOMKilled", 2, false)).toMatchObject({
      problem: null,
      fix: null,
      startsAgainAtMs: null,
      lastRestart: { message: "container algorithm was seen to end", atMs: 7 },
    });
  });
});

test("a feed that is online and does not speak is silent, one that is offline says so itself", () => {
  const telemetry = new TelemetryReader(() => 1_000);
  const state = { v: 1, type: "feed-state", from: "a", to: "b", events: 3, atMs: 1 };
  telemetry.apply("feed/stocks/state", { ...state, state: "online" });
  telemetry.apply("feed/bonds/state", { ...state, state: "offline" });
  const at = (nowMs: number): Overview =>
    createOverview({ environment: "paper", git: rendered, cluster: undefined, telemetry, nowMs });
  expect(at(11_000).feeds.map(({ silent }) => silent)).toEqual([false, false]);
  // A clock that was set back hides none.
  expect(at(999).feeds.map(({ silent }) => silent)).toEqual([true, false]);
  const late = at(11_001);
  expect(late.feeds).toMatchObject([
    { name: "stocks", heardAtMs: 1_000, silent: true },
    { name: "bonds", silent: false },
  ]);
  expect(describeProblems(late)).toEqual([
    "  ! the feed stocks says nothing since 1970-01-01T00:00:01Z: prices are as old as that   → slipway logs feed-stocks",
    "  ! the feed bonds is offline since 1970-01-01T00:00:01Z: prices are as old as that   → slipway logs feed-bonds",
  ]);
});

describe("what a strategy has", () => {
  let now = 0;
  const hear = (...messages: readonly (readonly [atMs: number, leaf: string, message: object])[]): TelemetryReader => {
    const telemetry = new TelemetryReader(() => now);
    for (const [atMs, leaf, message] of messages) {
      now = atMs;
      telemetry.apply(`strat/${strategy}/${leaf}`, message);
    }
    return telemetry;
  };
  const rowOf = (telemetry: TelemetryReader, git = rendered) => {
    const status = cluster([application(strategy, "Synced", "Healthy")]);
    return createOverview({ environment: "paper", git, cluster: status, telemetry, nowMs: now }).rows[0];
  };
  const running = { v: 1, type: "state", state: "running", epoch: 1, atMs: 0 };
  const denied = (code: string) => ({
    ...{ v: 1, type: "order-event", clientOrderId: "x", status: "denied", sid: "GOOG", venue: "paper", side: "buy" },
    ...{ quantity: "1", filledQuantity: "0", seq: 1, ts: 0, reason: { code, message: "it is refused" } },
  });

  test("is what the gateway says, and nothing until it does", () => {
    const lies = metric("9", { cash: "8", positions: { X: "1" } });
    const silent = rowOf(hear([1, "metric", lies]));
    expect(silent).toMatchObject({ cash: null, equity: null, drawdown: null, positions: {}, events: 40 });
    const row = rowOf(hear([1, "metric", lies], [2, "account", account("100", { openOrders: 2 })]));
    expect(row).toMatchObject({ cash: "500.00", equity: "100", positions: { GOOG: "3" }, openOrders: 2 });
  });

  test("of one that was stopped and flattened is what the gateway closed, whatever its executor said last", () => {
    const telemetry = hear(
      [1, "account", account("100")],
      [20_000, "metric", metric("100")],
      [40_000, "account", account("99", { positions: {}, cash: "99" })],
    );
    expect(rowOf(telemetry, stopped)).toMatchObject({ stage: "stopped", positions: {}, cash: "99", problem: null });
  });

  test("a difference is told once the executor has had the time to hear of it", () => {
    const before = hear([1, "account", account("100")], [2, "metric", metric("100", { positions: {} })]);
    expect(rowOf(before)?.problem).toBeNull();
    const after = hear([1, "account", account("100")], [20_000, "metric", metric("100", { positions: { X: "1" } })]);
    expect(rowOf(after)?.problem).toBe(
      "its executor says that it has 0 GOOG, not 3; 1 X, not 0; what is shown is the gateway's book",
    );
    const same = hear([1, "account", account("100")], [20_000, "metric", metric("7", { cash: "500" })]);
    expect(rowOf(same)?.problem).toBeNull();
  });

  test("a halt is its state while it lasts, and with it goes what it had refused", () => {
    const reason = "team/seed is halted by alice";
    const halted = hear(
      [1, "state", running],
      [2, "account", account("100", { standing: "halted", reason })],
      [3, "order/event", denied("strategy-halted")],
    );
    expect(rowOf(halted)).toMatchObject({ state: "halted", problem: reason });
    halted.apply(`strat/${strategy}/account`, account("100"));
    expect(rowOf(halted)).toMatchObject({ state: "running", problem: null });
  });

  test("the last refused order has its time, until another one passes", () => {
    const telemetry = hear([1_000, "state", running], [61_000, "order/event", denied("order-rate-exceeded")]);
    telemetry.apply(`strat/${strategy}/account`, account("100"));
    expect(rowOf(telemetry)?.problem).toBe("last refused order at 1970-01-01T00:01:01Z: it is refused");
    telemetry.apply(`strat/${strategy}/order/event`, { ...denied("x"), status: "filled", seq: 2 });
    expect(rowOf(telemetry)?.problem).toBeNull();
  });
});

describe("telemetry", () => {
  test("keeps the last reading, a bounded trail, and when the first order was answered", () => {
    let now = 10;
    const telemetry = new TelemetryReader(() => now);
    for (let step = 0; step < 500; step += 1) telemetry.apply(`strat/${strategy}/account`, account(String(step)));
    const order = {
      v: 1,
      type: "order-event",
      clientOrderId: "x",
      status: "filled",
      sid: "GOOG",
      venue: "paper",
      side: "buy",
      quantity: "1",
      filledQuantity: "1",
      seq: 1,
      ts: 0,
    };
    telemetry.apply(`strat/${strategy}/order/event`, order);
    now = 20;
    telemetry.apply(`strat/${strategy}/order/event`, order);
    const heard = [...telemetry.strategies.values()][0];
    expect([heard?.account?.equity, heard?.equityTrail.length, heard?.firstOrderAtMs, telemetry.badPayloads]).toEqual([
      "499",
      240,
      10,
      0,
    ]);
  });

  test.each([
    ["not an object", `strat/${strategy}/metric`, "x"],
    ["another version", `strat/${strategy}/metric`, { ...metric("1"), v: 2 }],
    ["a number that is none", `strat/${strategy}/metric`, metric("1", { events: "many" })],
    ["equity that is none", `strat/${strategy}/metric`, metric("lots")],
    ["a state that is none", `strat/${strategy}/state`, { v: 1, type: "state", state: "<b>", epoch: 1, atMs: 0 }],
    ["a name that is none", "strat/Seed/x/metric", metric("1")],
    ["the gateway's state of another type", "gw/state", { v: 1, type: "state" }],
  ])("%s is counted and dropped", (_name, topic, payload) => {
    const telemetry = new TelemetryReader(() => 0);
    telemetry.apply(topic, payload);
    expect([telemetry.badPayloads, telemetry.strategies.size, telemetry.gateway]).toEqual([1, 0, undefined]);
  });
});
