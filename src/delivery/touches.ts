import type { Policies } from "#core/policies.ts";
import type { DirectedChange } from "./directions.ts";
import { environmentsOf, readFleet } from "./fleet.ts";
import type { Memo } from "./memo.ts";
import { strategiesOf } from "./names.ts";
import { changedPaths } from "./summarize.ts";
import type { SourceTree } from "./tree.ts";

/** One file that a proposal changes, where that counts, and what it changes there. */
export interface Touch {
  readonly path: string;
  /** Names of environments. */
  readonly environments: readonly string[];
  /** Of its strategy, or of the policy. None: words, or a file that nothing is made of. */
  readonly changes: readonly DirectedChange[];
}

/**
 * Every file that differs, with the environments that it reaches: of a strategy those that its spec names, before or after; of a policy those that it
 * holds for. An environment that comes is among them, so is one that goes.
 */
export function touchesOf(
  before: SourceTree,
  after: SourceTree,
  changes: readonly DirectedChange[],
  memo: Memo,
): readonly Touch[] {
  const fleets = [before, after].map((tree) => readFleet(tree, memo));
  const known = [...new Set(fleets.flatMap(({ environments }) => [...environments.keys()]))].sort();
  return changedPaths(before, after).map((path) => {
    const [id] = strategiesOf([path]);
    if (id === undefined) {
      const reached = fleets.flatMap(({ policies }) => reachOf(path, policies) ?? known);
      return { path, environments: sorted(reached), changes: changes.filter(({ file }) => file === path) };
    }
    const named = fleets.flatMap(({ strategies }) => {
      const document = strategies.get(id)?.parsed?.document;
      return document === undefined ? [] : environmentsOf(document);
    });
    return { path, environments: sorted(named), changes: changes.filter(({ strategy }) => strategy === id) };
  });
}

/** Where a policy holds; `undefined`: everywhere. A file that is not there reaches nothing. */
function reachOf(
  path: string,
  { environments, rules, waivers, freezes, halts, teams }: Policies,
): readonly string[] | undefined {
  const parts = /^policies\/(?<folder>[^/]+)\/(?<name>[^/]+)\.yaml$/.exec(path)?.groups;
  const name = parts?.["name"] ?? "";
  switch (parts?.["folder"]) {
    case "environments":
      return environments.has(name) ? [name] : [];
    case "rules":
      return rules.has(name) ? rules.get(name)?.document?.spec.environments : [];
    case "waivers":
    case "halts": {
      const parsed = parts["folder"] === "halts" ? halts.get(name) : waivers.get(name);
      if (parsed === undefined) return [];
      const scope = parsed.document?.spec.scope;
      return scope === undefined ? undefined : [scope.environment];
    }
    case "freezes":
      return freezes.has(name) ? freezes.get(name)?.document?.spec.environments : [];
    default:
      return path === "policies/teams.yaml" && teams !== undefined ? undefined : [];
  }
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}
