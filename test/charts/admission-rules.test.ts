import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { admissionPolicies } from "#charts/admission.ts";
import { fenceOf } from "#charts/admission-rules.ts";
import { renderStrategy, renderTeam } from "#charts/render.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { JsonObject } from "#core/json.ts";
import { parseRule } from "#core/rule.ts";
import { type AdmissionRequest, admissionEngine } from "./admission-engine.ts";
import { inputOf, paper, paperPolicy, policyOf, strategyWith } from "./inputs.ts";

// biome-ignore lint/suspicious/noExplicitAny: parsed manifests, whose shape the schemas check.
type Manifest = any;

interface RuleParts {
  readonly over?: string;
  readonly kinds?: readonly string[];
  readonly expression: string;
  readonly message?: string;
  readonly enforcement?: string;
  readonly samples?: object;
}

/** Two samples that a rule of `rule` needs; which ones depends on the expression. */
function ruleText(name: string, parts: RuleParts): string {
  const { over = "spec", kinds, expression, message = "'no'", enforcement = "forbid", samples } = parts;
  return JSON.stringify({
    apiVersion: "slipway.dev/v1",
    kind: "Rule",
    metadata: { name, owner: "platform", severity: "high", title: "It must be so" },
    spec: {
      over,
      ...(kinds === undefined ? {} : { match: { kinds } }),
      expression,
      message,
      fix: "mend it",
      enforcement,
      samples: samples ?? { allow: [{}], deny: [{}] },
    },
  });
}

const noOwner = { allow: [{ spec: { owner: "alice" } }], deny: [{ spec: { owner: "nobody" } }] };

describe("a rule's fence", () => {
  const fence = (parts: RuleParts) => {
    const { document } = parseRule("policies/rules/require-x.yaml", ruleText("require-x", parts));
    // Samples that do not fit are findings, and then there is no document; here only the text counts.
    if (document !== undefined) return fenceOf(document);
    return fenceOf(JSON.parse(ruleText("require-x", parts)));
  };

  test.each<[RuleParts, object]>([
    [{ expression: "spec.owner != 'nobody'" }, { fence: "admission", pods: false }],
    [
      { expression: "!has(spec.algorithm.rpc) || spec.algorithm.rpc in environment.bounds.rpcAddresses" },
      { fence: "admission" },
    ],
    [{ expression: "spec.params.fast < 10" }, { fence: "gate", reason: "parameters may be any JSON" }],
    [
      { expression: "has(spec.retire)" },
      { fence: "gate", reason: "the effective spec in the cluster does not say it" },
    ],
    [{ expression: "spec.limits == spec.limits" }, { fence: "gate", reason: "it uses spec.limits as a whole" }],
    [
      { over: "fleet", expression: "fleet.totals.running < 5" },
      { fence: "gate", reason: "the API server sees one object at a time" },
    ],
    [
      { over: "object", kinds: ["Service"], expression: "object.spec.type == 'ClusterIP'" },
      { fence: "admission", pods: false },
    ],
    [
      { over: "object", kinds: ["StatefulSet"], expression: "object.spec.replicas <= 1" },
      { fence: "admission", pods: false },
    ],
    [
      { over: "object", kinds: ["StatefulSet"], expression: "object.spec.template.spec.hostUsers == false" },
      { fence: "admission", pods: true },
    ],
    [
      { over: "object", kinds: ["StatefulSet"], expression: "environment.bounds == {}" },
      { fence: "gate", reason: "it uses environment.bounds as a whole" },
    ],
  ])("%j", (parts, expected) => {
    const { reason, ...rest } = expected as { reason?: string };
    expect(fence(parts)).toMatchObject(rest);
    if (reason !== undefined) expect(fence(parts)).toHaveProperty("reason", expect.stringContaining(reason));
  });
});

describe("a rule at the API server", () => {
  const teams = {
    momentum: {
      members: ["alice", "bob"],
      environments: { paper: { bounds: { cpu: "500m", instruments: ["AAPL"] } } },
    },
    empty: { members: [], environments: { paper: {} } },
  };
  const waiver = (name: string, rule: string, scope: object) => ({
    [name]: JSON.stringify({
      apiVersion: "slipway.dev/v1",
      kind: "Waiver",
      metadata: { name },
      spec: {
        waives: { rule },
        scope: { environment: "paper", ...scope },
        owner: "risk",
        reason: "a test",
        until: "2026-01-10",
      },
    }),
  });
  const object = (kinds: readonly string[], expression: string, deny: object, more: Partial<RuleParts> = {}) => ({
    over: "object",
    kinds,
    expression,
    samples: { allow: [{}], deny: [{ object: deny }] },
    ...more,
  });
  const pod = { spec: { template: { spec: { hostNetwork: true } } } };
  const rules: { readonly [name: string]: RuleParts } = {
    "require-owner": { expression: "spec.owner != 'nobody'", message: "'belongs to ' + spec.owner", samples: noOwner },
    "require-member": {
      expression: "team.listed && spec.owner in team.members",
      samples: { allow: [{}], deny: [{ spec: { owner: "eve" } }] },
    },
    "max-half-cpu": {
      expression: "quantity(spec.resources.cpu).compareTo(quantity(environment.bounds.cpu)) < 0",
      samples: { allow: [{}], deny: [{ spec: { resources: { cpu: "1" } } }] },
    },
    "require-all-instruments": {
      expression:
        "environment.bounds.instruments.all(i, i in spec.limits.instruments) || spec.running == false || metadata.name == 'example'",
      samples: { allow: [{}], deny: [{ metadata: { name: "x" } }] },
    },
    "valid-sizing": {
      expression:
        "has(spec.portfolio.sizing.fraction) || spec.portfolio.sizing.use == 'random' || spec.publishes == []",
      samples: {
        allow: [{}],
        deny: [{ spec: { portfolio: { sizing: { use: "fixed-cash", fraction: null, cash: "1" } } } }],
      },
    },
    "forbid-host": object(["StatefulSet"], "!has(object.spec.template.spec.hostNetwork)", pod),
    "require-one": object(
      ["StatefulSet"],
      "object.spec.replicas <= 1",
      { spec: { replicas: 2 } },
      { enforcement: "advise" },
    ),
    "forbid-automount": object(
      ["StatefulSet", "ServiceAccount"],
      "object.kind == 'ServiceAccount' ? object.automountServiceAccountToken == false : object.spec.template.spec.automountServiceAccountToken == false",
      { spec: { template: { spec: { automountServiceAccountToken: true } } } },
    ),
    "max-bytes": object(["ConfigMap"], "!has(object.data) || object.data.all(k, size(object.data[k]) < 20000)", {
      data: { big: "x".repeat(20_001) },
    }),
    "require-paper": object(["Namespace"], "object.metadata.labels['slipway.dev/environment'] == environment.name", {
      metadata: { labels: { "slipway.dev/environment": "live" } },
    }),
  };
  const policy = policyOf(paper, {
    teams: JSON.stringify({
      apiVersion: "slipway.dev/v1",
      kind: "Teams",
      metadata: { name: "teams" },
      spec: { teams, unlisted: ["paper"] },
    }),
    rules: Object.fromEntries(Object.entries(rules).map(([name, parts]) => [name, ruleText(name, parts)])),
    waivers: {
      ...waiver("a", "require-owner", { strategy: "momentum/waived" }),
      ...waiver("b", "forbid-host", { strategy: "momentum/waived" }),
      ...waiver("c", "max-bytes", { strategy: "momentum/waived" }),
      ...waiver("d", "require-paper", { team: "momentum" }),
      ...waiver("e", "forbid-automount", { team: "seed" }),
    },
  });
  const held = strategyWith({ name: "held", running: false });
  const policies = admissionPolicies({ policy, held: [held], teams: ["momentum"] });
  const engines = new Map(policies.map((each) => [each.name, admissionEngine(each)]));
  const denied = (name: string, request: Partial<AdmissionRequest>): readonly string[] | "exempt" => {
    const engine = engines.get(`rule-${name}`);
    if (engine === undefined) throw new Error(`there is no policy for ${name}`);
    const { applies, denied: messages } = engine({ operation: "CREATE", ...request });
    return applies ? messages : "exempt";
  };
  const render = (
    changes: Partial<EffectiveStrategy>,
    kind: string,
    change: (object: Manifest) => void = () => undefined,
  ) => {
    const files = renderStrategy(inputOf(strategyWith(changes)), paper);
    const object = [...files.values()]
      .map((text): Manifest => parse(text))
      .find((each) => each.kind === kind && !/algorithm/.test(each.metadata.name));
    change(object);
    return object as JsonObject;
  };
  const spec = (changes: Partial<EffectiveStrategy>) => render(changes, "ConfigMap");

  test.each<[string, Partial<EffectiveStrategy>, readonly string[] | "exempt"]>([
    ["require-owner", {}, []],
    ["require-owner", { owner: "nobody" }, ["require-owner: belongs to nobody"]],
    ["require-owner", { owner: "nobody", name: "waived" }, "exempt"],
    ["require-owner", { owner: "nobody", team: "seed", name: "waived" }, ["require-owner: belongs to nobody"]],
    ["require-owner", { owner: "nobody", name: "held" }, "exempt"],
    ["require-member", {}, []],
    ["require-member", { owner: "eve" }, ["require-member: no"]],
    ["require-member", { team: "seed" }, ["require-member: no"]],
    ["require-member", { team: "empty" }, ["require-member: no"]],
    ["max-half-cpu", { resources: { cpu: "499m", memory: "1Mi", state: "1Mi" } }, []],
    ["max-half-cpu", { resources: { cpu: "500m", memory: "1Mi", state: "1Mi" } }, ["max-half-cpu: no"]],
    ["max-half-cpu", { team: "seed", resources: { cpu: "999m", memory: "1Mi", state: "1Mi" } }, []],
    ["require-all-instruments", {}, []],
    ["require-all-instruments", { team: "seed" }, ["require-all-instruments: no"]],
    ["require-all-instruments", { team: "seed", running: false }, []],
    ["valid-sizing", { portfolio: { startingCash: "1", sizing: { use: "fixed-fraction", fraction: "0.1" } } }, []],
    [
      "valid-sizing",
      { portfolio: { startingCash: "1", sizing: { use: "fixed-cash", cash: "1" } } },
      ["valid-sizing: no"],
    ],
    ["valid-sizing", { publishes: [], portfolio: { startingCash: "1", sizing: { use: "fixed-cash", cash: "1" } } }, []],
  ])("%s of a spec with %j", (name, changes, expected) => {
    expect(denied(name, { object: spec(changes) })).toEqual(expected);
  });

  test("judges objects by the name that they have, whatever their labels say", () => {
    const host = (object: Manifest) => (object.spec.template.spec.hostNetwork = true);
    expect(denied("forbid-host", { object: render({}, "StatefulSet", host) })).toEqual(["forbid-host: no"]);
    expect(denied("forbid-host", { object: render({ name: "waived" }, "StatefulSet", host) })).toBe("exempt");
    expect(denied("forbid-host", { object: render({ name: "held" }, "StatefulSet", host) })).toBe("exempt");
    const disguised = render({ name: "waived" }, "StatefulSet", (object) => {
      host(object);
      object.metadata.name = "other";
    });
    expect(denied("forbid-host", { object: disguised })).toEqual(["forbid-host: no"]);
  });

  test("judges pods that nobody's StatefulSet made, and those of a strategy that must stand still", () => {
    const podOf = (name: string, hostNetwork: boolean) => {
      const { template }: Manifest = (render({}, "StatefulSet") as Manifest).spec;
      const more = hostNetwork ? { hostNetwork } : {};
      return {
        kind: "Pod",
        metadata: { namespace: "momentum-paper", name },
        spec: { ...template.spec, ...more },
      } as JsonObject;
    };
    expect(denied("forbid-host-pods", { object: podOf("any", false) })).toEqual([]);
    expect(denied("forbid-host-pods", { object: podOf("any", true) })).toEqual(["forbid-host: no"]);
    expect(denied("forbid-host-pods", { object: podOf("waived-0", true) })).toBe("exempt");
    expect(denied("forbid-host-pods", { object: podOf("held-0", true) })).toEqual(["forbid-host: no"]);
    const [before, after] = [podOf("any", true), podOf("any", true)];
    expect(denied("forbid-host-pods", { operation: "UPDATE", object: after, oldObject: before })).toBe("exempt");
  });

  test("of several kinds knows each, and leaves Kubernetes' own alone", () => {
    const mounts = (object: Manifest) => (object.automountServiceAccountToken = true);
    expect(denied("forbid-automount", { object: render({}, "ServiceAccount") })).toEqual([]);
    expect(denied("forbid-automount", { object: render({}, "ServiceAccount", mounts) })).toEqual([
      "forbid-automount: no",
    ]);
    expect(denied("forbid-automount", { object: render({ team: "seed" }, "ServiceAccount", mounts) })).toBe("exempt");
    expect(denied("forbid-automount", { object: render({}, "StatefulSet") })).toEqual([]);
    const byKubernetes = { kind: "ServiceAccount", metadata: { namespace: "momentum-paper", name: "default" } };
    expect(denied("forbid-automount", { object: byKubernetes })).toBe("exempt");
    const leaving = render({}, "ServiceAccount", (object) => {
      mounts(object);
      object.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
    });
    expect(denied("forbid-automount", { operation: "UPDATE", object: leaving, oldObject: leaving })).toBe("exempt");
  });

  test("knows the ConfigMaps of a waived strategy", () => {
    const big = (name: string) => ({
      kind: "ConfigMap",
      metadata: { namespace: "momentum-paper", name },
      data: { big: "x".repeat(20_001) },
    });
    for (const name of ["waived-spec", "waived-algorithm-0123456789"])
      expect(denied("max-bytes", { object: big(name) })).toBe("exempt");
    for (const name of ["waived", "other-spec", "waived-algorithm-xyz", "kube-root"])
      expect(denied("max-bytes", { object: big(name) })).toEqual(["max-bytes: no"]);
    expect(denied("max-bytes", { object: big("kube-root-ca.crt") })).toBe("exempt");
  });

  test("judges namespaces by themselves", () => {
    const namespace = (team: string) =>
      parse(
        renderTeam(team, paperPolicy, { strategies: [], held: [] }).get(`teams/${team}/namespace-${team}-paper.yaml`) ??
          "",
      ) as JsonObject;
    expect(denied("require-paper", { object: namespace("seed") })).toEqual([]);
    expect(denied("require-paper", { object: namespace("momentum") })).toBe("exempt");
  });

  test("denies only where the rule forbids", () => {
    const of = (name: string) => policies.find((each) => each.name === `rule-${name}`);
    expect(of("require-owner")?.denies).toBe(true);
    expect(of("require-one")?.denies).toBe(false);
    expect(of("require-one-pods")).toBeUndefined();
  });
});
