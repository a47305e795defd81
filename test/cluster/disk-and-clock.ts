// What a node may do to a pod without ending it: its disk is full, its clock is wrong. Two strategies trade meanwhile.
import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodeName } from "./control-plane.ts";
import { Life } from "./life.ts";
import type { Pod, Watch } from "./watch.ts";
import type { Stage } from "./way.ts";

const strategies = ["seed/random-ts", "momentum/sma-cross"] as const;
const platform = "slipway-paper";
const gateway = { namespace: platform, pod: "gateway-0", claim: "gateway" };

export function diskAndClock(stage: () => Stage): void {
  const lives = (): readonly [Life, Life] => [new Life(stage(), strategies[0]), new Life(stage(), strategies[1])];
  const watch = (): Watch => lives()[0].watch;
  const until = (what: string, holds: () => boolean | Promise<boolean>): Promise<void> =>
    stage().cluster.machine.until(what, holds);
  const trading = async (): Promise<void> => {
    await Promise.all(lives().map((life) => life.trading()));
  };
  const sound = async (): Promise<void> => {
    for (const life of lives()) await life.sound();
  };
  /** Removes a pod; what comes in its place is another one. */
  const replace = async (namespace: string, name: string): Promise<Pod | undefined> => {
    const before = await watch().pod(namespace, name);
    const reference = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace } };
    expect((await stage().cluster.client.delete(reference)).ok).toBe(true);
    return before;
  };
  const readyAgain = (namespace: string, name: string, before: Pod | undefined): Promise<void> =>
    until(`another ${name} is ready`, async () => {
      const seen = await watch().pod(namespace, name);
      return seen?.ready === true && !seen.terminating && seen.uid !== before?.uid;
    });
  const logs = async (namespace: string, pod: string, container: string): Promise<string> =>
    (await watch().log(namespace, pod, container)) + (await watch().log(namespace, pod, container, true));

  /** What `slipway status` says against it, as a person sees it. */
  const problemOf = async (id: string): Promise<string> => {
    const { cluster, repository } = stage();
    const { stdout } = await repository.slipway("--json", "status", id, "--kubeconfig", cluster.kubeconfig);
    return String(JSON.parse(stdout).strategy.problem);
  };

  test("the gateway's and an executor's state come to stand on small disks", async () => {
    for (const life of lives()) await life.deployed();
    await trading();
    const [random] = lives();
    await takeNoPods(stage(), true);
    const executor = await replace(random.namespace, random.pod);
    await until("the executor has left", () => random.executors().length === 0);
    const before = await replace(platform, gateway.pod);
    await until("the gateway has ended", () => watch().processesOf(before?.uid ?? "", "/app/gateway.mjs").length === 0);
    onSmallDisk(await watch().volumeOf(platform, gateway.claim));
    onSmallDisk(await watch().volumeOf(random.namespace, random.name));
    await takeNoPods(stage(), false);
    await readyAgain(platform, gateway.pod, before);
    await readyAgain(random.namespace, random.pod, executor);
    await trading();
  });

  test("the gateway's disk is full: it says so, nobody orders, and it goes on when there is room", async () => {
    const proven = "it ends before it answers, its log says which disk; executors stay, halted; with room all trade on";
    await stage().steps.time("full disk: gateway", proven, async () => {
      const volume = await watch().volumeOf(platform, gateway.claim);
      const executors = await Promise.all(lives().map((life) => watch().pod(life.namespace, life.pod)));
      const room = fill(volume);
      let said = "";
      await until("the gateway says that the disk is full", async () => {
        said = await logs(platform, gateway.pod, "gateway");
        return said.includes('"code":"book-full"');
      });
      expect(said).toContain("is full");
      for (const life of lives())
        await until(`${life.id} is seen to stand halted`, async () =>
          (await problemOf(life.id)).includes("the gateway is not online"),
        );
      const before = await Promise.all(lives().map((life) => watch().orders(life.id)));
      room();
      // It would come by itself, too, once the kubelet's wait between two starts is over.
      await readyAgain(platform, gateway.pod, await replace(platform, gateway.pod));
      await trading();
      for (const [index, life] of lives().entries()) {
        expect(await watch().orders(life.id)).toBeGreaterThan(before[index] ?? 0);
        expect(await watch().pod(life.namespace, life.pod)).toMatchObject({
          uid: executors[index]?.uid,
          restarts: executors[index]?.restarts,
        });
      }
    });
    await sound();
  });

  test("an executor's disk is full: it ends and says why, the other trades on, and with room it goes on where it was", async () => {
    const [random, other] = lives();
    const proven = "it sends nothing that it cannot write down; the other one trades on; with room it trades again";
    const epoch = await watch().epoch(random.id);
    await stage().steps.time("full disk: executor", proven, async () => {
      const room = fill(await watch().volumeOf(random.namespace, random.name));
      await until("the executor says that its disk is full", async () =>
        (await logs(random.namespace, random.pod, "executor")).includes("no space left on device"),
      );
      await other.trading();
      room();
      await random.trading();
    });
    expect(await watch().epoch(random.id)).toBeGreaterThan(epoch);
    await sound();
  });

  test("the gateway's clock is ten minutes behind, then ahead, then right", async () => {
    await stage().steps.time(
      "clock: gateway",
      "behind: trades on; ahead: each order is denied with why; then trades",
      async () => {
        await withClock(stage(), "gateway", -10, async () => {
          await readyAgain(platform, gateway.pod, await replace(platform, gateway.pod));
          await trading();
        });
        const last = await lastEvent(watch());
        await withClock(stage(), "gateway", 10, async () => {
          await readyAgain(platform, gateway.pod, await replace(platform, gateway.pod));
          await until("orders are denied", async () => (await denials(watch(), last)).length > 0);
          expect((await denials(watch(), last))[0]).toContain("clock");
        });
        await readyAgain(platform, gateway.pod, await replace(platform, gateway.pod));
        await trading();
      },
    );
    await sound();
    // By its own order: the book's time never runs back.
    const [row] = await watch().book(
      "SELECT count(*) AS n FROM fills AS a JOIN fills AS b ON b.id = a.id + 1 WHERE b.arrived_ms < a.arrived_ms",
    );
    expect(row?.["n"]).toBe(0);
  });

  test("an executor's clock is ten minutes behind, then ahead", async () => {
    const [random, other] = lives();
    await stage().steps.time(
      "clock: executor",
      "behind: denied with why, the other trades on; ahead: trades",
      async () => {
        const last = await lastEvent(watch());
        await withClock(stage(), "executor", -10, async () => {
          await readyAgain(random.namespace, random.pod, await replace(random.namespace, random.pod));
          await until("its orders are denied", async () => (await denials(watch(), last)).length > 0);
          await other.trading();
        });
        await withClock(stage(), "executor", 10, async () => {
          await readyAgain(random.namespace, random.pod, await replace(random.namespace, random.pod));
          await random.trading();
        });
        await readyAgain(random.namespace, random.pod, await replace(random.namespace, random.pod));
        await random.trading();
        expect(random.executors()).toHaveLength(1);
      },
    );
    await sound();
  });
}

/** Cordons the node, or takes that back: pods that are deleted come again afterwards only. */
async function takeNoPods({ cluster: { client } }: Stage, unschedulable: boolean): Promise<void> {
  const path = `/api/v1/nodes/${nodeName}`;
  const reply = await client.request("PATCH", path, { spec: { unschedulable } }, "application/merge-patch+json");
  expect(reply).toMatchObject({ ok: true });
}

/** A file system of its own below what the volume has, for pods that mount it from now on. Teardown takes it away with all mounts. */
function onSmallDisk(volume: string): void {
  const kept = `${volume}.before`;
  execFileSync("cp", ["-a", volume, kept]);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", volume]);
  execFileSync("cp", ["-a", `${kept}/.`, volume]);
  rmSync(kept, { recursive: true });
}

/** Takes all the room that is left. @returns gives it back, and more than the rest of the run needs */
function fill(volume: string): () => void {
  const file = join(volume, "somebody-elses-file");
  const descriptor = openSync(file, "w");
  for (const size of [2 ** 20, 4096]) {
    const block = Buffer.alloc(size);
    try {
      while (true) writeSync(descriptor, block);
    } catch {
      // Full for blocks of this size.
    }
  }
  closeSync(descriptor);
  return () => {
    rmSync(file);
    execFileSync("mount", ["-o", "remount,size=1g", volume]);
  };
}

/**
 * Programs of an image that start meanwhile see another time. Linux has no namespace for the wall clock, and the machine's own is everybody's: so what
 * tells the time inside of the program is changed, in the image's layer on the node.
 */
async function withClock(
  { cluster }: Stage,
  program: string,
  minutes: number,
  work: () => Promise<void>,
): Promise<void> {
  const snapshots = cluster.machine.path("containerd/io.containerd.snapshotter.v1.overlayfs/snapshots");
  const files = readdirSync(snapshots)
    .map((snapshot) => join(snapshots, snapshot, "fs/app", `${program}.mjs`))
    .filter((file) => existsSync(file));
  expect(files).toHaveLength(1);
  const [file = ""] = files;
  const text = readFileSync(file, "utf8");
  const put = (content: string): void => {
    writeFileSync(`${file}.new`, content);
    renameSync(`${file}.new`, file);
  };
  put(`${wrongClock(minutes * 60_000)}\n${text}`);
  try {
    await work();
  } finally {
    put(text);
  }
}

function wrongClock(byMs: number): string {
  const made = "constructor(...given) { if (given.length === 0) super(globalThis.Date.now()); else super(...given); }";
  return `globalThis.Date = class extends Date { ${made} static now() { return super.now() + ${byMs}; } };`;
}

/** Why orders were denied for their time, of events that the book had numbered later. */
async function denials(watch: Watch, since: number): Promise<readonly string[]> {
  const rows = await watch.book(
    "SELECT body ->> '$.reason.message' AS message FROM events WHERE body ->> '$.reason.code' = 'order-expired' AND id > CAST(? AS INTEGER)",
    String(since),
  );
  return rows.map(({ message }) => String(message));
}

async function lastEvent(watch: Watch): Promise<number> {
  const [row] = await watch.book("SELECT max(id) AS id FROM events");
  return Number(row?.["id"] ?? 0);
}
