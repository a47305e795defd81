import { type BoundValue, boundNames, formatBound, isListBound, isWithin } from "./bounds.ts";
import type { Parsed } from "./parse.ts";
import { isValueOf, lifted, type Policies } from "./policies.ts";
import type { Finding, Place } from "./refusal.ts";
import { nearest } from "./suggest.ts";

/** What the documents say of each other: what is named must be there, and no team may have more than its environment. */
export function checkPolicies(policies: Policies): readonly Finding[] {
  return [...checkTeams(policies), ...checkWaivers(policies), ...checkEnvironmentNames(policies)];
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

function checkWaivers({ waivers, rules, environments }: Policies): readonly Finding[] {
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
      const bound = environments.get(scope.environment)?.document?.spec.bounds[waives.bound];
      const value = bound === undefined ? undefined : lifted(waives.bound, bound, waives.to);
      // Below the environment's bound it may still lift a team's narrower one.
      if ("team" in scope || bound === undefined || value === undefined) continue;
      if (isWithin(waives.bound, value, bound) || isWithin(waives.bound, bound, value)) continue;
      findings.push({
        code: "waiver-incomparable",
        severity: "error",
        message: `waives.to ${formatBound(waives.to)} is neither within the bound ${formatBound(bound)} of ${scope.environment} nor beyond it`,
        fix: "write a value that lets through all that the bound does, and more",
        pointer: "/spec/waives/to",
        place: waiver.locate("/spec/waives/to"),
      });
    }
  }
  return findings;
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
