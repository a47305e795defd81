// How a list of proposals shows one, and whose review is asked for.
import { expect, test } from "vitest";
import { annotationsOf, marksOf } from "#delivery/marks.ts";
import type { ApprovalNeed, Verdict } from "#delivery/verdict.ts";

const need: ApprovalNeed = {
  ...{ approvals: 1, group: "momentum-leads", members: ["@bob", "carol", "alice"], reasons: ["touches x"] },
  ...{ environments: ["paper"], embedded: false },
};
const passed = {
  ...{ state: "passed", needs: [need], approvalDigest: "sha256:1", people: ["alice", "bob", "carol"], strategies: [] },
  proposers: [{ name: "alice", email: undefined, as: "author" }],
} as unknown as Verdict;
const bobs = { by: "bob", head: "0".repeat(40), digest: "sha256:1", timeSeconds: 1 } as never;

test.each([
  {
    name: "refused",
    verdict: { ...passed, state: "refused" },
    approvals: [],
    labels: ["slipway/refused"],
    reviewers: [],
  },
  { name: "open", verdict: passed, approvals: [], labels: ["slipway/needs-approval"], reviewers: ["bob", "carol"] },
  { name: "approved", verdict: passed, approvals: [bobs], labels: ["slipway/ready"], reviewers: [] },
  {
    ...{ name: "two are asked for", verdict: { ...passed, needs: [{ ...need, approvals: 2 }] }, approvals: [bobs] },
    ...{ labels: ["slipway/needs-approval"], reviewers: ["carol"] },
  },
  {
    ...{ name: "anyone may", verdict: { ...passed, needs: [{ ...need, members: undefined }] }, approvals: [] },
    ...{ labels: ["slipway/needs-approval"], reviewers: [] },
  },
  {
    name: "nothing is asked",
    verdict: { ...passed, needs: [] },
    approvals: [],
    labels: ["slipway/ready"],
    reviewers: [],
  },
] as const)("$name", ({ verdict, approvals, labels, reviewers }) => {
  expect(marksOf(verdict as Verdict, approvals)).toEqual({ labels, reviewers });
});

test("a limit that is not tightened is shown", () => {
  const limits = (direction: string) => [{ environments: [{ limits: [{ text: "x 1 → 2", direction }] }] }];
  const shown = (direction: string): readonly string[] =>
    marksOf({ ...passed, needs: [], strategies: limits(direction) } as unknown as Verdict, []).labels;
  expect(["looser", "tighter", "incomparable"].map(shown)).toEqual([
    ["slipway/ready", "slipway/loosens"],
    ["slipway/ready"],
    ["slipway/ready", "slipway/loosens"],
  ]);
});

test("findings with a line stand beside it, with how to mend them; the others are the comment's", () => {
  const place = { file: "strategies/a/b/strategy.yaml", line: 7, column: 3 };
  expect(
    annotationsOf([
      { code: "x", severity: "error", message: "is too big", rule: "max-x", fix: "lower it", place },
      { code: "y", severity: "warning", message: "of nothing" },
    ]),
  ).toEqual([{ path: place.file, line: 7, severity: "error", message: "max-x: is too big\nfix: lower it" }]);
});
