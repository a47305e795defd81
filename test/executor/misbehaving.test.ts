import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { freePort } from "#bus/loopback.ts";
import { effective, type Rig, rigOf, until } from "./rig.ts";

const rig = (...given: Parameters<typeof rigOf>): Promise<Rig> => rigOf(...given).open();

describe("an algorithm that misbehaves", () => {
  test("halt: one that throws ends the process with 1, and the author's line is told", async () => {
    const bench = await rig();
    const executor = await bench.spawn(
      bench.module(
        `export default class {\n  initialize() { return ["quotes"]; }\n  event() {\n    throw new TypeError("boom");\n  }\n}`,
      ),
    );
    await bench.state("running");
    await bench.say("AAPL", "1");
    expect(await executor.exited).toBe(1);
    expect((await bench.state("faulted")).reason).toBe("TypeError: boom at algorithm.mjs:4:11");
    expect(executor.output()).toContain("algorithm.mjs:4:11");
  });

  test("gives all objects a new property: it is told its line, and what the bus brings is read as before", async () => {
    const bench = await rig(effective({ errorPolicy: "skip" }));
    await bench.spawn(
      bench.module(
        `export default { initialize: () => ["quotes"], event(data) {\n  if (data.quote === "13") Object.prototype.quantity = "1";\n  return { sid: data.sid, side: "buy" };\n} }`,
      ),
    );
    await bench.state("running");
    await bench.say("AAPL", "13");
    expect((await bench.state("degraded")).reason).toMatch(/Cannot add property quantity.* at algorithm\.mjs:2:/);
    await bench.say("AAPL", "14");
    const metric = await bench.metric("the next event trades", ({ fills }) => fills === 1);
    expect(metric).toMatchObject({ errors: 1, badPayloads: 0 });
    expect(bench.requests[0]?.quantity).not.toBe("1");
  });

  test.each(["halt", "skip"] as const)(
    "what it logged before it threw is told, before the error (%s)",
    async (errorPolicy) => {
      const bench = await rig(effective({ errorPolicy }));
      await bench.spawn(
        bench.module(
          `export default { initialize: () => ["quotes"], event(data, { log }) { log.info("one"); log.warn("two"); throw new Error("three"); } }`,
        ),
      );
      await bench.state("running");
      await bench.say("AAPL", "13");
      await bench.state(errorPolicy === "halt" ? "faulted" : "degraded");
      const told = await until("its three lines", () => (bench.logs.length >= 3 ? bench.logs : undefined));
      expect(told).toEqual(["one", "two", expect.stringContaining("three")]);
    },
  );

  test("skip: one that throws loses that event and goes on, degraded", async () => {
    const bench = await rig(effective({ errorPolicy: "skip" }));
    await bench.spawn(
      bench.module(
        `export default { initialize: () => ["quotes"], event(data) { if (data.quote === "13") throw new Error("unlucky"); return { sid: data.sid, side: "buy" }; } }`,
      ),
    );
    await bench.state("running");
    await bench.say("AAPL", "13");
    expect((await bench.state("degraded")).reason).toContain("unlucky");
    await bench.say("AAPL", "14");
    expect(await bench.metric("the next event trades", ({ fills }) => fills === 1)).toMatchObject({ errors: 1 });
  });

  test.each([
    { name: "throws from a timer", body: `setTimeout(() => { throw new Error("late") }, 1)`, code: 1, says: "late" },
    {
      name: "answers nonsense",
      body: `return { sid: data.sid, side: "hold" }`,
      code: 1,
      says: 'side is \\"buy\\" or \\"sell\\"',
    },
    { name: "exits", body: "process.exit(0)", code: 0, says: "the algorithm ended the process" },
  ])("$name", async ({ body, code, says }) => {
    const bench = await rig();
    const executor = await bench.spawn(
      bench.module(`export default { initialize: () => ["quotes"], event(data) { ${body} } }`),
    );
    await bench.state("running");
    await bench.say("AAPL", "1");
    expect(await executor.exited).toBe(code);
    expect(executor.output()).toContain(says);
    expect(["faulted", "offline"]).toContain(
      (await until("an end", () => bench.states.findLast(({ state }) => state === "faulted" || state === "offline")))
        .state,
    );
  });

  test("one that never answers makes the executor end with 1", async () => {
    const bench = await rig();
    const executor = await bench.spawn(
      bench.module(`export default { initialize: () => ["quotes"], event: () => new Promise(() => undefined) }`),
    );
    await bench.state("running");
    await bench.say("AAPL", "1");
    expect(await executor.exited).toBe(1);
    expect((await bench.state("faulted")).reason).toContain("did not answer within 5 s");
  });

  test("one that blocks makes the liveness probe unanswered", async () => {
    const bench = await rig();
    const port = await freePort();
    await bench.spawn(bench.module(`export default { initialize: () => ["quotes"], event() { for (;;); } }`), {
      SLIPWAY_PORT_PROBE: String(port),
    });
    await bench.state("running");
    await bench.say("AAPL", "1");
    // The executor cannot tell that it has taken the quote, so it is asked until it is silent.
    const answers = () =>
      fetch(`http://127.0.0.1:${port}/live`, { signal: AbortSignal.timeout(1_500) }).then(
        () => true,
        () => false,
      );
    const deadline = Date.now() + 20_000;
    let answered = await answers();
    while (answered && Date.now() < deadline) {
      await setTimeout(50);
      answered = await answers();
    }
    expect(answered).toBe(false);
  });

  test("one that floods its log is capped, and the rest is counted", async () => {
    const bench = await rig();
    const executor = await bench.spawn(
      bench.module(`export default { initialize: () => ["quotes"], event(data, context) {
      for (let index = 0; index < 1000; index += 1) { context.log.info("flood " + index); console.log("console " + index); } } }`),
    );
    await bench.state("running");
    for (let index = 0; index < 3; index += 1) await bench.say("AAPL", String(index + 1));
    await bench.metric("all seen", ({ events }) => events >= 1);
    executor.child.kill("SIGTERM");
    expect(await executor.exited).toBe(0);
    const lines = executor.output().split("\n");
    expect(lines.filter((line) => line.includes('"flood ')).length).toBeLessThanOrEqual(200);
    expect(lines.filter((line) => line.includes('"console ')).length).toBeLessThanOrEqual(200);
    expect(lines.filter((line) => line.includes('"flood ')).length).toBeGreaterThan(0);
  });

  test("its parameters are frozen and the starting cash is among them", async () => {
    const bench = await rig(effective({ params: { deep: { list: [1] } } }));
    const executor = await bench.spawn(
      bench.module(`export default { initialize(params, context) {
      for (const change of [() => { params.x = 1 }, () => { params.deep.list.push(2) }, () => { context.mode = "live" }]) {
        try { change(); return 1; } catch {}
      }
      return params.starting_cash === "10000" && context.mode === "paper" ? ["quotes"] : 2;
    }, event() {} }`),
    );
    await bench.state("running");
    expect(executor.child.exitCode).toBeNull();
  });
});
