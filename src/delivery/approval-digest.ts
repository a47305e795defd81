import { boundNames, canonicalBound } from "#core/bounds.ts";
import { haltOf, haltsIn } from "#core/halt.ts";
import { type StrategyId, splitStrategyId } from "#core/identity.ts";
import { canonicalJson, type JsonValue } from "#core/json.ts";
import { boundsFor, type Policies, ruleWaivers, totalsFor } from "#core/policies.ts";
import { type Fleet, readFleet } from "./fleet.ts";
import type { EnvironmentPair } from "./impact.ts";
import { policyFolders } from "./layout.ts";
import { digest, type Memo } from "./memo.ts";
import { type ChangeSummary, changedPaths } from "./summarize.ts";
import type { SourceTree } from "./tree.ts";
import type { StrategyImpact } from "./verdict.ts";

export interface ApprovalSubject {
  readonly before: SourceTree;
  readonly after: SourceTree;
  readonly summary: ChangeSummary;
  readonly pairs: readonly EnvironmentPair[];
  /** What the proposal does to strategies; those that only its policies move are part of what is approved. */
  readonly strategies: readonly StrategyImpact[];
  readonly atSeconds: number;
  readonly memo: Memo;
}

/**
 * What an approval is bound to: the specs and rendered objects that the proposal changes, the documents of policies that it changes, what those do to
 * strategies, and the bounds, totals, rules, waivers and halts of the base that touch the changed strategies. Commits, messages, comments and what others
 * change do not enter: a rebase that leaves all this equal leaves the approvals.
 */
export function approvalDigest(subject: ApprovalSubject): string {
  const { before, after, summary, strategies, memo, atSeconds } = subject;
  const [old, now] = [readFleet(before, memo), readFleet(after, memo)];
  const value: JsonValue = {
    strategies: summary.strategies.map(({ id }) => strategyOf(id, old, now, subject)),
    policies: changedPaths(before, after)
      .filter((path) => path.startsWith("policies/"))
      .map((path) => ({ path, before: fileOf(path, before, old), after: fileOf(path, after, now) })),
    moved: toJson(
      strategies
        .filter(({ kind }) => kind === "policy")
        .map(({ id, environments }) => ({
          id,
          environments: environments.map(({ environment, effect, limits }) => ({ environment, effect, limits })),
        })),
    ),
    touching: summary.strategies.map(({ id }) =>
      touching(old.policies, id, environmentsNamed(id, old, now), atSeconds),
    ),
  };
  return `sha256:${digest(canonicalJson(value))}`;
}

function environmentsNamed(id: StrategyId, ...fleets: readonly Fleet[]): readonly string[] {
  const names = fleets.flatMap(({ strategies }) =>
    Object.keys(strategies.get(id)?.parsed?.document?.spec.environments ?? {}),
  );
  return [...new Set(names)].sort();
}

/** The spec as it means, not as it is written, and every object of the strategy that the proposal makes, changes or takes away. */
function strategyOf(id: StrategyId, old: Fleet, now: Fleet, { pairs }: ApprovalSubject): JsonValue {
  const folder = `strategies/${id}/`;
  const objects = pairs.flatMap(({ environment, before, after }) => {
    const paths = [...new Set([...before.keys(), ...after.keys()])].filter((path) => path.startsWith(folder)).sort();
    return paths
      .filter((path) => before.get(path) !== after.get(path))
      .map((path) => ({ environment, path, before: textDigest(before.get(path)), after: textDigest(after.get(path)) }));
  });
  const spec = (fleet: Fleet): JsonValue => toJson(fleet.strategies.get(id)?.parsed?.document?.spec ?? null);
  return { id, before: spec(old), after: spec(now), objects };
}

function textDigest(text: string | undefined): string | null {
  return text === undefined ? null : digest(text);
}

/** A document as it means; a file that is none as it stands. */
function fileOf(path: string, tree: SourceTree, { policies }: Fleet): JsonValue {
  const file = tree.get(path);
  if (file === undefined) return null;
  const parts = /^policies\/([^/]+)\/([^/]+)\.yaml$/.exec(path);
  const kind = policyFolders.find((folder) => folder === parts?.[1]);
  const parsed = kind === undefined ? undefined : policies[kind].get(parts?.[2] ?? "");
  const document = path === "policies/teams.yaml" ? policies.teams?.document : parsed?.document;
  return document === undefined ? digest(file.mode, file.bytes) : toJson(document);
}

/** What of the base's policies holds for a strategy: the numbers, the rules without their words, what is waived, and whether it is halted. */
function touching(policies: Policies, id: StrategyId, environments: readonly string[], atSeconds: number): JsonValue {
  const name = splitStrategyId(id);
  return environments.map((environment) => {
    const bounds = boundsFor(policies, environment, name, atSeconds);
    const totals = totalsFor(policies, environment, name.team);
    return {
      environment,
      bounds: bounds === undefined ? null : boundNames.map((bound) => canonicalBound(bound, bounds[bound].value)),
      totals:
        totals === undefined
          ? null
          : [totals.cpu.value, totals.memory.value, totals.state.value, totals.strategies.value],
      halted: haltOf(haltsIn(policies.halts, environment), id)?.verb ?? null,
      rules: rulesIn(policies, environment).map(([rule, asked]) => ({
        rule,
        asked,
        waivers: ruleWaivers(policies, rule, environment, name, atSeconds),
      })),
    };
  });
}

function rulesIn({ rules }: Policies, environment: string): readonly (readonly [string, JsonValue])[] {
  return [...rules]
    .filter(([, { document }]) => document?.spec.environments?.includes(environment) !== false)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { document }]) => {
      if (document === undefined) return [name, null];
      const { over, match, expression, blame, enforcement } = document.spec;
      return [name, toJson({ owner: document.metadata.owner, over, match, expression, blame, enforcement })];
    });
}

/** Interfaces of plain data are JSON; the compiler does not see it. */
function toJson(value: object | null): JsonValue {
  return JSON.parse(JSON.stringify(value)) as JsonValue;
}
