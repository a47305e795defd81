import type { Retirement } from "#core/effective.ts";
import { type Halt, type HaltVerb, parseTarget } from "#core/halt.ts";
import { parsePolicyName, parseStrategyId, type StrategyId } from "#core/identity.ts";
import { type HaltRight, haltVerbs, type Operators, type RightVerb, rightVerbs } from "#core/operators.ts";
import { err, ok, type Result } from "#core/result.ts";
import { type Fields, isFields, keyProblem, readObject, shown } from "./fields.ts";

/** What Git says of the gateway's work beside limits: `standing.json` of docs/runtime.md, parsed. */
export interface GitStanding {
  readonly halts: ReadonlyMap<string, Halt>;
  /** Strategies that today's policies refuse: their `retire` is carried out. */
  readonly refused: ReadonlySet<StrategyId>;
  /** All strategies of the environment, with what becomes of their orders and positions; who is not here was deleted. */
  readonly strategies: ReadonlyMap<StrategyId, Retirement>;
  /** Who may stop strategies; undefined: the account `operator`, all. */
  readonly operators?: readonly Operators[];
}

export interface StandingMalformed {
  readonly code: "standing-malformed";
  readonly message: string;
}

const fileBytesMax = 1024 * 1024;
const verbs: readonly unknown[] = haltVerbs;
const rights: readonly unknown[] = rightVerbs;
const retirements: readonly unknown[] = ["cancel", "flatten", "keep"] satisfies readonly Retirement[];

export function parseStanding(bytes: Uint8Array): Result<GitStanding, StandingMalformed> {
  const fields = readObject(bytes, fileBytesMax);
  if (typeof fields === "string") return malformed(fields);
  const problem = keyProblem(fields, ["halts", "refused", "strategies"], ["operators"]);
  if (problem !== undefined) return malformed(problem);
  const { halts, refused, strategies } = fields;
  if (!Array.isArray(halts)) return malformed(`halts is ${shown(halts)}`);
  if (!Array.isArray(refused)) return malformed(`refused is ${shown(refused)}`);
  if (!isFields(strategies)) return malformed(`strategies is ${shown(strategies)}`);
  const standing = {
    halts: new Map<string, Halt>(),
    refused: new Set<StrategyId>(),
    strategies: new Map<StrategyId, Retirement>(),
  };
  for (const item of halts) {
    const halt = isFields(item) ? parseHaltFields(item) : undefined;
    if (halt === undefined) return malformed(`a halt is ${shown(item)}`);
    standing.halts.set(halt.id, halt);
  }
  for (const item of refused) {
    const id = typeof item === "string" ? parseStrategyId(item) : undefined;
    if (id?.ok !== true) return malformed(`refused names ${shown(item)}`);
    standing.refused.add(id.value);
  }
  for (const [name, retire] of Object.entries(strategies)) {
    const id = parseStrategyId(name);
    if (!id.ok || !isRetirement(retire)) return malformed(`strategies: ${shown(name)} is ${shown(retire)}`);
    standing.strategies.set(id.value, retire);
  }
  if (fields["operators"] === undefined) return ok(standing);
  const operators = parseOperators(fields["operators"]);
  return operators === undefined
    ? malformed(`operators is ${shown(fields["operators"])}`)
    : ok({ ...standing, operators });
}

function parseOperators(value: unknown): readonly Operators[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const groups: Operators[] = [];
  for (const item of value) {
    const { group, members, may } = isFields(item) ? item : {};
    if (typeof group !== "string" || !parsePolicyName(group).ok || !isTexts(members) || !Array.isArray(may))
      return undefined;
    const found: HaltRight[] = [];
    for (const right of may) {
      const { target, verbs: allowed } = isFields(right) ? right : {};
      const parsed = typeof target === "string" ? parseTarget(target) : undefined;
      if (parsed?.ok !== true || !Array.isArray(allowed) || !allowed.every(isRight)) return undefined;
      found.push({ target: parsed.value, verbs: allowed });
    }
    groups.push({ group, members, may: found });
  }
  return groups;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function parseHaltFields(fields: Fields): Halt | undefined {
  if (keyProblem(fields, ["id", "verb", "target", "by", "reason", "atMs"]) !== undefined) return undefined;
  const { id, verb, target, by, reason, atMs } = fields;
  if (typeof id !== "string" || !parsePolicyName(id).ok || !isVerb(verb)) return undefined;
  const parsed = typeof target === "string" ? parseTarget(target) : undefined;
  if (parsed?.ok !== true || typeof by !== "string" || typeof reason !== "string") return undefined;
  if (typeof atMs !== "number" || !Number.isSafeInteger(atMs)) return undefined;
  return { id, verb, target: parsed.value, by, reason, atMs };
}

function isVerb(value: unknown): value is HaltVerb {
  return verbs.includes(value);
}

function isRight(value: unknown): value is RightVerb {
  return rights.includes(value);
}

export function isRetirement(value: unknown): value is Retirement {
  return retirements.includes(value);
}

function malformed(message: string): Result<never, StandingMalformed> {
  return err({ code: "standing-malformed", message });
}
