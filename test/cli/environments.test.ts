import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPlayground, type Playground } from "./cli.ts";

// Three environments: paper, which `slipway up` runs, lab, which an embedded cluster may run, and live, which none may.
let playground: Playground;
const policy = (name: string): string => `policies/environments/${name}.yaml`;
const spec = (id: string): string => `strategies/${id}/strategy.yaml`;

function edit(path: string, from: string, to: string, into = path): void {
  const text = readFileSync(join(playground.repository, path), "utf8");
  expect(text).toContain(from);
  playground.write(into, text.replace(from, to));
}

function writeLog(namespace: string, pod: string, container: string, text: string): void {
  const folder = join(playground.state, "cluster/logs", namespace, pod);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${container}.log`), text);
}

beforeAll(async () => {
  playground = createPlayground();
  edit(policy("paper"), "metadata: { name: paper }", "metadata: { name: lab }", policy("lab"));
  edit(policy("lab"), "metadata: { name: lab }", "metadata: { name: live }", policy("live"));
  edit(policy("live"), "embedded: true", "embedded: false");
  // What this repository asks of strategies that trade for money is not what these tests are about.
  for (const rule of ["require-listed-team", "require-retire"])
    rmSync(join(playground.repository, `policies/rules/${rule}.yaml`));
  edit(
    "policies/teams.yaml",
    "seed: { members: [alice, dave], environments: { paper: {} } }",
    "seed: { members: [alice, dave], environments: { paper: {}, lab: {} } }",
  );
  edit("policies/teams.yaml", "environments: { paper: {} } }", "environments: { paper: {}, live: {} } }");
  edit(spec("seed/random-ts"), "{ paper: { running: true } }", "{ paper: { running: true }, lab: { running: true } }");
  edit(spec("seed/random-py"), "{ paper: { running: true } }", "{ lab: { running: true } }");
  edit(
    spec("momentum/sma-cross"),
    "{ paper: { running: true } }",
    "{ paper: { running: true }, live: { running: false } }",
  );
  const { code, stderr } = await playground.run("deploy", "seed/random-ts", "seed/random-py", "--merge");
  expect([code, stderr]).toEqual([0, ""]);
  expect((await playground.run("deploy", "momentum/sma-cross")).code).toBe(0);
});
afterAll(() => playground.remove());

describe("status", () => {
  test("one strategy is shown in every embedded environment that it is in", async () => {
    const { stdout } = await playground.run("status", "seed/random-ts");
    expect(stdout).toMatch(/^seed\/random-ts · paper\n(?: {2}.*\n)+seed\/random-ts · lab\n(?: {2}.*\n)+$/);
    for (const environment of ["paper", "lab"])
      expect(stdout).toMatch(new RegExp(`rendered {2}[0-9a-f]{7} on env/${environment}`));
    expect(stdout).toContain("nothing runs here: no server is up");
    expect(stdout).toContain("not here: `slipway up` runs paper; another cluster syncs env/lab");
    expect(await playground.json("status", "seed/random-py")).toMatchObject({
      code: 0,
      document: {
        running: false,
        strategy: { strategy: "seed/random-py", stage: "rendered" },
        environments: [{ environment: "lab", running: false, strategy: { stage: "rendered" } }],
      },
    });
  });

  test("all strategies are a table an environment, each with its own", async () => {
    const { stdout } = await playground.run("status");
    const [, paper = "", lab = ""] = stdout.split(/^env\/.*\n/m);
    expect(paper).toMatch(/momentum\/sma-cross +proposed[\s\S]*seed\/random-ts +rendered/);
    expect(paper).not.toContain("random-py");
    expect(lab).toMatch(/seed\/random-py +rendered[\s\S]*seed\/random-ts +rendered/);
    expect(lab).not.toContain("sma-cross");
    expect(paper).toContain("no server runs here");
    expect(lab).toContain("not here: `slipway up` runs paper; another cluster syncs env/lab");
    expect(stdout).not.toContain("live");
  });

  test.each(["--env", "--environment", "-e"])("%s names one", async (option) => {
    const { stdout } = await playground.run("status", option, "lab");
    expect(stdout).toContain("seed/random-py");
    expect(stdout).not.toMatch(/^env\//m);
    expect((await playground.run("status", "momentum/sma-cross", option, "live")).stdout).toMatch(
      /^momentum\/sma-cross · live\n/,
    );
  });

  test.each([
    [["status", "--env", "moon"], 'there is no environment "moon"; main\'s policies have paper, lab, live'],
    [["status", "seed/random-py", "--env", "paper"], "seed/random-py is neither deployed nor proposed in paper"],
  ])("%j is refused", async (argv, text) => {
    const { code, stdout, stderr } = await playground.run(...argv);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(text);
  });
});

describe("logs", () => {
  beforeAll(() => {
    writeLog("seed-paper", "random-ts-0", "executor", "2026-01-01T00:00:01.000Z in paper\n");
    writeLog("seed-lab", "random-ts-0", "executor", "2026-01-01T00:00:02.000Z in lab\n");
    // Another team's, whose name begins with this one's.
    writeLog("seed-two-paper", "random-ts-0", "executor", "not ours\n");
  });

  test("are of every environment that it has run in, by time, each line with its name", async () => {
    expect((await playground.run("logs", "seed/random-ts")).stdout).toBe(
      "paper executor 2026-01-01T00:00:01.000Z in paper\nlab executor   2026-01-01T00:00:02.000Z in lab\n",
    );
    expect((await playground.json("logs", "seed/random-ts")).document["logs"]).toMatchObject([
      { environment: "lab", container: "executor" },
      { environment: "paper", container: "executor" },
    ]);
  });

  test("--env names one; one that it has not run in is refused with those it has", async () => {
    expect((await playground.run("logs", "seed/random-ts", "--env", "lab")).stdout).toBe(
      "2026-01-01T00:00:02.000Z in lab\n",
    );
    const { code, stderr } = await playground.run("logs", "seed/random-ts", "--environment", "live");
    expect(code).toBe(2);
    expect(stderr).toContain('has no logs of environment "live"');
    expect(stderr).toContain("write one of lab, paper");
  });
});
