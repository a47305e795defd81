import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPlayground, type Playground } from "./cli.ts";

// One story, in order, in one forge: what the commands do when no server runs.
let playground: Playground;
beforeAll(() => {
  playground = createPlayground();
});
afterAll(() => playground.remove());

const strategy = "seed/random-ts";
const spec = `strategies/${strategy}/strategy.yaml`;

function edit(from: string, to: string): void {
  const text = readFileSync(`${playground.repository}/${spec}`, "utf8");
  expect(text).toContain(from);
  playground.write(spec, text.replace(from, to));
}

function git(...argv: readonly string[]): string {
  return execFileSync("git", ["-C", `${playground.state}/forge.git`, ...argv], { encoding: "utf8" }).trim();
}

/** A commit on a branch of the forge with another spec, as `git push` would bring it. */
function pushTo(branch: string, text: string): void {
  const index = { GIT_INDEX_FILE: `${playground.folder}/index`, GIT_CONFIG_GLOBAL: "/dev/null" };
  const author = ["-c", "user.name=bob", "-c", "user.email=bob@example.test"];
  const run = (input: string, ...argv: readonly string[]): string =>
    execFileSync("git", ["-C", `${playground.state}/forge.git`, ...author, ...argv], {
      encoding: "utf8",
      input,
      env: { ...process.env, ...index },
    }).trim();
  run("", "read-tree", branch);
  run("", "update-index", "--cacheinfo", `100644,${run(text, "hash-object", "-w", "--stdin")},${spec}`);
  run("", "update-ref", branch, run("", "commit-tree", run("", "write-tree"), "-p", branch, "-m", "by hand"));
}

test("deploy makes the forge, proposes, and the gate passes", async () => {
  const { code, stdout } = await playground.run("deploy", strategy);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^proposal #1 {2}seed\/random-ts: new strategy\n {2}gate {6}✓ \d+ rules and \d+ checks passed\n/,
  );
  expect(stdout).toContain("next: slipway merge 1");
});

test("said again it is the same proposal", async () => {
  const { code, document } = await playground.json("deploy", strategy);
  expect([code, document]).toMatchObject([
    0,
    { outcome: "unchanged", proposal: { number: 1, gate: { state: "passed" } } },
  ]);
});

test("proposals and proposal show it", async () => {
  expect((await playground.run("proposals", "--only", "open")).stdout).toContain("#1  open");
  const { stdout } = await playground.run("proposal", "#1", "--diff");
  expect(stdout).toContain("next: slipway merge 1");
  expect(stdout).toContain("+kind: Strategy");
});

test("nobody approves their own; someone else's approval says that it is unverified", async () => {
  const own = await playground.json("approve", "1");
  expect([own.code, own.document]).toMatchObject([2, { findings: [{ code: "self-approval" }] }]);
  const { stderr } = await playground.run("approve", "1");
  expect(stderr).toContain("proposal #1 is by you, and nobody approves their own; it needs no approval");
  expect(stderr).toContain("fix: merge it: slipway merge 1");
  const bob = await playground.run("approve", "1", "--as", "bob");
  expect([bob.code, bob.stdout]).toEqual([0, expect.stringContaining("unverified")]);
});

test("merge renders under the lock and says that nothing runs yet; again it says that it was merged, by whom and when", async () => {
  const first = await playground.run("merge", "1");
  expect(first.code).toBe(0);
  expect(first.stdout).toMatch(/ {2}merged {4}[0-9a-f]{7}\n {2}rendered {2}[0-9a-f]{7} on env\/paper/);
  expect(first.stdout).toContain("executors start when `slipway up` runs");
  const again = await playground.run("merge", "1");
  expect([again.code, again.stderr]).toEqual([0, ""]);
  expect(again.stdout).toMatch(
    /^proposal #1 .*\n {2}merged {4}already, by you at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d as [0-9a-f]{7}; nothing was done\nnext: slipway status seed\/random-ts\n$/,
  );
  expect(await playground.json("merge", "1")).toMatchObject({
    code: 0,
    document: { merged: false, mergedBy: "you", mergedAs: git("rev-parse", "main") },
  });
});

test("what Slipway writes has one committer: the merge, the rendered commit and the proposal's record", () => {
  for (const ref of ["main", "env/paper", "refs/slipway/proposals/1"])
    expect(git("log", "-1", "--format=%cn <%ce>", ref)).toBe("Slipway <slipway@slipway.invalid>");
});

test("deploying what main has is nothing to do, and no error", async () => {
  expect(await playground.json("deploy", strategy, "--merge")).toMatchObject({
    code: 0,
    document: { outcome: "nothing", proposal: null },
  });
});

test("a wrong spec is refused before anything is proposed", async () => {
  edit("memory: 128Mi", "memory: 128MB");
  const { code, stderr } = await playground.run("deploy", strategy);
  edit("memory: 128MB", "memory: 128Mi");
  expect(code).toBe(2);
  expect(stderr).toMatch(/strategies\/seed\/random-ts\/strategy\.yaml:\d+:\d+ {2}error/);
  expect((await playground.json("proposals")).document["proposals"]).toHaveLength(1);
});

test("with one version there is nothing to roll back to, stops and starts or not, and it says what to do instead", async () => {
  const one = await playground.run("rollback", strategy);
  expect([one.code, one.stdout]).toEqual([2, ""]);
  expect(one.stderr).toContain("has had one version only, that of deploy 1: there is none to go back to");
  expect(one.stderr).toContain(`fix: mend strategies/${strategy} and deploy it, or end it: slipway stop ${strategy}`);
  for (const word of ["stop", "start"]) expect((await playground.run(word, strategy, "--merge")).code).toBe(0);
  const still = await playground.json("rollback", strategy);
  expect([still.code, still.document]).toMatchObject([2, { findings: [{ code: "deploy-unknown" }] }]);
  expect(JSON.stringify(still.document)).toContain("one version only (stops and starts are none)");
});

test("several strategies and a title at once", async () => {
  edit("threshold: 0.6", "threshold: 0.7");
  const { code, document } = await playground.json("deploy", "--merge", "--title", "all of them");
  expect([code, document]).toMatchObject([0, { proposal: { title: "all of them" }, server: false }]);
  expect((await playground.run("status")).stdout).toMatch(/momentum\/sma-cross +rendered/);
});

test("an open proposal's title follows what it holds now; a title that a person gave stays until another is given", async () => {
  const titles = async (): Promise<string> => (await playground.run("proposals", "--only", "open")).stdout;
  edit("threshold: 0.7", "threshold: 0.8");
  await playground.run("deploy", strategy);
  edit("threshold: 0.8", "threshold: 0.9");
  const moved = await playground.run("deploy", strategy);
  expect(moved.stdout).toMatch(/^proposal #\d+ {2}seed\/random-ts: params\.threshold 0\.7 → 0\.9 {3}\(moved/);
  expect(await titles()).toContain("seed/random-ts: params.threshold 0.7 → 0.9 ");
  expect(await titles()).not.toContain("0.8");
  // By hand, past the command line: the gate, which the next command runs, sees what came.
  const [branch, text] = [`refs/heads/slipway/deploy/${strategy}`, git("show", `main:${spec}`)];
  pushTo(branch, `${text.replace("threshold: 0.7", "threshold: 0.75")}\n`);
  await playground.run("merge", "999");
  expect(await titles()).toContain("seed/random-ts: params.threshold 0.7 → 0.75 ");
  await playground.run("deploy", strategy, "--title", "calmer");
  expect(await titles()).toContain("calmer");
  edit("threshold: 0.9", "threshold: 0.7");
  edit("memory: 128Mi", "memory: 96Mi");
  await playground.run("deploy", strategy);
  expect(await titles()).toContain("calmer");
  edit("memory: 96Mi", "memory: 128Mi");
  git("update-ref", "-d", branch);
});

test("rollback goes back to the last deploy with another source, over stops and starts", async () => {
  for (const word of ["stop", "start"]) expect((await playground.run(word, strategy, "--merge")).code).toBe(0);
  // 1 new · 2 stopped · 3 started · 4 all of them · 5 stopped · 6 started
  expect(await playground.json("rollback", strategy, "--merge")).toMatchObject({
    code: 0,
    document: { proposal: { title: `${strategy}: rolled back to deploy 3` } },
  });
  expect(git("show", `main:${spec}`)).toContain("threshold: 0.6");
  // 7 has the source of 3; the last other one is that of 6.
  expect(await playground.json("rollback", strategy, "--merge")).toMatchObject({
    code: 0,
    document: { proposal: { title: `${strategy}: rolled back to deploy 6` } },
  });
  expect(git("show", `main:${spec}`)).toContain("threshold: 0.7");
});

test("stop, start and rollback are proposals; the checkout is not written to", async () => {
  const before = readFileSync(`${playground.repository}/${spec}`, "utf8");
  expect(await playground.json("stop", strategy, "--merge")).toMatchObject({
    code: 0,
    document: { proposal: { title: `${strategy}: stopped in paper` } },
  });
  expect(await playground.json("stop", strategy, "--merge")).toMatchObject({
    code: 0,
    document: { outcome: "nothing" },
  });
  expect((await playground.run("start", strategy, "--merge")).code).toBe(0);
  expect((await playground.run("rollback", strategy, "--list")).stdout).toMatch(/^10 {2}.*\n9 {3}.*\n(?:.*\n)*1 {3}/);
  expect(await playground.json("rollback", strategy, "--to", "1", "--merge")).toMatchObject({
    code: 0,
    document: { proposal: { title: `${strategy}: rolled back to deploy 1` } },
  });
  expect((await playground.run("rollback", strategy, "--to", "99")).stderr).toContain("it has 1 to 11");
  expect(readFileSync(`${playground.repository}/${spec}`, "utf8")).toBe(before);
});

test("status tells the way of a strategy, and of one that nobody knows", async () => {
  const { stdout } = await playground.run("status", strategy);
  for (const step of ["proposed  #", "merged    ", "rendered  ", "no server is up"]) expect(stdout).toContain(step);
  expect((await playground.run("status", "me/nobody")).code).toBe(2);
});

test("two commands at once: both arrive", async () => {
  edit("threshold: 0.7", "threshold: 0.8");
  const [one, two] = await Promise.all([
    playground.run("deploy", strategy, "--merge"),
    playground.run("stop", "seed/random-py", "--merge"),
  ]);
  const errors = `${one.stderr}${two.stderr}`.replace(/^waiting for another command .*\n/gm, "");
  expect([one.code, two.code, errors]).toEqual([0, 0, ""]);
});

test("where an environment asks for approvals, the author is told that someone else gives one", async () => {
  const strict = createPlayground();
  const policy = "policies/environments/paper.yaml";
  strict.write(policy, readFileSync(`${strict.repository}/${policy}`, "utf8").replace("approvals: 0", "approvals: 1"));
  expect((await strict.run("deploy", strategy)).code).toBe(0);
  const own = await strict.run("approve", "1");
  strict.remove();
  expect([own.code, own.stdout]).toEqual([2, ""]);
  expect(own.stderr).toContain("nobody approves their own; it needs 1 approval of anyone who did not propose it");
  expect(own.stderr).toContain("fix: someone else runs: slipway approve 1");
});
