import { createHash } from "node:crypto";
import {
  type Access,
  consoleAccess,
  executorAccess,
  feedAccess,
  gatewayAccess,
  operatorAccess,
  type Speaker,
} from "#core/access.ts";
import { type BoundTable, pickBounds } from "#core/bound-table.ts";
import { limitNames } from "#core/bounds.ts";
import type { EffectiveStrategy, Limits } from "#core/effective.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import type { Halt, HaltTarget } from "#core/halt.ts";
import { canonicalJson, type JsonObject } from "#core/json.ts";
import type { Operators } from "#core/operators.ts";
import type { StrategyName } from "#core/policies.ts";
import { assert } from "#core/result.ts";

/** What bus and gateway must know of a strategy. Its params, resources and owner are not among it: those change nobody else's files. */
export interface SharedFacts extends Speaker, Pick<EffectiveStrategy, "running" | "retire"> {
  readonly portfolio: Pick<EffectiveStrategy["portfolio"], "startingCash">;
}

/** Those facts, and nothing else. */
export function sharedFacts(effective: EffectiveStrategy): SharedFacts {
  const { team, name, environment, channels, publishes, limits, running, retire, portfolio } = effective;
  return {
    ...{ team, name, environment, channels, publishes, limits, running },
    portfolio: { startingCash: portfolio.startingCash },
    ...(retire === undefined ? {} : { retire }),
  };
}

/** A ConfigMap's data. */
type Data = { readonly [key: string]: string };

/** A strategy stays in its shard as long as it has its name: the first hex digit of SHA-256 of `<team>/<name>`. */
export function shardOf(team: string, name: string): string {
  return createHash("sha256").update(`${team}/${name}`).digest("hex").slice(0, 1);
}

/** What every executor may publish and subscribe, one key an identity. */
export function accessShards(strategies: readonly SharedFacts[]): ReadonlyMap<string, Data> {
  return sharded("bus-access", strategies, (strategy) => accessEntry(executorAccess(strategy)));
}

/**
 * What the gateway holds every strategy to, one key a strategy. Texts alone, with the keys of the effective spec: the value splits at its quotes
 * into parts at fixed places, so that admission, which reads no JSON, can hold them against their bounds too.
 */
export function limitShards(strategies: readonly SharedFacts[]): ReadonlyMap<string, Data> {
  return sharded("gateway-limits", strategies, ({ team, name, running, limits, portfolio }) => [
    `${team}.${name}`,
    canonicalJson({
      ...limitTexts(limits),
      running: String(running),
      startingCash: portfolio.startingCash,
      strategy: `${team}/${name}`,
    }),
  ]);
}

/** Each limit as a text of its own, canonical; lists are separated by commas, which no name has. */
export function limitTexts(limits: Limits): Data {
  return {
    "limits.instruments": limits.instruments.join(","),
    "limits.maxDrawdown": limits.maxDrawdown,
    "limits.maxOrderNotional": limits.maxOrderNotional,
    "limits.maxPositionNotional": limits.maxPositionNotional,
    "limits.orderRate": limits.orderRate,
    "limits.venues": limits.venues.join(","),
  };
}

/** What the gateway holds those limits against: its second look at what the gate has let through. */
export function limitBounds(bounds: BoundTable): Data {
  const { everyone, teams, strategies } = pickBounds(bounds, limitNames);
  return {
    "bounds.json": canonicalJson({ everyone: { ...everyone }, teams: plain(teams), strategies: plain(strategies) }),
  };
}

/**
 * What the gateway does beside holding limits: what operators stopped, and every strategy of the environment with what becomes of its orders and
 * positions when it is deleted or refused. One object that is always there, so that a missing one is never taken for an empty one.
 */
export function standing(
  halts: readonly Halt[],
  strategies: readonly SharedFacts[],
  held: readonly StrategyName[],
  operators: readonly Operators[] | undefined,
): Data {
  const id = ({ team, name }: StrategyName): string => `${team}/${name}`;
  return {
    "standing.json": canonicalJson({
      halts: halts.map((halt) => ({ ...halt })),
      ...(operators === undefined ? {} : { operators: operators.map(operatorsJson) }),
      refused: held.map(id).sort(),
      strategies: Object.fromEntries(strategies.map((strategy) => [id(strategy), strategy.retire ?? "cancel"])),
    }),
  };
}

function commandedBy({ may }: Operators): readonly HaltTarget[] {
  return may.flatMap(({ target, verbs }) => (verbs.includes("command") ? [target] : []));
}

function operatorsJson({ group, members, may }: Operators): JsonObject {
  return { group, members, may: may.map(({ target, verbs }) => ({ target, verbs })) };
}

function plain(values: BoundTable["teams"]): JsonObject {
  return Object.fromEntries(Object.entries(values).map(([key, own]) => [key, { ...own } as JsonObject]));
}

/** The access of the platform's own clients. */
export function platformAccess(environment: EnvironmentDocument, operators: readonly Operators[] | undefined): Data {
  const { name } = environment.metadata;
  const feeds = Object.entries(environment.spec.feeds).map(([feed, { venue }]) => feedAccess(name, feed, venue));
  const own = operators?.map((each) => operatorAccess(name, each.group, commandedBy(each))) ?? [operatorAccess(name)];
  return Object.fromEntries([gatewayAccess(name), consoleAccess(name), ...own, ...feeds].map(accessEntry));
}

/** `/` cannot stand in a ConfigMap's key; the value says the identity as it is. */
function accessEntry(access: Access): readonly [key: string, value: string] {
  const { identity, publish, subscribe } = access;
  return [identity.replace("/", "."), canonicalJson({ identity, publish, subscribe })];
}

function sharded(
  prefix: string,
  strategies: readonly SharedFacts[],
  entry: (strategy: SharedFacts) => readonly [key: string, value: string],
): ReadonlyMap<string, Data> {
  const shards = new Map<string, { [key: string]: string }>();
  for (const strategy of strategies) {
    const name = `${prefix}-${shardOf(strategy.team, strategy.name)}`;
    const [key, value] = entry(strategy);
    const data = shards.get(name) ?? {};
    assert(!Object.hasOwn(data, key), `two strategies share the key ${key} of ${name}`);
    data[key] = value;
    shards.set(name, data);
  }
  return shards;
}
