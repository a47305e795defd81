import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openCluster } from "#cluster/client.ts";
import { observeCluster } from "#cluster/observe.ts";
import { clusterStatus } from "#cluster/status.ts";

const labels = { "slipway.dev/environment": "paper", "slipway.dev/team": "momentum", "slipway.dev/strategy": "sma" };
const meta = { name: "paper-momentum-sma", labels };
const destination = { namespace: "momentum-paper" };
const synced = { sync: { status: "Synced", revision: "abc" }, health: { status: "Healthy" } };
const application = (status: object = synced) => ({ metadata: meta, spec: { destination }, status });
const pod = (status: object, metadata: object = {}) => ({
  metadata: { name: "sma-0", namespace: "momentum-paper", labels, ...metadata },
  status,
});
const container = (state: object, more: object = {}) => ({
  name: "executor",
  ready: false,
  restartCount: 0,
  state,
  ...more,
});
const only = (
  one: object,
  pods: readonly object[] = [],
  failures: readonly object[] = [],
  evictions: readonly object[] = [],
) => clusterStatus("paper", { applications: [one], pods, failures, evictions }).applications[0];

test("a strategy that runs: Argo CD's verdict, its pod and its containers", () => {
  const running = container(
    { running: { startedAt: new Date("2026-01-01T00:00:00Z") } },
    { ready: true, restartCount: 2 },
  );
  const operationState = { phase: "Succeeded", finishedAt: "2026-01-01T00:00:01Z" };
  expect(only(application({ ...synced, operationState }), [pod({ containerStatuses: [running] })])).toEqual({
    application: "paper-momentum-sma",
    strategy: "momentum/sma",
    sync: "Synced",
    health: "Healthy",
    revision: "abc",
    syncedAtMs: Date.parse("2026-01-01T00:00:01Z"),
    pods: [
      {
        namespace: "momentum-paper",
        name: "sma-0",
        containers: [
          {
            name: "executor",
            state: "running",
            ready: true,
            restarts: 2,
            startedAtMs: Date.parse("2026-01-01T00:00:00Z"),
          },
        ],
      },
    ],
  });
});

test("the environment's revision is its root's", () => {
  const root = { metadata: { name: "paper-root", labels: {} }, status: { sync: { status: "Synced", revision: "r1" } } };
  const nothing = { pods: [], failures: [], evictions: [] };
  expect(clusterStatus("paper", { applications: [root, application()], ...nothing }).revision).toBe("r1");
});

describe("why it stands still", () => {
  const quota = 'create Pod sma-0 failed error: pods "sma-0" is forbidden: exceeded quota: momentum';
  const event = (name: string, message: string) => ({ involvedObject: { namespace: "momentum-paper", name }, message });
  const waiting = (reason: string, message: string, more: object = {}) =>
    pod({ containerStatuses: [container({ waiting: { reason, message } }, more)] });
  test.each([
    {
      name: "refused by its project",
      status: { ...synced, conditions: [{ type: "InvalidSpecError", message: "not permitted" }] },
      says: "not permitted",
    },
    {
      name: "refused by admission",
      status: { ...synced, operationState: { phase: "Failed", message: "denied request: bound" } },
      says: "denied request: bound",
    },
    {
      name: "Git does not answer Argo CD",
      status: {
        ...synced,
        conditions: [{ type: "ComparisonError", message: "Failed to load target state: dial tcp" }],
      },
      says: "Failed to load target state: dial tcp. What runs is left as it is; Argo CD looks again by itself some minutes after Git answers, and at once with: kubectl -n argocd annotate application paper-momentum-sma --overwrite argocd.argoproj.io/refresh=normal (which a Slipway server spares you that is given cluster.server.argocd)",
    },
    { name: "over its quota", failures: [event("other", "no"), event("sma", quota)], says: quota },
    {
      name: "no node",
      pods: [pod({ conditions: [{ type: "PodScheduled", status: "False", message: "0/1 nodes" }] })],
      says: "no node takes its pod: 0/1 nodes",
    },
    {
      name: "no image",
      pods: [waiting("ImagePullBackOff", "Back-off pulling image")],
      says: "ImagePullBackOff: Back-off pulling image",
    },
    {
      name: "a crash loop, with the last line of its log",
      pods: [
        waiting("CrashLoopBackOff", "back-off 10s", {
          lastState: {
            terminated: {
              exitCode: 2,
              finishedAt: "2026-01-01T00:00:00Z",
              message: '{"message":"first"}\n{"message":"params.fast is no number"}\n',
            },
          },
        }),
      ],
      says: "CrashLoopBackOff: params.fast is no number",
    },
    {
      name: "too little memory, whatever it wrote last",
      pods: [
        waiting("CrashLoopBackOff", "back-off 10s", {
          lastState: { terminated: { exitCode: 137, reason: "OOMKilled", message: "tick 12" } },
        }),
      ],
      says: "CrashLoopBackOff: it used more memory than its limit",
    },
    { name: "nothing, while its container is made", pods: [waiting("ContainerCreating", "")], says: undefined },
  ])("$name", ({ status = synced, pods = [], failures = [], says }) => {
    expect(only(application(status), pods, failures)?.message).toBe(says);
  });
});

describe("what waits for a person's word", () => {
  const deletionTimestamp = "2026-01-01T00:00:10Z";
  const claim = { kind: "PersistentVolumeClaim", name: "sma", requiresDeletionConfirmation: true };
  const resources = [{ kind: "StatefulSet", name: "sma" }, claim];
  const deleted = (agreed?: string) => ({
    ...application({ ...synced, resources }),
    metadata: {
      ...{ ...meta, deletionTimestamp },
      annotations: agreed === undefined ? {} : { "argocd.argoproj.io/deletion-approved": agreed },
    },
  });
  test.each([
    { name: "an Application that is deleted, and state with it", one: deleted(), says: "PersistentVolumeClaim sma" },
    {
      name: "one that was agreed to before its deletion",
      one: deleted("2026-01-01T00:00:09Z"),
      says: "a person agrees",
    },
    { name: "one that was agreed to", one: deleted("2026-01-01T00:00:10Z"), says: undefined },
    { name: "one without state", one: { ...deleted(), status: synced }, says: undefined },
    {
      name: "a sync that would prune",
      one: application({
        ...synced,
        operationState: { phase: "Running", message: "waiting for pruning confirmation of /Namespace/momentum-paper" },
      }),
      says: "waiting for pruning confirmation of /Namespace/momentum-paper",
    },
  ])("$name", ({ one, says }) => {
    const awaits = only(one)?.awaits;
    if (says === undefined) expect(awaits).toBeUndefined();
    else {
      expect(awaits).toContain(says);
      expect(awaits).toContain("kubectl -n argocd annotate application paper-momentum-sma");
    }
  });
});

test("the end of a container is told as the embedded cluster tells it", () => {
  const lastState = { terminated: { exitCode: 137, reason: "OOMKilled", finishedAt: "2026-01-01T00:00:00Z" } };
  const status = only(application(), [pod({ containerStatuses: [container({ running: {} }, { lastState })] })]);
  expect(status?.pods[0]?.cause).toEqual({
    container: "executor",
    reason: "OOMKilled",
    exitCode: 137,
    message: "was killed: it used more memory than its limit",
    atMs: Date.parse("2026-01-01T00:00:00Z"),
  });
});

describe("a pod that its node evicted", () => {
  const evicted = (name: string, message: string, second = 0) => ({
    involvedObject: { namespace: "momentum-paper", name },
    message,
    lastTimestamp: new Date(`2026-01-01T00:00:0${second}Z`),
  });
  const low = "The node was low on resource: ephemeral-storage. Threshold quantity: 10, available: 9Ki. ";
  const refused = evicted("sma-0", "The node had condition: [DiskPressure]. ", 5);

  test("is told of with the kubelet's reason, which its status has cut", () => {
    const ended = pod({ phase: "Failed", reason: "Evicted", message: "Pod was rejected" });
    expect(only(application(), [ended], [], [evicted("other-0", "no"), evicted("sma-0", low), refused])?.message).toBe(
      `its pod has ended, Evicted: ${low.trim()}`,
    );
    expect(only(application(), [ended])?.message).toBe("its pod has ended, Evicted: Pod was rejected");
  });

  const comes = "it comes back by itself, with its state, some minutes after (5 unless the kubelet is told otherwise)";
  const waiting = (message: string) => pod({ conditions: [{ type: "PodScheduled", status: "False", message }] });
  const taintOf = (kind: string): string =>
    `0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/${kind}-pressure: }.`;

  test.each([taintOf("disk"), "0/1 nodes are available: 1 node(s) had untolerated taint(s). no new claims"])(
    "waits for its node: why it was evicted, what to do, and that it comes by itself: %s",
    (said) => {
      expect(only(application(), [waiting(said)], [], [evicted("sma-0", low), refused])?.message).toBe(
        `no node takes its pod: ${said} It was evicted at 2026-01-01T00:00:00Z: ${low.trim()} → make room on that node's disk; ${comes}`,
      );
    },
  );

  test.each([
    { kind: "disk", advice: "make room on that node's disk" },
    { kind: "memory", advice: "find what takes that node's memory" },
    { kind: "pid", advice: "find what has so many processes on that node" },
  ])("was never there, and its node is short: $kind", ({ kind, advice }) => {
    const said = only(application(), [waiting(taintOf(kind))])?.message;
    expect(said).toBe(`no node takes its pod: ${taintOf(kind)} → ${advice}; ${comes}`);
  });

  test("has nothing to do with why no node takes it now", () => {
    const said = "0/1 nodes are available: 1 Insufficient cpu.";
    expect(only(application(), [waiting(said)], [], [evicted("sma-0", low)])?.message).toBe(
      `no node takes its pod: ${said}`,
    );
  });

  test("was refused only, by a kubelet that was started on a node that is short", () => {
    const running = pod({ containerStatuses: [container({ running: {} })] });
    expect(only(application(), [running], [], [refused])?.pods[0]?.cause?.message).toBe(
      "was evicted: The node had condition: [DiskPressure].",
    );
  });

  test("is what its last restart was, unless a container ended later", () => {
    const cause = (finishedAt: string) => {
      const lastState = { terminated: { exitCode: 1, finishedAt } };
      const running = pod({ containerStatuses: [container({ running: {} }, { lastState })] });
      return only(application(), [running], [], [evicted("sma-0", low, 3), refused])?.pods[0]?.cause;
    };
    const atMs = Date.parse("2026-01-01T00:00:03Z");
    const end = { reason: "Evicted", exitCode: 137, message: `was evicted: ${low.trim()}`, atMs };
    expect(cause("2026-01-01T00:00:02Z")).toEqual(end);
    expect(cause("2026-01-01T00:00:04Z")).toMatchObject({ container: "executor", reason: "Error" });
  });

  test("of the platform is named, and is no strategy's", () => {
    const platform = {
      metadata: { name: "paper-platform", labels: {} },
      spec: { destination: { namespace: "slipway-paper" } },
      status: synced,
    };
    const waits = { conditions: [{ type: "PodScheduled", status: "False", message: taintOf("disk") }] };
    const gateway = { metadata: { name: "gateway-0", namespace: "slipway-paper", labels: {} }, status: waits };
    const strategys = pod({ phase: "Failed" }, { namespace: "slipway-paper" });
    expect(only(platform, [strategys, gateway])).toMatchObject({
      message: expect.stringContaining("no node takes gateway-0: 0/1 nodes"),
      pods: [],
    });
    expect(only(platform, [strategys])?.message).toBeUndefined();
    expect(only(application(), [gateway])?.message).toBeUndefined();
  });
});

test("pods of others are not its own, and its last one on the way out is its ending", () => {
  const other = pod({}, { labels: { ...labels, "slipway.dev/strategy": "other" } });
  const leaving = pod({}, { deletionTimestamp: "2026-01-01T00:00:00Z" });
  expect(only(application(), [other])?.pods).toEqual([]);
  expect(only(application(), [other, leaving])).toMatchObject({ ending: true, pods: [{ name: "sma-0" }] });
});

test.each([{}, { metadata: null }, { metadata: { labels: [] }, status: "x" }, { status: { conditions: [1, null] } }])(
  "what is not what it should be is Missing, and no fault: %j",
  (one) => expect(only(one)).toMatchObject({ sync: "OutOfSync", health: "Missing", pods: [] }),
);

test("a file that is no kubeconfig and a cluster that does not answer are faults that say so", async () => {
  const folder = await mkdtemp(join(tmpdir(), "slipway-kubeconfig-"));
  const file = join(folder, "config");
  const from = { variables: {}, nowMs: () => Date.now() };
  try {
    await expect(openCluster(file, from).then((client) => observeCluster(client, "paper"))).rejects.toMatchObject({
      code: "kubeconfig-unreadable",
    });
    const cluster = { name: "c", cluster: { server: "https://127.0.0.1:1" } };
    const context = { name: "c", context: { cluster: "c", user: "u" } };
    writeFileSync(
      file,
      JSON.stringify({
        clusters: [cluster],
        users: [{ name: "u", user: {} }],
        contexts: [context],
        "current-context": "c",
      }),
    );
    await expect(openCluster(file, from).then((client) => observeCluster(client, "paper"))).rejects.toMatchObject({
      code: "cluster-unreachable",
      message: expect.stringContaining("https://127.0.0.1:1 does not say what runs"),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
