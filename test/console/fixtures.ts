import type { GitView } from "#console/git-view.ts";
import { createOverview, type Overview } from "#console/overview.ts";
import { TelemetryReader } from "#console/telemetry.ts";
import type { ClusterStatus, HealthState, SyncState } from "#core/status.ts";

export const emptyGit: GitView = {
  main: undefined,
  environmentHead: undefined,
  merged: new Set(),
  rendered: new Map(),
  proposed: new Map(),
  proposals: [],
  commits: [],
};

export function application(
  strategy: string,
  sync: SyncState,
  health: HealthState,
  message?: string,
): ClusterStatus["applications"][number] {
  return {
    application: `paper-${strategy.replace("/", "-")}`,
    strategy,
    sync,
    health,
    ...(message === undefined ? {} : { message }),
    pods: [
      {
        namespace: `${strategy.split("/")[0]}-paper`,
        name: `${strategy.split("/")[1]}-0`,
        containers: [
          {
            name: "executor",
            state: "running",
            ready: true,
            restarts: 2,
            memoryBytes: 19 * 2 ** 20,
            memoryLimitBytes: 128 * 2 ** 20,
          },
        ],
      },
    ],
  };
}

export function cluster(applications: ClusterStatus["applications"]): ClusterStatus {
  return {
    environment: "paper",
    revision: "c".repeat(40),
    applications,
    isolation: ["cgroup v2", "no user namespaces"],
  };
}

export function metric(equity: string, overrides: object = {}): object {
  return {
    v: 1,
    type: "metric",
    events: 40,
    orders: 17,
    fills: 16,
    denied: 1,
    errors: 0,
    conflated: 0,
    gaps: 0,
    badPayloads: 0,
    cash: "500.00",
    equity,
    drawdown: "0.013",
    positions: { GOOG: "3" },
    rssBytes: 20_000_000,
    atMs: 1,
    ...overrides,
  };
}

/** What the gateway says of an account. */
export function account(equity: string, overrides: object = {}): object {
  return {
    ...{ v: 1, type: "account", cash: "500.00", equity, drawdown: "0.013", positions: { GOOG: "3" }, openOrders: 0 },
    ...{ standing: "trading", atMs: 1, ...overrides },
  };
}

/** Three strategies at different points of their way, one of them hostile. */
export function sampleOverview(): Overview {
  const reader = new TelemetryReader(() => 1_000);
  reader.apply("gw/state", { v: 1, type: "gateway-state", state: "online", session: "s", atMs: 1 });
  reader.apply("feed/stocks/state", {
    v: 1,
    type: "feed-state",
    state: "online",
    session: "s",
    from: "2000-01-01",
    to: "2010-03-01",
    ts: 1_093_996_800_000_000,
    events: 280,
    atMs: 1,
  });
  for (let step = 0; step < 120; step += 1) {
    const rising = (10_000 + Math.sin(step / 9) * 300 + step * 4).toFixed(2);
    const falling = (10_000 - step * 2 + Math.cos(step / 5) * 80).toFixed(2);
    reader.apply("strat/seed/random-ts/metric", metric(rising, { events: step }));
    reader.apply("strat/seed/random-ts/account", account(rising));
    reader.apply("strat/momentum/sma-cross/metric", metric(falling));
    reader.apply("strat/momentum/sma-cross/account", account(falling, { drawdown: "0.104" }));
  }
  reader.apply("strat/seed/random-ts/state", { v: 1, type: "state", state: "running", epoch: 1, atMs: 1 });
  reader.apply("strat/momentum/sma-cross/state", {
    v: 1,
    type: "state",
    state: "faulted",
    reason: "<img src=x onerror=alert(1)> TypeError: x is undefined",
    epoch: 1,
    atMs: 1,
  });
  const names = ["seed/random-ts", "momentum/sma-cross"];
  return createOverview({
    environment: "paper",
    nowMs: 2_000,
    telemetry: reader,
    cluster: cluster([
      application("seed/random-ts", "Synced", "Healthy"),
      application("momentum/sma-cross", "Synced", "Progressing"),
    ]),
    git: {
      ...emptyGit,
      main: "a".repeat(40),
      environmentHead: "c".repeat(40),
      merged: new Set(names),
      rendered: new Map(names.map((name) => [name, { replicas: 1 }])),
      proposed: new Map([["me/first", 4]]),
      proposals: [
        {
          number: 4,
          title: "me/first: new <script>alert(1)</script>",
          author: "you",
          state: "open",
          gate: "refused",
          gateSummary: "1 error in 1 strategy",
          head: "d".repeat(40),
          mergedAs: null,
          openedSeconds: 1_700_000_000,
          strategies: ["me/first"],
        },
        {
          number: 3,
          title: "momentum/sma-cross: new",
          author: "you",
          state: "merged",
          gate: "passed",
          gateSummary: "14 checks passed",
          head: "e".repeat(40),
          mergedAs: "a".repeat(40),
          openedSeconds: 1_700_000_000,
          strategies: [],
        },
      ],
      commits: [
        { sha: "c".repeat(40), subject: "render: momentum/sma-cross (#3)", author: "you", timeSeconds: 1_700_000_000 },
      ],
    },
  });
}
