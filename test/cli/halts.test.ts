import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bus, connectBus } from "#bus/client.ts";
import { operatorAccess } from "#core/access.ts";
import { createPlayground, type Playground, type Running } from "./cli.ts";

// One story, in order: strategies trade, somebody stops them, the server dies in between, somebody resumes.

const waitMs = 180_000;
const poll = { timeout: waitMs, interval: 100 };
/** A gateway on a machine that is busy answers late. */
const patient = ["--timeout", "120"];
let playground: Playground;
let running: Running;

beforeAll(() => {
  playground = createPlayground();
  running = playground.start("up", "--bus-port", "0", "--console-port", "0");
});
afterAll(async () => {
  if (running.child.exitCode === null) running.child.kill("SIGTERM");
  await running.ended;
  playground.remove();
}, waitMs);

const git = (...argv: readonly string[]): string =>
  execFileSync("git", ["-C", join(playground.state, "forge.git"), ...argv], { encoding: "utf8" }).trim();
const halts = (): readonly string[] =>
  git("ls-tree", "--name-only", "main", "policies/halts/").split("\n").filter(Boolean);
const rendered = (): string => git("show", "env/paper:platform/configmap-gateway-standing.yaml");

/** How often a strategy's orders were filled, as its executor says; undefined before it has said it. */
async function fills(strategy: string): Promise<number | undefined> {
  const { document } = await playground.json("status");
  const { rows } = document["overview"] as { rows: readonly { strategy: string; fills: number | null }[] };
  return rows.find((row) => row.strategy === strategy)?.fills ?? undefined;
}

/** A connection as the operator's. */
function connect(): Promise<Bus> {
  const file = JSON.parse(readFileSync(join(playground.state, "console.json"), "utf8")) as { busUrl: string };
  const access = operatorAccess("paper");
  const path = join(playground.state, "cluster/identities/passwords/slipway-paper.operator");
  return connectBus({
    url: file.busUrl,
    identity: access.identity,
    access,
    password: () => readFileSync(path, "utf8").trim(),
  });
}

describe("while it trades", () => {
  test("everything runs", { timeout: waitMs }, async () => {
    // Each of the three: who halts a team is told how many strategies of it the gateway knows.
    const trading = (): number => running.output().match(/first order/g)?.length ?? 0;
    await expect.poll(trading, poll).toBe(3);
  });

  test("halt acts at once, and is written to Git as a proposal that is merged", { timeout: waitMs }, async () => {
    const { code, stdout, stderr } = await playground.run("halt", "team/seed", "--reason", "a bad tick", ...patient);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(
      /^halted 2 strategies in \d.*s: 0 open orders canceled, .*\nrecorded, proposal #\d+ merged \(policies\/halts\/halt-.*\.yaml\)\nresume with: slipway resume team\/seed/,
    );
    expect(halts()).toHaveLength(1);
    expect(git("show", `main:${halts()[0]}`)).toContain('reason: "a bad tick"');
    await expect.poll(rendered, poll).toContain("a bad tick");
    const { stdout: status } = await playground.run("status");
    expect(status).toMatch(/paper: team\/seed is halted by .* \(a bad tick\) {3}→ slipway resume team\/seed/);
  });

  test("a halt that only the gateway heard is written to Git by the server", { timeout: waitMs }, async () => {
    const bus = await connect();
    const command = { v: 1, type: "gateway-command", id: "from-the-bus", verb: "reduce", scope: "momentum/sma-cross" };
    const words = { by: "Erin", reason: "nobody wrote it down", expiresAtMs: Date.now() + 60_000, atMs: Date.now() };
    await bus.publish("gw/cmd/reduce", { ...command, ...words }, { qos: 1 });
    await bus.close();
    await expect.poll(halts, poll).toContain("policies/halts/from-the-bus.yaml");
    expect(git("log", "-1", "--format=%an", "main")).toBe("Erin");
    await expect.poll(rendered, poll).toContain("nobody wrote it down");
  });

  test("flatten sells what is held", { timeout: waitMs }, async () => {
    const { code, document } = await playground.json(
      "flatten",
      "momentum/sma-cross",
      "--reason",
      "the end",
      ...patient,
    );
    expect(document).toMatchObject({
      ...{ ok: true, recorded: true, halt: { verb: "flatten", target: "momentum/sma-cross" } },
      gateway: { answered: true, done: true, strategies: 1, ordersOpen: 0, positionsOpen: 0, held: [] },
    });
    expect(code).toBe(0);
    const status = await playground.run("status", "momentum/sma-cross");
    expect(status.stdout).toContain("holds nothing");
  });

  test("halts outlive everything, and their end is a merge", { timeout: 2 * waitMs }, async () => {
    const before = await fills("seed/random-ts");
    running.child.kill("SIGKILL");
    await running.ended;
    running = playground.start("up", "--bus-port", "0", "--console-port", "0");
    await expect.poll(() => running.output(), poll).toContain("resumed: 3 strategies");
    const denied = async (): Promise<string> => (await playground.run("status", "seed/random-ts")).stdout;
    await expect.poll(denied, poll).toContain("team/seed is halted by");
    expect(before).toBeDefined();
    // Fills only become more: one that came meanwhile would never go again.
    await expect.poll(() => fills("seed/random-ts"), poll).toBe(before);
    // A checkout that has no file of them removes none.
    expect((await playground.run("deploy", "--policies")).stdout).toContain("nothing to propose");

    const { code, stdout } = await playground.run("resume", "team/seed", "--merge");
    expect(code).toBe(0);
    expect(stdout).toMatch(/proposal #\d+ {2}resume team\/seed in paper[\s\S]*merged/);
    expect(halts().join()).not.toContain("/halt-");
    expect(halts()).toHaveLength(2);
    await expect.poll(() => fills("seed/random-ts"), poll).toBeGreaterThan(before ?? 0);
  });
});

describe("names that are in one another's way", () => {
  test("who halts nobody hears whom they meant", { timeout: waitMs }, async () => {
    const { code, stderr } = await playground.run("halt", "seed/random-tz", "--reason", "a slip");
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/no strategy seed\/random-tz, so nothing was done to any; did you mean seed\/random-ts\?/),
    ]);
  });

  test("a strategy resumes before and after its team", { timeout: 2 * waitMs }, async () => {
    for (const target of ["seed/random-tz", "team/seed", "seed/random-ts", "team/seed", "all"]) {
      if (target !== "seed/random-tz") await playground.run("halt", target, "--reason", "again", ...patient);
      const { code, stderr } = await playground.run("resume", target, "--merge");
      expect([target, code, stderr]).toEqual([target, 0, ""]);
    }
  });
});

describe("what is refused", () => {
  test.each([
    { argv: ["halt", "momentum"], says: "--reason" },
    { argv: ["halt", "momentum", "--reason", "x"], says: "nobody who could be halted" },
    { argv: ["halt", "all", "--reason", " "], says: "--reason is empty" },
    { argv: ["resume", "team/momentum"], says: "team/momentum is not halted in paper on main; halted are" },
    { argv: ["resume", "x"], says: "nobody who could be halted" },
    { argv: ["halt", "team/all", "--reason", "x"], says: "nobody who could be halted" },
    { argv: ["halt", "all", "--reason", "x", "--timeout", "0"], says: "--timeout" },
  ])("$argv", async ({ argv, says }) => {
    const { code, stderr } = await playground.run(...argv);
    expect(code).toBe(2);
    expect(stderr).toContain(says);
  });

  test.each(["halt", "reduce", "flatten", "resume"])("%s --help has examples and exit codes", async (verb) => {
    const { code, stdout } = await playground.run(verb, "--help");
    expect(code).toBe(0);
    expect(stdout).toContain("Examples:");
    expect(stdout).toContain("Exit codes:");
  });
});

test("where nothing runs, Git says it all the same", { timeout: waitMs }, async () => {
  const still = createPlayground();
  try {
    expect((await still.run("deploy", "seed/random-ts", "--merge")).code).toBe(0);
    const { code, stdout } = await still.run("halt", "seed/random-ts", "--reason", "before it starts");
    expect(code).toBe(0);
    expect(stdout).toContain("nothing runs here");
    expect(stdout).toContain("recorded, proposal #2 merged");
  } finally {
    still.remove();
  }
});
