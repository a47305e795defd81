// The way of a deploy, for real: proposal, merge, commit on the environment branch, Argo CD, pod, order; then everything that changes it.
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { JsonObject } from "#core/json.ts";
import { asObject, asObjects } from "../apiserver/client.ts";
import type { Cluster } from "./cluster.ts";
import { Life } from "./life.ts";
import { addExample, type CliReply, type UserRepository } from "./repository.ts";
import type { Steps } from "./steps.ts";
import { Watch } from "./watch.ts";
import { tellPush } from "./webhook.ts";

export interface Stage {
  readonly cluster: Cluster;
  readonly repository: UserRepository;
  readonly steps: Steps;
}

const strategy = "momentum/sma-cross";
const [namespace, name] = ["momentum-paper", "sma-cross"];
const pod = `${name}-0`;
const application = `paper-momentum-${name}`;

const applications = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications";
const refreshKey = "argocd.argoproj.io/refresh";

/**
 * Returns when Argo CD has answered all that it was asked to look at. Who asks while it is at an earlier question is answered with that one, by what was
 * there when it began, and it looks again minutes later.
 */
async function looked({ cluster: { client, machine } }: Stage): Promise<void> {
  await machine.until("Argo CD has looked at what it was told of before", async () => {
    const { ok, object } = await client.request("GET", applications);
    const asked = asObjects(object["items"]).map(({ metadata }) => asObject(metadata));
    // One that goes is not looked at any more.
    const open = asked.filter(({ deletionTimestamp }) => deletionTimestamp === undefined);
    return ok && open.every(({ annotations }) => asObject(annotations)[refreshKey] === undefined);
  });
}

/** Tells Argo CD what a forge would: that the branch has moved. */
export async function push(stage: Stage): Promise<string> {
  const { cluster, repository } = stage;
  await looked(stage);
  const after = repository.git("rev-parse", "env/paper");
  const before = repository.git("rev-parse", "env/paper~1");
  const changed = repository.git("diff", "--name-only", before, after).split("\n");
  await tellPush(cluster, { before, after, changed });
  return after;
}

export async function applyBootstrap({ cluster, repository }: Stage): Promise<number> {
  const { stdout, code, stderr } = await repository.slipway("bootstrap");
  if (code !== 0) throw new Error(stderr);
  const objects = parseAllDocuments(stdout).map((document) => document.toJS() as JsonObject);
  for (const object of objects) {
    const { ok, message } = await cluster.client.apply(object, { fieldManager: "kubectl" });
    if (!ok) throw new Error(message);
  }
  return objects.length;
}

/** Merges as a person does, and tells Argo CD. @returns the commit of the environment branch */
export async function ship(stage: Stage, ...argv: readonly string[]): Promise<string> {
  await merged(stage, ...argv);
  return push(stage);
}

async function merged({ repository }: Stage, ...argv: readonly string[]): Promise<string> {
  const reply = await repository.slipway(...argv);
  if (reply.code !== 0) throw new Error(said(reply));
  return repository.git("rev-parse", "env/paper");
}

/** What `argocd app get --refresh` does. */
export async function refresh(stage: Stage, name: string): Promise<void> {
  await looked(stage);
  const change = { metadata: { annotations: { [refreshKey]: "normal" } } };
  const { client } = stage.cluster;
  const reply = await client.request("PATCH", `${applications}/${name}`, change, "application/merge-patch+json");
  expect(reply).toMatchObject({ ok: true });
}

function said({ code, stdout, stderr }: CliReply): string {
  return `exit code ${code}\n${stdout}${stderr}`;
}

export function wayOfADeploy(stage: () => Stage): void {
  const life = (): Life => new Life(stage(), strategy);
  const watch = (): Watch => new Watch(stage().cluster);
  const until = (what: string, holds: () => Promise<boolean>): Promise<void> => life().until(what, holds);
  const synced = (revision: string): Promise<void> => life().synced(revision);
  const trading = (): Promise<void> => life().trading();

  test("a proposal passes the gate, and nothing of it is in the cluster's branch before it is merged", async () => {
    const { repository, steps } = stage();
    addExample(repository, strategy);
    // What the probe of another part takes beside the executor.
    const file = `strategies/${strategy}/strategy.yaml`;
    repository.write(file, repository.read(file).replace("cpu: 100m, memory: 128Mi", "cpu: 250m, memory: 256Mi"));
    await steps.time("propose", "the gate has passed; env/paper holds the platform and no strategy", async () => {
      const reply = await repository.slipway("deploy", strategy);
      expect(reply, said(reply)).toMatchObject({ code: 0 });
    });
    expect(repository.git("ls-tree", "-r", "--name-only", "env/paper")).not.toContain(name);
  });

  test("bootstrap brings the platform: namespaces, admission, bus, gateway and feed", async () => {
    const { steps } = stage();
    await steps.time(
      "bootstrap",
      (count) => `${count} objects applied by hand, once`,
      () => applyBootstrap(stage()),
    );
    await steps.time("platform", "root and platform are Synced; bus, gateway and feed are Ready", async () => {
      await until("the platform is synced", async () => {
        const states = await Promise.all(["paper-root", "paper-platform"].map((app) => watch().application(app)));
        return states.every((state) => state?.sync === "Synced");
      });
      for (const part of ["bus-0", "gateway-0", "feed-stocks-0"])
        await until(`${part} is ready`, async () => (await watch().pod("slipway-paper", part))?.ready === true);
    });
  });

  test("merge, commit, sync, pod, order", async () => {
    const { repository, steps } = stage();
    const began = performance.now();
    await steps.time("merge", "merged, and rendered to env/paper as one commit", async () => {
      const reply = await repository.slipway("merge", "1", "--timeout", "1");
      expect(reply, said(reply)).toMatchObject({ code: 0 });
    });
    const revision = await steps.time("webhook", "Argo CD was told", () => push(stage()));
    await steps.time("sync", `${application} is Synced to the commit, its operation Succeeded`, () => synced(revision));
    await steps.time("pod", `${namespace}/${pod} is Ready`, () => life().ready());
    await steps.time("first order", "an order of it is in the gateway's book", () =>
      until("an order", async () => (await watch().orders(strategy)) > 0),
    );
    steps.add("merge to first order", "in all", performance.now() - began);
    await steps.time("health", `${application} is Healthy`, () =>
      until("healthy", async () => (await watch().application(application))?.health === "Healthy"),
    );
  });

  test("status joins Git, Argo CD and the pod", async () => {
    const { cluster, repository, steps } = stage();
    await steps.time("status", "Synced by Argo CD and running, as read from the cluster", async () => {
      const argv = ["status", strategy, "--kubeconfig", cluster.kubeconfig];
      await life().until("status says so", async () => {
        const reply = await repository.slipway(...argv);
        expect(reply.stdout).toMatch(/synced +Argo CD/);
        const json = await repository.slipway("--json", ...argv);
        expect(JSON.parse(json.stdout)).toMatchObject({
          strategy: { stage: "running", sync: "Synced", health: "Healthy", restarts: 0, problem: null },
        });
        return true;
      });
    });
  });

  test("logs are read from the pod", async () => {
    const { cluster, repository, steps } = stage();
    await steps.time("logs", "what the executor wrote, as read from the cluster", async () => {
      const reply = await repository.slipway("logs", strategy, "-e", "paper", "--kubeconfig", cluster.kubeconfig);
      expect(reply, said(reply)).toMatchObject({ code: 0, stdout: expect.stringContaining("subscribed and warmed") });
    });
  });

  test("stop ends the pod and keeps its state; start goes on with the next epoch", async () => {
    const { steps } = stage();
    const epoch = await watch().epoch(strategy);
    await steps.time("stop", "the pod is gone, its claim is not", async () => {
      await synced(await ship(stage(), "stop", strategy, "--merge", "--timeout", "1"));
      await until("the pod is gone", async () => (await watch().pod(namespace, pod)) === undefined);
    });
    expect(life().executors()).toEqual([]);
    const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name, namespace } };
    expect((await stage().cluster.client.get(claim)).ok).toBe(true);
    await steps.time("start", "trading again, with a higher epoch", async () => {
      await synced(await ship(stage(), "start", strategy, "--merge", "--timeout", "1"));
      await life().ready();
      await trading();
    });
    expect(await watch().epoch(strategy)).toBeGreaterThan(epoch);
  });

  test("an update replaces the executor, and two never run at once", async () => {
    const { repository, steps } = stage();
    const file = `strategies/${strategy}/strategy.yaml`;
    repository.write(file, repository.read(file).replace("fast: 10, slow: 30", "fast: 5, slow: 20"));
    const before = await watch().pod(namespace, pod);
    let most = 0;
    let looks = 0;
    const sampler = setInterval(() => {
      most = Math.max(most, life().executors().length);
      looks += 1;
    }, 50);
    const watched = (): string => `another pod trades; ${looks} looks at the machine's processes, never two executors`;
    await steps.time("update", watched, async () => {
      const revision = await ship(stage(), "deploy", strategy, "--merge", "--timeout", "1");
      await steps.time("  by webhook", "told of the push → Synced, its operation Succeeded", () => synced(revision));
      await life().ready(before?.uid);
      await trading();
    });
    steps.add("  executor", "its process was started → subscribed, warmed, trades", await life().startMs());
    clearInterval(sampler);
    expect(looks).toBeGreaterThan(10);
    expect(most).toBe(1);
  });

  test("rollback brings the version before", async () => {
    const { steps } = stage();
    const before = await watch().pod(namespace, pod);
    await steps.time("rollback", "the earlier parameters run in another pod, which trades", async () => {
      const revision = await merged(stage(), "rollback", strategy, "--merge", "--timeout", "1");
      await steps.time("  by refresh", "asked to look → Synced, its operation Succeeded", async () => {
        await refresh(stage(), application);
        await synced(revision);
      });
      await life().ready(before?.uid);
      await trading();
    });
    const spec = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: `${name}-spec`, namespace } };
    expect(JSON.stringify((await stage().cluster.client.get(spec)).object)).toContain('\\"fast\\":10');
  });

  test("a hand edit within the bounds is undone, one beyond them is refused", async () => {
    const { cluster, steps } = stage();
    const path = `/api/v1/namespaces/${namespace}/configmaps/${name}-spec`;
    const edit = (data: JsonObject) => cluster.client.request("PATCH", path, { data }, "application/merge-patch+json");
    const limit = async (): Promise<unknown> => {
      const { object } = await cluster.client.request("GET", path);
      return (object["data"] as JsonObject)["limits.maxOrderNotional"];
    };
    const refusal = await edit({ "limits.maxOrderNotional": "999999" });
    expect(refusal).toMatchObject({ ok: false, code: 422 });
    expect(refusal.message).toContain("maxOrderNotional");
    const scaled = `/apis/apps/v1/namespaces/${namespace}/statefulsets/${name}/scale`;
    const two = await cluster.client.request(
      "PATCH",
      scaled,
      { spec: { replicas: 2 } },
      "application/merge-patch+json",
    );
    expect(two).toMatchObject({ ok: false, code: 422 });
    const was = await limit();
    await steps.time(
      "self-heal",
      "a limit lowered by hand is what Git says again; one above its bound was refused",
      async () => {
        expect(await edit({ "limits.maxOrderNotional": "1" })).toMatchObject({ ok: true });
        await until("healed", async () => (await limit()) === was);
      },
    );
    await steps.time("self-heal of a stop", "scaled to 0 by hand, one replica again", async () => {
      const none = { spec: { replicas: 0 } };
      expect(await cluster.client.request("PATCH", scaled, none, "application/merge-patch+json")).toMatchObject({
        ok: true,
      });
      await until("one replica again", async () => {
        const { object } = await cluster.client.request("GET", scaled);
        return (object["spec"] as JsonObject)["replicas"] === 1;
      });
      await life().ready();
    });
  });
}
