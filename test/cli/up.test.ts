import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPlayground, type Playground, type Running } from "./cli.ts";

const waitMs = 150_000;

function listen(): Promise<{ readonly server: Server; readonly port: number }> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve({ server, port: typeof address === "object" && address !== null ? address.port : 0 });
    });
  });
}

describe("ports", () => {
  let taken: Awaited<ReturnType<typeof listen>>;
  let playground: Playground;
  beforeAll(async () => {
    taken = await listen();
    playground = createPlayground();
  });
  afterAll(() => {
    taken.server.close();
    playground.remove();
  });

  test.each(["--bus-port", "--console-port"])(
    "%s that is in use is refused, and the fix names the option",
    async (option) => {
      const { code, stderr } = await playground.run("up", option, String(taken.port));
      expect(code).toBe(2);
      expect(stderr).toContain(`port ${taken.port} for the`);
      expect(stderr).toContain(option);
    },
  );

  test("a forge.yaml that names another forge refuses the start, and says what to run", async () => {
    const elsewhere = createPlayground();
    const spec = { provider: "github", repository: "acme/strategies", writer: "acme-slipway[bot]" };
    elsewhere.write("forge.yaml", JSON.stringify({ apiVersion: "slipway.dev/v1", kind: "Forge", spec }));
    const { code, stderr } = await elsewhere.run("up", "--bus-port", "0", "--console-port", "0");
    elsewhere.remove();
    expect([code, stderr]).toEqual([2, expect.stringMatching(/acme\/strategies on github[\s\S]*slipway server/)]);
  });

  test.each([
    {
      name: "that is not there",
      argv: ["nats", "--broker-program", "nowhere/nats-server"],
      says: /there is no nats-server; looked at \/.*\/nowhere\/nats-server, where no program is\n.*install it .*, or name it: --broker-program/,
    },
    { name: "that is nowhere in the PATH", argv: ["nats"], says: /there is no nats-server; looked in .*\/bin, / },
    {
      name: "that is another program",
      argv: ["mosquitto", "--broker-program", "/bin/true"],
      says: /\/bin\/true does not say that it is a mosquitto: nothing/,
    },
    {
      name: "that is too old",
      argv: ["nats", "--broker-program", "bin/old"],
      says: /is nats-server: v2\.9\.1; the bus needs 2\.10/,
    },
    {
      name: "of another kind",
      argv: ["emqx"],
      says: /--broker emqx is no broker\n.*write embedded, mosquitto or nats/,
    },
  ])("a broker $name is refused before anything runs", async ({ argv, says }) => {
    mkdirSync(join(playground.repository, "bin"), { recursive: true });
    writeFileSync(join(playground.repository, "bin/old"), "#!/bin/sh\necho nats-server: v2.9.1\n", { mode: 0o755 });
    const { code, stdout, stderr } = await playground.run("up", "--broker", ...argv);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(says);
  });

  test("wrong policies refuse the start", async () => {
    const bad = createPlayground();
    const path = "policies/environments/paper.yaml";
    bad.write(path, readFileSync(join(bad.repository, path), "utf8").replace("memory: 256Mi", "memory: lots"));
    const { code, stderr } = await bad.run("up", "--bus-port", "0", "--console-port", "0");
    bad.remove();
    expect(code).toBe(2);
    expect(stderr).toMatch(/policies\/environments\/paper\.yaml:\d+:\d+ {2}error/);
  });
});

describe("a server runs", () => {
  let playground: Playground;
  let running: Running;
  const consoleUrl = (): string => /console {2}(http:\/\/127\.0\.0\.1:\d+)/.exec(running.output())?.[1] ?? "";

  beforeAll(() => {
    playground = createPlayground();
    running = playground.start("up", "--bus-port", "0", "--console-port", "0");
  });
  afterAll(async () => {
    if (running.child.exitCode === null) running.child.kill("SIGTERM");
    await running.ended;
    playground.remove();
  }, waitMs);

  test("the first run says what it is and deploys by proposals, and they trade", async () => {
    await expect.poll(() => running.output(), { timeout: waitMs }).toContain("first order");
    expect(running.output()).toMatch(
      /^slipway \d+\.\d+\.\d+ · embedded: runs only code you trust, no venue keys · state in ~\/state · Ctrl-C stops it\n/,
    );
    await expect
      .poll(() => running.output(), { timeout: waitMs })
      .toMatch(
        /#3 seed\/random-ts +gate ✓ \d+ rules and \d+ checks passed +merged [0-9a-f]{7} +rendered env\/paper [0-9a-f]{7}/,
      );
    expect(
      running
        .output()
        .split("\n")
        .filter((line) => line.length > 160),
    ).toEqual([]);
  });

  test("a second one is refused and says who runs and where the console is", async () => {
    const { code, stderr } = await playground.run("up");
    expect(code).toBe(2);
    expect(stderr).toContain(`process ${running.child.pid}`);
    expect(stderr).toContain(consoleUrl());
  });

  test("the console shows the strategies, and status asks it", async () => {
    const read = async (): Promise<string> => (await fetch(`${consoleUrl()}/api/overview`)).text();
    await expect
      .poll(read, { timeout: waitMs })
      .toMatch(/"strategy":"seed\/random-ts","stage":"running","state":"running"/);
    const { stdout } = await playground.run("status", "seed/random-ts");
    for (const step of [
      "proposed  #",
      "merged    ",
      "rendered  ",
      "synced    embedded cluster",
      "running   running since",
      "equity",
    ])
      expect(stdout).toContain(step);
  });

  test("deploy --merge follows the new version until it runs", async () => {
    const path = "strategies/seed/random-ts/strategy.yaml";
    playground.write(
      path,
      readFileSync(join(playground.repository, path), "utf8").replace("threshold: 0.6", "threshold: 0.7"),
    );
    const { code, stdout, stderr } = await playground.run("deploy", "seed/random-ts", "--merge");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/gate .*✓[\s\S]*merged [\s\S]*rendered [\s\S]*synced [\s\S]*running {3}seed\/random-ts/);
  });

  test("stop --merge ends its process", async () => {
    const { code, document } = await playground.json("stop", "seed/random-py", "--merge");
    expect([code, document]).toMatchObject([
      0,
      { server: true, arrived: { synced: true, settled: ["seed/random-py"] } },
    ]);
    expect((await playground.run("status", "seed/random-py")).stdout).toContain("  stopped   stopped");
  });

  test("logs prints what the process wrote", async () => {
    const { code, document } = await playground.json("logs", "seed/random-ts");
    expect([code, document]).toMatchObject([0, { logs: [{ container: "executor" }] }]);
    expect((await playground.run("logs", "seed/random-ts", "-c", "nothing")).stderr).toContain("write one of executor");
  });

  test("SIGINT stops everything, says so, and the same command resumes", async () => {
    running.child.kill("SIGINT");
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/stopping \d strateg(y|ies), feed, gateway, bus[\s\S]*stopped in .*`slipway up` resumes/);
    await expect(fetch(`${consoleUrl()}/healthz`)).rejects.toThrow();
    const again = await playground.run("up", "--bus-port", "0", "--console-port", "0", "--for", "1");
    expect(again.code).toBe(0);
    expect(again.stdout).toContain("resumed: 3 strategies, main at ");
    expect(again.stdout).not.toContain("deploying");
  });
});

test("a first run that was killed goes on where it was", async () => {
  const playground = createPlayground();
  const killed = playground.start("up", "--bus-port", "0", "--console-port", "0");
  await expect.poll(() => killed.output(), { timeout: waitMs, interval: 5 }).toContain("forge ");
  killed.child.kill("SIGKILL");
  await killed.ended;
  const again = await playground.run("up", "--bus-port", "0", "--console-port", "0", "--for", "8");
  const { document } = await playground.json("rollback", "seed/random-ts", "--list");
  playground.remove();
  expect(again.code).toBe(0);
  expect(document["deploys"]).toHaveLength(1);
});
