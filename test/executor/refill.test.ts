import { afterEach, expect, test } from "vitest";
import { effective, Rig, until } from "./rig.ts";

const rigs: Rig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close();
});

const channel = "md/replay/AAPL/bar/1d";
const source = `export default class {
  initialize() { return ["${channel}"]; }
  event(data, context) { context.log.info("bar " + data.seq); }
}`;

async function opened(recorder: boolean): Promise<Rig> {
  const rig = new Rig(effective({ channels: [channel] }));
  rigs.push(rig);
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
