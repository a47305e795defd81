import { parseStrategyId } from "#core/identity.ts";
import { type ApplicationStatus, type ClusterStatus, refreshCommand } from "#core/status.ts";
import type { CommitSha, Repository } from "#git/port.ts";
import { environmentRef } from "./names.ts";
import { trailerValues } from "./trailers.ts";

/** How far back on the branch a sync is looked for. */
const lookedMax = 100;

/** What a folder of the branch is called: `apps`, `platform`, `teams/<team>`, `strategies/<team>/<name>`. */
const folderForm = /^[a-z][a-z0-9-]*(?:\/[a-z][a-z0-9-]*){0,2}$/;

/**
 * Argo CD, held to Git: an Application that it calls Synced, while its last sync was of a commit before the one that changed its folder, is told as
 * OutOfSync with what to do; a strategy's, a team's, the platform's and the root's. Argo CD forgets a comparison that was refused (by admission, say) and
 * then shows what it never applied as Synced (argoproj/argo-cd#28722; seen with 3.6.1).
 *
 * @returns the same status where each sync is of the commit that it should be of, or where nothing is known of it (the embedded cluster)
 */
export async function heldToGit(repository: Repository, cluster: ClusterStatus): Promise<ClusterStatus> {
  const { environment, applications } = cluster;
  if (!applications.some(isSuspect)) return cluster;
  const tip = await repository.resolve(environmentRef(environment));
  if (tip === undefined) return cluster;
  const history = await repository.history(tip, { limit: lookedMax });
  const positions = new Map(history.map(({ sha }, index): readonly [string, number] => [sha, index]));
  const changes = history.map(({ message }) => new Set(trailerValues(message, "Strategy")));
  const held = applications.map(async (application) => {
    const { strategy, revision = "", applied = "" } = application;
    const [shown, synced = history.length] = [positions.get(revision), positions.get(applied)];
    const folder = folderOf(application);
    if (!isSuspect(application) || folder === undefined || shown === undefined) return application;
    // Of a strategy the commits themselves say it; that spares a thousand comparisons.
    const named = strategy === undefined || changes.slice(shown, synced).some((changed) => changed.has(strategy));
    if (!named || !(await differs(repository, folder, applied, revision))) return application;
    return { ...application, sync: "OutOfSync" as const, message: unappliedWords(application, folder) };
  });
  return { ...cluster, applications: await Promise.all(held) };
}

function isSuspect(application: ApplicationStatus): boolean {
  const { sync, revision, applied, ending } = application;
  if (revision === undefined || applied === undefined || folderOf(application) === undefined) return false;
  return sync === "Synced" && ending !== true && applied !== revision;
}

/** Undefined of a name that Slipway does not give. */
function folderOf({ strategy, path }: ApplicationStatus): string | undefined {
  if (strategy !== undefined) return parseStrategyId(strategy).ok ? `strategies/${strategy}` : undefined;
  return path !== undefined && folderForm.test(path) ? path : undefined;
}

/** A commit and its revert, both before Argo CD looked, leave nothing to apply. */
async function differs(repository: Repository, folder: string, applied: string, revision: string): Promise<boolean> {
  if (!(await repository.has(applied as CommitSha))) return true;
  const paths = await repository.changedPaths(applied as CommitSha, revision as CommitSha);
  return paths.some(({ path }) => path.startsWith(`${folder}/`));
}

function unappliedWords({ application, revision = "", applied = "" }: ApplicationStatus, folder: string): string {
  const what = folder.startsWith("strategies/") ? "the strategy" : `${folder}/ of the branch`;
  return `Argo CD calls it synced at ${revision.slice(0, 7)}, but its last sync was of ${applied.slice(0, 7)}, and ${what} has changed since: it forgets a comparison that was refused. Let it look again: ${refreshCommand(application)}`;
}
