import type { EffectiveStrategy } from "#core/effective.ts";
import { type TeamTotals, totalsFor } from "#core/policies.ts";
import { type CpuMillicores, cpuOf, formatCpu, formatMemory, type MemoryBytes, memoryOf } from "#core/quantity.ts";
import { type Finding, formatPlace, type Place } from "#core/refusal.ts";
import type { EffectiveSpecs } from "./effective-specs.ts";
import type { Fleet, StrategySource } from "./fleet.ts";

type Total = keyof TeamTotals;

interface Member {
  readonly strategy: StrategySource;
  readonly effective: EffectiveStrategy;
}

/**
 * Adds up each team's strategies per environment against its `teamTotals`: how many and how much state counts all, CPU and memory those that
 * run. Only teams of `wanted` are judged; their other strategies count too.
 *
 * @returns one list of findings per team and environment; an empty one passed
 */
export function checkTotals(
  fleet: Fleet,
  specs: EffectiveSpecs,
  wanted: readonly StrategySource[],
  { environments: only }: { readonly environments?: readonly string[] },
): readonly (readonly Finding[])[] {
  const teams = [...new Set(wanted.map(({ folder }) => teamOf(folder.id)))].sort();
  const results: (readonly Finding[])[] = [];
  for (const environment of fleet.environments.values()) {
    if (only?.includes(environment.name) === false) continue;
    for (const team of teams) {
      const totals = totalsFor(fleet.policies, environment.name, team);
      const members = membersOf(fleet, specs, team, environment.name);
      if (totals === undefined || members.length === 0) continue;
      const first = members.find(({ strategy }) => wanted.includes(strategy));
      results.push(first === undefined ? [] : exceeded(team, members, first, environment.name, totals));
    }
  }
  return results;
}

function teamOf(id: string): string {
  return id.slice(0, id.indexOf("/"));
}

function membersOf(fleet: Fleet, specs: EffectiveSpecs, team: string, environment: string): readonly Member[] {
  const members: Member[] = [];
  for (const [id, effective] of specs.all(environment)) {
    const strategy = effective.team === team ? fleet.strategies.get(id) : undefined;
    if (strategy !== undefined) members.push({ strategy, effective });
  }
  return members;
}

function exceeded(
  team: string,
  members: readonly Member[],
  first: Member,
  environment: string,
  totals: TeamTotals,
): readonly Finding[] {
  const running = members.filter(({ effective }) => effective.running);
  const sums: readonly (readonly [Total, number, number, string, string])[] = [
    row("strategies", members.length, totals.strategies.value, String),
    row(
      "cpu",
      sum(running, ({ resources }) => cpuOf(resources.cpu)),
      cpuOf(totals.cpu.value),
      (value) => formatCpu(value as CpuMillicores),
    ),
    row(
      "memory",
      sum(running, ({ resources }) => memoryOf(resources.memory)),
      memoryOf(totals.memory.value),
      (value) => formatMemory(value as MemoryBytes),
    ),
    row(
      "state",
      sum(members, ({ resources }) => memoryOf(resources.state)),
      memoryOf(totals.state.value),
      (value) => formatMemory(value as MemoryBytes),
    ),
  ];
  return sums
    .filter(([, asked, allowed]) => asked > allowed)
    .map(([name, , , asked, allowed]) => ({
      code: "team-total-exceeded",
      severity: "error" as const,
      message: `the strategies of team ${team} together ask for ${name} ${asked} in ${environment}, above the total ${allowed}`,
      fix: `${mends[name]} one of ${members.length === 1 ? "them" : `the ${members.length}`}, or propose a higher total in ${formatPlace({ file: totals[name].place.file })}`,
      place: placeOf(first, name),
      pointer: name === "strategies" ? "/metadata/name" : `/spec/resources/${name}`,
      bound: totals[name].place,
    }));
}

/** What makes a sum smaller: strategies that are stopped still are there, and keep their state. */
const mends: { readonly [Name in Total]: string } = {
  strategies: "delete",
  cpu: "lower or stop",
  memory: "lower or stop",
  state: "lower the state of",
};

function row(
  name: Total,
  asked: number,
  allowed: number,
  format: (value: number) => string,
): readonly [Total, number, number, string, string] {
  return [name, asked, allowed, format(asked), format(allowed)];
}

function placeOf({ strategy }: Member, name: Total): Place {
  const pointer = name === "strategies" ? "/metadata/name" : `/spec/resources/${name}`;
  return strategy.parsed?.locate(pointer) ?? { file: `${strategy.folder.folder}/strategy.yaml` };
}

function sum(members: readonly Member[], of: (effective: EffectiveStrategy) => number): number {
  let total = 0;
  for (const { effective } of members) total += of(effective);
  return total;
}

/**
 * Applications and projects in Argo CD's one namespace are named `<environment>-<team>-<name>`, so `a-b/c` and `a/b-c` would be one, and
 * `team-a/b` would be the team a-b itself.
 */
export function checkNames(fleet: Fleet, wanted: readonly StrategySource[]): readonly Finding[] {
  const names = new Map<string, string>();
  for (const id of fleet.strategies.keys()) names.set(`team-${teamOf(id)}`, `the team ${teamOf(id)}`);
  const findings: Finding[] = [];
  for (const [id, strategy] of [...fleet.strategies].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const name = id.replace("/", "-");
    const taken = names.get(name);
    names.set(name, taken ?? `the strategy ${id}`);
    if (taken === undefined || !wanted.includes(strategy)) continue;
    const place = strategy.parsed?.locate("/metadata/name") ?? { file: strategy.folder.folder };
    findings.push({
      code: "name-taken",
      severity: "error",
      message: `${id} and ${taken} would both be the Application <environment>-${name}`,
      fix: "rename the strategy",
      place,
      pointer: "/metadata/name",
    });
  }
  return findings;
}
