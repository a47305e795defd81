import { type BoundName, type BoundValue, boundNames, canonicalBound } from "../bounds.ts";
import type { EffectiveStrategy, Limits, Resources } from "../effective.ts";
import type { EnvironmentDocument } from "../environment.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import type { Bounds, Policies } from "../policies.ts";

/** Variables of an evaluation by name, as plain JSON. */
export type RuleVariables = JsonObject;

/** What a rule over the spec sees beside it. */
export interface SpecSurroundings {
  readonly team: JsonObject;
  readonly environment: JsonObject;
}

/** @param bounds as they hold for the strategy */
export function specSurroundings(
  environment: EnvironmentDocument,
  bounds: Bounds,
  policies: Policies,
  team: string,
): SpecSurroundings {
  return {
    team: teamJson(policies, team),
    environment: {
      ...objectEnvironment(environment, (bound) => bounds[bound].value),
      owner: environment.spec.owner,
      defaults: { ...environment.spec.defaults },
    },
  };
}

/** What a rule over the spec sees of one strategy in one environment. */
export function specVariables(effective: EffectiveStrategy, surroundings: SpecSurroundings): RuleVariables {
  const { team, name, owner, channels, publishes, params, running, errorPolicy, retire } = effective;
  return {
    spec: {
      owner,
      algorithm: algorithmJson(effective),
      channels,
      publishes,
      params,
      portfolio: portfolioJson(effective),
      limits: { ...effective.limits } satisfies Limits,
      resources: { ...effective.resources } satisfies Resources,
      running,
      onError: errorPolicy,
      ...(retire === undefined ? {} : { retire }),
    },
    metadata: { name, team },
    ...surroundings,
  };
}

/**
 * What a rule over objects sees beside the object.
 *
 * @param boundOf as they hold for the strategy or the team that the object is of
 */
export function objectEnvironment(
  { metadata, spec }: EnvironmentDocument,
  boundOf: (name: BoundName) => BoundValue,
): JsonObject {
  const bounds = boundNames.map((name): [string, JsonValue] => [name, canonicalBound(name, boundOf(name))]);
  return { name: metadata.name, embedded: spec.embedded === true, bounds: Object.fromEntries(bounds) };
}

/** What a rule over the fleet sees beside it: the environment's own bounds, no team's. */
export function fleetEnvironment(environment: EnvironmentDocument): JsonObject {
  return {
    ...objectEnvironment(environment, (bound) => environment.spec.bounds[bound]),
    owner: environment.spec.owner,
    defaults: { ...environment.spec.defaults },
  };
}

/** A team that the policies do not list has no members. */
export function teamJson({ teams }: Policies, name: string): JsonObject {
  const all = teams?.document?.spec.teams ?? {};
  const listed = Object.hasOwn(all, name) ? all[name] : undefined;
  return { name, listed: listed !== undefined, members: listed?.members ?? [] };
}

/** In the words of the document: a file and its runtime, or an address. */
export function algorithmJson({ algorithm }: EffectiveStrategy): JsonObject {
  return algorithm.kind === "rpc" ? { rpc: algorithm.rpc } : { entry: algorithm.entry, runtime: algorithm.runtime };
}

export function portfolioJson({ portfolio }: EffectiveStrategy): JsonObject {
  const { startingCash, sizing, guard } = portfolio;
  return { startingCash, sizing: { ...sizing }, ...(guard === undefined ? {} : { guard: { ...guard } }) };
}
