import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { effective, type Rig, rigOf, until } from "./rig.ts";

const channel = "md/replay/AAPL/bar/1d";
const source = `export default class {
  initialize() { return ["${channel}"]; }
  event(data, context) { context.log.info("bar " + data.seq); }
}`;

async function opened(recorder: boolean): Promise<Rig> {
  const rig = rigOf(effective({ channels: [channel] }));
  await rig.open({ recorder });
  await rig.spawn(rig.module(source));
  await rig.state("running");
  return rig;
}

function bar(seq: number): object {
  const prices = { open: "1", high: "1", low: "1", close: "1", volume: "1" };
  const of = { sid: "AAPL", venue: "replay", interval: "1d", session: "s1", seq, ts: seq * 1_000_000 };
  return { v: 1, type: "bar", ...prices, ...of };
}

const seen = (rig: Rig): readonly string[] => rig.logs.filter((line) => line.startsWith("bar "));

test("a gap is seen, raised and refilled in order, before what follows it", async () => {
  const rig = await opened(true);
  await rig.publish(channel, bar(1));
  await until("the first", () => seen(rig).length === 1);
  // Lost on the way to the executor alone.
  for (const seq of [2, 3]) rig.recorder?.take(channel, Buffer.from(JSON.stringify(bar(seq))));
  await rig.publish(channel, bar(4));
  await until("the fourth", () => seen(rig).includes("bar 4"));
  expect(seen(rig)).toEqual(["bar 1", "bar 2", "bar 3", "bar 4"]);
  const metric = await rig.metric("four events", ({ events }) => events === 4);
  expect(metric).toMatchObject({ gaps: 0, refilled: 2 });
  expect(rig.recorder?.stats).toMatchObject({ asked: 1, refilled: 2, refused: 0 });
});

test("what nobody has stays a gap, and is counted and said", async () => {
  const rig = await opened(true);
  await rig.publish(channel, bar(1));
  await until("the first", () => seen(rig).length === 1);
  await rig.publish(channel, bar(4));
  await until("the fourth", () => seen(rig).includes("bar 4"));
  expect(await rig.metric("two events", ({ events }) => events === 2)).toMatchObject({ gaps: 2, refilled: 0 });
});

test("without a recorder nothing waits", async () => {
  const rig = await opened(false);
  for (const seq of [1, 3]) await rig.publish(channel, bar(seq));
  await until("the third", () => seen(rig).includes("bar 3"));
  expect(await rig.metric("two events", ({ events }) => events === 2)).toMatchObject({ gaps: 1, refilled: 0 });
});

// What was published while no process of the strategy was there. The algorithm says what it has seen, and in which call.
const remembering = `export default class {
  seen = [];
  initialize() { return ["${channel}", "quotes"]; }
  warm(data) { this.seen.push("w" + data.seq); }
  event(data, context) {
    if (data.type !== "bar") return;
    this.seen.push("e" + data.seq);
    context.log.info("bar " + data.seq + ": " + this.seen.join(" "));
    return { sid: data.sid, side: "buy", quantity: "1" };
  }
  snapshot() { return this.seen; }
  restore(state) { this.seen = state; }
}`;

async function remembered(recorder = true): Promise<Rig> {
  const rig = rigOf(effective({ channels: [channel, "quotes"] }));
  return rig.open({ recorder });
}

/** Once the bar was given live, what the algorithm remembers. */
async function after(rig: Rig, seq: number): Promise<string> {
  const line = await until(`bar ${seq}`, () => rig.logs.find((text) => text.startsWith(`bar ${seq}: `)));
  return line.slice(line.indexOf(":") + 2);
}

async function restarted(rig: Rig, source = remembering): Promise<Awaited<ReturnType<Rig["spawn"]>>> {
  rig.states.length = 0;
  const executor = await rig.spawn(rig.module(source));
  await rig.state("running");
  return executor;
}

test("bars that came while nobody was there are asked for at the start, and warm the algorithm", async () => {
  const rig = await remembered();
  const first = await restarted(rig);
  for (const seq of [1, 2]) await rig.publish(channel, bar(seq));
  expect(await after(rig, 2)).toBe("e1 e2");
  await until("its orders", () => rig.requests.length === 2);
  first.child.kill("SIGTERM");
  expect(await first.exited).toBe(0);
  for (const seq of [3, 4]) await rig.publish(channel, bar(seq));
  const second = await restarted(rig);
  await rig.publish(channel, bar(5));
  expect(await after(rig, 5)).toBe("e1 e2 w3 w4 e5");
  // What is old is decided on no more.
  await until("the order of the fifth", () => rig.requests.length === 3);
  expect(rig.requests.map(({ cause }) => cause.split(":").at(-1))).toEqual(["1", "2", "5"]);
  expect(await rig.metric("the fifth", ({ events }) => events === 3)).toMatchObject({ gaps: 0, refilled: 2 });
  second.child.kill("SIGTERM");
  expect(await second.exited).toBe(0);
  // Another version begins without what this one saw, so it is not told what came since.
  await rig.publish(channel, bar(6));
  await restarted(rig, `${remembering}// changed`);
  await rig.publish(channel, bar(7));
  expect(await after(rig, 7)).toBe("e7");
});

test("without a recorder, or with another session, what came meanwhile stays a gap or is unknown, and trading begins all the same", async () => {
  const rig = await remembered(false);
  const first = await restarted(rig);
  await rig.publish(channel, bar(1));
  expect(await after(rig, 1)).toBe("e1");
  first.child.kill("SIGTERM");
  expect(await first.exited).toBe(0);
  for (const seq of [2, 3]) await rig.publish(channel, bar(seq));
  const second = await restarted(rig);
  await rig.publish(channel, bar(4));
  expect(await after(rig, 4)).toBe("e1 e4");
  expect(await rig.metric("the fourth", ({ events }) => events === 2)).toMatchObject({ gaps: 2, refilled: 0 });
  second.child.kill("SIGTERM");
  expect(await second.exited).toBe(0);
  await restarted(rig);
  await rig.publish(channel, { ...bar(2), session: "s2", ts: 9_000_000 });
  expect(await after(rig, 2)).toBe("e1 e4 e2");
});

function snapshots(rig: Rig): readonly string[] {
  const folder = join(rig.folder, "state");
  const names = readdirSync(folder).filter((name) => /^snapshot-\d+\.json$/.test(name));
  return names.map((name) => readFileSync(join(folder, name), "utf8"));
}

test("in a storm: killed again and again while bars come, the algorithm remembers each of them once and in order", async () => {
  const rig = await remembered();
  let executor = await restarted(rig);
  let seq = 0;
  let ended = false;
  const last = (): number => Number(rig.logs.findLast((line) => /^bar \d+:/.test(line))?.match(/\d+/)?.[0] ?? 0);
  const next = (): Promise<void> => {
    seq += 1;
    return rig.publish(channel, bar(seq));
  };
  // Before the first snapshot there is nothing to go on from.
  await next();
  await until("a snapshot", () => snapshots(rig).some((text) => text.includes(channel)));
  // Of those up to here the process that runs has been told, in its start or live.
  let reached = seq;
  const storm = (async () => {
    for (; !ended; await new Promise((resolve) => setTimeout(resolve, 40))) {
      // However long a start takes: an executor says 50 lines in a second, each of 2,000 characters at most.
      if (seq - Math.max(reached, last()) < 20) await next();
    }
  })();
  for (let round = 0; round < 4; round += 1) {
    const heard = seq;
    await until("a later bar", () => last() > heard + 5);
    executor.child.kill("SIGKILL");
    await executor.exited;
    executor = await restarted(rig);
    reached = seq;
  }
  ended = true;
  await storm;
  await next();
  const seen = (await after(rig, seq)).split(" ");
  expect(seen.map((item) => Number(item.slice(1)))).toEqual(Array.from({ length: seq }, (_, index) => index + 1));
  expect(seen.at(-1)).toBe(`e${seq}`);
  const metric = await rig.metric("its end", ({ events }) => events > 0);
  expect(metric.gaps).toBe(0);
});
