import { cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPlayground, type Playground, root } from "./cli.ts";

let playground: Playground;
const strategy = "seed/random-ts";
const spec = `strategies/${strategy}/strategy.yaml`;
const original = readFileSync(join(root, spec), "utf8");
const edit = (to: string): void => playground.write(spec, original.replace("threshold: 0.6", to));

beforeAll(async () => {
  playground = createPlayground();
  await playground.run("deploy", strategy, "--merge", "--as", "alice");
});
afterAll(() => playground.remove());

test("someone else's open proposal is refused, taken over on demand, and that is on record", async () => {
  edit("threshold: 0.7");
  expect((await playground.run("deploy", strategy, "--as", "alice")).code).toBe(0);
  edit("threshold: 0.8");
  const refused = await playground.json("deploy", strategy, "--as", "dave");
  expect([refused.code, refused.document]).toMatchObject([2, { findings: [{ code: "proposal-held" }] }]);
  const taken = await playground.json("deploy", strategy, "--as", "dave", "--take-over");
  expect([taken.code, taken.document]).toMatchObject([
    0,
    { proposal: { number: 3, author: "dave" }, outcome: "opened", tookOver: { number: 2, author: "alice" } },
  ]);
  expect((await playground.run("proposal", "2")).stdout).toMatch(
    /state +closed by dave .* dave proposes other content/,
  );
});

test("a proposal that the gate refuses is not advised to be merged, can be closed, and is proposed anew", async () => {
  await playground.run("close", "3", "--as", "dave");
  // The check of a checkout lets a folder be gone; the gate asks what becomes of what it holds.
  rmSync(join(playground.repository, "strategies", strategy), { recursive: true });
  const deployed = await playground.run("deploy", strategy, "--as", "alice");
  expect([deployed.code, deployed.stderr]).toEqual([2, expect.stringMatching(/#4 stays open: .* slipway close 4/)]);
  for (const shown of [await playground.run("status", strategy), await playground.run("proposal", "4")]) {
    expect(shown.stdout).toContain("slipway close 4");
    expect(shown.stdout).not.toContain("slipway merge");
  }
  const closed = await playground.json("close", "4", "--as", "alice", "--reason", "it stays");
  expect([closed.code, closed.document]).toMatchObject([
    0,
    { proposal: { state: "closed", closed: { by: "alice", reason: "it stays" } }, already: false },
  ]);
  expect((await playground.run("proposals", "--only", "open")).stdout).toBe("no open proposals\n");
  cpSync(join(root, "strategies", strategy), join(playground.repository, "strategies", strategy), { recursive: true });
  edit("threshold: 0.5");
  const again = await playground.json("deploy", strategy, "--as", "alice");
  expect(again.document).toMatchObject({ proposal: { number: 5 }, outcome: "opened" });
});
