import type { ApplicationStatus, HealthState } from "#core/status.ts";
import type { DesiredApplication } from "./desired.ts";
import type { PodSlot } from "./pod.ts";

/** What is known of one Application: what the branch says, what was applied, and its pods. */
export interface TrackedApplication {
  readonly name: string;
  /** What the branch says now. */
  desired: DesiredApplication;
  /** Digest and commit of what was applied last. */
  applied: { readonly digest: string; readonly revision: string; readonly atMs: number } | undefined;
  /** Why it cannot be applied as it stands. */
  problems: readonly string[];
  /** Its pods that should run. */
  slots: readonly PodSlot[];
  /** Those that should not any more, and may still be within their grace. */
  leaving: readonly PodSlot[];
  /** StatefulSets with no replicas. */
  suspended: number;
}

/** Argo CD's two verdicts on an Application. Pure. */
export function applicationStatus(app: TrackedApplication): ApplicationStatus {
  const health = applicationHealth(app);
  const leaving = app.leaving.filter(({ gone }) => !gone);
  const synced =
    app.applied?.digest === app.desired.digest &&
    app.problems.length === 0 &&
    leaving.length === 0 &&
    app.slots.every(({ converged }) => converged);
  return {
    application: app.name,
    ...(app.desired.strategy === undefined ? {} : { strategy: app.desired.strategy }),
    sync: synced ? "Synced" : "OutOfSync",
    health: health.state,
    ...(health.message === undefined ? {} : { message: health.message }),
    ...(app.applied === undefined ? {} : { revision: app.applied.revision, syncedAtMs: app.applied.atMs }),
    ...(isEnding(app) ? { ending: true } : {}),
    pods: [...app.slots, ...leaving].flatMap((slot) => slot.status() ?? []),
  };
}

/** Nothing of it should run, and something does. */
function isEnding({ slots, leaving }: TrackedApplication): boolean {
  return slots.length === 0 && leaving.some(({ gone }) => !gone);
}

function applicationHealth(app: TrackedApplication): { readonly state: HealthState; readonly message?: string } {
  const [problem, ...more] = app.problems;
  if (problem !== undefined) {
    const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
    const still = app.slots.some((slot) => slot.status() !== undefined) ? "; what ran before still runs" : "";
    return { state: "Degraded", message: `${problem}${others}${still}` };
  }
  if (app.applied === undefined)
    return { state: "Missing", message: "it is in the environment branch and not applied yet" };
  for (const slot of app.slots) {
    const health = slot.health();
    if (health.state === "trouble") return { state: "Degraded", message: health.message };
  }
  const ending = app.leaving.find(({ gone }) => !gone);
  if (ending !== undefined) return { state: "Progressing", message: ending.ends() };
  const starting = app.slots.find((slot) => slot.health().state !== "ready");
  if (starting !== undefined) return { state: "Progressing", message: starting.waitsFor() };
  if (app.slots.length === 0 && app.suspended > 0)
    return { state: "Suspended", message: "it is stopped: its StatefulSet asks for no replicas" };
  return { state: "Healthy" };
}
