import { isValueOf } from "./bound-value.ts";
import {
  type BoundName,
  type BoundValue,
  boundNames,
  compareBound,
  formatBound,
  isListBound,
  isWithin,
  knownBound,
} from "./bounds.ts";
import type { EnvironmentDocument } from "./environment.ts";
import type { Known } from "./parse.ts";
import type { Parts } from "./parts.ts";
import { lifted, type Policies, teamBound } from "./policies.ts";
import type { Finding, Place } from "./refusal.ts";
import { nearest } from "./suggest.ts";
import type { TeamEnvironment, TeamsDocument } from "./teams.ts";
import type { WaiverDocument } from "./waiver.ts";

/** What the documents say of each other: what is named must be there, and no team may have more than its environment. */
export function checkPolicies(policies: Policies): readonly Finding[] {
  return [
    ...checkTeams(policies),
    ...checkWaivers(policies),
    ...checkWaivedRates(policies),
    ...checkEnvironmentNames(policies),
    ...checkServers(policies),
  ];
}

function checkTeams({ teams, environments }: Policies): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [team, { environments: own = {} } = {}] of Object.entries(teams?.parts.spec?.teams ?? {})) {
    for (const [name, narrow = {}] of Object.entries(own)) {
      const environment = environments.get(name);
      if (teams === undefined || environment === undefined) continue;
      const at = { team, name, base: `/spec/teams/${team}/environments/${name}` };
      findings.push(...looserBounds(teams, environment, narrow, at), ...looserTotals(teams, environment, narrow, at));
    }
  }
  return findings;
}

interface TeamPlace {
  readonly team: string;
  /** The environment. */
  readonly name: string;
  readonly base: string;
}

function looserBounds(
  teams: Known<TeamsDocument>,
  environment: Known<EnvironmentDocument>,
  { bounds = {} }: Parts<TeamEnvironment>,
  at: TeamPlace,
): readonly Finding[] {
  const findings: Finding[] = [];
  for (const bound of boundNames) {
    const [pointer, than] = [`${at.base}/bounds/${bound}`, `/spec/bounds/${bound}`];
    const value = knownBound(teams, pointer, bounds[bound]);
    const most = knownBound(environment, than, environment.parts.spec?.bounds?.[bound]);
    if (value === undefined || most === undefined || isWithin(bound, most, value)) continue;
    findings.push(looser(at, teams.locate(pointer), pointer, [value, most], environment.locate(than)));
  }
  return findings;
}

function looserTotals(
  teams: Known<TeamsDocument>,
  environment: Known<EnvironmentDocument>,
  { totals = {} }: Parts<TeamEnvironment>,
  at: TeamPlace,
): readonly Finding[] {
  const findings: Finding[] = [];
  const all = environment.parts.spec?.teamTotals ?? {};
  for (const total of ["cpu", "memory", "state", "strategies"] as const) {
    const [pointer, than] = [`${at.base}/totals/${total}`, `/spec/teamTotals/${total}`];
    const [value, most] = [totals[total], all[total]];
    if (value === undefined || most === undefined) continue;
    const within =
      total === "strategies" ? Number(value) <= Number(most) : isWithin(total, String(most), String(value));
    if (within) continue;
    findings.push(looser(at, teams.locate(pointer), pointer, [String(value), String(most)], environment.locate(than)));
  }
  return findings;
}

function looser(
  { team, name }: TeamPlace,
  place: Place,
  pointer: string,
  [is, than]: readonly [is: BoundValue, than: BoundValue],
  bound: Place,
): Finding {
  const what = pointer.split("/").at(-1);
  return {
    code: "bound-looser",
    severity: "error",
    message: `team ${team} may have ${what} ${formatBound(is)} in ${name}, more than ${formatBound(than)}, which ${name} allows anyone`,
    fix: `lower it to ${formatBound(than)}, or propose more in policies/environments/${name}.yaml`,
    pointer,
    place,
    bound,
  };
}

/** One control plane's server serves all environments; a second one would judge and render the same once more. */
function checkServers({ environments }: Policies): readonly Finding[] {
  const pointer = "/spec/cluster/server";
  const [first, ...others] = [...environments]
    .filter(([, { parts }]) => parts.spec?.cluster?.server !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return others.map(([name, { locate }]) => ({
    ...{ code: "server-twice", severity: "error" as const, pointer, place: locate(pointer) },
    message: `${name} has a server, and so has ${first?.[0]}; one serves all environments of the repository`,
    fix: "take cluster.server out of one of the two",
  }));
}

interface ScopeParts {
  readonly environment?: string | undefined;
  readonly strategy?: string | undefined;
  readonly team?: string | undefined;
}

interface WaivedParts {
  readonly rule?: string | undefined;
  readonly bound?: BoundName | undefined;
  readonly to?: Parts<BoundValue> | undefined;
}

function checkWaivers(policies: Policies): readonly Finding[] {
  return [...policies.waivers.values()].flatMap((waiver) => checkWaiver(waiver, policies));
}

function checkWaiver(waiver: Known<WaiverDocument>, policies: Policies): readonly Finding[] {
  const { waives = {}, scope = {} } = waiver.parts.spec ?? {};
  const { rule, bound: name, to }: WaivedParts = waives;
  const refuse = (code: string, pointer: string, message: string, fix: string): readonly Finding[] => [
    { code, severity: "error", message, fix, pointer, place: waiver.locate(pointer) },
  ];
  if (rule !== undefined) {
    if (policies.rules.has(rule)) return [];
    const near = nearest(rule, [...policies.rules.keys()]);
    const fix = near === undefined ? "name a rule of policies/rules" : `write ${near}`;
    const message = `waives.rule is ${rule}, and policies/rules has no such rule`;
    return refuse("rule-unknown", "/spec/waives/rule", message, fix);
  }
  const pointer = "/spec/waives/to";
  const wanted = knownBound(waiver, pointer, to);
  if (name === undefined || wanted === undefined) return [];
  if (!isValueOf(name, wanted)) {
    const message = `waives.to is ${formatBound(wanted)}, which is no value of ${name}`;
    const fix = isListBound(name)
      ? "write a list of names"
      : "write one value as policies/environments writes it, in quotes";
    return refuse("bound-malformed", pointer, message, fix);
  }
  const { environment, strategy, team = strategy?.split("/")[0] }: ScopeParts = scope;
  if (environment === undefined || team === undefined) return [];
  const bound = teamBound(policies, environment, team, name);
  const value = bound === undefined ? undefined : lifted(name, bound, wanted);
  if (bound === undefined || value === undefined || compareBound(name, bound, value) !== "incomparable") return [];
  const message = `waives.to ${formatBound(wanted)} is neither within the bound ${formatBound(bound)} of ${team} in ${environment} nor beyond it`;
  const fix = "write a value that lets through all that the bound does, and more";
  return refuse("waiver-incomparable", pointer, message, fix);
}

/** @param who a strategy, or a team with its slash */
function covers(who: string, other: string): boolean {
  return who === other || (who.endsWith("/") && other.startsWith(who));
}

/** Of two rates that are not within each other only one could hold, and then a waiver less might mean a limit more. */
function checkWaivedRates({ waivers }: Policies): readonly Finding[] {
  const rates = [...waivers].flatMap(([name, waiver]) => {
    const { waives = {}, scope = {} } = waiver.parts.spec ?? {};
    const { bound, to }: WaivedParts = waives;
    if (bound !== "orderRate" || typeof to !== "string" || !isValueOf(bound, to)) return [];
    const { environment, strategy, team }: ScopeParts = scope;
    const who = team === undefined ? strategy : `${team}/`;
    return environment === undefined || who === undefined ? [] : [{ name, waiver, environment, who, to }];
  });
  return rates.flatMap(({ name, waiver, environment, who, to }, index) => {
    const clash = rates
      .slice(0, index)
      .find(
        (other) =>
          other.environment === environment &&
          (covers(who, other.who) || covers(other.who, who)) &&
          compareBound("orderRate", other.to, to) === "incomparable",
      );
    if (clash === undefined) return [];
    const finding: Finding = {
      code: "waiver-incomparable",
      severity: "error",
      message: `${name} lifts orderRate to ${formatBound(to)} and the waiver ${clash.name} to ${formatBound(clash.to)} for the same strategies: neither is within the other`,
      fix: "write both with the same seconds, or keep one",
      pointer: "/spec/waives/to",
      place: waiver.locate("/spec/waives/to"),
    };
    return [finding];
  });
}

/** Wherever an environment is named, it must be one: a policy for a misspelt one would hold for nobody. */
function checkEnvironmentNames({ environments, rules, teams, waivers, freezes, halts }: Policies): readonly Finding[] {
  const names = [...environments.keys()].sort();
  const findings: Finding[] = [];
  const check = (known: Known<unknown>, name: string | undefined, pointer: string): void => {
    if (name === undefined || environments.has(name)) return;
    const near = nearest(name, names);
    findings.push({
      code: "environment-unknown",
      severity: "error",
      message: `${name} is no environment; there ${names.length === 1 ? "is" : "are"} ${names.join(", ") || "none"}`,
      fix: near === undefined ? "name one of policies/environments" : `write ${near}`,
      pointer,
      place: known.locate(pointer),
    });
  };
  for (const rule of rules.values()) {
    for (const [index, name] of (rule.parts.spec?.environments ?? []).entries())
      check(rule, name, `/spec/environments/${index}`);
  }
  for (const waiver of waivers.values())
    check(waiver, waiver.parts.spec?.scope?.environment, "/spec/scope/environment");
  for (const halt of halts.values()) check(halt, halt.parts.spec?.scope?.environment, "/spec/scope/environment");
  for (const freeze of freezes.values()) {
    for (const [index, name] of (freeze.parts.spec?.environments ?? []).entries())
      check(freeze, name, `/spec/environments/${index}`);
  }
  const spec = teams?.parts.spec;
  if (teams === undefined || spec === undefined) return findings;
  for (const [team, { environments: own = {} } = {}] of Object.entries(spec.teams ?? {})) {
    for (const name of Object.keys(own)) check(teams, name, `/spec/teams/${team}/environments/${name}`);
  }
  for (const [index, name] of (spec.unlisted ?? []).entries()) check(teams, name, `/spec/unlisted/${index}`);
  for (const [index, { environments: own = [] } = {}] of (spec.approvals ?? []).entries()) {
    for (const [at, name] of own.entries()) check(teams, name, `/spec/approvals/${index}/environments/${at}`);
  }
  return findings;
}
