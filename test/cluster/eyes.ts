// What a person sees who may only look: one line from Git, Argo CD, pods and the bus, and why a strategy stands still.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import type { JsonObject } from "#core/json.ts";
import { asObject } from "../apiserver/client.ts";
import { Life } from "./life.ts";
import { ctr, importImages } from "./node.ts";
import { addExample, type CliReply } from "./repository.ts";
import { refresh, type Stage, ship } from "./way.ts";

const [crossing, crashing, python] = ["momentum/sma-cross", "seed/crashing", "seed/random-py"];
const viewer = { name: "viewer", namespace: "default" };
const merge = "application/merge-patch+json";

const crash = `import type { Algorithm, Context, Data, Decisions, Params } from "slipway/sdk";

export default class Crashing implements Algorithm {
  initialize(_params: Params): readonly string[] {
    throw new Error("the table of thresholds is empty");
  }

  event(_data: Data, _context: Context): Decisions {
    return undefined;
  }
}
`;

/** A person with the roles that `slipway bootstrap` brings, and no other right. @returns the path of their kubeconfig */
async function kubeconfigOf({ cluster }: Stage): Promise<string> {
  const { client, control, machine } = cluster;
  const rbac = { apiVersion: "rbac.authorization.k8s.io/v1" };
  const subjects = [{ kind: "ServiceAccount", ...viewer }];
  const bound = (kind: "ClusterRole" | "Role", name: string, metadata: JsonObject): JsonObject => ({
    ...{ ...rbac, kind: `${kind}Binding`, metadata, subjects },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name },
  });
  for (const object of [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: viewer },
    bound("ClusterRole", "slipway-paper-status", { name: "viewer-status" }),
    bound("ClusterRole", "slipway-paper-logs", { name: "viewer-logs" }),
    bound("Role", "read-console", { name: "viewer", namespace: "slipway-paper" }),
  ]) {
    const { ok, message } = await client.apply(object);
    if (!ok) throw new Error(message);
  }
  const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3600 } };
  const path = `/api/v1/namespaces/${viewer.namespace}/serviceaccounts/${viewer.name}/token`;
  const { object } = await client.request("POST", path, request);
  return machine.write("kubeconfigs/viewer.json", {
    ...{ apiVersion: "v1", kind: "Config", "current-context": "test" },
    clusters: [
      {
        name: "test",
        cluster: {
          server: control.url,
          "certificate-authority-data": Buffer.from(control.ca).toString("base64"),
        },
      },
    ],
    users: [{ name: viewer.name, user: { token: String(asObject(object["status"])["token"]) } }],
    contexts: [{ name: "test", context: { cluster: "test", user: viewer.name } }],
  });
}

function send(pid: number, signal: "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The liveness probe has ended it.
  }
}

export function eyes(stage: () => Stage): void {
  let kubeconfig = "";
  const crossed = (): Life => new Life(stage(), crossing);
  const status = async (...argv: readonly string[]): Promise<CliReply> =>
    stage().repository.slipway("status", ...argv, "--kubeconfig", kubeconfig);
  /** Looks until it is said, as a person would. @returns the line that says it */
  const says = async (words: RegExp, ...argv: readonly string[]): Promise<string> => {
    let found: string | undefined;
    let last = "";
    await crossed()
      .until(`status says ${words}`, async () => {
        last = (await status(...argv)).stdout;
        found = last.split("\n").find((line) => words.test(line));
        return found !== undefined;
      })
      .catch((cause: unknown) => {
        throw new Error(`${String(cause)}; it said:\n${last}`);
      });
    return found?.trim() ?? "";
  };
  const shortened = (line: string): string => line.slice(0, 160);
  const stands = async (reason: string, words: RegExp, ...argv: readonly string[]): Promise<void> => {
    await stage().steps.time(`stands still: ${reason}`, shortened, () => says(words, ...argv));
  };

  test("with the roles of bootstrap and nothing more: events, orders, equity, and when the first came", async () => {
    await crossed().deployed();
    await crossed().trading();
    kubeconfig = await kubeconfigOf(stage());
    await stage().steps.time(
      "status: the bus",
      (line: string) => line,
      async () => {
        const first = await says(/first event (?:before )?\d{4}-.*first order (?:before )?\d{4}-/, crossing);
        await crossed().until("status says the rest", async () => {
          const { stdout } = await status(crossing);
          expect(stdout).toMatch(/\d+ events, \d+ orders, \d+ fills/);
          expect(stdout).toMatch(/cash [\d ]+\.\d\d, equity [\d ]+\.\d\d/);
          const json = JSON.parse(
            (await stage().repository.slipway("--json", "status", "--kubeconfig", kubeconfig)).stdout,
          );
          const row = json.overview.rows.find(({ strategy }: { strategy: string }) => strategy === crossing);
          expect(row).toMatchObject({ stage: "running", state: "running", sync: "Synced" });
          expect(Number(row.equity)).toBeGreaterThan(0);
          return row.events > 0;
        });
        return first;
      },
    );
  });

  test("that person may change nothing, and ask no other page", async () => {
    const { client } = stage().cluster;
    const user = `system:serviceaccount:${viewer.namespace}:${viewer.name}`;
    const may = async (resourceAttributes: JsonObject): Promise<unknown> => {
      const review = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user, resourceAttributes },
      };
      const path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
      return asObject((await client.request("POST", path, review)).object["status"])["allowed"];
    };
    const proxy = { resource: "services", subresource: "proxy", namespace: "slipway-paper" };
    expect(await may({ ...proxy, verb: "get", name: "console:telemetry" })).toBe(true);
    for (const refused of [
      { ...proxy, verb: "create", name: "console:telemetry" },
      { ...proxy, verb: "get", name: "gateway" },
      { resource: "pods", subresource: "proxy", verb: "get", namespace: "slipway-paper", name: "console-0" },
      { resource: "pods", subresource: "portforward", verb: "create", namespace: "slipway-paper" },
      { resource: "pods", subresource: "exec", verb: "create", namespace: "momentum-paper" },
      { resource: "pods", verb: "delete", namespace: "momentum-paper" },
      { resource: "secrets", verb: "get", namespace: "slipway-paper" },
      { group: "argoproj.io", resource: "applications", verb: "patch", namespace: "argocd" },
    ])
      expect(await may(refused), JSON.stringify(refused)).not.toBe(true);
  });

  test("a strategy's log goes on over a restart of its executor", async () => {
    const { repository, steps } = stage();
    const follow = repository.follow("logs", crossing, "-e", "paper", "--kubeconfig", kubeconfig, "-f", "-n", "1");
    try {
      const before = await crossed().watch.pod(crossed().namespace, crossed().pod);
      await crossed().until("the log is followed", () => follow.lines().length > 0);
      await steps.time("logs -f over a restart", "what the next process wrote came, nothing came twice", async () => {
        for (const pid of crossed().executors()) process.kill(pid, "SIGKILL");
        await crossed().until("it restarted", async () => {
          const now = await crossed().watch.pod(crossed().namespace, crossed().pod);
          return now?.uid === before?.uid && (now?.restarts ?? 0) > (before?.restarts ?? 0);
        });
        await crossed().until("the log of the new process", () =>
          follow.lines().some((line) => line.includes("subscribed and warmed")),
        );
      });
      await crossed().ready();
    } finally {
      await follow.end();
    }
    const lines = follow.lines();
    expect(lines.filter((line, index) => lines.indexOf(line) !== index)).toEqual([]);
  });

  test("a crash loop, with the last line of its log", async () => {
    const { repository } = stage();
    const seed = readFileSync(join(import.meta.dirname, "../../strategies/seed/random-ts/strategy.yaml"), "utf8");
    const spec = seed.replace("name: random-ts", "name: crashing").replace(/ {2}params: .*\n/, "");
    repository.write(`strategies/${crashing}/strategy.yaml`, spec);
    repository.write(`strategies/${crashing}/algorithm.ts`, crash);
    await ship(stage(), "deploy", crashing, "--merge", "--timeout", "1");
    await stands("crash loop", /the table of thresholds is empty/, crashing);
  });

  test("no image", async () => {
    const { cluster } = stage();
    const image = cluster.images.own.find(({ name }) => name.endsWith("/python"));
    const known = ctr(cluster.machine, ["images", "ls", "-q"]).split("\n");
    const names = known.filter((name) => name.includes(image?.digest ?? "?") || name.includes("slipway/python"));
    ctr(cluster.machine, ["images", "rm", "--sync", ...names]);
    try {
      addExample(stage().repository, python);
      await ship(stage(), "deploy", python, "--merge", "--timeout", "1");
      await stands("no image", /(?:ErrImagePull|ImagePullBackOff): .*slipway\/python@sha256/, python);
    } finally {
      for (const layout of cluster.images.layouts) importImages(cluster.machine, layout);
    }
  });

  test("a quota", async () => {
    const { client } = stage().cluster;
    const { namespace, pod } = crossed();
    const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "none", namespace } };
    const hard = { pods: "0", "services.loadbalancers": "0", "services.nodeports": "0" };
    const { ok, message } = await client.apply({ ...quota, spec: { hard } });
    if (!ok) throw new Error(message);
    await crossed().until("the quota is in force", async () => {
      const { object } = await client.get(quota);
      return asObject(asObject(object["status"])["hard"])["pods"] === "0";
    });
    await client.delete({ apiVersion: "v1", kind: "Pod", metadata: { name: pod, namespace } });
    await stands("quota", /exceeded quota: none/, crossing);
    await client.delete(quota);
  });

  test("a refusal of admission", async () => {
    const { cluster, repository } = stage();
    const { client } = cluster;
    await crossed().ready();
    const admission = { apiVersion: "admissionregistration.k8s.io/v1", metadata: { name: "no-changes" } };
    const [policy, binding] = [
      { ...admission, kind: "ValidatingAdmissionPolicy" },
      { ...admission, kind: "ValidatingAdmissionPolicyBinding" },
    ];
    await client.apply({
      ...policy,
      spec: {
        matchConstraints: {
          resourceRules: [
            { apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"], operations: ["CREATE", "UPDATE"] },
          ],
        },
        matchConditions: [{ name: "its-spec", expression: "object.metadata.name == 'sma-cross-spec'" }],
        validations: [{ expression: "false", message: "nothing changes while the auditors look" }],
      },
    });
    await client.apply({ ...binding, spec: { policyName: "no-changes", validationActions: ["Deny"] } });
    const file = `strategies/${crossing}/strategy.yaml`;
    const passes = async (): Promise<boolean> => {
      const path = `/api/v1/namespaces/${crossed().namespace}/configmaps/sma-cross-spec?dryRun=All`;
      return (await client.request("PATCH", path, { metadata: { annotations: { x: "1" } } }, merge)).ok;
    };
    await crossed().until("the policy is in force", async () => !(await passes()));
    repository.write(file, repository.read(file).replace(/fast: \d+/, "fast: 7"));
    await ship(stage(), "deploy", crossing, "--merge", "--timeout", "1");
    await stands("admission", /denied request: nothing changes while the auditors look/, crossing);
    await client.delete(binding);
    await client.delete(policy);
    await crossed().until("the policy is no longer in force", passes);
    // Argo CD forgets a comparison that was refused, and calls synced what it never applied; docs/operations.md tells people to do this.
    await refresh(stage(), crossed().application);
    await crossed().until("it is synced after all", async () => {
      const { object } = await client.get({
        ...{ apiVersion: "v1", kind: "ConfigMap" },
        metadata: { name: "sma-cross-spec", namespace: crossed().namespace },
      });
      return JSON.stringify(asObject(object["data"])).includes('\\"fast\\":7');
    });
  });

  test("a feed that says nothing", async () => {
    const stopped = new Set<number>();
    let isOver = false;
    // Whenever the kubelet starts it again, it is stopped again.
    const stopping = (async () => {
      while (!isOver) {
        const feed = await crossed()
          .watch.pod("slipway-paper", "feed-stocks-0")
          .catch(() => undefined);
        for (const pid of crossed().watch.processesOf(feed?.uid ?? "", "/app/feed.mjs")) {
          stopped.add(pid);
          send(pid, "SIGSTOP");
        }
        await delay(500);
      }
    })();
    try {
      await stands("feed silent", /the feed stocks (?:says nothing|is offline) since/, crossing);
    } finally {
      isOver = true;
      await stopping;
      for (const pid of stopped) send(pid, "SIGCONT");
    }
    await crossed().until(
      "the feed speaks again",
      async () => !/the feed stocks/.test((await status(crossing)).stdout),
    );
  });

  test("what was made for this is stopped", async () => {
    for (const id of [crashing, python]) await ship(stage(), "stop", id, "--merge", "--timeout", "1");
    for (const id of [crashing, python]) {
      const { namespace, pod } = new Life(stage(), id);
      await crossed().until(`${id} is gone`, async () => (await crossed().watch.pod(namespace, pod)) === undefined);
    }
  });
}
