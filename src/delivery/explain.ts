import { type BoundName, type BoundValue, boundNames } from "#core/bounds.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { type StrategyId, splitStrategyId } from "#core/identity.ts";
import { type Bound, boundsFor, type Policies } from "#core/policies.ts";
import type { Place } from "#core/refusal.ts";
import type { StrategyDocument } from "#core/strategy.ts";
import { teamsFile } from "#core/teams.ts";
import { effectiveSpecs } from "./effective-specs.ts";
import { environmentsOf, type Fleet, type StrategySource } from "./fleet.ts";
import type { Memo } from "./memo.ts";

/** Why one field of a strategy is what it is, and what holds it. */
export interface FieldExplanation {
  readonly field: BoundName;
  /** The effective value; absent where the strategy does not resolve, or has no such value (an algorithm without an RPC address). */
  readonly value: BoundValue | undefined;
  /** Who says so: the spec, the spec's entry for this environment, or the environment's default. */
  readonly from: "spec" | "environment entry" | "default";
  readonly place: Place;
  readonly bound: Bound;
  /** Whose approval a higher bound needs: groups of the teams' document, or the owner of the environment. */
  readonly boundOwners: readonly string[];
  /** The rules of the environment that speak of the field. */
  readonly rules: readonly string[];
}

export interface StrategyExplanation {
  readonly id: StrategyId;
  readonly environment: string;
  readonly fields: readonly FieldExplanation[];
}

/** Explains a strategy in each environment that its spec names, by the policies that hold at an instant. */
export function explainStrategy(
  fleet: Fleet,
  strategy: StrategySource,
  atSeconds: number,
  memo: Memo,
): readonly StrategyExplanation[] {
  const { folder, parsed } = strategy;
  const document = parsed?.document;
  if (parsed === undefined || document === undefined) return [];
  const explanations: StrategyExplanation[] = [];
  for (const name of environmentsOf(document)) {
    const environment = fleet.environments.get(name);
    const bounds = boundsFor(fleet.policies, name, splitStrategyId(folder.id), atSeconds);
    if (environment === undefined || bounds === undefined) continue;
    const { effective } = effectiveSpecs(fleet, atSeconds, memo).resolve(strategy, name);
    const fields = boundNames.map((field): FieldExplanation => {
      const { from, pointer } = sourceOf(document, name, field);
      const source = from === "default" ? environment.parsed : parsed;
      return {
        field,
        value: effective === undefined ? undefined : effectiveValue(effective, field),
        from,
        place: source?.locate(pointer) ?? { file: environment.path },
        bound: bounds[field],
        boundOwners: ownersOf(fleet.policies, bounds[field].place.file, environment.document?.spec.owner),
        rules: rulesAbout(fleet.policies, name, field),
      };
    });
    explanations.push({ id: folder.id, environment: name, fields });
  }
  return explanations;
}

function groupOf(field: BoundName): "limits" | "resources" | "algorithm" {
  if (field === "rpcAddresses") return "algorithm";
  return field === "cpu" || field === "memory" || field === "state" ? "resources" : "limits";
}

function sourceOf(
  { spec }: StrategyDocument,
  environment: string,
  field: BoundName,
): { readonly from: FieldExplanation["from"]; readonly pointer: string } {
  const group = groupOf(field);
  if (group === "algorithm") return { from: "spec", pointer: "/spec/algorithm" };
  const override: object = spec.environments?.[environment]?.[group] ?? {};
  if (Object.hasOwn(override, field))
    return { from: "environment entry", pointer: `/spec/environments/${environment}/${group}/${field}` };
  if (Object.hasOwn(spec[group] ?? {}, field)) return { from: "spec", pointer: `/spec/${group}/${field}` };
  return { from: "default", pointer: `/spec/defaults/${field}` };
}

function effectiveValue({ algorithm, limits, resources }: EffectiveStrategy, field: BoundName): BoundValue | undefined {
  switch (field) {
    case "rpcAddresses":
      return algorithm.kind === "rpc" ? algorithm.rpc : undefined;
    case "cpu":
    case "memory":
    case "state":
      return resources[field];
    default:
      return limits[field];
  }
}

/** The groups that the teams' document asks for a change of that file, or else the owner that the environment names. */
function ownersOf({ teams }: Policies, file: string, owner: string | undefined): readonly string[] {
  const asked = (teams?.document?.spec.approvals ?? [])
    .filter(({ folder }) => file === folder || (folder.endsWith("/") && file.startsWith(folder)))
    .map(({ group }) => group);
  if (asked.length > 0) return [...new Set(asked)].sort();
  return owner === undefined || file === teamsFile ? ["whoever may merge"] : [owner];
}

/** Rules whose expression names the field as the documents do. */
function rulesAbout({ rules }: Policies, environment: string, field: BoundName): readonly string[] {
  const word = new RegExp(`\\b${groupOf(field)}\\.${field === "rpcAddresses" ? "rpc" : field}\\b`);
  const names: string[] = [];
  for (const [name, { document }] of rules) {
    if (document === undefined || document.spec.environments?.includes(environment) === false) continue;
    if (word.test(document.spec.expression)) names.push(name);
  }
  return names.sort();
}
