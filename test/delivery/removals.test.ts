import { beforeAll, expect, test } from "vitest";
import type { StrategyId } from "#core/identity.ts";
import { readFleet } from "#delivery/fleet.ts";
import { judge } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import { checkRemovals, saidRemovals } from "#delivery/removals.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { alice, checkout, edit, openSite, push, refusal, sma, spec, value, withFiles } from "./fixture.ts";

let base: SourceTree;
/** Strategies of one team beside the example's own, each of which says what becomes of what it holds. */
const many = (count: number): readonly StrategyId[] =>
  Array.from({ length: count }, (_, index) => `momentum/s-${String(index).padStart(2, "0")}` as StrategyId);
const withMany = (count: number): SourceTree => {
  const text = Buffer.from(base.get(spec(sma))?.bytes ?? []).toString();
  const code = Buffer.from(base.get(`strategies/${sma}/algorithm.ts`)?.bytes ?? []).toString();
  const files = many(count).flatMap((id): (readonly [string, string])[] => [
    [
      spec(id),
      text.replace("name: sma-cross", `name: ${id.split("/")[1]}`).replace("spec:\n", "spec:\n  retire: keep\n"),
    ],
    [`strategies/${id}/algorithm.ts`, code],
  ]);
  return withFiles(base, Object.fromEntries(files));
};
const without = (tree: SourceTree, gone: readonly string[]): SourceTree =>
  new Map([...tree].filter(([path]) => !gone.some((id) => path.startsWith(`strategies/${id}/`))));
beforeAll(async () => {
  base = await checkout();
});

const said = (before: SourceTree, after: SourceTree, word?: number): readonly string[] =>
  checkRemovals(readFleet(before, createMemo()), readFleet(after, createMemo()), word).map(({ message }) => message);

test.each([
  { name: "three of few", there: 5, gone: 3, refused: false },
  { name: "four of few", there: 5, gone: 4, refused: true },
  { name: "a tenth of many", there: 57, gone: 6, refused: false },
  { name: "more than a tenth of many", there: 57, gone: 7, refused: true },
])("$name", ({ there, gone, refused }) => {
  // The example has three of its own in paper.
  const before = withMany(there);
  const after = without(before, many(gone));
  expect(said(before, after)).toHaveLength(refused ? 1 : 0);
  expect(said(before, after, gone)).toEqual([]);
  expect(said(after, before)).toEqual([]);
});

test("taken out of the environment is gone, too; one that cannot be read is not; another number is no word", () => {
  const before = withMany(5);
  const out = many(4).reduce((tree, id) => edit(tree, spec(id), /environments: .*/, "environments: {}"), before);
  const first = "4 of 8 strategies are taken out of paper at once";
  expect(said(before, out)).toEqual([expect.stringContaining(`${first}: momentum/s-00, momentum/s-01`)]);
  expect(said(before, out, 3)).toEqual([expect.stringContaining(`${first}, and the proposal says "removes: 3"`)]);
  const broken = many(4).reduce((tree, id) => edit(tree, spec(id), "apiVersion: ", "{"), before);
  expect(said(before, broken)).toEqual([]);
});

test.each([
  ["removes: 12", 12],
  ["why\n  removes: 4  \nmore", 4],
  ["removes: many", undefined],
  ["it removes: 4 of them", undefined],
  ["", undefined],
])("the word in %j is %s", (text, count) => expect(saidRemovals(text)).toBe(count));

test("the check refuses it, the gate refuses it, and both let it through when its number is said", async () => {
  const before = withMany(5);
  const at = await openSite();
  const { repository, forge, clock, memo } = at;
  try {
    await push(
      at,
      "main",
      Object.fromEntries([...before].map(([path, { bytes }]) => [path, Buffer.from(bytes).toString()])),
    );
    const request = {
      repository,
      forge,
      clock,
      memo,
      author: alice,
      workspace: without(before, many(4)),
      strategies: many(4),
    };
    const refused = refusal(await proposeDeploy(request));
    expect(refused.findings).toEqual([
      expect.objectContaining({ code: "mass-removal", fix: expect.stringContaining("slipway deploy --removes 4") }),
    ]);
    const judged = async (more: { readonly force?: boolean; readonly removes?: number }): Promise<string> => {
      const { proposal } = value(await proposeDeploy({ ...request, ...more }));
      const { state } = await judge({ repository, forge, number: proposal.number, memo });
      await forge.close(proposal.number);
      return state;
    };
    expect(await judged({ force: true })).toBe("refused");
    expect(await judged({ removes: 4 })).toBe("passed");
  } finally {
    await at.close();
  }
});
