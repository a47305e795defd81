import { beforeAll, describe, expect, test } from "vitest";
import { type Finding, formatPlace } from "#core/refusal.ts";
import { checkClaims } from "#delivery/claims.ts";
import { readFleet } from "#delivery/fleet.ts";
import { judge } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import type { SourceTree } from "#delivery/tree.ts";
import {
  alice,
  checkout,
  deploy,
  edit,
  openSite,
  paperPolicy,
  randomPy,
  randomTs,
  refusal,
  sma,
  spec,
  value,
} from "./fixture.ts";

let base: SourceTree;
beforeAll(async () => {
  base = await checkout();
});

const resources = /resources: \{.*\}/;
const said = (state: string) => `resources: { cpu: 100m, memory: 128Mi, state: ${state} }`;
const sized = (tree: SourceTree, id: string, state: string): SourceTree =>
  edit(tree, spec(id), "state: 64Mi", `state: ${state}`);
/** Without a word of their own. */
const silent = (tree: SourceTree, ...ids: readonly string[]): SourceTree => {
  let next = tree;
  for (const id of ids) next = edit(next, spec(id), resources, "resources: { cpu: 100m }");
  return next;
};
const inCluster = (tree: SourceTree, expansion?: boolean): SourceTree =>
  edit(
    tree,
    paperPolicy,
    "  feeds:",
    `  cluster: { repository: "https://git.example.test/a/b", apiServers: ["10.0.0.1:443"]${expansion === undefined ? "" : `, volumeExpansion: ${expansion}`} }\n  feeds:`,
  );

const read = (tree: SourceTree) => readFleet(tree, createMemo());
const findings = (before: SourceTree, after: SourceTree): readonly Finding[] =>
  checkClaims(read(before), read(after), false);
const shown = (before: SourceTree, after: SourceTree): readonly string[] =>
  findings(before, after).map(
    ({ code, severity, place, message }) =>
      `${place === undefined ? "-" : formatPlace(place)} ${severity} ${code}: ${message}`,
  );

describe("a claim that would become smaller", () => {
  const never = "and Kubernetes makes no claim smaller: the sync would fail";

  test.each([
    { name: "is refused where the spec says it", to: "32Mi", shown: "32Mi" },
    { name: "by the smallest step", to: "65535Ki", shown: "65535Ki" },
  ])("$name", ({ to, shown: text }) => {
    expect(shown(base, sized(base, sma, to))).toEqual([
      `strategies/momentum/sma-cross/strategy.yaml:19:49 error state-shrinks: resources.state changes from 64Mi to ${text} in paper, ${never}`,
    ]);
  });

  test("is none where another text says the same", () => {
    expect(shown(base, sized(base, sma, "65536Ki"))).toEqual([]);
  });

  test("stands in the environment's part where that says it, and where nothing does any more", () => {
    const own = (state: string) => `paper: { running: true, resources: { state: ${state} } }`;
    const before = edit(base, spec(sma), "paper: { running: true }", own("128Mi"));
    expect(shown(before, edit(before, spec(sma), "state: 128Mi", "state: 100Mi"))).toEqual([
      expect.stringContaining(
        `error state-shrinks: environments.paper.resources.state changes from 128Mi to 100Mi in paper`,
      ),
    ]);
    expect(findings(before, base)).toMatchObject([
      { code: "state-shrinks", fix: expect.stringContaining("leave it at 128Mi") },
    ]);
    const big = sized(base, sma, "128Mi");
    expect(shown(big, silent(base, sma))).toEqual([
      `strategies/momentum/sma-cross/strategy.yaml:19:14 error state-shrinks: the state of the claim in paper would be the default, 64Mi instead of 128Mi, ${never}`,
    ]);
    expect(findings(big, silent(base, sma))[0]?.fix).toContain("say resources.state: 128Mi");
  });

  test("by the environment's default is one finding for all who say nothing of their own", () => {
    const before = silent(base, sma, randomPy);
    const lowered = edit(before, paperPolicy, "    state: 64Mi", "    state: 32Mi");
    expect(shown(before, lowered)).toEqual([
      `policies/environments/paper.yaml:31:12 error state-shrinks: defaults.state changes from 64Mi to 32Mi, and so would the claims of momentum/sma-cross, seed/random-py in paper, ${never}`,
    ]);
    const mended = edit(
      edit(lowered, spec(sma), "resources: { cpu: 100m }", said("64Mi")),
      spec(randomPy),
      "resources: { cpu: 100m }",
      said("64Mi"),
    );
    expect(shown(before, mended)).toEqual([]);
  });

  test("is of something that is deployed: a new strategy, and one that leaves or comes back, have none", () => {
    const without = new Map([...base].filter(([path]) => !path.startsWith(`strategies/${sma}/`)));
    const small = sized(base, sma, "1Mi");
    expect(shown(without, small)).toEqual([]);
    expect(shown(base, without)).toEqual([]);
    const away = edit(base, spec(sma), "environments: { paper: { running: true } }", "environments: {}");
    expect(shown(base, away)).toEqual([]);
    expect(shown(away, small)).toEqual([]);
  });

  test("of which a value is refused says nothing beside", () => {
    expect(shown(base, sized(base, sma, "lots"))).toEqual([]);
    expect(shown(sized(base, sma, "lots"), base)).toEqual([]);
  });
});

describe("a claim that would grow", () => {
  const grown = (tree: SourceTree) => sized(tree, sma, "128Mi");

  test("does so in the embedded cluster", () => expect(shown(base, grown(base))).toEqual([]));

  test("is warned of where the environment does not say what its storage class can", () => {
    const there = inCluster(base);
    expect(shown(there, grown(there))).toEqual([
      "strategies/momentum/sma-cross/strategy.yaml:19:49 warning state-grows: resources.state changes from 64Mi to 128Mi in paper: that takes a storage class with allowVolumeExpansion, or the sync fails",
    ]);
  });

  test("is refused where the environment says that it cannot", () => {
    const there = inCluster(base, false);
    expect(findings(there, grown(there))).toMatchObject([
      {
        code: "state-fixed",
        severity: "error",
        bound: { file: paperPolicy, line: 46 },
        fix: expect.stringMatching(/^leave it at 64Mi; or set allowVolumeExpansion/),
      },
    ]);
    const silents = silent(there, sma, randomTs);
    expect(findings(silents, edit(silents, paperPolicy, "    state: 64Mi", "    state: 65Mi"))).toMatchObject([
      { code: "state-fixed", place: { file: paperPolicy, line: 31 } },
    ]);
  });

  test("needs to be bound: one that may never have run is warned of, the others pass", () => {
    const there = inCluster(base, true);
    expect(shown(there, grown(there))).toEqual([]);
    const stopped = edit(there, spec(sma), "running: true", "running: false");
    expect(shown(stopped, grown(stopped))).toEqual([
      expect.stringContaining("that takes a claim that is bound, so a strategy that has run once, or the sync fails"),
    ]);
  });
});

test("the gate refuses a smaller state, by a spec and by a policy, and a larger one passes", async () => {
  const at = await openSite();
  const { repository, forge, clock, memo } = at;
  try {
    const before = silent(base, randomTs);
    await deploy(at, before, [sma, randomTs]);
    const request = { repository, forge, clock, memo, author: alice };
    type More = Pick<Parameters<typeof proposeDeploy>[0], "policies" | "neverGrew" | "force">;
    const codes = async (workspace: SourceTree, strategies: readonly (typeof sma)[], more: More = {}) => {
      const proposed = await proposeDeploy({ ...request, workspace, strategies, ...more });
      const { proposal } = value(proposed);
      const { state, findings: said } = await judge({ repository, forge, number: proposal.number, memo });
      await forge.close(proposal.number);
      return [state, ...said.filter(({ code }) => code === "state-shrinks").map(({ severity }) => severity)];
    };
    const smaller = sized(before, sma, "32Mi");
    const refused = refusal(await proposeDeploy({ ...request, workspace: smaller, strategies: [sma] }));
    expect(refused.findings.map(({ code }) => code)).toEqual(["state-shrinks"]);
    expect(await codes(smaller, [sma], { force: true })).toEqual(["refused", "error"]);
    const lowered = edit(before, paperPolicy, "    state: 64Mi", "    state: 32Mi");
    expect(await codes(lowered, [], { policies: true, force: true })).toEqual(["refused", "error"]);
    expect(await codes(sized(before, sma, "128Mi"), [sma])).toEqual(["passed"]);
    expect(await codes(smaller, [sma], { neverGrew: true })).toEqual(["passed", "warning"]);
  } finally {
    await at.close();
  }
});
