import type { EnvironmentDocument } from "#core/environment.ts";
import { parseEnvironment } from "#core/environment.ts";
import { type EnvironmentPolicy, environmentPolicy } from "#core/environment-policy.ts";
import { parseFreeze } from "#core/freeze.ts";
import { parseHalt } from "#core/halt-document.ts";
import type { StrategyId } from "#core/identity.ts";
import type { Parsed } from "#core/parse.ts";
import type { Parts } from "#core/parts.ts";
import type { Policies } from "#core/policies.ts";
import { checkPolicies } from "#core/policy-checks.ts";
import type { Finding } from "#core/refusal.ts";
import { assert } from "#core/result.ts";
import { parseRule } from "#core/rule.ts";
import type { StrategyDocument } from "#core/strategy.ts";
import { parseStrategy } from "#core/strategy.ts";
import { parseTeams } from "#core/teams.ts";
import { parseWaiver } from "#core/waiver.ts";
import { type Layout, type PolicyFile, type PolicyFolder, readLayout, type StrategyFolder } from "./layout.ts";
import { digest, type Memo } from "./memo.ts";
import type { SourceFile, SourceTree } from "./tree.ts";

export type ParsedStrategy = ReturnType<typeof parseStrategy>;
export type ParsedEnvironment = ReturnType<typeof parseEnvironment>;

/** One strategy with its spec, which is parsed when it is first looked at. */
export interface StrategySource {
  readonly folder: StrategyFolder;
  readonly parsed: ParsedStrategy | undefined;
  readonly findings: readonly Finding[];
  /** Equal for equal bytes at an equal path; `undefined` where there is no spec. */
  readonly digest: string | undefined;
}

export interface EnvironmentSource {
  readonly name: string;
  readonly path: string;
  readonly parsed: ParsedEnvironment | undefined;
  readonly document: EnvironmentDocument | undefined;
  readonly findings: readonly Finding[];
  /** Equal for equal bytes at an equal path: what was derived from them holds as long as they do. */
  readonly digest: string;
}

/** Everything of a tree that has a document. */
export interface Fleet {
  readonly layout: Layout;
  readonly strategies: ReadonlyMap<StrategyId, StrategySource>;
  readonly environments: ReadonlyMap<string, EnvironmentSource>;
  readonly policies: Policies;
  /** What is wrong with the policies, by file; the environments' own findings among them. A file without any has an empty list. */
  readonly policyFindings: ReadonlyMap<string, readonly Finding[]>;
}

/** Reads a tree once, however often it is asked for. */
export function readFleet(tree: SourceTree, memo: Memo): Fleet {
  return memo.from("fleet", tree, () => fleetOf(readLayout(tree), memo));
}

/** Of one strategy in one environment: its document, code and objects, and what the rules say of them, before and after some changes. */
const resultsOfOne = 24;

function fleetOf(layout: Layout, memo: Memo): Fleet {
  memo.makeRoom(resultsOfOne * layout.strategies.size * layout.policies.environments.size);
  const strategies = new Map<StrategyId, StrategySource>();
  for (const [id, folder] of layout.strategies) strategies.set(id, strategySource(folder, memo));
  const environments = new Map<string, EnvironmentSource>();
  for (const [name, file] of layout.policies.environments) environments.set(name, readEnvironment(file, memo));
  const { policies, findings } = readPolicies(layout, memo, environments);
  return { layout, strategies, environments, policies, policyFindings: findings };
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
    const parsed = memo.of(kind, fileDigest(path, file, memo), () => parseText(path, file, parse));
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

type ReadStrategy = Pick<StrategySource, "parsed" | "findings">;

function strategySource(folder: StrategyFolder, memo: Memo): StrategySource {
  const file = folder.files.get("strategy.yaml");
  // The layout has said that it is missing.
  if (file === undefined) return { folder, parsed: undefined, findings: [], digest: undefined };
  const path = `${folder.folder}/strategy.yaml`;
  const key = fileDigest(path, file, memo);
  let read: ReadStrategy | undefined;
  const known = (): ReadStrategy => {
    read ??= memo.of("strategy", key, () => readStrategy(path, file));
    return read;
  };
  return {
    folder,
    digest: key,
    get parsed() {
      return known().parsed;
    },
    get findings() {
      return known().findings;
    },
  };
}

function readStrategy(path: string, file: SourceFile): ReadStrategy {
  const parsed = parseText(path, file, parseStrategy);
  if ("refused" in parsed) return { parsed: undefined, findings: [parsed.refused] };
  return { parsed, findings: parsed.findings };
}

function readEnvironment({ name, path, file }: PolicyFile, memo: Memo): EnvironmentSource {
  const key = fileDigest(path, file, memo);
  const parsed = memo.of("environment", key, () => parseText(path, file, parseEnvironment));
  if ("refused" in parsed)
    return { name, path, parsed: undefined, document: undefined, findings: [parsed.refused], digest: key };
  return { name, path, parsed, document: parsed.document, findings: parsed.findings, digest: key };
}

function fileDigest(path: string, { bytes }: SourceFile, memo: Memo): string {
  return `${memo.from("digest", bytes, () => digest(bytes))} ${path}`;
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
 * Everything of the policies that the objects of an environment are made from, as it holds at an instant. `undefined` if the environment or the
 * teams are missing or refused.
 *
 * @param atSeconds since the epoch
 */
export function policyIn(
  fleet: Fleet,
  environment: string,
  atSeconds: number,
  memo: Memo,
): EnvironmentPolicy | undefined {
  return memo.from(`policy ${environment} ${atSeconds}`, fleet, () =>
    environmentPolicy(fleet.policies, environment, atSeconds),
  );
}

/** The environments that a spec names. */
export function environmentsOf({ spec }: Parts<StrategyDocument>): readonly string[] {
  return Object.keys(spec?.environments ?? {}).sort();
}
