import { type BoundTable, boundTable } from "./bound-table.ts";
import type { EnvironmentDocument } from "./environment.ts";
import { type Halt, haltsIn } from "./halt.ts";
import { type Operators, operatorsOf } from "./operators.ts";
import { holdsAt, type Policies, teamMayRun, totalsFor } from "./policies.ts";
import type { RuleDocument } from "./rule.ts";

/** What all strategies of a team may have together. */
export interface TotalValues {
  readonly cpu: string;
  readonly memory: string;
  readonly state: string;
  readonly strategies: number;
}

/** What a team has that may not run here. Its namespace stays with what stands still in it, and nothing starts there. */
const noTotals: TotalValues = { cpu: "0", memory: "0", state: "0", strategies: 0 };

/** Whom a waiver of a rule is for: one strategy, or without a name all of a team. */
export interface WaivedScope {
  readonly team: string;
  readonly name?: string;
}

export interface ListedTeam {
  readonly members: readonly string[];
  readonly mayRun: boolean;
}

/** A rule that holds in the environment. */
export interface ActiveRule {
  readonly document: RuleDocument;
  /** Sorted; each once. */
  readonly waived: readonly WaivedScope[];
}

/**
 * Everything of `policies/` that the objects of one environment are made from, at an instant. Plain data without places: the same policies give
 * the same value, whatever their files look like.
 */
export interface EnvironmentPolicy {
  readonly document: EnvironmentDocument;
  readonly bounds: BoundTable;
  /** Of whoever is not listed, and of the teams that have others: their own, or none at all where they may not run. */
  readonly totals: { readonly everyone: TotalValues; readonly teams: { readonly [team: string]: TotalValues } };
  /** The teams that the policies list, by name. */
  readonly teams: { readonly [team: string]: ListedTeam };
  /** Whether a team that is not listed may run strategies here. */
  readonly unlisted: boolean;
  /** Sorted by name. */
  readonly rules: readonly ActiveRule[];
  /** What operators stopped here, sorted by name. */
  readonly halts: readonly Halt[];
  /** Who may stop strategies here; undefined: the policies do not say. */
  readonly operators: readonly Operators[] | undefined;
}

/**
 * @param atSeconds since the epoch: waivers hold until theirs
 * @returns undefined where the environment or the teams are missing or refused
 */
export function environmentPolicy(
  policies: Policies,
  environment: string,
  atSeconds: number,
): EnvironmentPolicy | undefined {
  const document = policies.environments.get(environment)?.document;
  const bounds = boundTable(policies, environment, atSeconds);
  if (document === undefined || bounds === undefined) return undefined;
  const everyone = totalValues(policies, environment, "");
  const listed = Object.entries(policies.teams?.document?.spec.teams ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const totals: { [team: string]: TotalValues } = {};
  for (const [team] of listed) {
    const own = totalValues(policies, environment, team);
    if (JSON.stringify(own) !== JSON.stringify(everyone)) totals[team] = own;
  }
  return {
    document,
    bounds,
    totals: { everyone, teams: totals },
    teams: Object.fromEntries(
      listed.map(([team, { members }]) => [
        team,
        { members, mayRun: teamMayRun(policies, team, environment) === true },
      ]),
    ),
    unlisted: teamMayRun(policies, "", environment) === true,
    rules: rulesIn(policies, environment, atSeconds),
    halts: haltsIn(policies.halts, environment),
    operators: operatorsOf(policies.teams?.document, environment),
  };
}

/** What a team may have together: nothing where it may not run. */
export function totalsIn({ totals }: EnvironmentPolicy, team: string): TotalValues {
  return (Object.hasOwn(totals.teams, team) ? totals.teams[team] : undefined) ?? totals.everyone;
}

function totalValues(policies: Policies, environment: string, team: string): TotalValues {
  const totals = totalsFor(policies, environment, team);
  if (totals === undefined) return noTotals;
  const { cpu, memory, state, strategies } = totals;
  return { cpu: cpu.value, memory: memory.value, state: state.value, strategies: strategies.value };
}

function rulesIn({ rules, waivers }: Policies, environment: string, atSeconds: number): readonly ActiveRule[] {
  const active: ActiveRule[] = [];
  for (const [name, { document }] of [...rules].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (document === undefined || document.spec.environments?.includes(environment) === false) continue;
    const waived = new Map<string, WaivedScope>();
    for (const { document: waiver } of waivers.values()) {
      if (waiver === undefined || !holdsAt(waiver, environment, atSeconds)) continue;
      const { waives, scope } = waiver.spec;
      if (!("rule" in waives) || waives.rule !== name) continue;
      if ("team" in scope) {
        waived.set(scope.team, { team: scope.team });
      } else {
        const [team = "", strategy = ""] = scope.strategy.split("/");
        waived.set(scope.strategy, { team, name: strategy });
      }
    }
    const scopes = [...waived].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, scope]) => scope);
    active.push({ document, waived: scopes });
  }
  return active;
}
