import { describe, expect, test } from "vitest";
import type { HaltTarget, HaltVerb } from "#core/halt.ts";
import { judgeHalt, operatorsOf } from "#core/operators.ts";
import { parseTeams } from "#core/teams.ts";

const text = (halts: string): string => `apiVersion: slipway.dev/v1
kind: Teams
metadata: { name: teams }
spec:
  groups: { risk: [erin, frank], desk: ["@Dave"] }
  teams:
    momentum: { members: [alice, bob], environments: { paper: {} } }
${halts}`;
const rules = text(`  halts:
    - { group: risk, scope: all }
    - { group: momentum, scope: team/momentum, verbs: [halt, reduce] }
    - { group: momentum, scope: seed/random-ts, environments: [live] }
    - { group: desk, scope: carry/rates }
`);
const teamsOf = (source: string) => parseTeams("policies/teams.yaml", source);
const operators = operatorsOf(teamsOf(rules).document, "paper");
const judge = (
  by: string,
  group: string | undefined,
  verb: HaltVerb,
  target: string,
  of: typeof operators | "unsaid" = operators,
) => {
  const judged = judgeHalt(of === "unsaid" ? undefined : of, group, { by, verb, target: target as HaltTarget });
  return judged.ok ? "yes" : judged.error.message;
};

test("without a word in the policies the account operator may stop all, and no other account anything", () => {
  const none = operatorsOf(teamsOf(text("")).document, "paper");
  expect(none).toBeUndefined();
  expect(operatorsOf(undefined, "paper")).toBeUndefined();
  expect(judge("anyone", undefined, "flatten", "all", "unsaid")).toBe("yes");
  expect(judge("erin", "risk", "halt", "all", "unsaid")).toContain("lets nobody do that");
});

describe("with one", () => {
  test.each([
    ["erin", "risk", "flatten", "all"],
    ["Erin", "risk", "halt", "momentum"],
    ["frank", "risk", "halt", "seed/random-ts"],
    ["alice", "momentum", "halt", "momentum"],
    ["bob", "momentum", "reduce", "momentum/sma-cross"],
    ["dave", "desk", "flatten", "carry/rates"],
  ] as const)("%s of %s may %s %s", (by, group, verb, target) => expect(judge(by, group, verb, target)).toBe("yes"));

  test.each([
    // Beyond the scope, the verbs, the environment.
    [
      "alice",
      "momentum",
      "halt",
      "all",
      "alice may not halt all: policies/teams.yaml lets risk (erin, frank) do that; alice, of momentum, may halt or reduce team/momentum",
    ],
    [
      "alice",
      "momentum",
      "flatten",
      "momentum",
      "alice may not flatten team/momentum: policies/teams.yaml lets risk (erin, frank) do that; alice, of momentum, may halt or reduce team/momentum",
    ],
    ["alice", "momentum", "halt", "seed/random-ts", "alice may not halt seed/random-ts"],
    ["dave", "desk", "halt", "carry", "dave may not halt team/carry"],
    // Somebody else's account, nobody's, and a name that is no member.
    ["alice", "risk", "halt", "all", "alice may not halt all"],
    ["erin", "momentum", "halt", "momentum", "erin may not halt team/momentum"],
    ["erin", undefined, "halt", "all", "erin may not halt all"],
    ["mallory", "risk", "halt", "all", "mallory may not halt all: policies/teams.yaml lets risk (erin, frank) do that"],
  ] as const)("%s of %s may not %s %s", (by, group, verb, target, says) => {
    expect(judge(by, group, verb, target)).toContain(says);
  });

  test("of each environment its own", () => {
    const live = operatorsOf(teamsOf(rules).document, "live");
    expect(judge("alice", "momentum", "flatten", "seed/random-ts", live)).toBe("yes");
  });

  test("an empty list lets nobody", () => {
    const nobody = operatorsOf(teamsOf(text("  halts: []\n")).document, "paper");
    expect(judge("erin", "risk", "halt", "all", nobody)).toContain("lets nobody do that");
    expect(judge("erin", undefined, "halt", "all", nobody)).toContain("lets nobody do that");
  });
});

test.each([
  { halts: "  halts: [{ group: risks, scope: all }]\n", says: "group-unknown write risk" },
  { halts: "  halts: [{ group: risk, scope: momentum }]\n", says: "value-malformed write team/momentum" },
  { halts: "  halts: [{ group: risk, scope: all, verbs: [stop] }]\n", says: "value-not-allowed" },
])("$halts is refused", ({ halts, says }) => {
  const found = teamsOf(text(halts)).findings.map(({ code, fix }) => `${code} ${fix}`);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(says);
});
