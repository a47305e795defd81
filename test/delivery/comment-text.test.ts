import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StrategyId } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import { formatComment } from "#delivery/comment.ts";
import { judge, type Verdict } from "#delivery/gate.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import type { SourceTree } from "#delivery/tree.ts";
import type { RuleOutcome } from "#delivery/verdict.ts";
import { rule, waiver } from "./documents.ts";
import {
  alice,
  checkout,
  edit,
  openSite,
  paperPolicy,
  randomPy,
  randomTs,
  type Site,
  sma,
  value,
  withFiles,
  withoutRules,
} from "./fixture.ts";

let at: Site;
let workspace: SourceTree;
let verdict: Verdict;

beforeAll(async () => {
  workspace = withFiles(withoutRules(await checkout()), {
    ...rule("forbid-two", { denies: "2000", enforcement: "forbid" }),
    ...rule("forbid-three", { denies: "3000", enforcement: "forbid" }),
    ...rule("require-leave", { denies: "2000", enforcement: "require-approval", owner: "alice" }),
    ...rule("max-advice", { denies: "2000", enforcement: "advise" }),
    ...rule("valid-once", { denies: "2000", enforcement: "forbid" }),
    ...waiver("once", { waives: "{ rule: valid-once }", until: "2023-12-31" }),
  });
  at = await openSite({ tree: workspace });
  const all = await commented(workspace, [sma, randomTs, randomPy]);
  verdict = all.verdict;
});
afterAll(() => at.close());

async function commented(tree: SourceTree, strategies: readonly StrategyId[], policies = false) {
  const { repository, forge, clock, memo } = at;
  const request = { repository, forge, clock, memo, workspace: tree, strategies, policies, author: alice, force: true };
  const { proposal } = value(await proposeDeploy(request));
  const judged = await judge({ repository, forge, number: proposal.number, memo });
  const { comment = "" } = value(await forge.get(proposal.number));
  value(await forge.close(proposal.number));
  return { verdict: judged, comment };
}

describe("the rules in the gate's comment", () => {
  test("are listed folded, each with its verdict and source, those that do not hold first", async () => {
    const { comment } = await commented(workspace, [sma, randomTs]);
    const [, section = ""] = /(<details><summary>Rules: [\s\S]*?<\/details>)/.exec(comment) ?? [];
    expect(section.split("\n")).toEqual([
      "<details><summary>Rules: 5 asked, 1 holds, 2 refuse, 1 asks for an approval, 1 advises</summary>",
      "",
      "| rule | verdict | of | source |",
      "|---|---|---|---|",
      "| forbid-two | ❌ refuses (2) | momentum/sma-cross, seed/random-ts | `policies/rules/forbid-two.yaml` |",
      "| max-advice | ⚠️ advises (2) | momentum/sma-cross, seed/random-ts | `policies/rules/max-advice.yaml` |",
      "| require-leave | asks for an approval (2) | momentum/sma-cross, seed/random-ts | `policies/rules/require-leave.yaml` |",
      "| valid-once | ❌ refuses; waived by once | momentum/sma-cross, seed/random-ts | `policies/rules/valid-once.yaml` |",
      "| forbid-three | ✓ holds |  | `policies/rules/forbid-three.yaml` |",
      "",
      "</details>",
    ]);
  });

  test("say of a waived one alone that it is waived", async () => {
    const { comment } = await commented(workspace, [sma]);
    expect(comment).toContain(
      "<summary>Rules: 5 asked, 1 holds, 1 refuses, 1 asks for an approval, 1 is waived, 1 advises</summary>",
    );
    expect(comment).toContain("| valid-once | waived by once | momentum/sma-cross |");
  });

  test("are not there without rules", async () => {
    expect(formatComment({ ...verdict, outcomes: [] }, "", [])).not.toContain("Rules:");
  });
});

describe("findings in the comment", () => {
  const finding = (index: number, more: Partial<Finding> = {}): Finding => ({
    code: "above-bound",
    severity: "error",
    message: `it is ${index}`,
    fix: "lower it",
    ...more,
  });

  test("that are mended alike are a few and a number, with the fix once", () => {
    const findings = [
      ...Array.from({ length: 114 }, (_, index) => finding(index)),
      finding(7, { fix: "something else" }),
    ];
    const comment = formatComment({ ...verdict, findings, outcomes: [] }, "", []);
    expect(comment).toContain(
      "- ❌ it is 4  \n  fix of each: lower it\n- … and 109 more like these\n- ❌ it is 7  \n  fix: something else\n",
    );
    expect(comment).not.toContain("it is 5");
  });

  test("of more than forty kinds are counted", () => {
    const findings = Array.from({ length: 50 }, (_, index) => finding(index, { fix: `mend ${index}` }));
    const comment = formatComment({ ...verdict, findings, outcomes: [] }, "", []);
    expect(comment).toContain("fix: mend 39");
    expect(comment).toContain("- … and 10 more\n");
  });
});

test("policies that are refused move nothing: what would become of the strategies is not known", async () => {
  const broken = edit(workspace, paperPolicy, "  approvals: 0", "  approvals: many");
  const { comment, verdict: judged } = await commented(broken, [], true);
  expect(judged.state).toBe("refused");
  expect(judged.objects).toEqual([]);
  expect(comment).not.toContain("removed");
  const tree = edit(workspace, paperPolicy, /(defaults:[\s\S]*?maxOrderNotional: )"\d+"/, '$1"9999"');
  expect((await commented(tree, [sma], true)).comment).toContain(
    "what else changes is not known, as its policies are refused",
  );
});

const outcome: fc.Arbitrary<RuleOutcome> = fc.record({
  rule: fc.stringMatching(/^[a-z]{3,40}$/),
  file: fc.string({ maxLength: 60 }),
  broken: fc.record({
    refused: fc.nat(3),
    unevaluated: fc.nat(1),
    approvals: fc.nat(1),
    waived: fc.nat(2),
    advised: fc.nat(2),
  }),
  waivers: fc.array(fc.string({ maxLength: 20 }), { maxLength: 3 }),
  strategies: fc.array(fc.constant(sma), { maxLength: 6 }),
});

test("however much there is to say, it is short enough, ends with its foot or says that it is cut, and folds what it opens", () => {
  const findings = fc.array(
    fc.record({
      code: fc.constant("x"),
      severity: fc.constantFrom("error" as const, "warning" as const),
      message: fc.string({ maxLength: 3000 }),
      fix: fc.string({ maxLength: 3000 }),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(fc.array(outcome, { maxLength: 400 }), findings, fc.nat(80_000), (outcomes, said, length) => {
      const objects = [{ environment: "paper", path: "x", status: "changed" as const }];
      const comment = formatComment({ ...verdict, outcomes, findings: said, objects }, "+x\n".repeat(length / 3), []);
      expect(comment.length).toBeLessThan(60_000);
      expect(comment.startsWith("<!-- slipway:gate -->\n")).toBe(true);
      const isCut = comment.endsWith("\n\n… cut: longer than a comment may be\n");
      expect(isCut || comment.endsWith("</sub>\n")).toBe(true);
      const count = (text: string): number => comment.split(text).length - 1;
      if (!isCut) expect(count("<details>")).toBe(count("</details>"));
      const ruled = outcomes.length === 0 || comment.includes("Rules: ") || comment.includes("**Rules** ") || isCut;
      expect(ruled).toBe(true);
    }),
    { numRuns: 60 },
  );
});
