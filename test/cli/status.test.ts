import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import stringWidth from "string-width";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPlayground, type Playground } from "./cli.ts";

// One story, in order, in one forge.
let playground: Playground;
const strategy = "seed/random-ts";
const spec = `strategies/${strategy}/strategy.yaml`;
beforeAll(async () => {
  playground = createPlayground();
  expect((await playground.run("deploy", strategy, "--merge")).code).toBe(0);
});
afterAll(() => playground.remove());

/** A commit on a branch of the forge past the gate; a text of null takes the file away. */
function push(files: Readonly<Record<string, string | null>>, branch = "main"): string {
  const index = join(playground.folder, "index");
  rmSync(index, { force: true });
  const run = (input: string, ...argv: readonly string[]): string =>
    execFileSync(
      "git",
      [...["-C", `${playground.state}/forge.git`, "-c", "user.name=bob", "-c", "user.email=bob@example.test"], ...argv],
      { encoding: "utf8", input, env: { ...process.env, GIT_INDEX_FILE: index, GIT_CONFIG_GLOBAL: "/dev/null" } },
    ).trim();
  run("", "read-tree", branch);
  for (const [path, text] of Object.entries(files)) {
    if (text === null) run("", "update-index", "--force-remove", path);
    else run("", "update-index", "--add", "--cacheinfo", `100644,${run(text, "hash-object", "-w", "--stdin")},${path}`);
  }
  const commit = run("", "commit-tree", run("", "write-tree"), "-p", branch, "-m", "quick fix");
  run("", "update-ref", `refs/heads/${branch}`, commit);
  return commit;
}

const read = (path: string): string => readFileSync(join(playground.repository, path), "utf8");

test("a commit that came past the gate and is skipped: which, by whom, everything against it, and what to do", async () => {
  const bad = push({
    [spec]: read(spec)
      .replace(/maxOrderNotional: "\d+"/, 'maxOrderNotional: "9000"')
      .replace("cpu: 100m", 'cpu: "8"'),
  });
  for (const argv of [["status"], ["status", strategy]]) {
    const { stdout } = await playground.run(...argv);
    expect(stdout).toMatch(
      new RegExp(
        `! ${bad.slice(0, 7)} by bob, .* \\(quick fix\\) came to main past the gate and is not rendered to paper: 2 errors`,
      ),
    );
    expect(stdout).toMatch(/strategy\.yaml:\d+:\d+ limits\.maxOrderNotional is 9000, above the bound 5000 of paper\n/);
    expect(stdout).toMatch(/strategy\.yaml:\d+:\d+ resources\.cpu is 8, above the bound 1 of paper\n/);
    expect(stdout).toContain(`→ propose it as it should be: slipway deploy ${strategy} --merge`);
    const { document } = await playground.json(...argv);
    expect(document["environments"]).toMatchObject([
      { skipped: [{ commit: bad, author: "bob", findings: [{ code: "above-bound" }, { code: "above-bound" }] }] },
    ]);
  }
  expect((await playground.run("status", strategy)).stdout).toContain("rendered  ✗ skipped");
});

test("doing what it says ends it", async () => {
  expect((await playground.run("deploy", strategy, "--merge")).code).toBe(0);
  const { document } = await playground.json("status");
  expect(document["environments"]).toMatchObject([{ skipped: [], renderFault: null }]);
});

test("an environment's branch that someone else wrote to is said, too", async () => {
  const before = execFileSync("git", ["-C", `${playground.state}/forge.git`, "rev-parse", "env/paper"], {
    encoding: "utf8",
  });
  push({ "apps/x.yaml": "a: b\n" }, "env/paper");
  const { code, stdout } = await playground.run("status");
  execFileSync("git", ["-C", `${playground.state}/forge.git`, "update-ref", "refs/heads/env/paper", before.trim()]);
  expect([code, stdout]).toEqual([0, expect.stringContaining("! nothing is rendered: env/paper stands at")]);
});

test("a strategy that no environment runs is said by the check and by its status", async () => {
  expect((await playground.run("new", "me/nowhere")).code).toBe(0);
  const path = "strategies/me/nowhere/strategy.yaml";
  playground.write(path, read(path).replace(/environments: .*/, "environments: {}"));
  const deployed = await playground.run("deploy", "me/nowhere", "--merge");
  expect([deployed.code, deployed.stderr]).toEqual([
    0,
    expect.stringContaining("warning  spec.environments names no environment: once merged, it runs nowhere"),
  ]);
  expect((await playground.run("status", "me/nowhere")).stdout).toContain(
    "running   nowhere here: its spec does not name paper",
  );
});

test("no line is wider than a terminal of 80 columns, and in a pipe no name is cut", async () => {
  const long = `me/${"x".repeat(40)}`;
  expect((await playground.run("new", long)).code).toBe(0);
  await playground.run("deploy", long);
  const { stdout } = await playground.terminal({ columns: 80 }, "status");
  expect(stdout).toContain("seed/random-ts");
  expect(stdout).toContain("me/xxxxx");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours.
  for (const line of stdout.replace(/\u001b\[\d+m/g, "").split("\n")) expect(stringWidth(line)).toBeLessThanOrEqual(80);
  expect((await playground.run("status")).stdout).toContain(` ${long} `);
});

test("files of the tool that came past the gate: which commit, by whom, and what to do", async () => {
  const commit = push({ "forge.yaml": "mine\n" });
  const { stdout } = await playground.run("status");
  expect(stdout).toMatch(
    new RegExp(
      `! ${commit.slice(0, 7)} by bob, .* \\(quick fix\\) came to main past the gate .*: forge\\.yaml\n {6}→ look at it`,
    ),
  );
  const { document } = await playground.json("status");
  expect(document["pastGate"]).toMatchObject([{ commit, author: "bob", title: "quick fix", files: ["forge.yaml"] }]);
});
