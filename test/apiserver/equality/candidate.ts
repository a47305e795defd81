// What a candidate is, and the objects that a strategy renders to.
import { strategyObjects } from "#charts/render.ts";
import { limitShards } from "#charts/shards.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { JsonObject } from "#core/json.ts";
import type { StrategyDocument } from "#core/strategy.ts";
import { inputOf } from "../../charts/inputs.ts";
import type { Subject } from "./gate.ts";
import type { Setting } from "./setting.ts";

export interface Candidate {
  readonly about: string;
  readonly object: JsonObject;
  /** Whose it is: a strategy's, or with an empty name its team's. */
  readonly owner: Subject;
  /** What it was rendered from, untouched: rules over the spec see this. */
  readonly from?: { readonly document: StrategyDocument; readonly effective: EffectiveStrategy };
}

/** A strategy's objects in its namespace, without the algorithm's code. */
export function objectsOf({ environment }: Setting, effective: EffectiveStrategy): readonly JsonObject[] {
  return [...strategyObjects(inputOf(effective), environment)]
    .filter(([path]) => path.startsWith("strategies/") && !path.includes("-algorithm-"))
    .map(([, object]) => JSON.parse(JSON.stringify(object)) as JsonObject);
}

export function shardOf({ environment }: Setting, effective: EffectiveStrategy): JsonObject {
  const [[name, data] = ["", {}]] = limitShards([effective]);
  const metadata = { name, namespace: `slipway-${environment.metadata.name}` };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data };
}
