// What comes from outside of the cluster: a Git server that is away, a branch that somebody else has written, a version that never starts.
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openCluster } from "#cluster/client.ts";
import { observeCluster } from "#cluster/observe.ts";
import type { Arrival, Forge } from "#forge/port.ts";
import { openRepository } from "#git/open.ts";
import { createFollower } from "#server/follow.ts";
import { commitTo } from "./hostile-manifests.ts";
import { Life } from "./life.ts";
import { push, refresh, type Stage, ship } from "./way.ts";

const strategy = "seed/random-ts";
const merge = "application/merge-patch+json";

export function trouble(stage: () => Stage): void {
  const life = (): Life => new Life(stage(), strategy);
  const messages = async (): Promise<string> =>
    ((await life().watch.application(life().application))?.messages ?? []).join("\n");
  /** Another value of its threshold, and so another commit of the branch. */
  const change = (): void => {
    const { repository } = stage();
    const file = `strategies/${strategy}/strategy.yaml`;
    const text = repository.read(file);
    const threshold = Number(/threshold: ([\d.]+)/.exec(text)?.[1]);
    repository.write(
      file,
      text.replace(/threshold: [\d.]+/, `threshold: ${(0.5 + ((threshold + 0.01) % 0.2)).toFixed(3)}`),
    );
  };
  const status = async (): Promise<string> => {
    const { cluster, repository } = stage();
    return (await repository.slipway("status", strategy, "--kubeconfig", cluster.kubeconfig)).stdout;
  };

  test("the Git server is away: trading goes on, Argo CD says why it stands still, and what was merged is synced after", async () => {
    const { cluster, repository, steps } = stage();
    await life().deployed();
    const uid = (await life().watch.pod(life().namespace, life().pod))?.uid;
    await cluster.machine.kill("git-server");
    change();
    const reply = await repository.slipway("deploy", strategy, "--merge", "--timeout", "1");
    expect(reply, reply.stderr + reply.stdout).toMatchObject({ code: 0 });
    await steps.time("Git server away", "trading goes on; Argo CD says that it cannot be reached", async () => {
      await push(stage());
      await life().until("Argo CD says so", async () => /connection refused|dial tcp/.test(await messages()));
      await life().trading();
    });
    expect((await life().watch.pod(life().namespace, life().pod))?.uid).toBe(uid);
    await cluster.machine.again("git-server");
    await life().until(
      "Git answers",
      async () => (await fetch(`${cluster.gitUrl}/forge.git/info/refs?service=git-upload-pack`)).ok,
    );
    await steps.time("Git server back", "what was merged meanwhile is synced and runs", async () => {
      await push(stage());
      const revision = repository.git("rev-parse", "env/paper");
      await life().synced(revision);
      await life().ready(uid);
    });
    await life().sound();
  });

  test("an object of the branch is damaged: nothing of the commit is applied until it is whole", async () => {
    const { cluster, repository, steps } = stage();
    const uid = (await life().watch.pod(life().namespace, life().pod))?.uid;
    change();
    const damaged = async (): Promise<{ readonly file: string; readonly whole: Buffer }> => {
      const reply = await repository.slipway("deploy", strategy, "--merge", "--timeout", "1");
      expect(reply, reply.stderr + reply.stdout).toMatchObject({ code: 0 });
      const tree = repository.git("rev-parse", `env/paper:strategies/${strategy}`);
      const file = join(repository.forge, "objects", tree.slice(0, 2), tree.slice(2));
      expect(existsSync(file)).toBe(true);
      const whole = readFileSync(file);
      chmodSync(file, 0o600);
      writeFileSync(file, whole.subarray(0, whole.length / 2));
      return { file, whole };
    };
    // Git answers nobody meanwhile: Argo CD looks by itself, too, and would have had what was whole.
    cluster.machine.pause("git-server");
    const { file, whole } = await damaged().finally(() => cluster.machine.goOn("git-server"));
    await steps.time(
      "a damaged object",
      "nothing of its commit is applied, and Argo CD says so; synced once it is whole",
      async () => {
        try {
          await refresh(stage(), life().application);
          await life().until("Argo CD says so", async () => (await messages()) !== "");
          await life().trading();
          expect((await life().watch.pod(life().namespace, life().pod))?.uid).toBe(uid);
        } finally {
          writeFileSync(file, whole);
        }
        await refresh(stage(), life().application);
        await life().synced(repository.git("rev-parse", "env/paper"));
        await life().ready(uid);
      },
    );
    await life().sound();
  });

  test("somebody deletes the strategy from the branch: Argo CD asks before state goes, and it trades on until it is back", async () => {
    const { cluster, repository, steps } = stage();
    const before = repository.git("rev-parse", "env/paper");
    const pod = await life().watch.pod(life().namespace, life().pod);
    const path = `/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/${life().application}`;
    const claim = {
      ...{ apiVersion: "v1", kind: "PersistentVolumeClaim" },
      metadata: { name: life().name, namespace: life().namespace },
    };
    await steps.time(
      "deleted past Slipway",
      "pod and claim stay, it trades; status says who must agree, and how",
      async () => {
        commitTo(repository.forge, [], "apps", [
          `strategies/${strategy}/`,
          `apps/application-${life().application}.yaml`,
        ]);
        await refresh(stage(), "paper-root");
        await life().until("its Application is to go", async () => {
          const { object } = await cluster.client.request("GET", path);
          return (object["metadata"] as { deletionTimestamp?: string } | undefined)?.deletionTimestamp !== undefined;
        });
        await life().trading();
        await life().until("status says so", async () => {
          const said = await status();
          expect(said).toContain("PersistentVolumeClaim random-ts would go too");
          return said.includes(`kubectl -n argocd annotate application ${life().application}`);
        });
        expect((await cluster.client.get(claim)).ok).toBe(true);
      },
    );
    await steps.time(
      "render after it",
      "Slipway writes nothing on a commit that is not its own, and says what to do",
      async () => {
        change();
        const reply = await repository.slipway("deploy", strategy, "--merge", "--timeout", "1");
        expect(reply.stdout + reply.stderr).toContain("put the branch back to the commit before");
      },
    );
    await steps.time("put back", "the same pod, in a new Application, with what was merged meanwhile", async () => {
      repository.git("update-ref", "refs/heads/env/paper", before);
      // Its deletion cannot be taken back; without the finalizer it goes alone, and the root makes it anew.
      await cluster.client.request("PATCH", path, { metadata: { finalizers: null } }, merge);
      await life().until(
        "it is gone",
        async () =>
          !(await cluster.client.request("GET", path)).ok ||
          (await life().watch.application(life().application))?.revision === before,
      );
      await refresh(stage(), "paper-root");
      // There is nothing to do, so Argo CD does nothing: no operation of the new Application succeeds.
      await life().until("it is Synced again", async () => {
        const state = await life().watch.application(life().application);
        return state?.sync === "Synced" && state.revision === before;
      });
      expect(await life().watch.pod(life().namespace, life().pod)).toMatchObject({
        uid: pod?.uid,
        restarts: pod?.restarts,
      });
      await life().trading();
    });
    await life().sound();
  });

  test("a version that never starts is told of on its proposal, with the reason", async () => {
    const { cluster, repository, steps } = stage();
    const file = `strategies/${strategy}/algorithm.ts`;
    const code = repository.read(file);
    repository.write(
      file,
      code.replace(
        "initialize(params: Params): readonly string[] {",
        '$&\n    if (Date.now() > 0) throw new Error("no model to load");',
      ),
    );
    const told: Arrival[] = [];
    const forge = {
      setArrival: async (_commit: string, arrival: Arrival) => void told.push(arrival),
    } as unknown as Forge;
    const follower = createFollower({
      repository: await openRepository(repository.forge),
      forge,
      observe: async (environment) => {
        const from = { variables: process.env, nowMs: () => Date.now() };
        return observeCluster(await openCluster(cluster.kubeconfig, from), environment);
      },
    });
    await steps.time(
      "never healthy",
      "the follower of merges says it of the commit, with the algorithm's own words",
      async () => {
        const revision = await ship(stage(), "deploy", strategy, "--merge", "--timeout", "1");
        await life().until("it is told of", async () => {
          await follower.follow("paper");
          return told.some(
            ({ commit, state, summary }) =>
              commit === revision && state === "refused" && summary.includes("no model to load"),
          );
        });
      },
    );
    await life().until("status says so", async () => (await status()).includes("CrashLoopBackOff"));
    repository.write(file, code);
    await life().synced(await ship(stage(), "deploy", strategy, "--merge", "--timeout", "1"));
    await life().ready();
    await life().trading();
    await life().sound();
  });
}
