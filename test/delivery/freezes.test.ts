import { beforeAll, describe, expect, test } from "vitest";
import { type Finding, formatPlace } from "#core/refusal.ts";
import { directChanges } from "#delivery/directions.ts";
import { readFleet } from "#delivery/fleet.ts";
import { activeFreezes, checkFreezes } from "#delivery/freezes.ts";
import { judge } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import { judgeSide } from "#delivery/sides.ts";
import { summarize } from "#delivery/summarize.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { branchRef } from "#git/open.ts";
import { freeze, rule, teams, waiver } from "./documents.ts";
import { bob, checkout, main, openSite, paperPolicy, push, randomTs, sma, spec, value, withFiles } from "./fixture.ts";

let tree: SourceTree;
const memo = createMemo();
const atSeconds = 1_700_000_000;

const rest = freeze("rest", { from: "2023-11-01T00:00", until: "2023-12-01T08:00", timeZone: "Europe/Berlin" });
const sourceOf = (path: string): string => new TextDecoder().decode(tree.get(path)?.bytes);
const live = "policies/environments/live.yaml";

beforeAll(async () => {
  const own = await checkout();
  tree = withFiles(own, {
    [live]: new TextDecoder().decode(own.get(paperPolicy)?.bytes).replace("name: paper", "name: live"),
    [spec(sma)]: new TextDecoder()
      .decode(own.get(spec(sma))?.bytes)
      .replace("environments: {", "retire: cancel\n  environments: { live: { running: false },"),
    ...teams(
      "  teams: { momentum: { members: [alice, bob], environments: { paper: {}, live: {} } } }\n  unlisted: [paper]\n",
    ),
    ...rule("max-order", { denies: "1000000", enforcement: "require-approval" }),
    ...waiver("more", { waives: '{ bound: maxOrderNotional, to: "9000" }', until: "2023-12-31" }),
    ...rest,
  });
});

/** What the freezes of a tree say of some files replaced. */
async function judged(
  files: Readonly<Record<string, string | null>>,
  base: SourceTree = tree,
): Promise<readonly Finding[]> {
  const [before, after] = [base, withFiles(base, files)];
  const [old, now] = [await judgeSide(before, atSeconds, memo), await judgeSide(after, atSeconds, memo)];
  expect(now.report.findings.filter(({ severity }) => severity === "error")).toEqual([]);
  const changes = directChanges(old, now, summarize(before, after));
  return checkFreezes(activeFreezes(readFleet(before, memo).policies, atSeconds), changes);
}

const changed = (path: string, from: string, to: string): Readonly<Record<string, string>> => {
  const text = sourceOf(path);
  expect(text).toContain(from);
  return { [path]: text.replace(from, to) };
};
const teamsFile = "policies/teams.yaml";
const ruleFile = "policies/rules/max-order.yaml";
const waiverFile = "policies/waivers/more.yaml";

describe("passes a freeze", () => {
  test.each<readonly [string, () => Readonly<Record<string, string | null>>]>([
    ["a stop", () => changed(spec(sma), "paper: { running: true }", "paper: { running: false }")],
    ["a lower limit", () => changed(spec(sma), '"2000"', '"1500"')],
    ["less memory", () => changed(spec(sma), "memory: 128Mi", "memory: 96Mi")],
    ["an instrument less", () => changed(spec(sma), "MSFT, ", "")],
    ["a comment", () => changed(spec(sma), "owner: alice", "owner: alice # she")],
    ["a deletion, after retire", () => ({ [spec(sma)]: null, "strategies/momentum/sma-cross/algorithm.ts": null })],
    ["a lower bound", () => changed(paperPolicy, 'maxOrderNotional: "5000"', 'maxOrderNotional: "4000"')],
    ["more approvals", () => changed(paperPolicy, "approvals: 0", "approvals: 1")],
    ["a lower total", () => changed(paperPolicy, "strategies: 20", "strategies: 10")],
    ["a waiver less", () => ({ [waiverFile]: null })],
    ["a waiver that ends earlier", () => changed(waiverFile, "2023-12-31", "2023-12-01")],
    ["a rule more", () => rule("max-more", { denies: "1000000", enforcement: "forbid" })],
    ["a rule enforced more", () => changed(ruleFile, "require-approval", "forbid")],
    ["other words of a rule", () => changed(ruleFile, "fix: ask", "fix: mend it")],
    ["a freeze more", () => freeze("more", { from: "2023-11-20T00:00", until: "2023-12-02T08:00" })],
    ["a longer freeze", () => changed2(rest, "2023-12-01T08:00", "2023-12-02T08:00")],
    ["a member less", () => changed(teamsFile, "[alice, bob]", "[alice]")],
    [
      "a narrower team",
      () => changed(teamsFile, "paper: {}, live: {}", 'paper: { bounds: { maxOrderNotional: "3000" } }, live: {}'),
    ],
    [
      "whatever counts in another environment alone",
      () => changed(live, 'maxOrderNotional: "5000"', 'maxOrderNotional: "6000"'),
    ],
    ["a start in another environment", () => changed(spec(sma), "live: { running: false }", "live: { running: true }")],
  ])("%s", async (_name, files) => {
    expect(await judged(files())).toEqual([]);
  });
});

function changed2(files: Readonly<Record<string, string>>, from: string, to: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [path, text.replace(from, to)]));
}

const says = "does more than tighten: ";

describe("a freeze refuses", () => {
  test.each<readonly [string, () => Readonly<Record<string, string | null>>, readonly (readonly [string, string])[]]>([
    [
      "a parameter",
      () => changed(spec(sma), "fast: 10", "fast: 11"),
      [[spec(sma), "params.fast 10 → 11 cannot be compared"]],
    ],
    [
      "code",
      () => ({
        "strategies/momentum/sma-cross/algorithm.ts": `${sourceOf("strategies/momentum/sma-cross/algorithm.ts")}\nconsole.log(1);\n`,
      }),
      [[spec(sma), "code"]],
    ],
    [
      "a higher limit",
      () => changed(spec(sma), '"2000"', '"2500"'),
      [[spec(sma), "limits.maxOrderNotional 2000 → 2500 is looser"]],
    ],
    [
      "one limit up and one down",
      () => changed(spec(sma), '"2000"\n    maxPositionNotional: "5000"', '"2500"\n    maxPositionNotional: "4000"'),
      [[spec(sma), "limits.maxOrderNotional 2000 → 2500 is looser"]],
    ],
    [
      "a rate over another time",
      () => changed(spec(sma), "10/1s", "20/5s"),
      [[spec(sma), "limits.orderRate 10/1s → 20/5s cannot be compared"]],
    ],
    [
      "a new strategy",
      () => ({
        "strategies/seed/more/strategy.yaml": sourceOf(spec(randomTs)).replace("random-ts", "more"),
        "strategies/seed/more/algorithm.ts": sourceOf("strategies/seed/random-ts/algorithm.ts"),
      }),
      [["strategies/seed/more/strategy.yaml", "strategy running, added, is looser"]],
    ],
    [
      "a higher bound",
      () => changed(paperPolicy, 'maxOrderNotional: "5000"', 'maxOrderNotional: "6000"'),
      [[paperPolicy, "bounds.maxOrderNotional 5000 → 6000 is looser"]],
    ],
    [
      "a higher default",
      () => changed(paperPolicy, 'maxOrderNotional: "1000"', 'maxOrderNotional: "1500"'),
      [[paperPolicy, "defaults.maxOrderNotional 1000 → 1500 is looser"]],
    ],
    [
      "another image",
      () => changed(paperPolicy, "slipway/bus@sha256:0", "slipway/bus@sha256:1"),
      [[paperPolicy, "images.bus"]],
    ],
    [
      "a waiver",
      () => waiver("extra", { waives: '{ bound: cpu, to: "2" }', until: "2023-12-31" }),
      [["policies/waivers/extra.yaml", "waiver cpu 2 for momentum/sma-cross, added, is looser"]],
    ],
    ["a rule less", () => ({ [ruleFile]: null }), [[ruleFile, "rule require-approval, removed, is looser"]]],
    [
      "a rule that asks another thing",
      () => changed(ruleFile, "owner: risk", "owner: bob"),
      [[ruleFile, "rule.owner risk → bob cannot be compared"]],
    ],
    [
      "its own removal",
      () => ({ "policies/freezes/rest.yaml": null }),
      [["policies/freezes/rest.yaml", "freeze 2023-11-01T00:00 to 2023-12-01T08:00 Europe/Berlin, removed, is looser"]],
    ],
    [
      "its own shortening",
      () => changed2(rest, "2023-12-01T08:00", "2023-11-30T08:00"),
      [["policies/freezes/rest.yaml", "is looser"]],
    ],
    [
      "its own move elsewhere",
      () => changed2(rest, "[paper]", "[live]"),
      [["policies/freezes/rest.yaml", "environments paper → live cannot be compared"]],
    ],
    [
      "a member more",
      () => changed(teamsFile, "[alice, bob]", "[alice, bob, mallory]"),
      [[teamsFile, "teams.momentum.members alice, bob → alice, bob, mallory is looser"]],
    ],
    [
      "strategy and policy, each with its file",
      () => ({ ...changed(spec(sma), "fast: 10", "fast: 11"), ...changed(paperPolicy, 'cpu: "1"', 'cpu: "2"') }),
      [
        [spec(sma), "params.fast 10 → 11 cannot be compared"],
        [paperPolicy, "bounds.cpu 1 → 2 is looser"],
      ],
    ],
  ])("%s", async (_name, files, found) => {
    const frozen = await judged(files());
    expect(frozen.map(({ code, place }) => [code, place?.file])).toEqual(found.map(([file]) => ["frozen", file]));
    for (const [index, [, text]] of found.entries()) expect(frozen[index]?.message.split(says)[1]).toContain(text);
  });

  test("by its name, its end in its own time zone, and what was more than tightening", async () => {
    const findings = await judged(changed(spec(sma), "fast: 10, slow: 30", "fast: 11, slow: 31"));
    expect(findings).toEqual([
      {
        code: "frozen",
        severity: "error",
        environment: "paper",
        message:
          "paper is frozen by rest until 2023-12-01T08:00 Europe/Berlin (nobody watches), and this does more than tighten: params.fast 10 → 11 cannot be compared, params.slow 30 → 31 cannot be compared",
        fix: "propose it again after the freeze; stops, deletions and lower limits or bounds pass",
        place: { file: spec(sma) },
        bound: expect.objectContaining({ file: "policies/freezes/rest.yaml", line: 6 }),
      },
    ]);
    expect(formatPlace(findings[0]?.bound ?? { file: "" })).toBe("policies/freezes/rest.yaml:6:10");
  });
});

test.each([
  ["before it", "2023-11-14T22:13:21"],
  ["in its first second", "2023-11-14T22:13:20"],
])("%s", async (name, from) => {
  const base = withFiles(tree, freeze("rest", { from, until: "2023-12-02T00:00" }));
  const found = await judged(changed(spec(sma), "fast: 10", "fast: 11"), base);
  expect(found).toHaveLength(name === "before it" ? 0 : 1);
});

test("the gate refuses what a freeze does, by main's time, and nothing after it", async () => {
  // The clock of the fixture stands in November 2023.
  const at = await openSite({ tree, memo });
  try {
    await push(at, "try", changed(paperPolicy, 'cpu: "1"', 'cpu: "2"'));
    const opened = await at.forge.open({
      title: "more",
      description: "",
      author: bob,
      branch: branchRef("try"),
      target: main,
    });
    const { number } = value(opened);
    const verdict = await judge({ repository: at.repository, forge: at.forge, number, memo });
    expect([verdict.state, verdict.summary, verdict.findings.map(({ code }) => code)]).toEqual([
      "refused",
      "1 error",
      ["frozen"],
    ]);
    await push(at, "main", freeze("rest", { from: "2023-12-01T00:00", until: "2023-12-02T00:00" }), "later\n");
    expect((await judge({ repository: at.repository, forge: at.forge, number, memo })).state).toBe("passed");
  } finally {
    await at.close();
  }
});
