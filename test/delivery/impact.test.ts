import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StrategyId } from "#core/identity.ts";
import { checkTree } from "#delivery/check.ts";
import { compareTrees } from "#delivery/compare.ts";
import type { EnvironmentFleet, StrategyRow } from "#delivery/fleet-impact.ts";
import { judge } from "#delivery/gate.ts";
import { groupRows, headline } from "#delivery/impact-summary.ts";
import { createMemo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import { refusedStrategies } from "#delivery/render-tree.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { upgradeImpact } from "#delivery/upgrade.ts";
import type { CommitSha, TreePath } from "#git/port.ts";
import {
  alice,
  checkout,
  deploy,
  edit,
  openSite,
  paper,
  paperPolicy,
  randomPy,
  randomTs,
  refusal,
  render,
  renderer,
  type Site,
  sma,
  spec,
  value,
  withFiles,
} from "./fixture.ts";

const atSeconds = Date.parse("2026-03-02T12:00:00Z") / 1000;
const memo = createMemo();
let workspace: SourceTree;

beforeAll(async () => {
  workspace = await checkout();
});

/** Strategies s00 … of the team many, each with its own order limit; their policies stand beside them. */
function fleetOf(limits: readonly string[]): SourceTree {
  const text = (path: string): string => new TextDecoder().decode(workspace.get(path)?.bytes);
  const files: Record<string, string> = {};
  for (const [index, limit] of limits.entries()) {
    const name = `s${String(index).padStart(2, "0")}`;
    files[`strategies/many/${name}/strategy.yaml`] = text(spec(sma))
      .replace("name: sma-cross, team: momentum", `name: ${name}, team: many`)
      .replace("owner: alice", `owner: ${index % 2 === 0 ? "alice" : "carol"}`)
      .replace('maxOrderNotional: "2000"', `maxOrderNotional: "${limit}"`)
      .replace("memory: 128Mi, state: 64Mi", "memory: 32Mi, state: 16Mi");
    files[`strategies/many/${name}/algorithm.ts`] = text("strategies/momentum/sma-cross/algorithm.ts");
  }
  return withFiles(workspace, files);
}

/** The bound of maxOrderNotional at `to`, and the default with it where it would be above. */
function lowered(tree: SourceTree, to: string): SourceTree {
  const bounded = edit(tree, paperPolicy, /(bounds:[\s\S]*?maxOrderNotional: )"\d+"/, `$1"${to}"`);
  return Number(to) >= 1000
    ? bounded
    : edit(bounded, paperPolicy, /(defaults:[\s\S]*?maxOrderNotional: )"\d+"/, `$1"${to}"`);
}

async function paperOf(before: SourceTree, after: SourceTree): Promise<EnvironmentFleet> {
  const { fleet } = await compareTrees(before, after, atSeconds, memo);
  const [only] = fleet.environments;
  if (only === undefined || fleet.environments.length !== 1) throw new Error("there is not exactly one environment");
  return only;
}

const none: EnvironmentFleet = { environment: "", strategies: [], shared: [] };
const ids = (rows: readonly StrategyRow[]): readonly string[] => rows.map(({ id }) => id);

describe("a comparison of two trees", () => {
  test("of one and the same says that nothing changes", async () => {
    const fleet = await paperOf(workspace, workspace);
    expect(headline(fleet)).toBe("3 strategies in paper: 3 unchanged");
    expect(fleet.shared).toEqual([]);
  });

  test("names each strategy that a lower bound refuses, with the place, and none else", async () => {
    const before = fleetOf(["500", "1500", "2000", "1000"]);
    const fleet = await paperOf(before, lowered(before, "1200"));
    const { refused, unchanged } = groupRows(fleet);
    expect(ids(refused)).toEqual(["many/s01", "many/s02", sma, randomPy, randomTs]);
    expect(ids(unchanged)).toEqual(["many/s00", "many/s03"]);
    expect(refused[0]).toMatchObject({
      owner: "carol",
      before: "passed",
      after: "refused",
      running: true,
      refusal: { code: "above-bound", place: { file: "strategies/many/s01/strategy.yaml", line: 15 } },
      impact: { effect: "stops" },
    });
  });

  test("is complete: the flips of any bound are those that judging each strategy alone gives", async () => {
    const before = fleetOf(["100", "700", "1300", "1900", "2000", "650"]);
    for (const bound of ["600", "700", "1300", "1999", "2000"]) {
      const after = lowered(before, bound);
      const alone: string[] = [];
      for (const id of [...before.keys()].filter((path) => path.endsWith("/strategy.yaml"))) {
        const strategy = id.split("/").slice(1, 3).join("/") as StrategyId;
        const { findings } = await checkTree(after, { atSeconds, memo, strategies: [strategy] });
        if (refusedStrategies(findings, "paper").has(strategy)) alone.push(strategy);
      }
      expect(ids(groupRows(await paperOf(before, after)).refused), bound).toEqual(alone.sort());
    }
  });

  test("lists what becomes allowed, and what a default moves", async () => {
    const strict = lowered(fleetOf(["1500"]), "1200");
    const raised = await paperOf(strict, lowered(fleetOf(["1500"]), "1600"));
    expect(ids(groupRows(raised).allowed)).toEqual(["many/s00"]);
    const unasked = edit(workspace, spec(sma), /^ +maxDrawdown:.*\n/m, "");
    const moved = await paperOf(unasked, edit(unasked, paperPolicy, 'maxDrawdown: "0.2"', 'maxDrawdown: "0.1"'));
    expect(groupRows(moved).restarted).toMatchObject([
      { id: sma, impact: { effect: "restarts", limits: [{ text: "maxDrawdown 0.2 → 0.1", direction: "tighter" }] } },
    ]);
    // The same version of it reads its state again.
    expect(groupRows(moved).restarted[0]?.impact).not.toHaveProperty("stateless");
  });

  test("counts a change of an image as a restart of everything that runs in it", async () => {
    const other = "slipway/executor@sha256:1111111111111111111111111111111111111111111111111111111111111111";
    const fleet = await paperOf(workspace, edit(workspace, paperPolicy, /executor: "[^"]+"/, `executor: "${other}"`));
    expect(ids(groupRows(fleet).restarted)).toEqual([sma, randomPy, randomTs]);
  });

  test("is the same twice, byte for byte", async () => {
    const before = fleetOf(["500", "1500"]);
    const [one, two] = [createMemo(), createMemo()].map((fresh) =>
      compareTrees(before, lowered(before, "900"), atSeconds, fresh),
    );
    expect(JSON.stringify(await one)).toBe(JSON.stringify(await two));
  });
});

describe("a proposal of policies that flip running strategies", () => {
  let at: Site;
  beforeAll(async () => {
    at = await openSite({ memo });
    await deploy(at, workspace, [sma, randomTs]);
    await render(at);
  });
  afterAll(() => at.close());

  const propose = (tree: SourceTree, more: object = {}) =>
    proposeDeploy({ ...at, author: alice, workspace: tree, strategies: [], policies: true, memo, ...more });

  test("is refused, and says for each how to mend, waive or stop it", async () => {
    const refused = refusal(await propose(lowered(workspace, "1500")));
    expect(refused.code).toBe("check-refused");
    expect(refused.findings.map(({ severity, message }) => `${severity}: ${message}`)).toEqual([
      "error: limits.maxOrderNotional is 2000, above the bound 1500 of paper; momentum/sma-cross runs in paper",
      "error: limits.maxOrderNotional is 2000, above the bound 1500 of paper; seed/random-ts runs in paper",
    ]);
    expect(refused.findings[0]?.fix).toContain('say "flips: stop" in the description to stop it');
    const forced = value(await propose(lowered(workspace, "1500"), { force: true }));
    const verdict = await judge({ ...at, number: forced.proposal.number });
    expect(verdict.state).toBe("refused");
    expect(ids(groupRows(verdict.fleet?.environments[0] ?? none).refused)).toEqual([sma, randomTs]);
    const { comment } = value(await at.forge.get(forced.proposal.number));
    expect(comment).toContain("2 strategies in paper: 0 unchanged · 2 now refused");
    expect(comment).toContain("| momentum/sma-cross | alice | `strategies/momentum/sma-cross/strategy.yaml:15:23`");
    value(await at.forge.close(forced.proposal.number));
  });

  test("passes with a mend in it, or when it says flips: stop; what it stops is rendered with no replicas", async () => {
    const mended = edit(
      edit(lowered(workspace, "1500"), spec(sma), '"2000"', '"1500"'),
      spec(randomTs),
      '"2000"',
      '"1500"',
    );
    const both = value(await propose(mended, { strategies: [sma, randomTs] }));
    expect((await judge({ ...at, number: both.proposal.number })).state).toBe("passed");
    value(await at.forge.close(both.proposal.number));
    const said = value(await propose(lowered(workspace, "1500"), { stopsFlipped: true }));
    expect(said.proposal.description).toContain("flips: stop");
    const verdict = await judge({ ...at, number: said.proposal.number });
    expect(verdict.state).toBe("passed");
    expect(verdict.findings.map(({ severity, message }) => `${severity}: ${message.split("; ").at(-1)}`)).toEqual([
      "warning: momentum/sma-cross runs in paper and will be stopped",
      "warning: seed/random-ts runs in paper and will be stopped",
    ]);
    expect(verdict.strategies.map(({ id, environments }) => [id, environments[0]?.effect])).toEqual([
      [sma, "stops"],
      [randomTs, "stops"],
    ]);
  });
});

describe("a new version of the tool", () => {
  let at: Site;
  beforeAll(async () => {
    at = await openSite({ memo });
    await deploy(at, workspace, [sma, randomTs]);
    await render(at);
  });
  afterAll(() => at.close());

  test("that renders the same changes nothing", async () => {
    const impact = await upgradeImpact(at.repository, "paper", memo);
    expect(impact?.renderedBy).toBe(renderer);
    expect(headline(impact?.fleet ?? none)).toBe("2 strategies in paper: 2 unchanged");
  });

  test("that renders one pod otherwise restarts it, and no other", async () => {
    const { repository } = at;
    const tip = (await repository.resolve(paper)) as CommitSha;
    const commit = await repository.commit(tip);
    const path = "strategies/momentum/sma-cross/statefulset-sma-cross.yaml" as TreePath;
    const [bytes] = await repository.readPaths([{ tree: tip, path }]);
    const old = new TextDecoder()
      .decode(bytes)
      .replace("terminationGracePeriodSeconds: ", "terminationGracePeriodSeconds: 9");
    const tree = await repository.writeTree(commit.tree, new Map([[path, old]]));
    value(await repository.updateRef(paper, await repository.writeCommit({ ...commit, tree, parents: [tip] }), tip));
    const { fleet } = (await upgradeImpact(repository, "paper", memo)) ?? { fleet: none };
    expect(ids(groupRows(fleet).restarted)).toEqual([sma]);
    expect(ids(groupRows(fleet).unchanged)).toEqual([randomTs]);
  });
});
