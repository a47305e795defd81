import { type Fleet, type StrategyInput, strategyObjects, teamObjects, type UnitObjects } from "#charts/render.ts";
import { emitUnit } from "#charts/synth.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import { type EnvironmentPolicy, totalsIn } from "#core/environment-policy.ts";
import { digest, type Memo } from "./memo.ts";

/** What a strategy's objects depend on of all policies: the environment's checked document, with the digest of its file. */
export interface PolicyDocument {
  readonly document: EnvironmentDocument;
  readonly digest: string;
}

/** All policies of an environment at an instant. */
export interface PolicySource extends PolicyDocument {
  readonly policy: EnvironmentPolicy;
}

/** A part of an environment branch that is made as a whole, under the digest of what it is made of. */
export interface Unit {
  readonly key: string;
  readonly objects: () => UnitObjects;
}

export function strategyUnit({ document, digest: policy }: PolicyDocument, { effective, bundle }: StrategyInput): Unit {
  const code = bundle.kind === "none" ? "" : bundle.sha256;
  const map = bundle.kind === "module" ? (bundle.map ?? "") : "";
  return {
    key: digest(policy, bundle.kind, code, map, keyText(effective)),
    objects: () => strategyObjects({ effective, bundle }, document),
  };
}

/** It depends on the bounds and totals of its team, and on no rule. */
export function teamUnit({ policy, digest: file }: PolicySource, team: string, fleet: Fleet): Unit {
  const isOwn = (strategy: EffectiveStrategy): boolean => strategy.team === team;
  const own: Fleet = { strategies: fleet.strategies.filter(isOwn), held: fleet.held.filter(isOwn) };
  return {
    key: digest(file, team, keyText([policy.bounds, totalsIn(policy, team), own])),
    objects: () => teamObjects(team, policy, own),
  };
}

/** The unit's files, kept for as long as the memo does. */
export function filesOf(kind: "team" | "render", unit: Unit, memo: Memo): ReadonlyMap<string, string> {
  return memo.of(kind, unit.key, () => emitUnit(unit.objects()));
}

/** Equal texts are equal values. Two orders of keys are two texts: then something is made once more, and comes out the same. */
export function keyText(value: object): string {
  return JSON.stringify(value);
}
