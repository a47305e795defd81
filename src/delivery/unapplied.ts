import { parseStrategyId } from "#core/identity.ts";
import type { ApplicationStatus, ClusterStatus } from "#core/status.ts";
import type { CommitSha, Repository } from "#git/port.ts";
import { environmentRef } from "./names.ts";
import { trailerValues } from "./trailers.ts";

/** How far back on the branch a sync is looked for. */
const lookedMax = 100;

/**
 * Argo CD, held to Git: a strategy that it calls Synced, while its last sync was of a commit before the one that changed the strategy's folder, is told
 * as OutOfSync with what to do. Argo CD forgets a comparison that was refused (by admission, say) and then shows what it never applied as Synced
 * (argoproj/argo-cd#28722; seen with 3.6.1).
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
    if (!isSuspect(application) || strategy === undefined || shown === undefined) return application;
    const since = changes.slice(shown, synced).some((changed) => changed.has(strategy));
    if (!since || !(await differs(repository, strategy, applied, revision))) return application;
    return { ...application, sync: "OutOfSync" as const, message: unappliedWords(application) };
  });
  return { ...cluster, applications: await Promise.all(held) };
}

function isSuspect({ strategy, sync, revision, applied, ending }: ApplicationStatus): boolean {
  if (strategy === undefined || revision === undefined || applied === undefined) return false;
  return sync === "Synced" && ending !== true && applied !== revision && parseStrategyId(strategy).ok;
}

/** A commit and its revert, both before Argo CD looked, leave nothing to apply. */
async function differs(repository: Repository, strategy: string, applied: string, revision: string): Promise<boolean> {
  if (!(await repository.has(applied as CommitSha))) return true;
  const paths = await repository.changedPaths(applied as CommitSha, revision as CommitSha);
  return paths.some(({ path }) => path.startsWith(`strategies/${strategy}/`));
}

function unappliedWords({ application, revision = "", applied = "" }: ApplicationStatus): string {
  const refresh = `kubectl -n argocd annotate application ${application} --overwrite argocd.argoproj.io/refresh=normal`;
  return `Argo CD calls it synced at ${revision.slice(0, 7)}, but its last sync was of ${applied.slice(0, 7)}, and the strategy has changed since: it forgets a comparison that was refused. Let it look again: ${refresh}`;
}
