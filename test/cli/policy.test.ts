import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPlayground, type Playground } from "./cli.ts";

let playground: Playground;
beforeAll(() => {
  playground = createPlayground();
  const path = "strategies/momentum/sma-cross/strategy.yaml";
  const text = readFileSync(`${playground.repository}/${path}`, "utf8");
  // Its drawdown is the environment's default, its memory the entry's for paper.
  playground.write(
    path,
    text
      .replace(/^ +maxDrawdown:.*\n/m, "")
      .replace("paper: { running: true }", "paper: { running: true, resources: { memory: 64Mi } }"),
  );
});
afterAll(() => playground.remove());

describe("policy explain", () => {
  test("says of each field who set the value, who set the bound, and who may change it", async () => {
    const { code, stdout } = await playground.run("policy", "explain", "momentum/sma-cross");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^ {2}maxOrderNotional +2000 +strategy\.yaml:15 +5000 +environments\/paper\.yaml:14 +platform$/m,
    );
    expect(stdout).toMatch(/^ {2}maxDrawdown +0\.2 +default +0\.6 /m);
    expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
  });

  test("one field at length, with the lines an editor jumps to", async () => {
    const { stdout } = await playground.run("policy", "explain", "momentum/sma-cross", "memory");
    expect(stdout).toContain("momentum/sma-cross in paper: memory is 64Mi\n");
    expect(stdout).toContain("in the spec's entry for paper, strategies/momentum/sma-cross/strategy.yaml:19:");
    expect(stdout).toContain("bound     256Mi of paper, policies/environments/paper.yaml:19:13");
  });

  test("a field that is none gets the nearest one; a strategy that is none a sentence", async () => {
    const field = await playground.run("policy", "explain", "momentum/sma-cross", "memry");
    expect(field).toMatchObject({
      code: 2,
      stdout: "",
      stderr: 'error  "memry" has no bound\n      = fix: write memory\n',
    });
    const strategy = await playground.run("policy", "explain", "me/nobody");
    expect([strategy.code, strategy.stderr]).toEqual([
      2,
      expect.stringContaining("there is no strategy me/nobody here"),
    ]);
  });
});

describe("impact", () => {
  test("without a deploy and without a Git history there is nothing to compare with", async () => {
    const { code, stderr } = await playground.run("impact");
    expect([code, stderr]).toEqual([2, expect.stringContaining("there is nothing to compare with")]);
  });
});
