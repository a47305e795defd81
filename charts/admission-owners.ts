import type { WaivedScope } from "#core/environment-policy.ts";
import type { RuleDocument } from "#core/rule.ts";
import type { Condition } from "./admission-object.ts";
import { type CelVariable, celSet, celString } from "./cel.ts";

/** What a rule may be about. */
export type Kind = NonNullable<RuleDocument["spec"]["match"]>["kinds"][number];

/** And what comes of it. */
export type OwnedKind = Kind | "Pod";

/** The team and the strategy that an object of one of the kinds is of; a team's own objects are of the strategy without a name. */
export function ownerVariables(kinds: readonly OwnedKind[], environment: string): readonly CelVariable[] {
  const home = namespaceOf(kinds);
  const team = `${home}.substring(0, ${home}.size() - ${environment.length + 1})`;
  const strategy = chooseByKind(kinds.map((kind) => [kind, strategyName(kind)]));
  return [
    { name: "team", expression: team },
    { name: "strategy", expression: `variables.team + '/' + (${strategy})` },
  ];
}

function namespaceOf(kinds: readonly OwnedKind[]): string {
  const home = chooseByKind(
    kinds.map((kind) => [kind, kind === "Namespace" ? "object.metadata.name" : "object.metadata.namespace"]),
  );
  return `(${home})`;
}

/** Leaves out what a waiver or a standstill is for: everything of a team, or what has the name of one strategy. */
export function notExempt(
  kinds: readonly OwnedKind[],
  scopes: readonly WaivedScope[],
  environment: string,
): readonly Condition[] {
  if (scopes.length === 0) return [];
  const namespaces = scopes.filter(({ name }) => name === undefined).map(({ team }) => `${team}-${environment}`);
  const objects = scopes
    .filter(({ name }) => name !== undefined)
    .map(({ team, name }) => `${team}-${environment}/${name}`);
  const namespace = namespaceOf(kinds);
  const strategy = chooseByKind(kinds.map((kind) => [kind, strategyName(kind)]));
  const tests = [
    ...(namespaces.length === 0 ? [] : [`${namespace} in ${celSet(namespaces)}`]),
    ...(objects.length === 0 ? [] : [`${namespace} + '/' + (${strategy}) in ${celSet(objects)}`]),
  ];
  return [{ name: "not-exempt", expression: `!(${tests.join(" || ")})` }];
}

/** The strategy that an object of a kind belongs to, by the object's name alone: labels are anyone's to write. */
function strategyName(kind: OwnedKind): string {
  const name = "object.metadata.name";
  const without = (suffix: number): string => `${name}.substring(0, ${name}.size() - ${suffix})`;
  switch (kind) {
    case "ConfigMap":
      return `${name}.endsWith('-spec') ? ${without(5)} : ${name}.matches('-algorithm-[0-9a-f]{10}$') ? ${without(21)} : ''`;
    case "Pod":
      return `${name}.endsWith('-0') ? ${without(2)} : ''`;
    // Of these kinds a team has one, and no strategy.
    case "LimitRange":
    case "Namespace":
    case "ResourceQuota":
      return "''";
    default:
      return name;
  }
}

function chooseByKind(choices: readonly (readonly [kind: OwnedKind, expression: string])[]): string {
  const distinct = new Set(choices.map(([, expression]) => expression));
  const [last] = choices.slice(-1);
  if (distinct.size === 1) return last?.[1] ?? "''";
  const tests = choices
    .slice(0, -1)
    .map(([kind, expression]) => `object.kind == ${celString(kind)} ? (${expression}) : `);
  return `${tests.join("")}(${last?.[1] ?? "''"})`;
}
