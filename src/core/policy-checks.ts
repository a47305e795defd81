import { type BoundValue, boundNames, compareBound, formatBound, isListBound, isWithin } from "./bounds.ts";
import type { Parsed } from "./parse.ts";
import { isValueOf, lifted, type Policies, teamBound } from "./policies.ts";
import type { Finding, Place } from "./refusal.ts";
import { nearest } from "./suggest.ts";

/** What the documents say of each other: what is named must be there, and no team may have more than its environment. */
export function checkPolicies(policies: Policies): readonly Finding[] {
  return [
    ...checkTeams(policies),
    ...checkWaivers(policies),
    ...checkWaivedRates(policies),
    ...checkEnvironmentNames(policies),
  ];
}

function checkTeams(policies: Policies): readonly Finding[] {
  const { teams, environments } = policies;
  if (teams?.document === undefined) return [];
  const findings: Finding[] = [];
  for (const [team, { environments: own }] of Object.entries(teams.document.spec.teams)) {
    for (const [name, { bounds = {}, totals = {} }] of Object.entries(own)) {
      const base = `/spec/teams/${team}/environments/${name}`;
      const environment = environments.get(name);
      const spec = environment?.document?.spec;
      if (environment === undefined || spec === undefined) continue;
      const looser = (pointer: string, is: BoundValue, than: BoundValue, bound: Place): void => {
        findings.push({
          code: "bound-looser",
          severity: "error",
          message: `team ${team} may have ${pointer.split("/").at(-1)} ${formatBound(is)} in ${name}, more than ${formatBound(than)}, which ${name} allows anyone`,
          fix: `lower it to ${formatBound(than)}, or propose more in policies/environments/${name}.yaml`,
          pointer,
          place: teams.locate(pointer),
          bound,
        });
      };
      for (const bound of boundNames) {
        const value = bounds[bound];
        if (value !== undefined && !isWithin(bound, spec.bounds[bound], value))
          looser(`${base}/bounds/${bound}`, value, spec.bounds[bound], environment.locate(`/spec/bounds/${bound}`));
      }
      for (const total of ["cpu", "memory", "state"] as const) {
        const value = totals[total];
        if (value !== undefined && !isWithin(total, spec.teamTotals[total], value))
          looser(
            `${base}/totals/${total}`,
            value,
            spec.teamTotals[total],
            environment.locate(`/spec/teamTotals/${total}`),
          );
      }
      const { strategies } = totals;
      if (strategies !== undefined && strategies > spec.teamTotals.strategies)
        looser(
          `${base}/totals/strategies`,
          String(strategies),
          String(spec.teamTotals.strategies),
          environment.locate("/spec/teamTotals/strategies"),
        );
    }
  }
  return findings;
}

function checkWaivers(policies: Policies): readonly Finding[] {
  const { waivers, rules } = policies;
  const findings: Finding[] = [];
  for (const waiver of waivers.values()) {
    if (waiver.document === undefined) continue;
    const { waives, scope } = waiver.document.spec;
    if ("rule" in waives) {
      if (rules.has(waives.rule)) continue;
      const near = nearest(waives.rule, [...rules.keys()]);
      findings.push({
        code: "rule-unknown",
        severity: "error",
        message: `waives.rule is ${waives.rule}, and policies/rules has no such rule`,
        fix: near === undefined ? "name a rule of policies/rules" : `write ${near}`,
        pointer: "/spec/waives/rule",
        place: waiver.locate("/spec/waives/rule"),
      });
    } else if (!isValueOf(waives.bound, waives.to)) {
      findings.push({
        code: "bound-malformed",
        severity: "error",
        message: `waives.to is ${formatBound(waives.to)}, which is no value of ${waives.bound}`,
        fix: isListBound(waives.bound)
          ? "write a list of names"
          : "write one value as policies/environments writes it, in quotes",
        pointer: "/spec/waives/to",
        place: waiver.locate("/spec/waives/to"),
      });
    } else {
      const team = "team" in scope ? scope.team : (scope.strategy.split("/")[0] ?? "");
      const bound = teamBound(policies, scope.environment, team, waives.bound);
      const value = bound === undefined ? undefined : lifted(waives.bound, bound, waives.to);
      if (bound === undefined || value === undefined) continue;
      if (compareBound(waives.bound, bound, value) !== "incomparable") continue;
      findings.push({
        code: "waiver-incomparable",
        severity: "error",
        message: `waives.to ${formatBound(waives.to)} is neither within the bound ${formatBound(bound)} of ${team} in ${scope.environment} nor beyond it`,
        fix: "write a value that lets through all that the bound does, and more",
        pointer: "/spec/waives/to",
        place: waiver.locate("/spec/waives/to"),
      });
    }
  }
  return findings;
}

/** @param who a strategy, or a team with its slash */
function covers(who: string, other: string): boolean {
  return who === other || (who.endsWith("/") && other.startsWith(who));
}

/** Of two rates that are not within each other only one could hold, and then a waiver less might mean a limit more. */
function checkWaivedRates({ waivers }: Policies): readonly Finding[] {
  const rates = [...waivers].flatMap(([name, waiver]) => {
    const spec = waiver.document?.spec;
    if (spec === undefined || !("bound" in spec.waives) || spec.waives.bound !== "orderRate") return [];
    if (!isValueOf("orderRate", spec.waives.to)) return [];
    const { environment } = spec.scope;
    const who = "team" in spec.scope ? `${spec.scope.team}/` : spec.scope.strategy;
    return [{ name, waiver, environment, who, to: spec.waives.to }];
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
function checkEnvironmentNames({ environments, rules, teams, waivers, freezes }: Policies): readonly Finding[] {
  const known = [...environments.keys()].sort();
  const findings: Finding[] = [];
  const check = (parsed: Parsed<unknown>, name: string, pointer: string): void => {
    if (environments.has(name)) return;
    const near = nearest(name, known);
    findings.push({
      code: "environment-unknown",
      severity: "error",
      message: `${name} is no environment; there ${known.length === 1 ? "is" : "are"} ${known.join(", ") || "none"}`,
      fix: near === undefined ? "name one of policies/environments" : `write ${near}`,
      pointer,
      place: parsed.locate(pointer),
    });
  };
  for (const rule of rules.values()) {
    for (const [index, name] of (rule.document?.spec.environments ?? []).entries())
      check(rule, name, `/spec/environments/${index}`);
  }
  for (const waiver of waivers.values()) {
    if (waiver.document !== undefined) check(waiver, waiver.document.spec.scope.environment, "/spec/scope/environment");
  }
  for (const freeze of freezes.values()) {
    for (const [index, name] of (freeze.document?.spec.environments ?? []).entries())
      check(freeze, name, `/spec/environments/${index}`);
  }
  const spec = teams?.document?.spec;
  if (teams === undefined || spec === undefined) return findings;
  for (const [team, { environments: own }] of Object.entries(spec.teams)) {
    for (const name of Object.keys(own)) check(teams, name, `/spec/teams/${team}/environments/${name}`);
  }
  for (const [index, name] of (spec.unlisted ?? []).entries()) check(teams, name, `/spec/unlisted/${index}`);
  for (const [index, { environments: own = [] }] of (spec.approvals ?? []).entries()) {
    for (const [at, name] of own.entries()) check(teams, name, `/spec/approvals/${index}/environments/${at}`);
  }
  return findings;
}
