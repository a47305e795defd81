// Hostile algorithms: each attack is run inside the pod of a strategy, while another one trades beside it on the same node.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { asObject, asObjects } from "../apiserver/client.ts";
import { artifacts } from "../kubernetes/artifacts.ts";
import { type Attack, attacks } from "./attacks.ts";
import { nodeName } from "./control-plane.ts";
import { Life } from "./life.ts";
import type { Stage } from "./way.ts";

const [attacker, neighbour] = ["seed/random-py", "seed/random-ts"];
const limitMs = 120_000;

export function hostile(stage: () => Stage): void {
  const life = (id: string): Life => new Life(stage(), id);

  test("an attacker and its neighbour trade", async () => {
    for (const id of [attacker, neighbour]) await life(id).deployed();
    for (const id of [attacker, neighbour]) await life(id).trading();
  });

  test.each(attacks.map((attack) => [attack.name, attack] as const))(
    "%s",
    { timeout: 600_000 },
    async (name, attack) => {
      const [one, other] = [life(attacker), life(neighbour)];
      await one.ready();
      const before = await one.watch.pod(one.namespace, one.pod);
      const beside = await other.watch.pod(other.namespace, other.pod);
      const orders = await other.watch.orders(neighbour);
      const cost = attack.costs === undefined ? "" : `; it cost the attacker its ${attack.costs}, and that is back`;
      const beganMs = Date.now();
      let late = "";
      const proven = (): string => `the neighbour traded on${late}${cost}`;
      await stage().steps.time(name, proven, async () => {
        expect(await run(stage(), one, attack)).toMatch(attack.answer);
        late = describeLateness(await causesOf(other), beganMs, Date.now());
        await other.until(
          "an order during the attack or after",
          async () => (await other.watch.orders(neighbour)) > orders,
        );
        if (attack.costs === "pod") await one.ready(before?.uid);
      });
      // Nothing of it was felt next door.
      expect(await other.watch.pod(other.namespace, other.pod)).toMatchObject({
        uid: beside?.uid,
        restarts: beside?.restarts,
        ready: true,
      });
      expect(await nodeIsReady(stage())).toBe(true);
      await one.ready();
    },
  );

  test("after all of it a new container of the attacker trades as before", async () => {
    const one = life(attacker);
    await stage().steps.time(
      "after the attacks",
      "the attacker's algorithm is killed once more, and trades",
      async () => {
        const before = await one.watch.pod(one.namespace, one.pod);
        const server = one.watch.processesOf(before?.uid ?? "", "/usr/bin/python3");
        expect(server).toHaveLength(1);
        for (const pid of server) process.kill(pid, "SIGKILL");
        await one.until("restarted", async () => {
          return ((await one.watch.pod(one.namespace, one.pod))?.restarts ?? 0) > (before?.restarts ?? 0);
        });
        await one.ready();
        await one.trading();
      },
    );
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

interface Ordered {
  readonly cause: string;
  readonly arrivedMs: number;
}

async function causesOf({ id, watch }: Life): Promise<readonly Ordered[]> {
  const rows = await watch.book(
    "SELECT cause, arrived_ms FROM orders WHERE strategy = ? AND accepted = 1 ORDER BY arrived_ms DESC LIMIT 200",
    id,
  );
  return rows.map((row) => ({ cause: String(row["cause"]), arrivedMs: Number(row["arrived_ms"]) }));
}

const stepMs = 1000;
const windowMs = 30_000;

/**
 * How much later than the fastest of its channel an order came into the book, counted from its tick: the feed says one tick a second of each
 * channel and numbers them, so what is left of the arrival without them is the same for all, but for what they waited. The slowest is said, for p99 of
 * the few dozen of an attack is the slowest; no bound is held, since it says as much of what else the machine does.
 */
function describeLateness(orders: readonly Ordered[], fromMs: number, toMs: number): string {
  const waited = orders.map(({ cause, arrivedMs }) => {
    const at = cause.lastIndexOf(":");
    return { channel: cause.slice(0, at), arrivedMs, offset: arrivedMs - Number(cause.slice(at + 1)) * stepMs };
  });
  const least = new Map<string, number>();
  const near = waited.filter(({ arrivedMs }) => arrivedMs > fromMs - windowMs);
  for (const { channel, offset } of near) least.set(channel, Math.min(offset, least.get(channel) ?? offset));
  const slowest = (from: number, to: number): string => {
    const own = near.filter(({ arrivedMs }) => arrivedMs >= from && arrivedMs < to);
    const most = Math.max(...own.map(({ channel, offset }) => offset - (least.get(channel) ?? offset)));
    return own.length === 0 ? "no order" : `${most} ms (${own.length})`;
  };
  return `, its slowest order ${slowest(fromMs, toMs)}, in the half minute before ${slowest(fromMs - windowMs, fromMs)}`;
}

async function nodeIsReady({ cluster: { client } }: Stage): Promise<boolean> {
  const { object } = await client.get({ apiVersion: "v1", kind: "Node", metadata: { name: nodeName } });
  return asObjects(asObject(object["status"])["conditions"]).some(
    ({ type, status }) => type === "Ready" && status === "True",
  );
}
