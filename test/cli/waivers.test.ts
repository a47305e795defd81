import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeDeadlines, describeEnd, describeExpiry } from "#cli/deadlines.ts";
import { waiver } from "../delivery/documents.ts";
import { createPlayground, type Playground } from "./cli.ts";

// One story, in order, in one forge.
let playground: Playground;
beforeAll(() => {
  playground = createPlayground();
});
afterAll(() => playground.remove());

const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
const waives = '{ bound: maxOrderNotional, to: "9000" }';

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(playground.repository, path, ".."), { recursive: true });
    playground.write(path, text);
  }
}

/** A commit on main past the gate. */
function push(files: Readonly<Record<string, string>>): void {
  const run = (input: string, ...argv: readonly string[]): string =>
    execFileSync(
      "git",
      ["-C", `${playground.state}/forge.git`, "-c", "user.name=bob", "-c", "user.email=b@x.test", ...argv],
      {
        encoding: "utf8",
        input,
        env: { ...process.env, GIT_INDEX_FILE: `${playground.folder}/index`, GIT_CONFIG_GLOBAL: "/dev/null" },
      },
    ).trim();
  run("", "read-tree", "main");
  for (const [path, text] of Object.entries(files))
    run("", "update-index", "--add", "--cacheinfo", `100644,${run(text, "hash-object", "-w", "--stdin")},${path}`);
  run(
    "",
    "update-ref",
    "refs/heads/main",
    run("", "commit-tree", run("", "write-tree"), "-p", "main", "-m", "by hand"),
  );
}

test("without any, it says so", async () => {
  expect((await playground.run("deploy", "seed/random-ts", "--merge")).code).toBe(0);
  expect(await playground.run("waivers")).toEqual({ code: 0, stdout: "nothing is waived\n", stderr: "" });
});

test("lists what is waived, the one that ends first at the top, and status says in a line what ends soon", async () => {
  write(
    waiver("later", { waives: '{ bound: cpu, to: "2" }', until: day(60), scope: "{ environment: paper, team: seed }" }),
  );
  write(waiver("big", { waives, until: day(2) }));
  const merged = await playground.run("deploy", "--policies", "--merge");
  expect([merged.code, merged.stderr]).toEqual([0, ""]);
  const { stdout } = await playground.run("waivers");
  expect(stdout.split("\n").map((line) => line.replace(/ {2,}/g, " | "))).toEqual([
    "WAIVER | WHAT | FOR | OWNER | UNTIL",
    `big | maxOrderNotional to 9000 | momentum/sma-cross in paper | risk | ${day(3)} 00:00:00 UTC | ends in 2 days`,
    expect.stringMatching(/^later \| cpu to 2 \| seed in paper \| risk \| .* \| ends in 60 days$/),
    "",
  ]);
  expect((await playground.run("status")).stdout).toContain(
    "  waiver big (maxOrderNotional to 9000 for momentum/sma-cross in paper) ends in 2 days   → slipway waivers\n",
  );
  const one = (await playground.run("status", "seed/random-ts")).stdout;
  expect(one).toMatch(/ {2}waiver {4}later: cpu to 2 until .* UTC, ends in 60 days\n/);
  expect(one).not.toContain("big");
  expect(await playground.json("waivers")).toMatchObject({
    code: 0,
    document: { waivers: [{ name: "big", scope: "momentum/sma-cross", holds: true }, { name: "later" }], ended: [] },
  });
});

test("one that is over is said to be, and the next command with the plane takes it away", async () => {
  push(waiver("past", { waives, until: day(-3) }));
  expect((await playground.run("waivers")).stdout).toMatch(
    /^past .* ended 2 days ago and is not taken away yet; slipway up does it$/m,
  );
  await playground.run("merge", "1");
  const { stdout } = await playground.run("waivers");
  expect(stdout).toMatch(
    /\nended:\n {2}past {2}maxOrderNotional to 9000 {2}momentum\/sma-cross in paper {2}ended .* UTC {2}taken away by [0-9a-f]{7}\n$/,
  );
  expect(await playground.json("waivers")).toMatchObject({ document: { ended: [{ name: "past", holds: false }] } });
});

test("status says why what today's policies refuse is stopped", async () => {
  push({
    "policies/environments/paper.yaml": execFileSync(
      "git",
      ["-C", `${playground.state}/forge.git`, "show", "main:policies/environments/paper.yaml"],
      { encoding: "utf8" },
    ).replace('maxOrderNotional: "5000"', 'maxOrderNotional: "1500"'),
  });
  await playground.run("merge", "1");
  const { stdout } = await playground.run("status", "seed/random-ts");
  expect(stdout).toContain(
    "  refused   ✗ today's policies refuse it, so it is stopped: limits.maxOrderNotional is 2000, above the bound 1500 of paper\n            → strategies/seed/random-ts/strategy.yaml:",
  );
});

test.each([
  [2 * 86_400 + 3_599, "ends in 2 days"],
  [86_400, "ends in 1 day"],
  [86_399, "ends in 23 h"],
  [3_599, "ends in 59 min"],
  [59, "ends in 59 s"],
  [0, "ended 0 s ago and is not taken away yet; slipway up does it"],
  [-61, "ended 1 min ago and is not taken away yet; slipway up does it"],
])("%s seconds from now: %s", (left, said) => {
  expect(describeEnd(1_000_000 + left, 1_000_000)).toBe(said);
});

test("a freeze that holds is said first, one that does not is not", () => {
  const nowSeconds = Date.parse("2026-12-25T00:00:00Z") / 1000;
  const view = {
    name: "rest",
    environments: ["paper"],
    from: "2026-12-24T18:00",
    until: "2027-01-02T08:00",
    timeZone: "UTC",
    reason: "rest",
    fromSeconds: nowSeconds,
    untilSeconds: nowSeconds + 1,
  };
  expect(describeDeadlines({ halts: [], waivers: [], freezes: [view] }, nowSeconds)).toEqual([
    "  paper frozen by rest until 2027-01-02T08:00 UTC: only what tightens is merged",
  ]);
  expect(describeDeadlines({ halts: [], waivers: [], freezes: [view] }, nowSeconds + 1)).toEqual([]);
});

test("what time brought is told with how long it took", () => {
  const change = { atSeconds: 1_000_000, kind: "waiver-end", name: "big", path: "policies/waivers/big.yaml" } as const;
  expect(describeExpiry(change, 1_000_000_850)).toBe(
    "waiver big ended 1970-01-12 13:46:40 UTC: committed and rendered 0.85 s later",
  );
});
