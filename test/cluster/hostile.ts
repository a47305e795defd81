// Hostile algorithms: each attack is run inside the pod of a strategy, while another one trades beside it on the same node.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { asObject, asObjects } from "../apiserver/client.ts";
import { artifacts } from "../kubernetes/artifacts.ts";
import { type Attack, attacks } from "./attacks.ts";
import { nodeName } from "./control-plane.ts";
import {
  crowding,
  describeLateness,
  type Lateness,
  latenessOf,
  orderedSince,
  ordersMin,
  p99Max,
  stepMs,
  worstOf,
} from "./lateness.ts";
import { Life } from "./life.ts";
import { type Stage, ship } from "./way.ts";

const [attacker, neighbour] = ["seed/random-py", "seed/random-ts"];
const limitMs = 120_000;
const recoveryMs = 30_000;
/** The kubelet holds a container back for up to five minutes that has ended again and again. */
const heldBackMs = 400_000;
/** So many times `ordersMin` orders without an attack say what this machine does by itself. */
const calmWindows = 6;
/** How far back the neighbour is looked at to say that it is as soon as before. */
const looksBackMs = 3_000;
const environmentFile = "policies/environments/paper.yaml";
const neighbourFile = `strategies/${neighbour}/strategy.yaml`;

export function hostile(stage: () => Stage): void {
  const life = (id: string): Life => new Life(stage(), id);
  const texts = new Map<string, string>();
  /** Since when the neighbour trades as before. */
  let calmMs = 0;
  /** The neighbour's worst p99 before the first attack. */
  let calmP99 = 0;
  /** Waits until the neighbour has ordered often enough since then. */
  const ordered = (sinceMs: number, count = ordersMin): Promise<void> => {
    const enough = async (): Promise<boolean> =>
      (await orderedSince(life(neighbour), sinceMs)).filter(({ arrivedMs }) => arrivedMs >= sinceMs).length >= count;
    return life(neighbour).until(`${count} orders`, enough);
  };

  test("an attacker and its neighbour trade", async () => {
    for (const id of [attacker, neighbour]) await life(id).deployed();
    for (const id of [attacker, neighbour]) await life(id).trading();
  });

  test("the neighbour orders at each tick, and these come five times as often", async () => {
    const { repository } = stage();
    for (const file of [environmentFile, neighbourFile]) texts.set(file, repository.read(file));
    const before = await life(neighbour).watch.pod(life(neighbour).namespace, life(neighbour).pod);
    repository.write(environmentFile, text(environmentFile).replace("msPerStep: 1000", `msPerStep: ${stepMs}`));
    await ship(stage(), "deploy", "--policies", "--merge", "--timeout", "1");
    repository.write(neighbourFile, busier(text(neighbourFile)));
    await ship(stage(), "deploy", neighbour, "--merge", "--timeout", "1");
    await life(neighbour).ready(before?.uid);
    calmMs = Date.now();
    await stage().steps.time(
      "no attack",
      () => `neighbour p99 ${calmP99} ms in the worst ${ordersMin} orders of ${calmWindows * ordersMin}`,
      async () => {
        await ordered(calmMs, calmWindows * ordersMin);
        calmP99 = worstOf(await orderedSince(life(neighbour), calmMs));
      },
    );
  });

  test.each(attacks.map((attack) => [attack.name, attack] as const))(
    "%s",
    async (name, attack) => {
      const other = life(neighbour);
      await readyForAttack();
      const beside = await other.watch.pod(other.namespace, other.pod);
      let said = "";
      await stage().steps.time(
        name,
        () => said,
        async () => {
          let last = await attacked(attack);
          said = last.said;
          if (last.p99 > last.p99Max) {
            // One stall of the machine is in the p99 of a hundred orders. What an attack does to its neighbour, it does again.
            await readyForAttack();
            last = await attacked(attack);
            said = `${said}; later than twice, so again: ${last.said}`;
            expect(last.p99, said).toBeLessThanOrEqual(last.p99Max);
          }
          said += attack.costs === undefined ? "" : `; it may cost the attacker its ${attack.costs}`;
        },
      );
      // Nothing of it was felt next door.
      await other.ready();
      expect(await other.watch.pod(other.namespace, other.pod)).toMatchObject({
        uid: beside?.uid,
        restarts: beside?.restarts,
      });
    },
    1_200_000,
  );

  async function readyForAttack(): Promise<void> {
    await life(attacker).ready(undefined, heldBackMs);
    await ordered(calmMs);
  }

  /** Attacks once, and waits until all is as before. @returns how late the neighbour was, how late it may be, and both in words */
  async function attacked(
    attack: Attack,
  ): Promise<{ readonly p99: number; readonly p99Max: number; readonly said: string }> {
    const [one, other] = [life(attacker), life(neighbour)];
    const before = await one.watch.pod(one.namespace, one.pod);
    const beganMs = Date.now();
    expect(await run(stage(), one, attack)).toMatch(attack.answer);
    const endedMs = Date.now();
    // A short one is over before there is a p99: what comes right after is part of it.
    await ordered(beganMs);
    const untilMs = Math.max(endedMs, Date.now());
    if (attack.costs === "pod") await one.ready(before?.uid);
    const orders = await orderedSince(other, calmMs);
    const [calm, during] = [latenessOf(orders, calmMs, beganMs), latenessOf(orders, beganMs, untilMs)];
    const bound = p99Max(calm, calmP99);
    const seconds = await recovered(endedMs, calm, attack.costs);
    const said = `neighbour ${describeLateness(during)}, before ${describeLateness(calm)}; all as before after ${seconds} s`;
    expect(seconds * 1_000, said).toBeLessThanOrEqual(recoveryMs * crowding());
    return { p99: during.p99, p99Max: bound, said };
  }

  /**
   * Waits until the neighbour is as soon as before, and the attacker's pod ready, or held back: by the kubelet for ending again and again, or by the bus for
   * flooding it; the node is Ready all the time. @returns seconds since `fromMs`
   */
  async function recovered(fromMs: number, calm: Lateness, costs: Attack["costs"]): Promise<number> {
    const [one, other] = [life(attacker), life(neighbour)];
    await one.until("the attacker is back, and the neighbour as soon as before", async () => {
      expect(await nodeIsReady(stage())).toBe(true);
      const nowMs = Date.now();
      const orders = await orderedSince(other, nowMs - 10_000);
      const last = latenessOf(orders, nowMs - looksBackMs, nowMs);
      const pod = await one.watch.pod(one.namespace, one.pod);
      const isHeldBack = pod?.backsOff === true || costs === "place on the bus";
      const isBack = pod !== undefined && (pod.ready || isHeldBack) && !pod.terminating;
      return isBack && last.orders > 0 && last.p99 <= p99Max(calm, calmP99);
    });
    calmMs = Date.now() - looksBackMs;
    return Math.round((Date.now() - fromMs) / 100) / 10;
  }

  function text(file: string): string {
    return texts.get(file) ?? "";
  }

  test("the bus has cut off who flooded it, and let it in again", async () => {
    const log = await life(attacker).watch.log("slipway-paper", "bus-0", "bus");
    const cut = log.split("\n").filter((line) => line.includes("alarm: a client is cut off"));
    expect(cut.length).toBeGreaterThan(0);
    for (const line of cut) expect(line).toContain("cut off from the bus: ");
    await life(attacker).trading();
  });

  test("after all of it a new container of the attacker trades as before", async () => {
    const one = life(attacker);
    await stage().steps.time(
      "after the attacks",
      "the attacker's algorithm is killed once more, and trades",
      async () => {
        await one.ready(undefined, heldBackMs);
        let restarts = 0;
        await one.until("one server of algorithms runs", async () => {
          const before = await one.watch.pod(one.namespace, one.pod);
          const [pid = 0, ...others] = one.watch.processesOf(before?.uid ?? "", "/usr/bin/python3");
          restarts = before?.restarts ?? 0;
          return pid > 0 && others.length === 0 && process.kill(pid, "SIGKILL");
        });
        await one.until(
          "restarted",
          async () => ((await one.watch.pod(one.namespace, one.pod))?.restarts ?? 0) > restarts,
          heldBackMs,
        );
        await one.ready(undefined, heldBackMs);
        await one.trading();
      },
    );
  });

  test("the neighbour and the feed are as they were", async () => {
    for (const [file, before] of texts) stage().repository.write(file, before);
    const before = await life(neighbour).watch.pod(life(neighbour).namespace, life(neighbour).pod);
    await ship(stage(), "deploy", "--policies", "--merge", "--timeout", "1");
    await ship(stage(), "deploy", neighbour, "--merge", "--timeout", "1");
    await life(neighbour).ready(before?.uid);
    await life(neighbour).trading();
  });

  test("docs/isolation.md has a row for each", () => {
    const rows = readFileSync(join(import.meta.dirname, "../../docs/isolation.md"), "utf8")
      .split("\n")
      .flatMap((line) => /^\| ([^|]+?) \|/.exec(line)?.[1] ?? []);
    expect(rows).toEqual(expect.arrayContaining(attacks.map(({ name }) => name)));
  });
}

/** @returns the last line that it printed, and how it ended */
export function run(
  { cluster }: Stage,
  { namespace, pod }: Life,
  { container, script }: Pick<Attack, "container" | "script">,
): Promise<string> {
  const { kubectl } = artifacts();
  const program =
    container === "algorithm" ? ["/usr/bin/python3", "-c", script] : ["/usr/local/bin/node", "-e", script];
  const argv = ["--kubeconfig", cluster.kubeconfig, "-n", namespace, "exec", pod, "-c", container, "--", ...program];
  return new Promise((resolve) => {
    execFile(
      join(kubectl.folder, kubectl.name),
      argv,
      { timeout: limitMs, maxBuffer: 2 ** 24 },
      (error, stdout, stderr) =>
        resolve(error === null ? (stdout.trim().split("\n").at(-1) ?? "") : `${stdout}${stderr}`.trim()),
    );
  });
}

/** It orders at each tick: what its limits deny is asked for all the same. */
function busier(spec: string): string {
  const changed = spec
    .replace(/threshold: [\d.]+/, "threshold: 0")
    .replace('orderRate: "10/1s"', 'orderRate: "20/1s"')
    .replace("cpu: 100m", "cpu: 150m");
  expect(changed).not.toBe(spec);
  return changed;
}

async function nodeIsReady({ cluster: { client } }: Stage): Promise<boolean> {
  const { object } = await client.get({ apiVersion: "v1", kind: "Node", metadata: { name: nodeName } });
  return asObjects(asObject(object["status"])["conditions"]).some(
    ({ type, status }) => type === "Ready" && status === "True",
  );
}
