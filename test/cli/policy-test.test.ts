import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createPlayground, type Playground } from "./cli.ts";

let playground: Playground;
beforeAll(() => {
  playground = createPlayground();
  whole = readFileSync(join(playground.repository, file), "utf8");
});
beforeEach(() => playground.write(file, whole));
afterAll(() => playground.remove());

const file = "policies/rules/max-one-replica.yaml";
let whole: string;

/** The first line of the shipped rule that holds a text. */
function lineOf(text: string): number {
  return whole.slice(0, whole.indexOf(text)).split("\n").length;
}

test("all rules that ship are held in place by their samples", async () => {
  const { code, stdout, stderr } = await playground.run("policy", "test");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^require-image-digest +✓ {2}1 allowed, 2 denied {2}\d+ of \d+ weakened noticed$/m);
  expect(stdout).toMatch(/\d+ rules, \d+ samples, (\d+) of \1 weakened rules noticed \(100 %\) \([0-9.]+ s\)\n$/);
});

test("a rule by its name or file, and one that is not there", async () => {
  const one = await playground.json("policy", "test", file, "max-one-replica");
  expect([one.code, one.document["rules"]]).toMatchObject([
    0,
    [{ name: "max-one-replica", file, enforcement: "forbid", survivors: [] }],
  ]);
  const none = await playground.run("policy", "test", "max-one-replicas");
  expect([none.code, none.stderr]).toMatchObject([2, expect.stringContaining("fix: write max-one-replica\n")]);
});

test("a rule that can be weakened unseen is shown with what to add", async () => {
  // The sample right at the bound goes: then `<= 1` may become `<= 2`, since no sample has 2.
  playground.write(file, whole.replace("replicas: 2", "replicas: 3"));
  const { code, stderr, stdout } = await playground.run("policy", "test", "max-one-replica");
  expect(code).toBe(2);
  expect(stdout).toMatch(/^max-one-replica {2}✗ {2}2 allowed, 1 denied {2}3 of 4 weakened noticed\n$/);
  expect(stderr).toContain(
    `${file}:${lineOf("object.spec.replicas <= 1")}:29  error  max-one-replica: its samples say the same when 1 is weakened to 2`,
  );
  expect(stderr).toContain("= fix: add a sample right at 1 and one a step past it");
  playground.write(
    file,
    whole.replace("replicas: 2", "replicas: 3").replace("enforcement: forbid", "enforcement: advise"),
  );
  expect((await playground.run("policy", "test", "max-one-replica")).code).toBe(0);
});

test("a sample that contradicts its rule is refused at its place", async () => {
  playground.write(file, whole.replace("replicas: 2", "replicas: 1"));
  const { code, document } = await playground.json("policy", "test");
  expect(code).toBe(2);
  expect(document["findings"]).toMatchObject([
    { code: "sample-contradicts", place: { file, line: lineOf("replicas: 2") } },
  ]);
});
