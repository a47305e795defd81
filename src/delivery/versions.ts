import { setRunning } from "#core/edit.ts";
import type { StrategyId } from "#core/identity.ts";
import { parseStrategy } from "#core/strategy.ts";
import type { Repository } from "#git/port.ts";
import type { Deploy } from "./deploys.ts";
import { environmentsOf } from "./fleet.ts";
import { isLeftOut } from "./tree.ts";

/**
 * The last deploy before the newest that deployed another source. Stops and starts change only `running`, which is no source; a deploy that
 * deleted the strategy has none.
 *
 * @param deploys all of the strategy's, oldest first
 */
export async function previousVersion(
  repository: Repository,
  strategy: StrategyId,
  deploys: readonly Deploy[],
): Promise<Deploy | undefined> {
  const [newest, ...earlier] = deploys.toReversed();
  if (newest === undefined) return undefined;
  const now = await sourceOf(repository, strategy, newest);
  for (const deploy of earlier) {
    const then = await sourceOf(repository, strategy, deploy);
    if (then !== undefined && then !== now) return deploy;
  }
  return undefined;
}

/** A text that is equal for equal sources; undefined where the strategy has no folder. */
async function sourceOf(repository: Repository, strategy: StrategyId, { commit }: Deploy): Promise<string | undefined> {
  const folder = `strategies/${strategy}`;
  const spec = `${folder}/strategy.yaml`;
  const files = [...(await repository.list(commit, folder))].filter(([path]) => !isLeftOut(path));
  if (files.length === 0) return undefined;
  const ids = files.filter(([path]) => path !== spec).map(([path, { mode, blob }]) => `${mode} ${blob} ${path}`);
  const blobs = files.filter(([path]) => path === spec).map(([, { blob }]) => blob);
  const [bytes] = (await repository.read(blobs)).values();
  return [...ids.sort(), asRunning(spec, new TextDecoder().decode(bytes))].join("\n");
}

/** The spec with every environment running. One that today's schema refuses stays as it is: then it is a source of its own. */
function asRunning(path: string, text: string): string {
  const { document } = parseStrategy(path, text);
  let shown = text;
  for (const environment of document === undefined ? [] : environmentsOf(document)) {
    const edited = setRunning(shown, environment, true);
    if (edited.ok) shown = edited.value;
  }
  return shown;
}
