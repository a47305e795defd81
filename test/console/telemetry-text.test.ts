import fc from "fast-check";
import { expect, test } from "vitest";
import { createOverview } from "#console/overview.ts";
import { type Heard, TelemetryReader } from "#console/telemetry.ts";
import { formatTelemetry, parseTelemetry } from "#console/telemetry-text.ts";
import { account, application, cluster, emptyGit, metric } from "./fixtures.ts";

const numbers = { session: "0123456789abcdef", seq: 1 };
const id = "momentum/sma-cross";

function heard(nowMs = () => 5_000): TelemetryReader {
  const reader = new TelemetryReader(nowMs);
  const say = (topic: string, message: object): void => reader.apply(topic, { ...message, ...numbers });
  say("gw/state", { v: 1, type: "gateway-state", state: "online", atMs: 1 });
  say(`strat/${id}/state`, { v: 1, type: "state", state: "warming-up", epoch: 1, atMs: 1 });
  say(`strat/${id}/state`, { v: 1, type: "state", state: "running", epoch: 1, warmedBy: 30, atMs: 2 });
  say(`strat/${id}/metric`, metric("9900.00"));
  say(`strat/${id}/account`, account("9900.00"));
  say(`strat/${id}/log`, { v: 1, type: "log", level: "error", message: "it says why", atMs: 3 });
  say("feed/stocks/state", {
    ...{
      v: 1,
      type: "feed-state",
      state: "online",
      eventsSession: "s",
      from: "2000-01-01",
      to: "2010-03-01",
      ts: 1_093_996_800_000_000,
      events: 280,
      atMs: 1,
    },
  });
  return reader;
}

function overviewOf(telemetry: Heard) {
  const [git, running] = [{ ...emptyGit, merged: new Set([id]) }, cluster([application(id, "Synced", "Healthy")])];
  return createOverview({ environment: "paper", git, cluster: running, telemetry, nowMs: telemetry.nowMs() });
}

test("what is read from the text is what was heard, but for what is drawn", () => {
  const reader = heard();
  const read = parseTelemetry(JSON.parse(formatTelemetry(reader)));
  if (!read.ok) throw new Error(read.error.message);
  const drawn = overviewOf(reader);
  expect(overviewOf(read.value)).toEqual({ ...drawn, rows: drawn.rows.map((row) => ({ ...row, equityTrail: [] })) });
  expect(drawn.rows[0]).toMatchObject({ events: 40, orders: 17, equity: "9900.00", firstEventAtMs: 5_000 });
});

test("whose clock it is: a feed is silent by the time of who heard it", () => {
  let nowMs = 5_000;
  const reader = heard(() => nowMs);
  nowMs = 30_000;
  const read = parseTelemetry(JSON.parse(formatTelemetry(reader)));
  expect(read.ok && overviewOf(read.value).feeds).toMatchObject([{ name: "stocks", silent: true, heardAtMs: 5_000 }]);
});

test("what is no such message is left out, and what is no such text is refused", () => {
  const text = JSON.parse(formatTelemetry(heard()));
  const { metric: said } = text.strategies[id];
  const forged = {
    ...text,
    strategies: { [id]: { metric: { ...said, events: "many" } }, "../../x": { metric: said } },
    feeds: { stocks: { state: "\u001b[2J" } },
    gateway: 7,
  };
  const read = parseTelemetry(forged);
  if (!read.ok) throw new Error(read.error.message);
  expect([...read.value.strategies]).toEqual([[id, { equityTrail: [] }]]);
  expect([read.value.feeds.size, read.value.gateway]).toEqual([0, undefined]);
  expect(parseTelemetry("<html>")).toMatchObject({ ok: false, error: { code: "telemetry-malformed" } });
});

test("whatever JSON it is given, it answers with what an overview can be made of, or refuses", () => {
  const text = JSON.parse(formatTelemetry(heard()));
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(text), id), (value, key) => {
      const forged = key === id ? { ...text, strategies: { [id]: value } } : { ...text, [key]: value };
      for (const one of [value, forged]) {
        const read = parseTelemetry(one);
        if (read.ok) JSON.stringify(overviewOf(read.value));
      }
    }),
  );
});

test.each([
  { name: "heard from its first start on", states: ["warming-up", "running"], epoch: 1, counts: [7], first: 5_000 },
  { name: "heard when it had none yet", states: ["running"], epoch: 4, counts: [0, 3], first: 5_000 },
  { name: "had some when it was first heard", states: ["running"], epoch: 1, counts: [7, 9], first: null },
  { name: "goes on in another process", states: ["restoring", "running"], epoch: 2, counts: [7], first: null },
  { name: "has none", states: ["running"], epoch: 1, counts: [0], first: null },
])("its first event is dated only if it was seen: $name", ({ states, epoch, counts, first }) => {
  const reader = new TelemetryReader(() => 5_000);
  for (const state of states) reader.apply(`strat/${id}/state`, { v: 1, type: "state", state, epoch, atMs: 1 });
  for (const events of counts) reader.apply(`strat/${id}/metric`, metric("9900.00", { events }));
  expect(overviewOf(reader).rows[0]?.firstEventAtMs).toBe(first);
});

const [refusal, quota] = ["denied request: nothing changes", "exceeded quota: none"];
test.each([
  { name: "what runs is well, and what is to run is refused", sync: "OutOfSync", health: "Healthy", says: refusal },
  { name: "its pod is not made", sync: "Synced", health: "Progressing", says: quota },
] as const)("the cluster's reason is told where $name", ({ sync, health, says }) => {
  const running = application(id, sync, health, says);
  const one = health === "Healthy" ? running : { ...running, pods: [], syncedAtMs: 1_000 };
  const git = { ...emptyGit, merged: new Set([id]), rendered: new Map([[id, { replicas: 1 }]]) };
  const sources = { environment: "paper", git, cluster: cluster([one]), telemetry: undefined };
  expect(createOverview({ ...sources, nowMs: 30_000 }).rows[0]?.problem).toBe(says);
});
