// Many executors at once: a policy edit restarts twenty of them, in turns.
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { probe } from "../../charts/pod.ts";
import { asObject, asObjects } from "../apiserver/client.ts";
import { Life } from "./life.ts";
import { writeQuiet } from "./quiet.ts";
import { Watch } from "./watch.ts";
import { type Stage, ship } from "./way.ts";

const [team, namespace, count] = ["fleet", "fleet-paper", 20];
const names = Array.from({ length: count }, (_, index) => `s-${String(index + 1).padStart(2, "0")}`);
const ids = names.map((name) => `${team}/${name}`);
const notBack = "an executor left in its turn and is not back";
const policy = "policies/environments/paper.yaml";

export function fleet(stage: () => Stage): void {
  /** Twice as long as for one: all of them start on the same cores. */
  const until = (what: string, holds: () => Promise<boolean>): Promise<void> =>
    stage().cluster.machine.until(what, holds, 480_000);

  test("twenty strategies of one team run", async () => {
    const { repository, steps } = stage();
    // What is there of two cores goes to them.
    for (const id of ["momentum/sma-cross", "seed/random-ts", "seed/random-py", "seed/crashing"]) {
      const { namespace: home, pod } = new Life(stage(), id);
      if ((await new Watch(stage().cluster).pod(home, pod)) !== undefined)
        await ship(stage(), "stop", id, "--merge", "--timeout", "1");
    }
    for (const name of names) {
      writeQuiet(repository, `${team}/${name}`, { running: true });
    }
    await steps.time(`${count} strategies`, "one proposal; all are Ready", async () => {
      await ship(stage(), "deploy", ...ids, "--merge", "--timeout", "1");
      await until("all are ready", async () => (await lookAt(stage())).ready.size === count);
    });
  });

  test("a policy edit restarts all of them in turns: at most a quarter is down, and no strategy has two executors", async () => {
    const { repository, steps } = stage();
    const gatewayLog = (): Promise<string> => new Watch(stage().cluster).log("slipway-paper", "gateway-0", "gateway");
    const lateBefore = (await gatewayLog()).split(notBack).length;
    const before = (await lookAt(stage())).uids;
    const seen = { down: [] as readonly string[], ordered: 0, doubled: 0, looks: 0 };
    const look = async (): Promise<void> => {
      const running = new Watch(stage().cluster).executors();
      const { ready, ending, addresses } = await lookAt(stage());
      // One that is told to end trades on until it is its turn.
      const unready = ids.filter((id) => running.has(id) && !ready.has(id));
      const back = areReady(stage(), unready, addresses);
      const down = ids.filter((id) => !running.has(id) || (unready.includes(id) && !back.has(id)));
      if (down.length > seen.down.length) seen.down = down;
      seen.ordered = Math.max(seen.ordered, ending);
      seen.doubled = Math.max(seen.doubled, ...ids.map((id) => running.get(id) ?? 0));
      seen.looks += 1;
    };
    let looking = true;
    const watching = (async () => {
      while (looking) {
        // One that was not answered is none.
        await look().catch(() => undefined);
        await delay(250);
      }
    })();
    const text = repository.read(policy);
    repository.write(
      policy,
      text.replace(/maxDrawdown: "0\.(?:2|19)"/, (was) =>
        was.includes("19") ? 'maxDrawdown: "0.2"' : 'maxDrawdown: "0.19"',
      ),
    );
    const proven = (): string =>
      `${seen.ordered} pods were told to end at once, ${seen.down.length} of ${count} were down at most, ${seen.doubled} executor of each (${seen.looks} looks)`;
    try {
      await steps.time(`a policy edit restarts ${count}`, proven, async () => {
        await ship(stage(), "deploy", "--policies", "--merge", "--timeout", "1");
        await until("all are others and ready", async () => {
          const { ready, uids } = await lookAt(stage());
          return ready.size === count && [...before].every(([id, uid]) => uids.get(id) !== uid);
        });
      });
    } finally {
      looking = false;
      await watching;
    }
    expect(seen.looks).toBeGreaterThan(10);
    expect(seen).toMatchObject({ doubled: 1 });
    // That they were told at once is what makes turns necessary.
    expect(seen.ordered).toBeGreaterThan(count / 4);
    // On a machine that is too busy a restart may take more than its minute: then the next one leaves, and the gateway says so.
    const late = (await gatewayLog()).split(notBack).length - lateBefore;
    expect(seen.down.length, seen.down.join(", ")).toBeLessThanOrEqual(count / 4 + late);
  });
}

/**
 * Who of them says so to the kubelet's own question, asked from where it asks: the API server hears of it seconds later, when the gateway has given the
 * next turn.
 */
function areReady({ cluster }: Stage, asked: readonly string[], addresses: ReadonlyMap<string, string>): Set<string> {
  const urls = asked.flatMap((id) => {
    const address = addresses.get(id) ?? "";
    return address === "" ? [] : [[id, `http://${address}:${probe.port}/ready`]];
  });
  if (urls.length === 0) return new Set();
  const ask = `
    const ask = (url) => fetch(url, { signal: AbortSignal.timeout(5000) }).then(({ ok }) => ok, () => false);
    const answers = await Promise.all(${JSON.stringify(urls)}.map(async ([id, url]) => [id, await ask(url)]));
    console.log(JSON.stringify(answers.flatMap(([id, ok]) => (ok ? [id] : []))));`;
  return new Set(JSON.parse(cluster.machine.run(process.execPath, ["--input-type=module", "-e", ask])) as string[]);
}

/** Of the fleet: whose pod is ready, also while it is told to end; how many are told to end; which pod is whose, and where. */
async function lookAt({ cluster }: Stage) {
  const { object } = await cluster.client.request("GET", `/api/v1/namespaces/${namespace}/pods`);
  const [ready, uids, addresses] = [new Set<string>(), new Map<string, string>(), new Map<string, string>()];
  let ending = 0;
  for (const pod of asObjects(object["items"])) {
    const metadata = asObject(pod["metadata"]);
    const id = `${team}/${String(metadata["name"]).replace(/-0$/, "")}`;
    uids.set(id, String(metadata["uid"]));
    if (metadata["deletionTimestamp"] !== undefined) ending += 1;
    const status = asObject(pod["status"]);
    addresses.set(id, String(status["podIP"] ?? ""));
    const conditions = asObjects(status["conditions"]);
    if (conditions.some((condition) => condition["type"] === "Ready" && condition["status"] === "True")) ready.add(id);
  }
  return { ready, uids, addresses, ending };
}
