// The control plane's server as a pod: deployed by Git, it judges, renders, tells Argo CD and looks; killed, it goes on; and it renders its own end.
import { execFileSync, spawn } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nameImages } from "../../images/name-images.ts";
import { asObject } from "../apiserver/client.ts";
import { artifacts } from "../kubernetes/artifacts.ts";
import { startForge, type TestForge } from "./forge.ts";
import { Life } from "./life.ts";
import { UserRepository } from "./repository.ts";
import { serverInside } from "./server-inside.ts";
import { serverToken } from "./server-token.ts";
import { Watch } from "./watch.ts";
import { applyBootstrap, type Stage, ship } from "./way.ts";

const [namespace, pod, container, program] = ["slipway-paper", "server-0", "server", "/app/dist/cli.mjs"];
const strategy = "seed/by-pod";
const policy = "policies/environments/paper.yaml";
const noImage = `slipway/server@sha256:${"0".repeat(64)}`;

export function serverPod(stage: () => Stage): void {
  let forge: TestForge;
  let ada: UserRepository;
  let withoutServer = "";
  const life = (): Life => new Life(stage(), strategy);
  const watch = (): Watch => new Watch(stage().cluster);
  const until = (what: string, holds: () => boolean | Promise<boolean>): Promise<void> =>
    stage().cluster.machine.until(`the server's pod: ${what}`, holds);
  const kubectl = (...argv: readonly string[]): string[] => [
    ...[join(artifacts().kubectl.folder, "kubectl"), "--kubeconfig", stage().cluster.kubeconfig, "-n", namespace],
    ...argv,
  ];
  /** Runs a program inside of the pod, beside the server. */
  const inPod = (...argv: readonly string[]): string => {
    const [kube = "", ...rest] = kubectl("exec", pod, "-c", container, "--", ...argv);
    return execFileSync(kube, rest, { encoding: "utf8", timeout: 120_000 });
  };
  const processes = async (): Promise<readonly number[]> =>
    watch().processesOf((await watch().pod(namespace, pod))?.uid ?? "", program);
  const rendered = (): readonly string[] =>
    stage()
      .repository.git("log", "--format=%(trailers:key=Dry-Commit,valueonly,separator=%x2C)", "env/paper")
      .split("\n");
  const tip = (): string => stage().repository.git("rev-parse", "env/paper");
  /** By Ada. She waits for longer than the server takes to look by itself, should the forge's word not reach it. */
  const proposed = async (...argv: readonly string[]): Promise<void> => {
    const { code, stdout, stderr } = await ada.slipway(...argv, "--timeout", "100");
    if (code !== 0) throw new Error(`exit code ${code}\n${stdout}${stderr}`);
  };

  test("is deployed by Git, with a forge behind an authority of one's own, and gets ready", async () => {
    const { cluster, repository, steps } = stage();
    // Where there are two cores it needs the room of those that trade.
    for (const id of ["momentum/sma-cross", "seed/random-ts", "seed/random-py", "seed/crashing"]) {
      const { namespace: home, pod: name } = new Life(stage(), id);
      if ((await watch().pod(home, name)) !== undefined) await ship(stage(), "stop", id, "--merge", "--timeout", "1");
    }
    forge = await startForge(cluster);
    const { tokens, document, authority, webhookSecret } = forge;
    const secret = {
      ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "forge", namespace } },
      stringData: {
        ...{ "forge.yaml": document, "ca.crt": authority, SLIPWAY_FORGE_TOKEN: tokens.slipway },
        SLIPWAY_WEBHOOK_SECRET: webhookSecret,
        SLIPWAY_ARGOCD_WEBHOOK_SECRET: cluster.argo.webhookSecret,
      },
    };
    expect(await cluster.client.apply(secret)).toMatchObject({ ok: true });
    withoutServer = repository.read(policy);
    const addresses = `["${new URL(cluster.argo.webhook).host}"]`;
    const argocd = `argocd: { webhook: "${cluster.argo.webhook}", addresses: ${addresses} }`;
    const withServer = withoutServer
      .replace("  images:\n", `  images:\n    server: "${noImage}"\n`)
      .replace(
        /(\n {2}cluster: .*?) \}\n/,
        `$1, server: { secret: forge, forge: ["${forge.address}"], ${argocd} } }\n`,
      );
    repository.write(policy, nameImages(withServer, cluster.images.own));
    await steps.time(
      "server's pod",
      "by Git and bootstrap; its probes say Ready: it has looked at the forge",
      async () => {
        await ship(stage(), "deploy", "--policies", "--merge", "--timeout", "1");
        await applyBootstrap(stage());
        await until("it is ready", async () => (await watch().pod(namespace, pod))?.ready === true);
      },
    );
    expect((await watch().pod(namespace, pod))?.restarts).toBe(0);
    const service = await cluster.client.get({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "server", namespace },
    });
    const url = `http://${String(asObject(service.object["spec"])["clusterIP"])}:8787/webhooks`;
    await forge.ask("POST", "/hooks", { config: { url, secret: webhookSecret } });
    const home = cluster.machine.path("ada-checkout");
    cpSync(repository.checkout, home, { recursive: true });
    ada = new UserRepository(home, cluster.machine.path("ada"), { SLIPWAY_FORGE_TOKEN: tokens.ada });
    ada.write("forge.yaml", document);
    ada.write("ca.crt", authority);
    repository.write(policy, withoutServer);
  });

  serverInside(stage, { forge: () => forge, inPod });

  test("judges what is proposed at the forge: a status and a comment", async () => {
    const { steps } = stage();
    const example = readFileSync(join(import.meta.dirname, "../../strategies/seed/random-ts/strategy.yaml"), "utf8");
    const spec = example.replace("name: random-ts", "name: by-pod").replace("cpu: 100m", "cpu: 50m");
    ada.write(`strategies/${strategy}/strategy.yaml`, spec);
    cpSync(
      join(import.meta.dirname, "../../strategies/seed/random-ts/algorithm.ts"),
      join(ada.checkout, `strategies/${strategy}/algorithm.ts`),
    );
    await steps.time(
      "server: judges",
      "told by the webhook: the gate's status and one comment stand there",
      async () => {
        await proposed("deploy", strategy);
        const { number, head } = await forge.newest();
        const [gate] = await forge.statuses(head, "slipway/gate");
        expect(gate).toMatchObject({ status: "success" });
        await until("it has said why", async () => {
          const comments = (await forge.ask("GET", `/issues/${number}/comments`)) as readonly { body: string }[];
          expect(comments.map(({ body }) => body)).toEqual([expect.stringContaining(strategy)]);
          return true;
        });
      },
    );
  });

  test("renders what is merged, and says on the forge that it runs", async () => {
    const { steps } = stage();
    const merged = await steps.time(
      "server: renders",
      "a merge by the forge's button; one commit on env/paper",
      async () => {
        const commit = await forge.pressMerge(await forge.newest());
        await until("it is rendered", () => rendered()[0] === commit);
        return commit;
      },
    );
    await steps.time("server: trades", "it tells Argo CD, signed: Synced; the executor has ordered", async () => {
      await life().synced(tip());
      await life().ready();
      await life().trading();
    });
    await steps.time(
      "server: says so",
      "slipway/sync-paper on the merge, by what it was told of Argo CD and pods",
      () =>
        until(
          "it says so",
          async () => (await forge.statuses(merged, "slipway/sync-paper")).at(-1)?.status === "success",
        ),
    );
    await steps.time("server: status", "asked in the pod: Git, Argo CD, pod and bus in one line", async () => {
      const status = ["--state", "/var/lib/slipway", "--json", "status", "--kubeconfig", "/etc/slipway/kubeconfig"];
      await until("the console has heard of it", () => {
        const { overview } = JSON.parse(inPod("/usr/local/bin/node", program, ...status));
        const row = overview.rows.find((each: { strategy: string }) => each.strategy === strategy);
        expect(row).toMatchObject({ stage: "running", state: "running", sync: "Synced", health: "Healthy" });
        return row.events > 0 && row.orders > 0;
      });
    });
  });

  test("is killed between a merge and its commit: it comes back and makes that one, and nothing twice", async () => {
    const { steps } = stage();
    const file = `strategies/${strategy}/strategy.yaml`;
    ada.write(file, ada.read(file).replace(/threshold: [\d.]+/, "threshold: 0.61"));
    await proposed("deploy", strategy);
    const pull = await forge.newest();
    const before = { rendered: rendered(), pod: await watch().pod(namespace, pod) };
    await steps.time(
      "server: kill -9",
      "killed after a merge: restarted, rendered once, one status, one comment",
      async () => {
        // One that it has just forked bears its name until it becomes another program.
        let pid = 0;
        await until("it is one process", async () => {
          const [one = 0, ...others] = await processes();
          pid = one;
          return pid > 0 && others.length === 0;
        });
        // It stands still, so the merge comes before anything that it does about it.
        process.kill(pid, "SIGSTOP");
        const merged = await forge.pressMerge(pull);
        process.kill(pid, "SIGKILL");
        await until("it is rendered", () => rendered()[0] === merged);
        await until("it is ready", async () => {
          const now = await watch().pod(namespace, pod);
          return now?.ready === true && now.restarts === (before.pod?.restarts ?? 0) + 1;
        });
        expect(rendered()).toEqual([merged, ...before.rendered]);
        await until("it says so", async () => (await forge.statuses(merged, "slipway/render-paper")).length > 0);
        expect(await forge.statuses(merged, "slipway/render-paper")).toHaveLength(1);
        expect(await forge.ask("GET", `/issues/${pull.number}/comments`)).toHaveLength(1);
        await life().synced(tip());
      },
    );
  });

  test("what is merged while Argo CD's server is away, and then its Git, is synced once they are back, without anybody's refresh", async () => {
    const { cluster, steps } = stage();
    const { machine } = cluster;
    await machine.kill("argocd-server");
    await machine.kill("git-server");
    const file = `strategies/${strategy}/strategy.yaml`;
    ada.write(file, ada.read(file).replace(/threshold: [\d.]+/, "threshold: 0.62"));
    await proposed("deploy", strategy);
    const merged = await forge.pressMerge(await forge.newest());
    await until("it is rendered", () => rendered()[0] === merged);
    const told = async (): Promise<number> => {
      const lines = (await watch().log(namespace, pod, container)).split("\n");
      return lines.filter((line) => line.includes("Argo CD was told") && line.includes(tip())).length;
    };
    await machine.again("argocd-server");
    await steps.time("server: Argo CD back", "it is told at last, looks, and does not find Git", async () => {
      await until("it takes what it is told", async () => (await told()) > 0);
      const takenMs = Math.floor(Date.now() / 1_000) * 1_000;
      await until("it has looked", async () => {
        const application = await watch().application(life().application);
        const looked = application !== undefined && Date.parse(application.lookedAt) >= takenMs;
        return looked && application.messages.some((message) => message.includes("dial tcp"));
      });
    });
    const before = await told();
    await machine.again("git-server");
    await steps.time("server: Git back", "told again, since the server sees that Argo CD has not seen it: Synced", () =>
      life().synced(tip()),
    );
    // Argo CD would have looked by itself, minutes later.
    expect(await told()).toBeGreaterThan(before);
  });

  serverToken(stage, { forge: () => forge, processes });

  test("renders its own end, and ends when it is told to", async () => {
    const { steps } = stage();
    await proposed("stop", strategy, "--merge");
    ada.write(policy, withoutServer);
    let said = "";
    const ended = (): readonly string[] => said.split("\n").filter((line) => line !== "");
    const [kube = "", ...argv] = kubectl("get", "pod", pod, "--watch", "-o", exitCode);
    const watching = spawn(kube, argv, { stdio: ["ignore", "pipe", "ignore"] });
    watching.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    try {
      await steps.time(
        "server: its end",
        "taken out of the policies: judged and rendered by itself, ended with 0, claim gone",
        async () => {
          await proposed("deploy", "--policies", "--merge");
          await until("it is gone", async () => (await watch().pod(namespace, pod)) === undefined);
          const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "server", namespace } };
          await until("its claim is gone", async () => !(await stage().cluster.client.get(claim)).ok);
          await until("who watches was told how it ended", () => ended().length > 0);
        },
      );
    } finally {
      watching.kill();
    }
    expect([...new Set(ended())]).toEqual(["0"]);
    await until("the strategy is gone", async () => (await watch().pod(life().namespace, life().pod)) === undefined);
  });
}

const exitCode = 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}{"\\n"}';
