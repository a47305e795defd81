import { beforeAll, expect, test } from "vitest";
import { readFleet } from "#delivery/fleet.ts";
import { createMemo } from "#delivery/memo.ts";
import { retirements } from "#delivery/proposal-rules.ts";
import { summarize } from "#delivery/summarize.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { checkout, edit, sma, spec } from "./fixture.ts";

let base: SourceTree;
beforeAll(async () => {
  base = await checkout();
});

const messages = (before: SourceTree, after: SourceTree): readonly string[] => {
  const [old, now] = [before, after].map((tree) => readFleet(tree, createMemo()));
  if (old === undefined || now === undefined) return [];
  return retirements(old, now, summarize(before, after)).map(({ code, message }) => `${code}: ${message}`);
};
const without = (tree: SourceTree): SourceTree =>
  new Map([...tree].filter(([path]) => !path.startsWith(`strategies/${sma}/`)));
const entry = "environments: { paper: { running: true } }";

test("what becomes of the positions is said before a strategy goes, or is taken out of an environment", () => {
  const why = "but its spec on main does not say what becomes of its orders and positions";
  const away = edit(base, spec(sma), entry, "environments: {}");
  expect(messages(base, without(base))).toEqual([`retire-missing: ${sma} is deleted, ${why}`]);
  expect(messages(base, away)).toEqual([`retire-missing: ${sma} is taken out of paper, ${why}`]);
  const retiring = edit(base, spec(sma), "spec:\n", "spec:\n  retire: keep\n");
  expect(messages(retiring, without(base))).toEqual([]);
  expect(messages(retiring, away)).toEqual([]);
});

test("saying it in the same proposal is too late, and a misspelt environment is not gone", () => {
  const late = edit(edit(base, spec(sma), entry, "environments: {}"), spec(sma), "spec:\n", "spec:\n  retire: keep\n");
  expect(messages(base, late)).toHaveLength(1);
  expect(messages(base, edit(base, spec(sma), "paper: {", "papr: {"))).toEqual([]);
  expect(messages(base, edit(base, spec(sma), entry, "environments: []"))).toEqual([]);
  expect(messages(without(base), base)).toEqual([]);
});
