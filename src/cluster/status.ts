import {
  type ApplicationStatus,
  type ClusterStatus,
  type ContainerStatus,
  type HealthState,
  type PodStatus,
  refreshCommand,
  type Termination,
} from "#core/status.ts";
import { type Eviction, evictionsOf, lastEviction, shortageWords } from "./evictions.ts";
import { asObject, instant, list, object, text, type Unknown } from "./fields.ts";

// What Argo CD and the API server say of an environment, in the words that the embedded cluster uses. Pure.

export interface Observed {
  /** Applications of the environment. */
  readonly applications: readonly unknown[];
  /** Of its strategies and its platform. */
  readonly pods: readonly unknown[];
  /** Events that say why a pod was not made: a quota, an admission policy. */
  readonly failures: readonly unknown[];
  /** Events that say why the kubelet has ended a pod. */
  readonly evictions: readonly unknown[];
}

export function clusterStatus(environment: string, observed: Observed): ClusterStatus {
  const ours = observed.applications.map(asObject);
  const seen = {
    pods: observed.pods.map(asObject),
    failures: observed.failures.map(asObject),
    evictions: evictionsOf(observed.evictions.map(asObject)),
  };
  const root = ours.find((one) => text(one, "metadata", "name") === `${environment}-root`);
  const revision = root === undefined ? undefined : text(root, "status", "sync", "revision");
  return {
    environment,
    ...(revision === undefined ? {} : { revision }),
    applications: ours.map((one) => applicationStatus(one, seen)),
    isolation: [],
  };
}

const healths: ReadonlySet<string> = new Set<HealthState>([
  "Progressing",
  "Healthy",
  "Degraded",
  "Suspended",
  "Missing",
]);

interface Seen {
  readonly pods: readonly Unknown[];
  readonly failures: readonly Unknown[];
  readonly evictions: readonly Eviction[];
}

function applicationStatus(application: Unknown, { pods, failures, evictions }: Seen): ApplicationStatus {
  const labels = object(application, "metadata", "labels");
  const [team, name] = [text(labels, "slipway.dev/team"), text(labels, "slipway.dev/strategy")];
  const isStrategy = team !== undefined && name !== undefined;
  const all = pods.filter((pod) => (isStrategy ? isOf(pod, team, name) : isOfPlatform(pod, application)));
  const own = isStrategy ? all : [];
  const health = text(application, "status", "health", "status") ?? "";
  const synced = text(application, "status", "sync", "status") === "Synced";
  const awaits = confirmationOf(application);
  const message = awaits ?? reasonOf(application, { pods: all, failures, evictions }, name);
  const finished = instant(application, "status", "operationState", "finishedAt");
  const revision = text(application, "status", "sync", "revision");
  const applied = text(application, "status", "operationState", "syncResult", "revision");
  const path = text(application, "spec", "source", "path");
  return {
    application: text(application, "metadata", "name") ?? "",
    ...(isStrategy ? { strategy: `${team}/${name}` } : {}),
    ...(path === undefined ? {} : { path }),
    sync: synced ? "Synced" : "OutOfSync",
    health: healths.has(health) ? (health as HealthState) : "Missing",
    ...(message === undefined ? {} : { message }),
    ...(awaits === undefined ? {} : { awaits }),
    ...(revision === undefined ? {} : { revision }),
    ...(applied === undefined ? {} : { applied }),
    ...(finished === undefined ? {} : { syncedAtMs: finished }),
    ...(own.length > 0 && own.every(isEnding) ? { ending: true } : {}),
    pods: own.map((pod) => podStatus(pod, evictions)),
  };
}

function isOf(pod: Unknown, team: string, name: string): boolean {
  const labels = object(pod, "metadata", "labels");
  return labels["slipway.dev/team"] === team && labels["slipway.dev/strategy"] === name;
}

/** The one Application whose namespace holds pods that are no strategy's. */
function isOfPlatform(pod: Unknown, application: Unknown): boolean {
  const namespace = text(application, "spec", "destination", "namespace");
  const isStrategys = text(pod, "metadata", "labels", "slipway.dev/strategy") !== undefined;
  return !isStrategys && namespace !== undefined && text(pod, "metadata", "namespace") === namespace;
}

function isEnding(pod: Unknown): boolean {
  return text(pod, "metadata", "deletionTimestamp") !== undefined;
}

/** Argo CD deletes what says so only when a person agrees: a namespace, state. Until then it deletes nothing of an Application that is to go. */
function confirmationOf(application: Unknown): string | undefined {
  const name = text(application, "metadata", "name") ?? "";
  const annotation = "argocd.argoproj.io/deletion-approved";
  const agree = `kubectl -n argocd annotate application ${name} --overwrite ${annotation}=$(date -u +%Y-%m-%dT%H:%M:%SZ)`;
  const endMs = instant(application, "metadata", "deletionTimestamp");
  const agreedMs = instant(object(application, "metadata", "annotations"), annotation);
  if (endMs !== undefined && (agreedMs === undefined || agreedMs < endMs)) {
    const asked = list(application, "status", "resources").filter(
      (one) => one["requiresDeletionConfirmation"] === true,
    );
    if (asked.length === 0) return undefined;
    const what = asked.map((one) => `${text(one, "kind")} ${text(one, "name")}`).join(", ");
    return `the branch has it no longer, and Argo CD deletes nothing of it before a person agrees, since ${what} would go too. If it is to go: ${agree}; if not, see "Deleted by mistake" in docs/operations.md`;
  }
  const operation = object(application, "status", "operationState");
  const said = text(operation, "message") ?? "";
  if (text(operation, "phase") !== "Running" || !said.includes("confirmation of")) return undefined;
  return `its sync stands still, ${said}. If that is to go: ${agree}; if not, bring it back to the branch`;
}

/** Why it stands still, the first cause first: Argo CD refuses it, its pod is not made, has no node, or does not start. */
function reasonOf(
  application: Unknown,
  { pods, failures, evictions }: Seen,
  name: string | undefined,
): string | undefined {
  const condition = list(application, "status", "conditions").find((one) =>
    /Error|Warning/.test(text(one, "type") ?? ""),
  );
  if (condition !== undefined) return conditionWords(application, text(condition, "message"));
  const phase = text(application, "status", "operationState", "phase");
  if (phase === "Failed" || phase === "Error") return text(application, "status", "operationState", "message");
  for (const pod of pods) {
    const why = podReason(pod, evictions, name === undefined ? (text(pod, "metadata", "name") ?? "a pod") : "its pod");
    if (why !== undefined) return why;
  }
  if (pods.length > 0 || name === undefined) return undefined;
  const namespace = text(application, "spec", "destination", "namespace");
  const failure = failures.findLast(
    (one) => text(one, "involvedObject", "namespace") === namespace && text(one, "involvedObject", "name") === name,
  );
  return failure === undefined ? undefined : text(failure, "message");
}

const overMemory = "it used more memory than its limit";

/** @param who the pod, as a sentence names it */
function podReason(pod: Unknown, evictions: readonly Eviction[], who: string): string | undefined {
  const evicted = lastEviction(pod, evictions);
  if (text(pod, "status", "phase") === "Failed") {
    const reason = text(pod, "status", "reason") ?? "Failed";
    return `${who} has ended, ${reason}: ${evicted?.message ?? text(pod, "status", "message") ?? "no reason given"}`;
  }
  const unscheduled = list(pod, "status", "conditions").find(
    (one) => one["type"] === "PodScheduled" && one["status"] === "False",
  );
  if (unscheduled !== undefined) {
    const said = text(unscheduled, "message") ?? "no reason given";
    return `no node takes ${who}: ${said}${shortageWords(said, evicted)}`;
  }
  const named = who === "its pod" ? "" : `${who}: `;
  for (const container of list(pod, "status", "containerStatuses")) {
    const waiting = object(container, "state", "waiting");
    const why = text(waiting, "reason");
    if (why === undefined || why === "ContainerCreating" || why === "PodInitializing") continue;
    const ended = object(container, "lastState", "terminated");
    const last = text(ended, "reason") === "OOMKilled" ? overMemory : text(ended, "message");
    const said = last ?? text(waiting, "message") ?? "";
    return `${named}${why}${said === "" ? "" : `: ${lastLine(said)}`}`;
  }
  return undefined;
}

/** A look at Git that failed is repeated after `timeout.reconciliation`, and that one may use what is remembered of the branch: a refresh does not. */
function conditionWords(application: Unknown, message: string | undefined): string | undefined {
  if (message?.startsWith("Failed to load target state") !== true) return message;
  const refresh = refreshCommand(text(application, "metadata", "name") ?? "");
  return `${message}. What runs is left as it is; Argo CD looks again by itself some minutes after Git answers, and at once with: ${refresh} (which a Slipway server spares you that is given cluster.server.argocd)`;
}

function podStatus(pod: Unknown, evictions: readonly Eviction[]): PodStatus {
  const containers = list(pod, "status", "containerStatuses");
  const evicted = lastEviction(pod, evictions);
  const ends = [
    ...containers.flatMap((container) => terminationOf(container) ?? []),
    ...(evicted === undefined ? [] : [evictedEnd(evicted)]),
  ];
  const cause = ends.sort((a, b) => a.atMs - b.atMs).at(-1);
  return {
    namespace: text(pod, "metadata", "namespace") ?? "",
    name: text(pod, "metadata", "name") ?? "",
    containers: containers.map(containerStatus),
    ...(cause === undefined ? {} : { cause }),
  };
}

function containerStatus(container: Unknown): ContainerStatus {
  const state = object(container, "state");
  const kind = (["running", "terminated", "waiting"] as const).find((one) => state[one] !== undefined) ?? "waiting";
  const details = object(state, kind);
  const [reason, message] = [text(details, "reason"), text(details, "message")];
  const [exitCode, started] = [details["exitCode"], instant(details, "startedAt")];
  return {
    name: text(container, "name") ?? "",
    state: kind,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...(typeof exitCode === "number" ? { exitCode } : {}),
    ready: container["ready"] === true,
    restarts: typeof container["restartCount"] === "number" ? container["restartCount"] : 0,
    ...(started === undefined ? {} : { startedAtMs: started }),
  };
}

function terminationOf(container: Unknown): Termination | undefined {
  const ended = object(container, "lastState", "terminated");
  const { exitCode } = ended;
  const atMs = instant(ended, "finishedAt");
  if (typeof exitCode !== "number" || atMs === undefined) return undefined;
  const reason = text(ended, "reason");
  const said = lastLine(text(ended, "message") ?? "");
  const end = reason === "OOMKilled" ? `was killed: ${overMemory}` : `ended with exit code ${exitCode}`;
  return {
    container: text(container, "name") ?? "",
    reason: reason === "OOMKilled" || reason === "Completed" ? reason : "Error",
    exitCode,
    message: said === "" ? end : `${end}: ${said}`,
    atMs,
  };
}

/** Of the pod before: the kubelet ends all of it, and its StatefulSet makes another of its name. */
function evictedEnd({ message, atMs }: Eviction): Termination {
  return { reason: "Evicted", exitCode: 137, message: `was evicted: ${message}`, atMs };
}

/** Of a log's end the last line, and of a line of ours its message. */
function lastLine(log: string): string {
  const line = log.trimEnd().split("\n").at(-1) ?? "";
  try {
    return text(asObject(JSON.parse(line)), "message") ?? line;
  } catch {
    return line;
  }
}
