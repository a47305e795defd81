import { describe, expect, test } from "vitest";
import { executorAccess } from "#core/access.ts";
import type { SignalMessage, Unstamped } from "#core/messages.ts";
import { effective, type Rig, rigOf, until } from "./rig.ts";

// A strategy that reads another one's signals: what its spec asks for and the environment shares is a channel like any other.

const signals = "strat/carry/rates/signal";
const publisher = executorAccess(effective({ team: "carry", name: "rates" }));
const follow = `export default class {
  initialize() { return ["quotes", "${signals}"]; }
  event(data, context) {
    if (data.type !== "signal") return;
    context.log.info("heard " + JSON.stringify([data.strategy, data.sid, data.side, data.id]));
    return { sid: data.sid, side: data.side, quantity: "1" };
  }
}`;
const signal = (id: string): Unstamped<SignalMessage> => ({
  ...{ v: 1, type: "signal", id, sid: "AAPL", side: "buy", ts: 7, cause: "s:md/replay/AAPL/quote:1" },
});

async function open(channels: readonly string[], recorder = false): Promise<Rig> {
  const rig = rigOf(effective({ channels }));
  return rig.open({ others: [publisher], recorder });
}

describe("signals of another strategy", () => {
  test("reach the algorithm once each, and an order names the signal", async () => {
    const rig = await open(["quotes", signals]);
    const executor = await rig.spawn(rig.module(follow));
    await rig.state("running");
    await rig.say("AAPL", "100");
    await rig.metric("the price", ({ events }) => events === 1);
    const first = await rig.connect(publisher.identity);
    await first.publish(signals, signal("a1"));
    await until("the order", () => rig.requests.length === 1);
    expect(rig.requests[0]).toMatchObject({ sid: "AAPL", side: "buy", quantity: "1", cause: "signal:a1" });
    await first.close();
    // The publisher's next process says it again, in another session.
    const second = await rig.connect(publisher.identity);
    await second.publish(signals, signal("a1"));
    await second.publish(signals, signal("a2"));
    await until("the second order", () => rig.requests.length === 2);
    expect(rig.requests.map(({ cause }) => cause)).toEqual(["signal:a1", "signal:a2"]);
    await until("its line of the second", () => rig.logs.some((line) => line.endsWith('"a2"]')));
    expect(rig.logs.filter((line) => line.startsWith("heard"))).toEqual([
      'heard ["carry/rates","AAPL","buy","a1"]',
      'heard ["carry/rates","AAPL","buy","a2"]',
    ]);
    executor.child.kill("SIGTERM");
    expect(await executor.exited).toBe(0);
  });

  test("that were said while nobody was there warm the algorithm at its next start, and no order comes of them", async () => {
    const rig = await open(["quotes", signals], true);
    const remember = follow
      .replace("event(", "seen = []; warm(data) { this.seen.push(data.id); } snapshot() { return []; } event(")
      .replace('"heard "', '"after " + this.seen + " heard "');
    const first = await rig.spawn(rig.module(remember));
    await rig.state("running");
    const said = await rig.connect(publisher.identity);
    await said.publish(signals, signal("a1"));
    await until("the order", () => rig.requests.length === 1);
    first.child.kill("SIGTERM");
    expect(await first.exited).toBe(0);
    for (const id of ["a2", "a3"]) await said.publish(signals, signal(id));
    await rig.spawn(rig.module(remember));
    await rig.state("running");
    await said.publish(signals, signal("a4"));
    await until("the next order", () => rig.requests.length === 2);
    expect(rig.requests.map(({ cause }) => cause)).toEqual(["signal:a1", "signal:a4"]);
    const line = await until("its line of the fourth", () => rig.logs.find((text) => text.endsWith('"a4"]')));
    expect(line).toBe('after a2,a3 heard ["carry/rates","AAPL","buy","a4"]');
  });

  test("that its spec does not ask for are refused, by the executor and by the broker", async () => {
    const rig = await open(["quotes"]);
    const executor = await rig.spawn(rig.module(follow));
    expect(await executor.exited).toBe(2);
    expect(executor.output()).toContain("spec.channels allows only");
    const forged = await rig.connect("seed-paper/random");
    for (const filter of [signals, "strat/carry/rates/#", "strat/+/+/signal", "strat/carry/rates/order/request"])
      expect((await forged.subscribe(filter)).ok, filter).toBe(false);
  });
});

test("a strategy whose spec publishes nothing says no signal, and trades all the same", async () => {
  const rig = rigOf(effective({ publishes: [] }));
  await rig.open();
  await rig.spawn(
    rig.module(
      `export default class { initialize() { return ["quotes"]; } event(data) { return { sid: data.sid, side: "buy" }; } }`,
    ),
  );
  await rig.state("running");
  await rig.say("AAPL", "100");
  await until("the order", () => rig.requests.length === 1);
  await rig.metric("the fill", ({ fills }) => fills === 1);
  expect(rig.signals).toEqual([]);
});
