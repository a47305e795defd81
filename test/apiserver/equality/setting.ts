// The policies that the fences are compared under: this repository's own, with a team, waivers and a held strategy on top, and an environment
// whose bounds are at the ends of what a bound may be.
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect } from "vitest";
import { parse } from "yaml";
import { admissionPolicies } from "#charts/admission.ts";
import type { AdmissionPolicy } from "#charts/admission-object.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { type EnvironmentDocument, parseEnvironment } from "#core/environment.ts";
import { type EnvironmentPolicy, environmentPolicy } from "#core/environment-policy.ts";
import type { Parsed } from "#core/parse.ts";
import type { Policies } from "#core/policies.ts";
import { checkPolicies } from "#core/policy-checks.ts";
import { parseRule } from "#core/rule.ts";
import { parseTeams } from "#core/teams.ts";
import { parseWaiver } from "#core/waiver.ts";
import { strategyWith } from "../../charts/inputs.ts";

const root = join(import.meta.dirname, "../../..");

export interface Setting {
  readonly environment: EnvironmentDocument;
  readonly policies: Policies;
  readonly policy: EnvironmentPolicy;
  readonly admission: readonly AdmissionPolicy[];
  /** Today's policies refuse it, so it stands still with what it had. */
  readonly held: EffectiveStrategy;
  /** Whose bounds differ: of nobody, of a team, of a strategy with waivers, of the held one. */
  readonly subjects: readonly { readonly team: string; readonly name: string }[];
}

export const atSeconds = Date.UTC(2026, 0, 2) / 1000;

const rpcAddresses = [
  "tcp://10.1.2.3:4242",
  "tcp+json://models.ml.svc:9000",
  "unix:///run/models.sock",
  "service:models",
];

function paper(): EnvironmentDocument {
  const text = readFileSync(join(root, "policies/environments/paper.yaml"), "utf8");
  const document = parse(text) as EnvironmentDocument;
  return { ...document, spec: { ...document.spec, bounds: { ...document.spec.bounds, rpcAddresses } } };
}

/** As many names as a spec may have, and more. */
export const manyInstruments = Array.from({ length: 240 }, (_, index) => `I${String(index).padStart(3, "0")}.x_y-z`);

function edge(): EnvironmentDocument {
  const { apiVersion, kind, spec } = paper();
  const bounds = {
    instruments: [...manyInstruments, "maxDrawdown", "limits.venues", "A"],
    venues: ["a", "paper", "z-9"],
    maxOrderNotional: "999999999999999.99999999",
    maxPositionNotional: "999999999999999.99999999",
    orderRate: "100/7s",
    maxDrawdown: "1",
    cpu: "1500m",
    memory: "1536Ki",
    state: "1.5Ti",
    rpcAddresses: [],
  };
  const venue = { kind: "paper", feeBps: "0", slippageBps: "0" } as const;
  const venues = { ...spec.venues, a: venue, "z-9": venue };
  const defaults = { ...spec.defaults, memory: "1Mi" };
  return { apiVersion, kind, metadata: { name: "edge" }, spec: { ...spec, embedded: false, bounds, venues, defaults } };
}

const narrow = {
  instruments: ["AAPL", "IBM"],
  maxOrderNotional: "1500.5",
  maxPositionNotional: "1500.5",
  orderRate: "7/3s",
  maxDrawdown: "0.25",
  cpu: "250m",
  memory: "200Mi",
  state: "100Mi",
  rpcAddresses: ["tcp://10.1.2.3:4242"],
};
const waived = {
  instruments: ["DOGE"],
  maxOrderNotional: "7000.00000001",
  orderRate: "40/1s",
  cpu: "2",
  memory: "1Gi",
  state: "1Gi",
  rpcAddresses: ["tcp://192.168.0.1:1"],
};

/** Rules of every sort, beside those that the repository ships. */
const ownRules: readonly (readonly [name: string, over: "spec" | "object", spec: object])[] = [
  [
    "max-own-claim",
    "object",
    {
      match: { kinds: ["PersistentVolumeClaim"] },
      expression: "quantity(object.spec.resources.requests.storage).compareTo(quantity(environment.bounds.state)) <= 0",
      samples: { allow: [{}], deny: [{ object: { spec: { resources: { requests: { storage: "9Ti" } } } } }] },
    },
  ],
  [
    "max-own-compute",
    "object",
    {
      match: { kinds: ["StatefulSet"] },
      expression:
        "object.spec.template.spec.containers.all(c, has(c.resources) && has(c.resources.limits) && 'cpu' in c.resources.limits && quantity(c.resources.limits.cpu).compareTo(quantity(environment.bounds.cpu)) <= 0)",
      samples: {
        allow: [{}],
        deny: [
          { object: { spec: { template: { spec: { containers: [{ resources: { limits: { cpu: "90" } } }] } } } } },
        ],
      },
    },
  ],
  [
    "require-own-instruments",
    "spec",
    {
      expression: "spec.limits.instruments.all(i, i in environment.bounds.instruments) && spec.owner != 'nobody'",
      samples: { allow: [{}], deny: [{ spec: { owner: "nobody" } }] },
    },
  ],
  [
    "require-known-owner",
    "spec",
    {
      expression: "!team.listed || spec.owner in team.members",
      enforcement: "require-approval",
      samples: { allow: [{}], deny: [{ spec: { owner: "eve" } }] },
    },
  ],
  [
    "valid-rpc",
    "spec",
    {
      expression: "has(spec.algorithm.rpc) ? spec.algorithm.rpc.startsWith('tcp') : spec.algorithm.runtime != ''",
      enforcement: "advise",
      samples: { allow: [{}], deny: [{ spec: { algorithm: { rpc: "service:x", entry: null, runtime: null } } }] },
    },
  ],
  [
    "require-digest",
    "object",
    {
      match: { kinds: ["StatefulSet"] },
      expression: "object.spec.template.spec.containers.all(c, c.image.matches('@sha256:[0-9a-f]{64}$'))",
      samples: {
        allow: [{}],
        deny: [{ object: { spec: { template: { spec: { containers: [{ image: "x:latest" }] } } } } }],
      },
    },
  ],
  [
    "require-labels",
    "object",
    {
      match: { kinds: ["ConfigMap", "PersistentVolumeClaim", "Service", "ServiceAccount", "StatefulSet"] },
      expression:
        "has(object.metadata.labels) && object.metadata.labels['slipway.dev/environment'] == environment.name",
      samples: { allow: [{}], deny: [{ object: { metadata: { labels: null } } }] },
    },
  ],
];

function ruleText([name, over, spec]: (typeof ownRules)[number]): string {
  return JSON.stringify({
    apiVersion: "slipway.dev/v1",
    kind: "Rule",
    metadata: { name, owner: "platform", severity: "high" },
    spec: { over, message: `'${name} does not hold'`, fix: "mend it", enforcement: "forbid", ...spec },
  });
}

function waiverText(name: string, waives: object, scope: object): readonly [name: string, text: string] {
  const spec = { waives, scope, owner: "risk", reason: "to be compared", until: "2026-01-03" };
  return [name, JSON.stringify({ apiVersion: "slipway.dev/v1", kind: "Waiver", metadata: { name }, spec })];
}

export function settings(): readonly Setting[] {
  const policies = policiesOf([paper(), edge()]);
  return [paper(), edge()].map((environment) => settingOf(environment, policies));
}

function settingOf(environment: EnvironmentDocument, policies: Policies): Setting {
  const { name } = environment.metadata;
  const policy = environmentPolicy(policies, name, atSeconds);
  if (policy === undefined) throw new Error(`the policies of ${name} cannot be used`);
  const held = strategyWith({
    ...{ environment: name, team: "momentum", name: "held", running: false },
    limits: {
      ...strategyWith().limits,
      instruments: ["XRP"],
      maxPositionNotional: "77777",
      maxDrawdown: "0.9",
      orderRate: "500/60s",
    },
    resources: { cpu: "3", memory: "3Gi", state: "3Ti" },
  });
  const admission = admissionPolicies({ policy, held: [held], teams: ["momentum", "seed"] });
  // In the second environment nothing differs for the team.
  const ids = name === "paper" ? ["seed/plain", "momentum/narrow", "momentum/waived"] : ["seed/plain"];
  const subjects = [...ids, "momentum/held"].map((id) => {
    const [team = "", strategy = ""] = id.split("/");
    return { team, name: strategy };
  });
  return { environment, policies, policy, admission, held, subjects };
}

function policiesOf(environments: readonly EnvironmentDocument[]): Policies {
  const teams = {
    teams: {
      momentum: { members: ["alice"], environments: { paper: { bounds: narrow }, edge: {} } },
      away: { members: [], environments: {} },
    },
    unlisted: ["paper", "edge"],
  };
  const scope = { environment: "paper", strategy: "momentum/waived" };
  const waivers = [
    ...Object.entries(waived).map(([bound, to]) => waiverText(`lift-${bound.toLowerCase()}`, { bound, to }, scope)),
    waiverText("lift-rule", { rule: "require-digest" }, scope),
    waiverText("lift-owner", { rule: "require-own-instruments" }, { environment: "edge", team: "momentum" }),
  ];
  const shipped = globSync("policies/rules/*.yaml", { cwd: root }).sort();
  const policies: Policies = {
    environments: new Map(
      environments.map((document) => {
        const { name } = document.metadata;
        return [name, sound(parseEnvironment(`policies/environments/${name}.yaml`, JSON.stringify(document)))];
      }),
    ),
    teams: sound(
      parseTeams(
        "policies/teams.yaml",
        JSON.stringify({ apiVersion: "slipway.dev/v1", kind: "Teams", metadata: { name: "teams" }, spec: teams }),
      ),
    ),
    rules: new Map([
      ...shipped.map(
        (path) => [basename(path, ".yaml"), sound(parseRule(path, readFileSync(join(root, path), "utf8")))] as const,
      ),
      ...ownRules.map((rule) => [rule[0], sound(parseRule(`policies/rules/${rule[0]}.yaml`, ruleText(rule)))] as const),
    ]),
    waivers: new Map(waivers.map(([name, text]) => [name, sound(parseWaiver(`policies/waivers/${name}.yaml`, text))])),
    freezes: new Map(),
    halts: new Map(),
  };
  expect(checkPolicies(policies)).toEqual([]);
  return policies;
}

function sound<Of extends Parsed<unknown>>(parsed: Of): Of {
  expect(parsed.findings).toEqual([]);
  return parsed;
}
