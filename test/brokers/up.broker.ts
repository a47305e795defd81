import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPlayground, type Playground, type Running } from "../cli/cli.ts";
import { mosquittoProgram, natsProgram } from "./programs.ts";

// Everything of `slipway up`, on a broker that is a program of its own.

/** A busy machine takes ten times as long. */
const waitMs = 180_000;

describe.each([
  { name: "mosquitto", program: mosquittoProgram() ?? "", title: /Mosquitto 2\.\d+\.\d+/ },
  { name: "nats", program: natsProgram(), title: /nats-server 2\.\d+\.\d+/ },
])("slipway up --broker $name", ({ name, program, title }) => {
  let playground: Playground;
  let running: Running;
  const consoleUrl = (): string => /console {2}(http:\/\/127\.0\.0\.1:\d+)/.exec(running.output())?.[1] ?? "";
  const logs = ["slipway-paper/gateway-0/gateway.log", "momentum-paper/sma-cross-0/executor.log"];
  const read = (log: string): string => readFileSync(join(playground.state, "cluster/logs", log), "utf8");
  const overview = async (): Promise<readonly { readonly [key: string]: unknown }[]> =>
    Object(await (await fetch(`${consoleUrl()}/api/overview`)).json()).rows;

  beforeAll(() => {
    playground = createPlayground();
    const ports = ["--bus-port", "0", "--console-port", "0"];
    // Debian's Mosquitto is found where it is; nats-server is in no PATH here.
    const given = program.startsWith("/") ? ["--broker-program", program] : [];
    running = playground.start("up", "--broker", name, ...given, ...ports);
  });
  afterAll(async () => {
    if (running.child.exitCode === null) running.child.kill("SIGTERM");
    await running.ended;
    playground.remove();
  }, waitMs);

  test(
    "strategies are deployed by proposals, each gets its rights while it runs, and they trade",
    async () => {
      await expect.poll(() => running.output(), { timeout: 2 * waitMs }).toContain("console  http");
      const trading = async (): Promise<readonly unknown[]> =>
        (await overview()).filter(({ fills }) => Number(fills) > 0).map(({ strategy }) => strategy);
      await expect
        .poll(trading, { timeout: 2 * waitMs, interval: 500 })
        .toEqual(["momentum/sma-cross", "seed/random-py", "seed/random-ts"]);
      expect(running.output()).toMatch(title);
      const metrics = async (): Promise<string> => (await fetch(`${consoleUrl()}/metrics`)).text();
      await expect
        .poll(metrics, { timeout: waitMs })
        .toMatch(/slipway_bus_recorder_bytes\{environment="paper"\} [1-9]/);
      expect(await metrics()).toMatch(/slipway_bus_clients\{environment="paper"\} \d/);
    },
    4 * waitMs,
  );

  test(
    "stop --merge and deploy --merge of another one cut nobody else",
    async () => {
      // Who starts before the broker listens tries again.
      const cuts = (): readonly number[] => logs.map((log) => read(log).split("no connection to the bus").length);
      const before = cuts();
      const stopped = await playground.json("stop", "seed/random-py", "--merge");
      expect([stopped.code, stopped.document]).toMatchObject([0, { arrived: { settled: ["seed/random-py"] } }]);
      expect((await playground.run("new", "me/first")).code).toBe(0);
      const { code, stdout, stderr } = await playground.run("deploy", "me/first", "--merge");
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/running {3}me\/first/);
      const rows = await overview();
      const states = rows.map(({ strategy, state, restarts }) => [strategy, state, restarts]);
      expect(states).toEqual([
        ["me/first", "running", 0],
        ["momentum/sma-cross", "running", 0],
        ["seed/random-py", "stopped", 0],
        ["seed/random-ts", "running", 0],
      ]);
      expect(cuts()).toEqual(before);
    },
    3 * waitMs,
  );

  test(
    "an operator halts over it, and it is written to Git",
    async () => {
      const { code, document } = await playground.json("halt", "seed/random-ts", "--reason", "a test");
      expect([code, document]).toMatchObject([0, { gateway: { answered: true, done: true } }]);
    },
    waitMs,
  );

  test(
    "SIGTERM ends everything, the broker too, and the next run resumes on the embedded one",
    async () => {
      running.child.kill("SIGTERM");
      expect((await running.ended).code).toBe(0);
      const again = await playground.run("up", "--bus-port", "0", "--console-port", "0", "--for", "2");
      expect([again.code, again.stdout]).toEqual([0, expect.stringContaining("resumed: 4 strategies")]);
    },
    waitMs,
  );
});
