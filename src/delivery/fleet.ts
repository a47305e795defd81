import type { EnvironmentDocument } from "#core/environment.ts";
import { parseEnvironment } from "#core/environment.ts";
import { parseFreeze } from "#core/freeze.ts";
import { parseHalt } from "#core/halt.ts";
import { type StrategyId, splitStrategyId } from "#core/identity.ts";
import type { Parsed } from "#core/parse.ts";
import type { Parts } from "#core/parts.ts";
import { knownBoundsFor, type Policies, teamMayRun } from "#core/policies.ts";
import { checkPolicies } from "#core/policy-checks.ts";
import type { Finding } from "#core/refusal.ts";
import { type Resolved, resolveStrategy } from "#core/resolve.ts";
import { assert } from "#core/result.ts";
import { parseRule } from "#core/rule.ts";
import type { StrategyDocument } from "#core/strategy.ts";
import { parseStrategy } from "#core/strategy.ts";
import { parseTeams, teamsFile } from "#core/teams.ts";
import { parseWaiver } from "#core/waiver.ts";
import type { Layout, PolicyFile, PolicyFolder, StrategyFolder } from "./layout.ts";
import { digest, type Memo } from "./memo.ts";
import type { SourceFile } from "./tree.ts";

export type ParsedStrategy = ReturnType<typeof parseStrategy>;
export type ParsedEnvironment = ReturnType<typeof parseEnvironment>;

/** One strategy with its parsed spec. */
export interface StrategySource {
  readonly folder: StrategyFolder;
  readonly parsed: ParsedStrategy | undefined;
  readonly findings: readonly Finding[];
}

export interface EnvironmentSource {
  readonly name: string;
  readonly path: string;
  readonly parsed: ParsedEnvironment | undefined;
  readonly document: EnvironmentDocument | undefined;
  readonly findings: readonly Finding[];
  /** Of the file's bytes: what was derived from it under this digest holds as long as they do. */
  readonly digest: string;
}

/** Everything that has a document, parsed. */
export interface Fleet {
  readonly strategies: ReadonlyMap<StrategyId, StrategySource>;
  readonly environments: ReadonlyMap<string, EnvironmentSource>;
  readonly policies: Policies;
  /** What is wrong with the policies, by file; the environments' own findings among them. A file without any has an empty list. */
  readonly policyFindings: ReadonlyMap<string, readonly Finding[]>;
}

export function readFleet(layout: Layout, memo: Memo): Fleet {
  const strategies = new Map<StrategyId, StrategySource>();
  for (const [id, folder] of layout.strategies) strategies.set(id, readStrategy(folder, memo));
  const environments = new Map<string, EnvironmentSource>();
  for (const [name, file] of layout.policies.environments) environments.set(name, readEnvironment(file, memo));
  const { policies, findings } = readPolicies(layout, memo, environments);
  return { strategies, environments, policies, policyFindings: findings };
}

function readPolicies(
  layout: Layout,
  memo: Memo,
  environments: ReadonlyMap<string, EnvironmentSource>,
): { readonly policies: Policies; readonly findings: ReadonlyMap<string, readonly Finding[]> } {
  const findings = new Map<string, Finding[]>();
  for (const { path, findings: own } of environments.values()) findings.set(path, [...own]);
  const read = <Read extends Parsed<unknown>>(
    kind: string,
    { path, file }: PolicyFile,
    parse: (path: string, text: string) => Read,
  ): Read | Parsed<never> => {
    const parsed = memo.of(kind, digest(path, file.bytes), () => parseText(path, file, parse));
    const made = "refused" in parsed ? unreadable(path, [parsed.refused]) : parsed;
    findings.set(path, [...made.findings]);
    return made;
  };
  const readAll = <Read extends Parsed<unknown>>(
    kind: Exclude<PolicyFolder, "environments">,
    parse: (path: string, text: string) => Read,
  ): ReadonlyMap<string, Read | Parsed<never>> =>
    new Map([...layout.policies[kind]].map(([name, file]) => [name, read(kind, file, parse)]));
  const { teams } = layout.policies;
  const policies: Policies = {
    environments: new Map(
      [...environments].map(([name, source]) => [name, source.parsed ?? unreadable(source.path, source.findings)]),
    ),
    rules: readAll("rules", parseRule),
    teams: teams === undefined ? undefined : read("teams", teams, parseTeams),
    waivers: readAll("waivers", parseWaiver),
    freezes: readAll("freezes", parseFreeze),
    halts: readAll("halts", parseHalt),
  };
  for (const finding of checkPolicies(policies)) {
    const own = findings.get(finding.place?.file ?? "");
    assert(own !== undefined, `a finding about the policies is about none of their files: ${finding.message}`);
    own.push(finding);
  }
  return { policies, findings };
}

/** A document of which nothing is known. */
function unreadable(path: string, findings: readonly Finding[]): Parsed<never> {
  const place = { file: path };
  const parts = {} as never;
  return { document: undefined, parts, findings, whole: () => false, locate: () => place, locateInside: () => place };
}

function readStrategy(folder: StrategyFolder, memo: Memo): StrategySource {
  const file = folder.files.get("strategy.yaml");
  // The layout has said that it is missing.
  if (file === undefined) return { folder, parsed: undefined, findings: [] };
  const path = `${folder.folder}/strategy.yaml`;
  const parsed = memo.of("strategy", digest(path, file.bytes), () => parseText(path, file, parseStrategy));
  if ("refused" in parsed) return { folder, parsed: undefined, findings: [parsed.refused] };
  return { folder, parsed, findings: parsed.findings };
}

function readEnvironment({ name, path, file }: PolicyFile, memo: Memo): EnvironmentSource {
  const key = digest(path, file.bytes);
  const parsed = memo.of("environment", key, () => parseText(path, file, parseEnvironment));
  if ("refused" in parsed)
    return { name, path, parsed: undefined, document: undefined, findings: [parsed.refused], digest: key };
  return { name, path, parsed, document: parsed.document, findings: parsed.findings, digest: key };
}

function parseText<Read>(
  path: string,
  file: SourceFile,
  parse: (path: string, text: string) => Read,
): Read | { readonly refused: Finding } {
  try {
    return parse(path, new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(file.bytes));
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    const refused: Finding = {
      code: "text-not-utf8",
      severity: "error",
      message: "this file is not UTF-8 text",
      fix: "save it as UTF-8",
      place: { file: path },
    };
    return { refused };
  }
}

/**
 * What an environment makes of a strategy, by the policies that hold for it at an instant, or what stands in the way. A document that is
 * refused in places is judged by the rest, but nothing has effect under it. Nothing where one cannot be read at all.
 *
 * @param environment its name
 * @param atSeconds since the epoch
 */
export function resolve(
  { folder, parsed }: StrategySource,
  environment: string,
  policies: Policies,
  atSeconds: number,
): Resolved {
  const policy = policies.environments.get(environment);
  if (parsed === undefined || policy === undefined || !environmentsOf(parsed.parts).includes(environment))
    return { effective: undefined, findings: [] };
  const id = splitStrategyId(folder.id);
  const bounds = knownBoundsFor(policies, environment, id, atSeconds);
  const resolved = resolveStrategy(parsed, policy, environment, bounds);
  const isAllowed = teamMayRun(policies, id.team, environment);
  if (isAllowed === false) {
    const findings = [teamRefused(id.team, parsed, policies, environment), ...resolved.findings];
    return { effective: undefined, findings };
  }
  const teamsHold = policies.teams === undefined || policies.teams.document !== undefined;
  return isAllowed === true && teamsHold ? resolved : { ...resolved, effective: undefined };
}

function teamRefused(team: string, parsed: ParsedStrategy, { teams }: Policies, environment: string): Finding {
  const pointer = `/spec/environments/${environment}`;
  const known = Object.hasOwn(teams?.parts.spec?.teams ?? {}, team);
  return {
    code: "team-environment",
    severity: "error",
    message: known
      ? `team ${team} may not run strategies in ${environment}`
      : `${team} is no team that may run strategies in ${environment}`,
    fix: `take ${environment} out, or propose it for ${team} in ${teamsFile}`,
    pointer,
    place: parsed.locate(pointer),
    ...(teams === undefined ? {} : { bound: teams.locate(known ? `/spec/teams/${team}/environments` : "/spec/teams") }),
  };
}

/** The environments that a spec names. */
export function environmentsOf({ spec }: Parts<StrategyDocument>): readonly string[] {
  return Object.keys(spec?.environments ?? {}).sort();
}
