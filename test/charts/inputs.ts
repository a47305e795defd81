import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect } from "vitest";
import { parse } from "yaml";
import type { RenderInput, StrategyInput } from "#charts/render.ts";
import type { AlgorithmBundle } from "#core/bundle.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { type EnvironmentDocument, parseEnvironment } from "#core/environment.ts";
import { type EnvironmentPolicy, environmentPolicy } from "#core/environment-policy.ts";
import { parseHalt } from "#core/halt-document.ts";
import type { Parsed } from "#core/parse.ts";
import type { Policies } from "#core/policies.ts";
import { checkPolicies } from "#core/policy-checks.ts";
import { parseRule } from "#core/rule.ts";
import { parseTeams } from "#core/teams.ts";
import { parseWaiver } from "#core/waiver.ts";

export const repository = join(import.meta.dirname, "../..");

/** The environments that this repository's policies name. */
export function environments(): readonly EnvironmentDocument[] {
  const paths = globSync("policies/environments/*.yaml", { cwd: repository }).sort();
  return paths.map((path) => parse(read(path)) as EnvironmentDocument);
}

/** What charts are given for an environment, from the texts of its policies. */
export function policyOf(environment: EnvironmentDocument, more: PolicyTexts = {}, atSeconds = 0): EnvironmentPolicy {
  const { name } = environment.metadata;
  const readAll = <Document>(
    folder: string,
    texts: Texts = {},
    parse: (file: string, text: string) => Parsed<Document>,
  ) => new Map(Object.entries(texts).map(([key, text]) => [key, sound(parse(`policies/${folder}/${key}.yaml`, text))]));
  const policies: Policies = {
    environments: readAll("environments", { [name]: JSON.stringify(environment) }, parseEnvironment),
    teams: more.teams === undefined ? undefined : sound(parseTeams("policies/teams.yaml", more.teams)),
    rules: readAll("rules", more.rules, parseRule),
    waivers: readAll("waivers", more.waivers, parseWaiver),
    freezes: new Map(),
    halts: readAll("halts", more.halts, parseHalt),
  };
  expect(checkPolicies(policies)).toEqual([]);
  const policy = environmentPolicy(policies, name, atSeconds);
  if (policy === undefined) throw new Error(`the policies of ${name} cannot be used`);
  return policy;
}

/** What this repository's own policies say of an environment. */
export function repositoryPolicy(name: string): EnvironmentPolicy {
  const environment = environments().find(({ metadata }) => metadata.name === name);
  if (environment === undefined) throw new Error(`there is no environment ${name}`);
  const texts = (pattern: string): Texts => {
    const paths = globSync(`policies/${pattern}.yaml`, { cwd: repository }).sort();
    return Object.fromEntries(paths.map((path) => [basename(path, ".yaml"), read(path)]));
  };
  const { teams } = texts("teams");
  return policyOf(environment, {
    ...(teams === undefined ? {} : { teams }),
    rules: texts("rules/*"),
    waivers: texts("waivers/*"),
    halts: texts("halts/*"),
  });
}

function read(path: string): string {
  return readFileSync(join(repository, path), "utf8");
}

type Texts = { readonly [name: string]: string };

export interface PolicyTexts {
  readonly teams?: string;
  readonly rules?: Texts;
  readonly waivers?: Texts;
  readonly halts?: Texts;
}

function sound<Document>(parsed: Parsed<Document>): Parsed<Document> {
  expect(parsed.findings).toEqual([]);
  return parsed;
}

export const paper: EnvironmentDocument = environments().find(({ metadata }) => metadata.name === "paper")!;

export const paperPolicy: EnvironmentPolicy = policyOf(paper);

/** Stands for a bundle in golden files: the real one is delivery's, and would change with the bundler's version. */
export const moduleBundle: AlgorithmBundle = bundleOf(
  'export default class Algorithm {\n  initialize() {\n    return ["quotes"];\n  }\n\n  event() {}\n}\n',
);
export const zipBundle: AlgorithmBundle = {
  kind: "zip",
  // An empty archive.
  base64: Buffer.from("PK\u0005\u0006".padEnd(22, "\0")).toString("base64"),
  sha256: sha256("PK\u0005\u0006".padEnd(22, "\0")),
};

export function bundleOf(text: string): AlgorithmBundle {
  const map = JSON.stringify({
    version: 3,
    sources: ["algorithm.ts"],
    names: [],
    mappings: "AAAA",
    code: sha256(text),
  });
  return { kind: "module", text, sha256: sha256(text), map };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** This repository's strategies as the environment runs them. None of them overrides anything, so there is nothing to resolve. */
export function strategiesOf(environment: EnvironmentDocument): readonly EffectiveStrategy[] {
  const { name } = environment.metadata;
  const paths = globSync("strategies/*/*/strategy.yaml", { cwd: repository }).sort();
  return paths.flatMap((path) => {
    const { metadata, spec } = parse(read(path)) as StrategyDocument;
    const here = spec.environments[name];
    if (here === undefined) return [];
    const { environments: _environments, ...own } = spec;
    const algorithm = { kind: "entry", ...spec.algorithm } as const;
    return [{ ...own, ...metadata, environment: name, algorithm, running: here.running, errorPolicy: "halt" } as const];
  });
}

type StrategyDocument = {
  readonly metadata: { readonly name: string; readonly team: string };
  readonly spec: Omit<EffectiveStrategy, "algorithm"> & {
    readonly algorithm: { readonly entry: string; readonly runtime: string };
    readonly environments: { readonly [environment: string]: { readonly running: boolean } | undefined };
  };
};

export function strategyWith(changes: Partial<EffectiveStrategy> = {}): EffectiveStrategy {
  return {
    team: "momentum",
    name: "sma-cross",
    environment: "paper",
    owner: "alice",
    algorithm: { kind: "entry", entry: "algorithm.ts", runtime: "node" },
    running: true,
    channels: ["quotes"],
    publishes: ["signal"],
    params: { fast: 10 },
    portfolio: { startingCash: "10000", sizing: { use: "random" } },
    limits: {
      instruments: ["AAPL", "IBM"],
      venues: ["paper"],
      maxOrderNotional: "2000",
      maxPositionNotional: "5000",
      orderRate: "10/1s",
      maxDrawdown: "0.5",
    },
    resources: { cpu: "200m", memory: "192Mi", state: "64Mi" },
    errorPolicy: "halt",
    ...changes,
  };
}

export function inputOf(effective: EffectiveStrategy): StrategyInput {
  if (effective.algorithm.kind === "rpc") return { effective, bundle: { kind: "none" } };
  return { effective, bundle: effective.algorithm.runtime.startsWith("python") ? zipBundle : moduleBundle };
}

export function renderInput(...strategies: readonly EffectiveStrategy[]): RenderInput {
  return { policy: paperPolicy, strategies: strategies.map(inputOf) };
}

export const python = { kind: "entry", entry: "algorithm.py", runtime: "python" } as const;

/** One strategy of each sort. */
export const fleet: readonly EffectiveStrategy[] = [
  strategyWith(),
  strategyWith({ team: "seed", name: "random-py", algorithm: python }),
  strategyWith({ team: "seed", name: "stopped", running: false }),
  strategyWith({ team: "seed", name: "remote", algorithm: { kind: "rpc", rpc: "tcp://10.1.2.3:4242" } }),
];
