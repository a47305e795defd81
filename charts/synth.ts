import { App, Chart } from "cdk8s";
import type { JsonObject } from "#core/json.ts";
import { assert } from "#core/result.ts";
import { emitYaml } from "./emit.ts";

// Why the constructs below `charts/` are the L1 ones that cdk8s-plus-28 brings (`cdk8s-plus-28/lib/imports/k8s.js`), and ApiObject for Argo CD's
// kinds: plus' own L2 classes have no projected ServiceAccount token, no topology spread, no priority class and no fsGroupChangePolicy, write
// selectors that hash the path, and cost more (CPU of 1,000 small strategies: import 140 ms for L2, 110 L1, 75 ApiObject; render 580, 285, 190).
// `App.synth` is quadratic in charts (`toJson` of each chart validates the whole app), so every strategy has an App of its own.

/**
 * Builds one unit (a strategy, a team, the platform) in its own cdk8s App, one object a path. Same input, same objects:
 * nothing of the process's environment reaches them (`CDK8S_OUTDIR` is overridden, `CDK8S_DISABLE_SORT` is undone by the emitter).
 *
 * @param folder where the unit's objects go; Argo CD's own kinds go to `apps/`
 */
export function synthObjects(folder: string, build: (chart: Chart) => void): ReadonlyMap<string, JsonObject> {
  const app = new App({ outdir: "dist", recordConstructMetadata: false });
  const chart = new Chart(app, "unit", { disableResourceNameHashes: true });
  build(chart);
  const objects: readonly JsonObject[] = chart.toJson();
  const unit = new Map<string, JsonObject>();
  for (const object of objects) {
    const path = pathOf(folder, object);
    assert(!unit.has(path), `two objects of one unit would be written to ${path}`);
    unit.set(path, object);
  }
  return unit;
}

/** The bytes of a unit's files. */
export function emitUnit(unit: ReadonlyMap<string, JsonObject>): ReadonlyMap<string, string> {
  return new Map([...unit].map(([path, object]) => [path, emitYaml(object)]));
}

function pathOf(folder: string, object: JsonObject): string {
  const { apiVersion, kind, metadata } = object;
  assert(typeof apiVersion === "string" && typeof kind === "string", "every object says what it is");
  assert(metadata !== null && typeof metadata === "object" && "name" in metadata, `a ${kind} has no name`);
  const home = apiVersion.startsWith("argoproj.io/") ? "apps" : folder;
  return `${home}/${kind.toLowerCase()}-${metadata["name"]}.yaml`;
}
