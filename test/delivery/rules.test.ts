import { beforeAll, describe, expect, test } from "vitest";
import type { StrategyId } from "#core/identity.ts";
import { type Finding, formatPlace } from "#core/refusal.ts";
import { checkTree } from "#delivery/check.ts";
import { judge } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import { refusedStrategies } from "#delivery/render-tree.ts";
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
  sma,
  spec,
  value,
  withFiles,
  withoutRules,
} from "./fixture.ts";

const atSeconds = Date.parse("2026-03-02T12:00:00Z") / 1000;
let workspace: SourceTree;

beforeAll(async () => {
  // Without the rules of this repository: these tests bring their own.
  workspace = withoutRules(await checkout());
});

interface RuleText {
  readonly over?: string;
  readonly kinds?: readonly string[];
  readonly expression: string;
  readonly message?: string;
  readonly blame?: string;
  readonly at?: string;
  readonly enforcement?: string;
  readonly environments?: readonly string[];
  readonly allow?: object;
  readonly deny?: object;
}

/** A rule's file; JSON is YAML. */
function rule(name: string, text: RuleText): Record<string, string> {
  const {
    kinds,
    over = "spec",
    message = "'does not hold'",
    enforcement = "forbid",
    allow = {},
    deny = {},
    ...spec
  } = text;
  const document = {
    apiVersion: "slipway.dev/v1",
    kind: "Rule",
    metadata: { name, owner: "risk", severity: "high" },
    spec: {
      over,
      ...(kinds === undefined ? {} : { match: { kinds } }),
      message,
      enforcement,
      fix: "mend it",
      samples: { allow: [allow], deny: [deny] },
      ...spec,
    },
  };
  return { [`policies/rules/${name}.yaml`]: `${JSON.stringify(document, undefined, 1)}\n` };
}

function waiver(name: string, waives: string | object, scope: object, until: string): Record<string, string> {
  const document = {
    apiVersion: "slipway.dev/v1",
    kind: "Waiver",
    metadata: { name },
    spec: {
      waives: typeof waives === "string" ? { rule: waives } : waives,
      scope,
      owner: "risk",
      reason: "an agreed exception",
      until,
    },
  };
  return { [`policies/waivers/${name}.yaml`]: JSON.stringify(document) };
}

async function findings(
  tree: SourceTree,
  options: { readonly strategies?: readonly StrategyId[]; readonly at?: number } = {},
): Promise<readonly Finding[]> {
  const { strategies, at = atSeconds } = options;
  return (await checkTree(tree, { atSeconds: at, ...(strategies === undefined ? {} : { strategies }) })).findings;
}

const shown = (all: readonly Finding[]): readonly string[] =>
  all.map(({ place, severity, rule: name, code, message }) => {
    return `${place === undefined ? "-" : formatPlace(place)} ${severity} ${name ?? code}: ${message}`;
  });

const small = rule("max-drawdown", {
  expression: "quantity(spec.limits.maxDrawdown).compareTo(quantity('0.5')) <= 0",
  message: "'loses up to ' + spec.limits.maxDrawdown",
  at: "spec.limits.maxDrawdown",
  deny: { limits: { maxDrawdown: "0.51" } },
});

describe("a rule over specs", () => {
  test("stands where the author wrote the value, with the rule and its place", async () => {
    const all = await findings(withFiles(workspace, small));
    expect(shown(all)).toEqual([
      "strategies/momentum/sma-cross/strategy.yaml:18:18 error max-drawdown: loses up to 0.6 (in paper)",
    ]);
    expect(all[0]).toMatchObject({
      code: "rule-violated",
      environment: "paper",
      pointer: "/spec/limits/maxDrawdown",
      fix: "mend it",
      bound: { file: "policies/rules/max-drawdown.yaml", line: 26 },
    });
    expect(refusedStrategies(all, "paper")).toEqual(new Set([sma]));
  });

  test("points into the environment's part where that says it", async () => {
    const own = edit(
      workspace,
      spec(sma),
      "paper: { running: true }",
      'paper: { running: true, limits: { maxDrawdown: "0.55" } }',
    );
    expect(shown(await findings(withFiles(own, small)))).toEqual([
      "strategies/momentum/sma-cross/strategy.yaml:20:66 error max-drawdown: loses up to 0.55 (in paper)",
    ]);
  });

  test("says which strategy runs where, and points at what is not there yet", async () => {
    const retire = rule("require-retire", {
      expression: "!spec.running || has(spec.retire)",
      at: "spec.retire",
      deny: { retire: null },
    });
    const all = await findings(withFiles(workspace, retire));
    expect(all.map(({ place }) => place && formatPlace(place))).toEqual([
      "strategies/momentum/sma-cross/strategy.yaml:5:1",
      "strategies/seed/random-py/strategy.yaml:5:1",
      "strategies/seed/random-ts/strategy.yaml:5:1",
    ]);
    const running = rule("require-stopped", {
      expression: "!spec.running",
      at: "spec.running",
      allow: { running: false },
    });
    expect((await findings(withFiles(workspace, running)))[0]?.place).toMatchObject({ line: 20, column: 37 });
  });

  test("sees teams, bounds and the strategy's name", async () => {
    const teams = JSON.stringify({
      apiVersion: "slipway.dev/v1",
      kind: "Teams",
      metadata: { name: "teams" },
      spec: {
        teams: { momentum: { members: ["alice"], environments: { paper: { bounds: { memory: "128Mi" } } } } },
        unlisted: ["paper"],
      },
    });
    const member = rule("require-member", {
      expression: "team.listed && spec.owner in team.members && environment.bounds.memory == '128Mi'",
      message:
        "metadata.team + '/' + metadata.name + ' has ' + environment.bounds.memory + ', and ' + environment.defaults.memory + ' by ' + environment.owner",
      allow: { environment: { bounds: { memory: "128Mi" } } },
    });
    const all = await findings(withFiles(workspace, { ...member, "policies/teams.yaml": teams }));
    expect(all.map(({ message }) => message)).toEqual([
      "seed/random-py has 256Mi, and 128Mi by platform (in paper)",
      "seed/random-ts has 256Mi, and 128Mi by platform (in paper)",
    ]);
  });

  test("holds only where it says", async () => {
    const live = {
      "policies/environments/live.yaml": new TextDecoder()
        .decode(workspace.get(paperPolicy)?.bytes)
        .replace("name: paper", "name: live")
        .replace("embedded: true", "embedded: false"),
      // Without it any team may run anywhere.
      "policies/teams.yaml": null,
    };
    const both = edit(
      withFiles(workspace, live),
      spec(sma),
      "paper: { running: true }",
      "paper: { running: true }, live: { running: false }",
    );
    const never = rule("forbid-all", {
      expression: "spec.owner == 'x'",
      environments: ["live"],
      allow: { owner: "x" },
    });
    const all = await findings(withFiles(both, never));
    expect(all.map(({ environment }) => environment)).toEqual(["live"]);
    expect([refusedStrategies(all, "live"), refusedStrategies(all, "paper")]).toEqual([new Set([sma]), new Set()]);
    const everywhere = rule("forbid-all", { expression: "spec.owner == 'x'", allow: { owner: "x" } });
    const said = await findings(withFiles(both, everywhere), { strategies: [sma] });
    expect(said.map(({ environment }) => environment)).toEqual(["live", "paper"]);
  });

  test("is asked only of the strategies in question, and of those that can be resolved", async () => {
    expect(await findings(withFiles(workspace, small), { strategies: [randomTs] })).toEqual([]);
    const broken = edit(workspace, spec(sma), 'maxOrderNotional: "2000"', 'maxOrderNotional: "20000"');
    expect((await findings(withFiles(broken, small))).map(({ code }) => code)).toEqual(["above-bound"]);
  });

  test("counts as one check, however many it was asked of", async () => {
    const good = rule("require-venue", {
      expression: "size(spec.limits.venues) > 0",
      deny: { limits: { venues: [] } },
    });
    const advice = rule("require-note", {
      expression: "has(spec.retire)",
      enforcement: "advise",
      deny: { retire: null },
    });
    const report = await checkTree(withFiles(workspace, { ...small, ...good, ...advice }), { atSeconds });
    expect(report.checks.rules).toBe(2);
    const none = await checkTree(withFiles(workspace, { ...small, ...good }), { atSeconds, strategies: [] });
    expect(none.checks.rules).toBe(0);
  });
});

describe("enforcement", () => {
  test.each([
    ["forbid", "error", undefined],
    ["require-approval", "warning", "risk"],
    ["advise", "warning", undefined],
  ])("%s", async (enforcement, severity, approvalOf) => {
    const all = await findings(
      withFiles(
        workspace,
        rule("require-retire", { expression: "has(spec.retire)", enforcement, deny: { retire: null } }),
      ),
      { strategies: [sma] },
    );
    expect(all).toMatchObject([{ severity, code: "rule-violated" }]);
    expect(all[0]?.approvalOf).toBe(approvalOf);
  });

  test("what cannot be evaluated is refused whatever the enforcement, and no waiver helps", async () => {
    const parts = {
      ...rule("require-note", {
        expression: "spec.params.fast > 0",
        enforcement: "advise",
        deny: { params: { fast: 0 } },
      }),
    };
    const waived = waiver("note", "require-note", { environment: "paper", team: "seed" }, "2026-04-01");
    const all = await findings(withFiles(workspace, { ...parts, ...waived }));
    expect(all.map(({ code, severity, message }) => [code, severity, message])).toEqual(
      ["seed/random-py", "seed/random-ts"].map(() => [
        "rule-unevaluated",
        "error",
        "it cannot be evaluated, so nothing passes: no such key: fast (in paper)",
      ]),
    );
  });

  test("a waived violation is said with its waiver and end, until that very second", async () => {
    const tree = withFiles(workspace, {
      ...small,
      ...waiver("until-friday", "max-drawdown", { environment: "paper", strategy: sma }, "2026-03-06T17:00:00Z"),
    });
    const end = Date.parse("2026-03-06T17:00:00Z") / 1000;
    expect(shown(await findings(tree, { at: end - 1 }))).toEqual([
      "strategies/momentum/sma-cross/strategy.yaml:18:18 warning max-drawdown: loses up to 0.6; waived by until-friday until 2026-03-06 17:00:00 UTC (in paper)",
    ]);
    expect((await findings(tree, { at: end }))[0]?.severity).toBe("error");
  });

  test("a waived one asks for no approval", async () => {
    const parts = rule("require-retire", {
      expression: "has(spec.retire)",
      enforcement: "require-approval",
      deny: { retire: null },
    });
    const tree = withFiles(workspace, {
      ...parts,
      ...waiver("w", "require-retire", { environment: "paper", team: "momentum" }, "2026-04-01"),
    });
    const all = await findings(tree);
    expect(all.map(({ approvalOf }) => approvalOf)).toEqual([undefined, "risk", "risk"]);
  });

  test("a rule that is refused denies", async () => {
    const broken = rule("require-it", { expression: "spec.runing" });
    const all = await findings(withFiles(workspace, broken));
    expect(all.map(({ code, place }) => [code, place?.file])).toEqual([
      ["expression-unknown-field", "policies/rules/require-it.yaml"],
    ]);
  });
});

describe("a rule over the fleet", () => {
  const few = rule("max-running-per-team", {
    over: "fleet",
    expression: "fleet.teams.all(t, t.totals.running <= 1)",
    message: "'a team runs ' + string(fleet.teams.map(t, t.totals.running).max())",
    blame:
      "fleet.strategies.filter(s, s.running && fleet.teams.exists(t, t.name == s.team && t.totals.running > 1)).map(s, s.id)",
    at: "metadata.name",
    allow: { strategies: [{}] },
  });

  test("stands in each blamed strategy", async () => {
    expect(shown(await findings(withFiles(workspace, few)))).toEqual([
      "strategies/seed/random-py/strategy.yaml:4:19 error max-running-per-team: a team runs 2 (in paper)",
      "strategies/seed/random-ts/strategy.yaml:4:19 error max-running-per-team: a team runs 2 (in paper)",
    ]);
  });

  test("counts strategies that are not in question, and blames only those that are", async () => {
    const tree = withFiles(workspace, few);
    expect((await findings(tree, { strategies: [randomPy] })).length).toBe(1);
    expect(await findings(tree, { strategies: [sma] })).toEqual([]);
    const stopped = edit(tree, spec(randomTs), "running: true", "running: false");
    expect(await findings(stopped, { strategies: [randomPy] })).toEqual([]);
    expect(await findings(stopped)).toEqual([]);
  });

  test("without blame, or blaming nobody, all in question answer", async () => {
    const parts = {
      over: "fleet",
      expression: "fleet.totals.running < 3",
      allow: { strategies: [{}] },
      deny: { strategies: [{}, {}, {}] },
    };
    for (const blame of [{}, { blame: "fleet.strategies.filter(s, s.team == 'none').map(s, s.id)" }]) {
      const tree = withFiles(workspace, rule("max-running", { ...parts, ...blame }));
      expect((await findings(tree)).map(({ severity }) => severity)).toEqual(["error", "error", "error"]);
      expect((await findings(tree, { strategies: [sma] })).length).toBe(1);
    }
  });

  test("is waived for one of the blamed", async () => {
    const waived = waiver("w", "max-running-per-team", { environment: "paper", strategy: randomTs }, "2026-04-01");
    expect((await findings(withFiles(workspace, { ...few, ...waived }))).map(({ severity }) => severity)).toEqual([
      "error",
      "warning",
    ]);
  });

  test("that cannot be evaluated stands in the rule", async () => {
    const ghost = rule("max-running", {
      over: "fleet",
      expression: "fleet.totals.running < 3",
      blame: "fleet.totals.running < 4 ? ['no/body'] : ['']",
      allow: {},
      deny: { strategies: [{}, {}, {}] },
    });
    expect(shown(await findings(withFiles(workspace, ghost), { strategies: [sma] }))).toEqual([
      'policies/rules/max-running.yaml:28:18 error max-running: it cannot be evaluated, so nothing passes: it blames "no/body", which is no strategy of the fleet (in paper)',
    ]);
  });
});

describe("a rule over objects", () => {
  const memory = rule("max-memory", {
    over: "object",
    kinds: ["StatefulSet"],
    expression:
      "object.spec.template.spec.containers.all(c, quantity(c.resources.limits.memory).compareTo(quantity('100Mi')) <= 0)",
    message: "'wants ' + object.spec.template.spec.containers[0].resources.limits.memory",
    at: "spec.resources.memory",
    allow: {
      object: { spec: { template: { spec: { containers: [{ resources: { limits: { memory: "100Mi" } } }] } } } },
    },
  });

  test("is asked of what each strategy renders to", async () => {
    const lower = edit(workspace, spec(randomTs), "memory: 128Mi", "memory: 100Mi");
    expect(shown(await findings(withFiles(lower, memory)))).toEqual([
      "strategies/momentum/sma-cross/strategy.yaml:19:35 error max-memory: StatefulSet sma-cross: wants 128Mi (in paper)",
      "strategies/seed/random-py/strategy.yaml:19:35 error max-memory: StatefulSet random-py: wants 128Mi (in paper)",
    ]);
  });

  test("sees the bounds as they hold for the strategy: where a waiver lifts one, it needs none of its own", async () => {
    const claims = rule("max-claim", {
      over: "object",
      kinds: ["PersistentVolumeClaim"],
      expression: "quantity(object.spec.resources.requests.storage).compareTo(quantity(environment.bounds.state)) <= 0",
      message: "'claims more than ' + environment.bounds.state",
      deny: { object: { spec: { resources: { requests: { storage: "9Ti" } } } } },
    });
    const more = edit(workspace, spec(sma), "state: 64Mi", "state: 300Mi");
    const lifted = waiver("w", { bound: "state", to: "300Mi" }, { environment: "paper", strategy: sma }, "2026-04-01");
    expect(shown(await findings(withFiles(more, claims)))).toHaveLength(1);
    expect(shown(await findings(withFiles(more, { ...claims, ...lifted })))).toEqual([]);
    const beyond = edit(more, spec(randomTs), "state: 64Mi", "state: 257Mi");
    expect(shown(await findings(withFiles(beyond, { ...claims, ...lifted })))).toEqual([
      expect.stringContaining("resources.state is 257Mi, above the bound 256Mi of paper"),
    ]);
  });

  test("is kept with the content it was asked of", async () => {
    const memo = createMemo();
    const tree = withFiles(workspace, memory);
    const cold = await checkTree(tree, { atSeconds, memo });
    expect(await checkTree(tree, { atSeconds, memo })).toEqual(cold);
    const mended = edit(tree, "policies/rules/max-memory.yaml", "quantity('100Mi')", "quantity('200Mi')");
    const samples = edit(
      mended,
      "policies/rules/max-memory.yaml",
      /"deny": \[\n\s+\{\}/,
      '"deny": [{"object":{"spec":{"template":{"spec":{"containers":[{"resources":{"limits":{"memory":"201Mi"}}}]}}}}}',
    );
    expect((await checkTree(samples, { atSeconds, memo })).findings).toEqual([]);
  });

  test("about a team's object stands where the environment does, and a team's waiver lifts it", async () => {
    const audit = rule("require-team-label", {
      over: "object",
      kinds: ["Namespace"],
      expression: "object.metadata.labels['slipway.dev/team'] == 'desk'",
      message: "'is of ' + object.metadata.labels['slipway.dev/team'] + ' in ' + environment.name",
      deny: { object: { metadata: { labels: { "slipway.dev/team": "x" } } } },
    });
    expect(shown(await findings(withFiles(workspace, audit), { strategies: [sma] }))).toEqual([
      "policies/environments/paper.yaml:4:19 error require-team-label: Namespace momentum-paper of team momentum: is of momentum in paper (in paper)",
    ]);
    const waived = waiver("w", "require-team-label", { environment: "paper", team: "momentum" }, "2026-04-01");
    expect((await findings(withFiles(workspace, { ...audit, ...waived }), { strategies: [sma] }))[0]?.severity).toBe(
      "warning",
    );
  });
});

test("at the gate: rules are counted, and advice that was there before is not said again", async () => {
  const note = { expression: "has(spec.retire)", enforcement: "advise", deny: { retire: null } };
  const tree = withFiles(workspace, rule("require-retire", note));
  const at = await openSite({ tree });
  try {
    await deploy(at, tree, [sma, randomTs]);
    const propose = async (workspaceTree: SourceTree) => {
      const asked = { ...at, author: alice, workspace: workspaceTree, strategies: [], policies: true };
      const opened = value(await proposeDeploy(asked));
      return judge({ ...at, number: opened.proposal.number });
    };
    const raised = await propose(edit(tree, paperPolicy, 'maxOrderNotional: "5000"', 'maxOrderNotional: "6000"'));
    expect([raised.findings, raised.rules]).toEqual([[], 1]);
    expect(raised.summary).toMatch(/^1 rule and \d+ checks passed$/);
    const more = { ...note, expression: "spec.onError == 'skip'", allow: { onError: "skip" }, deny: {} };
    const added = await propose(withFiles(tree, rule("require-skip", more)));
    expect(added.findings.map(({ rule: name, place }) => [name, place?.file])).toEqual([
      ["require-skip", spec(sma)],
      ["require-skip", spec(randomTs)],
    ]);
  } finally {
    await at.close();
  }
});
