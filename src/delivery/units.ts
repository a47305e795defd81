import { type StrategyInput, strategyObjects, teamObjects, type UnitObjects } from "#charts/render.ts";
import { emitUnit } from "#charts/synth.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import { canonicalJson } from "#core/json.ts";
import { digest, type Memo } from "./memo.ts";

/** An environment's checked document, with the digest of its file. */
export interface PolicyDocument {
  readonly document: EnvironmentDocument;
  readonly digest: string;
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
    key: digest(policy, bundle.kind, code, map, canonicalJson(toJson(effective))),
    objects: () => strategyObjects({ effective, bundle }, document),
  };
}

/** @param strategies of the environment; other teams' are left out */
export function teamUnit(
  { document, digest: policy }: PolicyDocument,
  team: string,
  strategies: readonly EffectiveStrategy[],
): Unit {
  const own = strategies.filter((one) => one.team === team);
  return {
    key: digest(policy, team, canonicalJson(own.map((one) => toJson(one)))),
    objects: () => teamObjects(team, document, own),
  };
}

/** The unit's files, kept for as long as the memo does. */
export function filesOf(kind: "team" | "render", unit: Unit, memo: Memo): ReadonlyMap<string, string> {
  return memo.of(kind, unit.key, () => emitUnit(unit.objects()));
}

/** Interfaces of plain data are JSON; the compiler does not see it. */
export function toJson(value: object): Parameters<typeof canonicalJson>[0] {
  return JSON.parse(JSON.stringify(value)) as Parameters<typeof canonicalJson>[0];
}
