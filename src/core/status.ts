/** Argo CD's words for what a sync did, and what the workload is doing. */
export type SyncState = "OutOfSync" | "Synced";
export type HealthState = "Progressing" | "Healthy" | "Degraded" | "Suspended" | "Missing";

export interface ContainerStatus {
  readonly name: string;
  readonly state: "waiting" | "running" | "terminated";
  /** Kubernetes' reason: `CrashLoopBackOff`, `OOMKilled`, `Error`, `Completed`, `ContainerCreating` … */
  readonly reason?: string;
  readonly message?: string;
  readonly exitCode?: number;
  readonly ready: boolean;
  readonly restarts: number;
  readonly pid?: number;
  readonly memoryBytes?: number;
  readonly memoryLimitBytes?: number;
  readonly startedAtMs?: number;
  /** Lines of this run that its log did not take, because they were too many. */
  readonly logLinesDropped?: number;
  /** When it is started again, while it waits for that. */
  readonly startsAgainAtMs?: number;
}

/** The end of a container's run, as Kubernetes keeps it in `lastState`; or of the whole pod before, which its node has evicted. */
export interface Termination {
  /** Absent: all of the pod's. */
  readonly container?: string;
  readonly reason: "OOMKilled" | "Error" | "Completed" | "Evicted";
  readonly exitCode: number;
  /** What it did, to be read after its name. */
  readonly message: string;
  readonly atMs: number;
}

export interface PodStatus {
  readonly namespace: string;
  readonly name: string;
  readonly containers: readonly ContainerStatus[];
  /** The end that explains the last restart, also after the pod has recovered: of the containers that took each other down, the first. */
  readonly cause?: Termination;
}

/** One Argo CD Application as observed: a strategy, a team's objects or the platform. */
export interface ApplicationStatus {
  /** The Application object's name, for example `paper-momentum-sma-cross`. */
  readonly application: string;
  /** `<team>/<name>` if it is a strategy. */
  readonly strategy?: string;
  /** The folder of the environment branch that it follows, where the cluster says it. */
  readonly path?: string;
  readonly sync: SyncState;
  readonly health: HealthState;
  /** Why it is not Healthy, in one sentence a person can act on. */
  readonly message?: string;
  /** The environment branch's commit that it is compared with. */
  readonly revision?: string;
  /** The commit that the last sync was of, where the cluster tells it apart from `revision`. */
  readonly applied?: string;
  readonly syncedAtMs?: number;
  /** What nothing but a person's word goes on from, and how it is given. */
  readonly awaits?: string;
  /** Nothing of it should run any more, and its pods are still within their grace. */
  readonly ending?: boolean;
  readonly pods: readonly PodStatus[];
}

/** What the embedded cluster (later: Argo CD and the API server) shows of an environment. */
export interface ClusterStatus {
  readonly environment: string;
  readonly revision?: string;
  readonly applications: readonly ApplicationStatus[];
  /** How resources are limited here, for people: `cgroup v2`, `cgroup v1`, or what is missing. */
  readonly isolation: readonly string[];
}

/** What makes Argo CD look at an Application again, at once. */
export function refreshCommand(application: string): string {
  return `kubectl -n argocd annotate application ${application} --overwrite argocd.argoproj.io/refresh=normal`;
}
