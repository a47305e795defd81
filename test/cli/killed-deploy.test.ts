import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPlayground, type Playground } from "./cli.ts";

// Commands that are killed once they have merged, and said again. Without a server, so that nobody else ends their work.
let playground: Playground;
beforeAll(() => {
  playground = createPlayground();
});
afterAll(() => playground.remove());

const strategy = "seed/random-ts";
const spec = `strategies/${strategy}/strategy.yaml`;

function git(...argv: readonly string[]): string {
  return execFileSync("git", ["-C", `${playground.state}/forge.git`, ...argv], { encoding: "utf8" }).trim();
}

async function killedWhenMerged(...argv: readonly string[]): Promise<void> {
  const running = playground.start(...argv);
  running.child.stdout?.on("data", () => {
    if (running.output().includes("  merged ")) running.child.kill("SIGKILL");
  });
  expect((await running.ended).code).toBeNull();
}

/** Of what main holds, and that it is rendered. */
function expectArrived(stdout: string): void {
  const main = git("rev-parse", "main");
  expect(stdout).toMatch(new RegExp(`\\n  merged    ${main.slice(0, 7)}, by .* at 2\\d{3}-`));
  expect(git("log", "-1", "--format=%(trailers:key=Dry-Commit,valueonly)", "env/paper").trim()).toBe(main);
  expect(stdout).toMatch(new RegExp(`\\n  rendered  ${git("rev-parse", "env/paper").slice(0, 7)} on env/paper`));
}

test.each([
  { what: "a named deploy", argv: ["deploy", strategy, "--merge"] },
  { what: "a deploy of all that differs", argv: ["deploy", "--merge"] },
  { what: "a stop", argv: ["stop", strategy, "--merge"] },
])("$what that was killed after its merge goes on, and proposes nothing again", async ({ argv }) => {
  await killedWhenMerged(...argv);
  const { code, stdout, stderr } = await playground.run(...argv);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^nothing to propose: /);
  expectArrived(stdout);
  const { document } = await playground.json(...argv);
  expect(document).toMatchObject({ ok: true, outcome: "nothing", mergedAs: git("rev-parse", "main") });
});

test("so does a removal, whose folder is nowhere any more", async () => {
  const text = readFileSync(join(playground.repository, spec), "utf8");
  playground.write(
    spec,
    text.replace("  resources:", "  retire: flatten\n  resources:").replace("running: true", "running: false"),
  );
  expect((await playground.run("deploy", strategy, "--merge")).code).toBe(0);
  rmSync(join(playground.repository, "strategies", strategy), { recursive: true });
  await killedWhenMerged("deploy", strategy, "--merge");
  const { code, stdout } = await playground.run("deploy", strategy, "--merge");
  expect(code).toBe(0);
  expect(stdout).toContain(`nothing to propose: ${strategy} is gone from main already\n`);
  expectArrived(stdout);
  const never = await playground.run("deploy", "seed/never", "--merge");
  expect([never.code, never.stderr]).toEqual([2, expect.stringContaining("and none on main")]);
});

test("a reader that closes the pipe after the first line stops no deploy half-way", async () => {
  const text = readFileSync(join(playground.repository, "strategies/seed/random-py/strategy.yaml"), "utf8");
  playground.write("strategies/seed/random-py/strategy.yaml", text.replace("threshold: 0.6", "threshold: 0.7"));
  const running = playground.start("deploy", "seed/random-py", "--merge");
  running.child.stdout?.once("data", () => running.child.stdout?.destroy());
  const { code, stdout, stderr } = await running.ended;
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^proposal #\d+/);
  expect(git("log", "-1", "--format=%s", "env/paper")).toBe(git("log", "-1", "--format=%s", "main"));
  expect(git("show", "main:strategies/seed/random-py/strategy.yaml")).toContain("threshold: 0.7");
});
