// What the cluster's parts may do to a strategy that trades: each is killed once. After it the strategy trades again, nothing is ordered twice, and
// whoever watches was told.
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { asObject, asObjects } from "../apiserver/client.ts";
import { nodeName } from "./control-plane.ts";
import { Life } from "./life.ts";
import { push, type Stage, ship } from "./way.ts";

const strategy = "seed/random-ts";
const platform = "slipway-paper";
const alarm = "alarm: the API server tells of no changes";

export function faults(stage: () => Stage): void {
  const life = (): Life => new Life(stage(), strategy);
  const orders = (): Promise<number> => life().watch.orders(strategy);
  const restartsOf = async (namespace: string, pod: string): Promise<number> =>
    (await life().watch.pod(namespace, pod))?.restarts ?? -1;
  /** Kills the one process of a program in a pod and sees the container come again. */
  const killInPod = async (program: string, namespace: string, pod: string): Promise<void> => {
    let restarts = -1;
    await life().until(`one ${program} runs in ${pod}`, async () => {
      const before = await life().watch.pod(namespace, pod);
      const [pid = 0, ...others] = life().watch.processesOf(before?.uid ?? "", program);
      restarts = before?.restarts ?? -1;
      return others.length === 0 && pid > 0 && process.kill(pid, "SIGKILL");
    });
    await life().until(`${pod} has restarted`, async () => (await restartsOf(namespace, pod)) > restarts);
    await life().until(`${pod} is ready`, async () => (await life().watch.pod(namespace, pod))?.ready === true);
  };
  const logOf = (namespace: string, pod: string, container: string, previous = false): Promise<string> =>
    life().watch.log(namespace, pod, container, previous);

  test("a strategy trades", async () => {
    await life().deployed();
    await life().trading();
  });

  test("kill -9 of an executor: the kubelet starts it again, with the next epoch", async () => {
    const epoch = await life().watch.epoch(strategy);
    await stage().steps.time("kill -9: executor", "trades again with a higher epoch; the book agrees", async () => {
      await killInPod("/app/executor.mjs", life().namespace, life().pod);
      await life().trading();
    });
    expect(await life().watch.epoch(strategy)).toBeGreaterThan(epoch);
    await life().sound();
  });

  test("kill -9 of the gateway: it goes on with its book, and every executor with it", async () => {
    const before = await orders();
    await stage().steps.time("kill -9: gateway", "goes on with its book; the executor did not restart", async () => {
      await killInPod("/app/gateway.mjs", platform, "gateway-0");
      await life().trading();
    });
    expect(await orders()).toBeGreaterThan(before);
    await life().sound();
  });

  test.each([
    ["nats-server", "nats-server"],
    ["the bus's callout", "/app/bus.mjs"],
  ])("kill -9 of %s: both end, and everybody connects again", async (name, program) => {
    await stage().steps.time(`kill -9: ${name}`, "all clients are back; the executor did not restart", async () => {
      const restarts = await restartsOf(life().namespace, life().pod);
      await killInPod(program, platform, "bus-0");
      await life().trading();
      expect(await restartsOf(life().namespace, life().pod)).toBe(restarts);
    });
    await life().sound();
  });

  test("kill -9 of Argo CD's controller, repo server and cache: a merge that was made meanwhile arrives", async () => {
    const { cluster, repository, steps } = stage();
    const parts = ["argocd-application-controller", "argocd-repo-server", "redis"];
    const file = `strategies/${strategy}/strategy.yaml`;
    repository.write(
      file,
      repository.read(file).replace(/threshold: [\d.]+/, `threshold: 0.${500 + (Date.now() % 99)}`),
    );
    const uid = (await life().watch.pod(life().namespace, life().pod))?.uid;
    await steps.time(
      "kill -9: Argo CD",
      "trading goes on without it; the merge made meanwhile is synced after",
      async () => {
        for (const part of parts) await cluster.machine.kill(part);
        const reply = await repository.slipway("deploy", strategy, "--merge", "--timeout", "1");
        expect(reply, reply.stderr + reply.stdout).toMatchObject({ code: 0 });
        await life().trading();
        for (const part of parts.reverse()) await cluster.machine.again(part);
        await life().synced(await push(stage()));
        await life().ready(uid);
        await life().trading();
      },
    );
    await life().sound();
  });

  test("Argo CD's controller is killed in the middle of a sync, and ends it after", async () => {
    const { cluster, steps } = stage();
    await steps.time("kill -9: in a sync", "the sync is ended by the controller that comes after", async () => {
      const revision = await ship(stage(), "stop", strategy, "--merge", "--timeout", "1");
      await life().until("the sync has begun", async () => {
        const state = await life().watch.application(life().application);
        return state?.phase === "Running" || state?.revision === revision;
      });
      await cluster.machine.kill("argocd-application-controller");
      await cluster.machine.again("argocd-application-controller");
      // It looks again when it is told of something, or after two minutes.
      await push(stage());
      await life().synced(revision);
      await life().until(
        "the pod is gone",
        async () => (await life().watch.pod(life().namespace, life().pod)) === undefined,
      );
      await life().synced(await ship(stage(), "start", strategy, "--merge", "--timeout", "1"));
      await life().ready();
      await life().trading();
    });
    await life().sound();
  });

  test("the API server is away: trading goes on, new logins wait, and the alarm says that changes come late", async () => {
    const { cluster, steps } = stage();
    await steps.time(
      "API server away",
      "trading goes on; bus and gateway say that no changes are told, and catch up",
      async () => {
        // One that knows already where the book is.
        const one = life();
        await one.trading();
        const killedMs = Date.now();
        // The kubelet puts the time before each line; what an earlier container has written goes some time.
        const saysSo = (pod: string): boolean =>
          one.watch
            .written(platform, pod)
            .split("\n")
            .some((line) => line.includes(alarm) && Date.parse(line.split(" ", 1)[0] ?? "") >= killedMs);
        await cluster.machine.kill("kube-apiserver");
        for (const pod of ["gateway-0", "bus-0"]) await one.until(`${pod} says so`, () => saysSo(pod));
        await one.trading();
        await cluster.machine.again("kube-apiserver");
        await cluster.machine.until(
          "the API server is ready",
          async () => (await cluster.client.request("GET", "/readyz")).ok,
        );
        for (const [pod, container] of [
          ["gateway-0", "gateway"],
          ["bus-0", "bus"],
        ] as const)
          await life().until(`${pod} has caught up`, async () => {
            const log = await logOf(platform, pod, container);
            const lost = log.lastIndexOf(alarm);
            return lost > 0 && log.indexOf("changes are told by the API server", lost) > 0;
          });
      },
    );
    await life().sound();
  });

  test("kill -9 of the kubelet: what runs goes on trading, and is the same pod after", async () => {
    const { cluster, steps } = stage();
    const before = await life().watch.pod(life().namespace, life().pod);
    await steps.time(
      "kill -9: kubelet",
      "trading goes on; the same pod is ready after, without a restart",
      async () => {
        await cluster.machine.kill("kubelet");
        await life().trading();
        await kubeletAgain(stage());
        await life().ready();
        await life().trading();
      },
    );
    expect(await life().watch.pod(life().namespace, life().pod)).toMatchObject({
      uid: before?.uid,
      restarts: before?.restarts,
    });
    await life().sound();
  });

  test("the node is lost while its executor trades: no second one until the pod is given up, and then the first is fenced", async () => {
    const { cluster, steps } = stage();
    const { client } = cluster;
    const reference = { apiVersion: "v1", kind: "Pod", metadata: { name: life().pod, namespace: life().namespace } };
    const path = `/api/v1/namespaces/${life().namespace}/pods/${life().pod}`;
    const before = await life().watch.pod(life().namespace, life().pod);
    const epoch = await life().watch.epoch(strategy);
    await steps.time(
      "a node is lost",
      "its pod stays the only one until it is given up by hand; its old executor is fenced",
      async () => {
        await cluster.machine.kill("kubelet");
        expect((await client.delete(reference)).ok).toBe(true);
        await delay(15_000);
        expect(await life().watch.pod(life().namespace, life().pod)).toMatchObject({
          uid: before?.uid,
          terminating: true,
        });
        expect(life().executors()).toHaveLength(1);
        await life().trading();
        // A person has seen that the node is off, and says so.
        expect((await client.request("DELETE", `${path}?gracePeriodSeconds=0`)).ok).toBe(true);
        await life().until("another pod is made", async () => {
          const seen = await life().watch.pod(life().namespace, life().pod);
          return seen !== undefined && seen.uid !== before?.uid;
        });
        await kubeletAgain(stage());
        await life().ready(before?.uid);
        await life().trading();
        await life().until("one executor", () => life().executors().length === 1);
      },
    );
    expect(await life().watch.epoch(strategy)).toBeGreaterThan(epoch);
    await life().sound();
  });
}

/** Starts the kubelet again, and returns when it has said itself that the node is ready: what it said before it was killed still stands there. */
async function kubeletAgain({ cluster: { client, machine } }: Stage): Promise<void> {
  // Whole seconds are all that is said.
  const began = Math.floor(Date.now() / 1_000) * 1_000;
  await machine.again("kubelet");
  await machine.until("the node has said that it is ready", async () => {
    const { object } = await client.get({ apiVersion: "v1", kind: "Node", metadata: { name: nodeName } });
    const ready = asObjects(asObject(object["status"])["conditions"]).find(({ type }) => type === "Ready");
    return ready?.["status"] === "True" && Date.parse(String(ready["lastHeartbeatTime"])) >= began;
  });
}
