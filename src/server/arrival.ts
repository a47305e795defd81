import type { StrategyId } from "#core/identity.ts";
import type { ApplicationStatus, ClusterStatus } from "#core/status.ts";
import type { Arrival } from "#forge/port.ts";
import type { CommitSha } from "#git/port.ts";

/** What a commit of an environment's branch is to bring to the cluster. */
export interface Awaited {
  readonly environment: string;
  readonly commit: CommitSha;
  /** Those whose objects it changes. */
  readonly strategies: readonly StrategyId[];
  /** Of those, the ones that the branch does not hold any more. */
  readonly removed: ReadonlySet<StrategyId>;
  /** This commit and those after it: a cluster at any of them holds it. */
  readonly holding: ReadonlySet<string>;
}

/** Whether what was rendered runs, by the cluster's word: the worst of its Applications, and all of those that stand still. Pure. */
export function arrivalOf(awaited: Awaited, cluster: ClusterStatus): Arrival {
  const { environment, commit, strategies } = awaited;
  const steps = strategies.map((id) => stepOf(awaited, id, cluster));
  const failed = steps.filter(({ state }) => state === "refused");
  const waiting = steps.filter(({ state }) => state === "pending");
  const say = (state: Arrival["state"], summary: string): Arrival => ({
    ...{ environment, commit, state, summary },
    failed: failed.map(({ said }) => said),
  });
  if (failed[0] !== undefined) return say("refused", list(failed.map(({ said }) => said)));
  if (waiting[0] !== undefined) return say("pending", list(waiting.map(({ said }) => said)));
  if (strategies.length === 0) {
    const root = cluster.revision;
    if (root === undefined || !awaited.holding.has(root)) return say("pending", "waits for Argo CD");
    // Policies and the tool change the platform's and the teams' objects, of which the commit names none.
    const apart = cluster.applications.filter(({ strategy, sync, awaits }) => {
      return strategy === undefined && sync !== "Synced" && awaits === undefined;
    });
    const said = apart.flatMap(({ application, message }) =>
      message === undefined ? [] : `${application}: ${message}`,
    );
    if (said.length > 0) return { ...say("refused", list(said)), failed: said };
    if (apart[0] !== undefined) return say("pending", `${apart[0].application} is being synced`);
  }
  return say("passed", strategies.length === 0 ? "synced" : `synced and healthy: ${named(strategies)}`);
}

/**
 * Whether Argo CD is still at a commit before it with an Application whose folder it changes. Others it need not look at, and one that it is to make or
 * to remove is the root's.
 *
 * @param folders that the commit changes
 */
export function isUnseen(
  folders: ReadonlySet<string>,
  { holding }: Pick<Awaited, "holding">,
  { applications }: ClusterStatus,
): boolean {
  return applications.some(
    ({ path, revision = "", awaits, ending }) =>
      path !== undefined && folders.has(path) && !holding.has(revision) && awaits === undefined && ending !== true,
  );
}

const namedMax = 3;

function named(strategies: readonly StrategyId[]): string {
  return strategies.length > namedMax ? `${strategies.length} strategies` : strategies.join(", ");
}

function list(said: readonly string[]): string {
  return said.length === 1 ? (said[0] ?? "") : `${said.length} stand still: ${said.join("; ")}`;
}

interface Step {
  readonly state: Arrival["state"];
  readonly said: string;
}

function stepOf({ removed, holding }: Awaited, id: StrategyId, { applications }: ClusterStatus): Step {
  const found = applications.find(({ strategy }) => strategy === id);
  if (found === undefined || found.ending === true) {
    if (removed.has(id)) return { state: "passed", said: "" };
    if (found === undefined) return { state: "pending", said: `${id} has no Application yet` };
  }
  if (found.awaits !== undefined) return { state: "refused", said: `${id}: ${found.awaits}` };
  if (found.revision === undefined || !holding.has(found.revision))
    return { state: "pending", said: `${id} waits for Argo CD` };
  return synced(id, found);
}

function synced(id: StrategyId, { sync, health, message }: ApplicationStatus): Step {
  // Stopped is healthy, or suspended; what only takes its time has nothing to say.
  const done = sync === "Synced" && (health === "Healthy" || health === "Suspended");
  if (done) return { state: "passed", said: "" };
  if (message !== undefined) return { state: "refused", said: `${id}: ${message}` };
  if (sync === "Synced" && health !== "Progressing") return { state: "refused", said: `${id} is ${health}` };
  return { state: "pending", said: `${id} is ${sync === "Synced" ? health : "being synced"}` };
}
