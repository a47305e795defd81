import type { AlgorithmBundle } from "#core/bundle.ts";
import type { Description } from "#core/description.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { StrategyId } from "#core/identity.ts";
import { checkLeast } from "#core/least.ts";
import { type Finding, hasErrors } from "#core/refusal.ts";
import { bundleFor, checkCode } from "./check-code.ts";
import { type CheckedParams, checkParams } from "./check-params.ts";
import { type EffectiveSpecs, effectiveSpecs } from "./effective-specs.ts";
import { checkFeeds } from "./feeds.ts";
import { environmentsOf, type Fleet, readFleet, type StrategySource } from "./fleet.ts";
import type { Layout } from "./layout.ts";
import { createMemo, type Memo } from "./memo.ts";
import { checkRules } from "./rules.ts";
import { checkSignals } from "./signals.ts";
import { checkNames, checkTotals } from "./totals.ts";
import type { SourceTree } from "./tree.ts";

export interface CheckOptions {
  /** Judges these alone; the others are read for the team's totals only. Default: all. */
  readonly strategies?: readonly StrategyId[];
  /** Judges for these environments alone. Default: all that the policies have. */
  readonly environments?: readonly string[];
  /**
   * The instant in question, in seconds since the epoch: waivers hold until theirs. In Git it is the committer date of the base's tip,
   * so that the same commits give the same verdict.
   */
  readonly atSeconds: number;
  /** Asks the algorithms of the judged strategies to describe themselves, and holds their params to it. */
  readonly describe?: boolean;
  /** Remembers what was parsed and bundled between calls. */
  readonly memo?: Memo;
}

export interface CheckedEnvironment {
  readonly name: string;
  readonly effective: EffectiveStrategy;
  /** Absent when the code is refused. */
  readonly bundle: AlgorithmBundle | undefined;
}

export interface CheckedStrategy {
  readonly id: StrategyId;
  /** The environments that its spec names, by name; empty where its word on them cannot be read. */
  readonly named: readonly string[];
  /** Where it can be resolved; also those where a bound refuses it. */
  readonly environments: readonly CheckedEnvironment[];
  /** Paths inside its folder. */
  readonly files: readonly string[];
  /** What the algorithm says of itself, if it was asked and can be known here. */
  readonly description?: Description;
}

export type CheckName = "layout" | "spec" | "policy" | "bounds" | "rules" | "algorithm" | "totals" | "names";

export interface CheckReport {
  /** Everything that is wrong, in the order of files and lines. */
  readonly findings: readonly Finding[];
  /** How many checks passed, by name. */
  readonly checks: Readonly<Record<CheckName, number>>;
  /** The rules that were asked, by name. */
  readonly asked: readonly string[];
  readonly strategies: readonly CheckedStrategy[];
  /** Names of the environments that the tree's policies define. */
  readonly environments: readonly string[];
}

const bundlesAtOnce = 8;

/** Judges a tree: layout, documents, bounds of each environment, code, team totals. All findings at once; nothing is run but `describe()`, if asked for. */
export async function checkTree(tree: SourceTree, options: CheckOptions): Promise<CheckReport> {
  const memo = options.memo ?? createMemo();
  const fleet = readFleet(tree, memo);
  const specs = effectiveSpecs(fleet, options.atSeconds, memo);
  const wanted = selectStrategies(fleet, options.strategies);
  const tally = newTally();
  addLayout(tally, fleet.layout, options.strategies);
  for (const findings of fleet.policyFindings.values()) count(tally, "policy", findings);
  for (const id of options.strategies ?? []) {
    if (!fleet.strategies.has(id)) tally.findings.push(missing(id));
  }
  const strategies: CheckedStrategy[] = [];
  for (let from = 0; from < wanted.length; from += bundlesAtOnce) {
    const some = wanted.slice(from, from + bundlesAtOnce);
    const checked = await Promise.all(some.map((strategy) => checkStrategy(strategy, fleet, specs, options, memo)));
    for (const one of checked) {
      for (const { name, findings, complete } of one.results) count(tally, name, findings, complete);
      strategies.push(one.strategy);
    }
  }
  const rules = await checkRules(fleet, specs, strategies, options, memo);
  tally.findings.push(...rules.findings);
  tally.checks.rules = rules.passed;
  for (const findings of checkTotals(fleet, specs, wanted, options)) count(tally, "totals", findings);
  count(tally, "names", checkNames(fleet, wanted));
  tally.findings.push(...checkSignals(fleet, specs, wanted, options), ...checkFeeds(fleet, specs, wanted, options));
  return {
    findings: sorted(tally.findings),
    checks: tally.checks,
    asked: rules.asked,
    strategies,
    environments: [...fleet.environments.keys()].sort(),
  };
}

interface Tally {
  readonly findings: Finding[];
  readonly checks: Record<CheckName, number>;
}

function newTally(): Tally {
  return {
    findings: [],
    checks: { layout: 0, spec: 0, policy: 0, bounds: 0, rules: 0, algorithm: 0, totals: 0, names: 0 },
  };
}

function count(tally: Tally, name: CheckName, findings: readonly Finding[], complete = true): void {
  tally.findings.push(...findings);
  if (complete && !hasErrors(findings)) tally.checks[name] += 1;
}

function selectStrategies(fleet: Fleet, ids: readonly StrategyId[] | undefined): readonly StrategySource[] {
  const all = [...fleet.strategies].sort(([a], [b]) => (a < b ? -1 : 1));
  return all.filter(([id]) => ids === undefined || ids.includes(id)).map(([, strategy]) => strategy);
}

/** Of the layout's findings those about other strategies are theirs; what belongs to nobody is everyone's. */
function addLayout(tally: Tally, layout: Layout, ids: readonly StrategyId[] | undefined): void {
  const others = [...layout.strategies.values()].filter(({ id }) => ids?.includes(id) === false);
  const folders = new Set(others.map(({ folder }) => folder));
  const isTheirs = ({ place }: Finding): boolean => folders.has(place?.file.split("/").slice(0, 3).join("/") ?? "");
  count(
    tally,
    "layout",
    layout.findings.filter((finding) => !isTheirs(finding)),
  );
}

function missing(id: StrategyId): Finding {
  return {
    code: "strategy-missing",
    severity: "error",
    message: `there is no strategy ${id}: strategies/${id} does not exist`,
    fix: `make it with: slipway new ${id}`,
    place: { file: `strategies/${id}` },
  };
}

interface StrategyResult {
  readonly strategy: CheckedStrategy;
  readonly results: readonly CheckResult[];
}

interface CheckResult {
  readonly name: CheckName;
  readonly findings: readonly Finding[];
  /** Whether everything could be judged: what could not has not passed, and has its finding elsewhere. */
  readonly complete: boolean;
}

async function checkStrategy(
  strategy: StrategySource,
  fleet: Fleet,
  specs: EffectiveSpecs,
  { environments: only, describe = false }: CheckOptions,
  memo: Memo,
): Promise<StrategyResult> {
  const { folder, parsed } = strategy;
  const spec = [...strategy.findings, ...unknownEnvironments(strategy, fleet)];
  const results: CheckResult[] = [{ name: "spec", findings: spec, complete: true }];
  const environments: CheckedEnvironment[] = [];
  const named = parsed === undefined ? [] : environmentsOf(parsed.parts);
  const wanted = named.filter((name) => only?.includes(name) !== false);
  let isBundled = false;
  let description: Description | undefined;
  for (const name of wanted) {
    const { effective, findings } = specs.resolve(strategy, name);
    const policy = fleet.environments.get(name)?.parsed;
    const least = parsed === undefined || policy === undefined ? [] : checkLeast(parsed, policy, name);
    const own = [...findings, ...least].map((finding) => ({ ...finding, environment: name }));
    results.push({ name: "bounds", findings: own, complete: effective !== undefined });
    const code = await bundleFor(strategy, fleet.environments.get(name), memo);
    if (code === undefined) continue;
    isBundled = true;
    const params: CheckedParams = describe
      ? await checkParams(strategy, name, effective, code, memo)
      : { findings: [] };
    description ??= params.description;
    results.push({ name: "algorithm", findings: [...code.findings, ...params.findings], complete: true });
    if (effective !== undefined) environments.push({ name, effective, bundle: code.bundle });
  }
  // The code's own mistakes are said whether or not it is known what will run it.
  const allNamed = parsed?.whole("/spec/environments") === true;
  if (!isBundled && (wanted.length > 0 || !allNamed))
    results.push({ name: "algorithm", findings: await checkCode(strategy, memo), complete: false });
  const files = [...folder.files.keys()];
  const own = { id: folder.id, named: allNamed ? named : [], environments, files };
  return { strategy: { ...own, ...(description === undefined ? {} : { description }) }, results };
}

function unknownEnvironments({ parsed }: StrategySource, fleet: Fleet): readonly Finding[] {
  if (parsed === undefined) return [];
  const known = [...fleet.environments.keys()].sort();
  return environmentsOf(parsed.parts)
    .filter((name) => !fleet.environments.has(name))
    .map((name) => ({
      code: "environment-unknown",
      severity: "error" as const,
      message: `environments.${name} is no environment; there ${known.length === 1 ? "is" : "are"} ${known.join(", ") || "none"}`,
      fix:
        known.length === 0
          ? "write policies/environments/<environment>.yaml first"
          : "name one of these, or propose policies/environments for it",
      place: parsed.locate(`/spec/environments/${name}`),
      pointer: `/spec/environments/${name}`,
    }));
}

/** In the order a person reads, each once: two environments often say the same. */
function sorted(findings: readonly Finding[]): readonly Finding[] {
  const seen = new Map<string, Finding>();
  for (const finding of findings) {
    const { place } = finding;
    const key = `${finding.rule ?? finding.code} ${place?.file} ${place?.line} ${place?.column} ${finding.message}`;
    if (!seen.has(key)) seen.set(key, finding);
  }
  return [...seen.values()].sort(
    (a, b) =>
      compare(a.place?.file ?? "", b.place?.file ?? "") ||
      (a.place?.line ?? 0) - (b.place?.line ?? 0) ||
      (a.place?.column ?? 0) - (b.place?.column ?? 0) ||
      compare(a.code, b.code) ||
      compare(a.message, b.message),
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
