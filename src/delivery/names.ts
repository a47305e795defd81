import { parseStrategyId, type StrategyId } from "#core/identity.ts";
import { assert } from "#core/result.ts";
import { branchRef } from "#git/names.ts";
import type { RefName, Repository, TreePath } from "#git/port.ts";
import { checkPath } from "./tree.ts";

export const mainRef = branchRef("main");

/** The branch that an environment's manifests are on. */
export function environmentRef(environment: string): RefName {
  return branchRef(`env/${environment}`);
}

/**
 * How far an environment was rendered when the last commits of main changed nothing: a commit whose first parent is that commit of main. Only
 * to spare work; without it they are rendered again, to the same result. A branch, for a forge protects no other refs: whoever could move this one could
 * keep a stop out of the environment.
 */
export function progressRef(environment: string): RefName {
  return branchRef(`slipway/rendered/${environment}`);
}

/** The environments that main's policies define, whether their documents are good or not. */
export async function environmentsOnMain(repository: Repository): Promise<readonly string[]> {
  const main = await repository.resolve(mainRef);
  if (main === undefined) return [];
  const names: string[] = [];
  for (const path of (await repository.list(main, "policies/environments")).keys()) {
    const name = /^policies\/environments\/([a-z][a-z0-9]{0,14})\.yaml$/.exec(path)?.[1];
    if (name !== undefined) names.push(name);
  }
  return names.sort();
}

/** A path that this program put together, or that Git has listed. */
export function treePath(text: string): TreePath {
  const parsed = checkPath(text);
  assert(parsed.ok, `not a path in a tree: ${JSON.stringify(text)}`);
  return parsed.value;
}

/** The strategies whose folders some paths are in, sorted. */
export function strategiesOf(paths: readonly string[]): readonly StrategyId[] {
  const found = new Set<StrategyId>();
  for (const path of paths) {
    const [root, team, name, ...rest] = path.split("/");
    const id = root === "strategies" && rest.length > 0 ? parseStrategyId(`${team}/${name}`) : undefined;
    if (id?.ok === true) found.add(id.value);
  }
  return [...found].sort();
}
