import { floodLimits } from "#bus/flood-guard.ts";
import type { StrategyId } from "#core/identity.ts";
import type { GatewayStateMessage } from "#core/messages.ts";
import type { ApplicationStatus, ClusterStatus, Termination } from "#core/status.ts";
import { adviseEnd, adviseRefusedOrder, adviseWords, type LastEnd, lastEnd } from "./advice.ts";
import type { GitView } from "./git-view.ts";
import type { FeedHeard, Heard, StrategyTelemetry } from "./telemetry.ts";

/** How far a strategy has come on its way; each stage includes those before it. */
export type Stage = "proposed" | "merged" | "rendered" | "synced" | "running" | "stopped";

/** One strategy in one environment: what the terminal's table, the page and `status` show. Keys are API (`/api/overview`). */
export interface OverviewRow {
  readonly strategy: string;
  readonly stage: Stage;
  /** What the executor says of itself, or what the cluster says of the pod when the executor says nothing. */
  readonly state: string;
  readonly sync: string | null;
  readonly health: string | null;
  readonly events: number | null;
  readonly orders: number | null;
  readonly fills: number | null;
  readonly denied: number | null;
  /** Orders of which the gateway awaits something. */
  readonly openOrders: number | null;
  readonly errors: number | null;
  /** By the gateway's book and prices: decimal strings, quote currency; drawdown is a fraction. Null until it says so, and while a price is missing. */
  readonly cash: string | null;
  readonly equity: string | null;
  readonly drawdown: string | null;
  readonly positions: { readonly [sid: string]: string };
  readonly memoryBytes: number | null;
  readonly memoryLimitBytes: number | null;
  readonly restarts: number;
  readonly syncedAtMs: number | null;
  readonly startedAtMs: number | null;
  readonly warmedBy: number | null;
  /** What it had counted when the bus was heard first: then its first event and order were not seen. */
  readonly before: { readonly events: number; readonly orders: number } | null;
  readonly firstEventAtMs: number | null;
  readonly firstOrderAtMs: number | null;
  /** Lines of its processes that went lost since they were started, because they were too many. */
  readonly logLinesDropped: number;
  /** What is wrong, in one sentence; null if nothing is. The same words as long as it is the same. */
  readonly problem: string | null;
  /** What can be done about it, where that is known. */
  readonly fix: string | null;
  /** Why a process of it was restarted last, also when that has helped. */
  readonly lastRestart: { readonly message: string; readonly atMs: number } | null;
  /** When a process that ended is started again. */
  readonly startsAgainAtMs: number | null;
  readonly equityTrail: readonly number[];
}

export interface Overview {
  readonly environment: string;
  readonly atMs: number;
  readonly main: string | null;
  readonly environmentHead: string | null;
  /** What the cluster has applied. */
  readonly revision: string | null;
  /** Since when the bus is heard, wall time in milliseconds; null where it is not. */
  readonly heardSinceMs: number | null;
  readonly gateway: string;
  /** Why it takes no orders, as it said. */
  readonly gatewayReason: string | null;
  readonly feeds: readonly {
    readonly name: string;
    readonly state: string;
    readonly from: string;
    readonly to: string;
    readonly ts: number | null;
    readonly events: number;
    /** Wall time of its last word, milliseconds. */
    readonly heardAtMs: number | null;
    /** It is online and has been silent for too long: what strategies and the gateway know of the market is old. */
    readonly silent: boolean;
  }[];
  readonly isolation: readonly string[];
  readonly rows: readonly OverviewRow[];
  readonly proposals: GitView["proposals"];
  readonly commits: GitView["commits"];
}

const slowStartMs = 6_000;
/** A feed says its state each second, or with each step of a slow replay: that one may be as slow as three of its steps. */
const silentMs = 10_000;
/** How long after a fill the executor may still say what it had before. */
const settlingMs = 15_000;

export interface OverviewSources {
  readonly environment: string;
  readonly git: GitView;
  readonly cluster: ClusterStatus | undefined;
  readonly telemetry: Heard | undefined;
  readonly nowMs: number;
}

/** Joins Git, the cluster and the bus into one row a strategy. Pure: same input, same overview. */
export function createOverview(sources: OverviewSources): Overview {
  const { git, cluster, telemetry } = sources;
  const names = new Set<string>([...git.merged, ...git.rendered.keys(), ...git.proposed.keys()]);
  for (const { strategy } of cluster?.applications ?? []) if (strategy !== undefined) names.add(strategy);
  return {
    environment: sources.environment,
    atMs: sources.nowMs,
    main: git.main ?? null,
    environmentHead: git.environmentHead ?? null,
    revision: cluster?.revision ?? null,
    heardSinceMs: telemetry?.sinceMs ?? null,
    gateway: telemetry?.gateway?.state ?? "unknown",
    gatewayReason: telemetry?.gateway?.reason ?? null,
    feeds: [...(telemetry?.feeds ?? [])].map(([name, feed]) => ({
      name,
      state: feed.state,
      from: feed.from,
      to: feed.to,
      ts: feed.ts ?? null,
      events: feed.events,
      heardAtMs: telemetry?.feedsHeard.get(name)?.atMs ?? null,
      silent: isSilent(feed.state, telemetry?.feedsHeard.get(name), sources.nowMs),
    })),
    isolation: cluster?.isolation ?? [],
    rows: [...names].sort().map((name) => createRow(name as StrategyId, sources)),
    proposals: git.proposals,
    commits: git.commits,
  };
}

/** Whether a feed that should speak does not. */
export function isSilent(state: string, heard: FeedHeard | undefined, nowMs: number): boolean {
  if (state === "offline" || heard === undefined) return false;
  // By a clock that was set back meanwhile: nothing waits for it to catch up, and one that speaks is heard within a step.
  return nowMs < heard.atMs || nowMs - heard.atMs > Math.max(silentMs, 3 * heard.stepMs);
}

function createRow(strategy: StrategyId, sources: OverviewSources): OverviewRow {
  const { git, cluster, telemetry, nowMs } = sources;
  const application = cluster?.applications.find((candidate) => candidate.strategy === strategy);
  const heard = telemetry?.strategies.get(strategy);
  const executor =
    application?.pods[0]?.containers.find(({ name }) => name === "executor") ?? application?.pods[0]?.containers[0];
  const containers = application?.pods.flatMap((pod) => pod.containers) ?? [];
  const { metric, account } = heard ?? {};
  const stage = stageOf(strategy, git, cluster, application);
  const end = lastEnd(application);
  const degraded = application?.health === "Degraded" && application.sync === "Synced";
  const problem = problemOf({ stage, application, heard, gateway: telemetry?.gateway, nowMs });
  return {
    strategy,
    stage,
    state: stateOf(stage, application, heard),
    sync: application?.sync ?? null,
    health: application?.health ?? null,
    events: metric?.events ?? null,
    orders: metric?.orders ?? null,
    fills: metric?.fills ?? null,
    denied: metric?.denied ?? null,
    errors: metric?.errors ?? null,
    openOrders: account?.openOrders ?? null,
    cash: account?.cash ?? null,
    equity: account?.equity ?? null,
    drawdown: account?.drawdown ?? null,
    positions: account?.positions ?? {},
    memoryBytes: total(containers.map(({ memoryBytes }) => memoryBytes)) ?? metric?.rssBytes ?? null,
    memoryLimitBytes: total(containers.map(({ memoryLimitBytes }) => memoryLimitBytes)),
    restarts: total(containers.map(({ restarts }) => restarts)) ?? 0,
    syncedAtMs: application?.syncedAtMs ?? null,
    startedAtMs: executor?.startedAtMs ?? null,
    warmedBy: heard?.state?.warmedBy ?? null,
    before: heard?.before ?? null,
    firstEventAtMs: heard?.firstEventAtMs ?? null,
    firstOrderAtMs: heard?.firstOrderAtMs ?? null,
    logLinesDropped:
      (metric?.logLinesDropped ?? 0) + (total(containers.map((container) => container.logLinesDropped)) ?? 0),
    problem,
    fix: fixOf(strategy, sources, { problem, end: degraded ? end : undefined, application, heard, nowMs }),
    lastRestart:
      end === undefined ? null : { message: `${whoEnded(end.cause)} ${end.cause.message}`, atMs: end.cause.atMs },
    startsAgainAtMs: containers.find(({ startsAgainAtMs }) => startsAgainAtMs !== undefined)?.startsAgainAtMs ?? null,
    equityTrail: heard?.equityTrail ?? [],
  };
}

/** What helps first: what keeps its pod from starting comes before why one of its containers has ended, which may be long ago, and over. */
function fixOf(
  strategy: StrategyId,
  { environment }: OverviewSources,
  { problem, end, application, heard, nowMs }: Problem,
): string | null {
  // The bus and who awaits a person's word say all themselves.
  if (problem === null || problem === application?.awaits || problem === cutOffOf(heard, nowMs)) return null;
  const denied = heard?.lastDenied?.reason?.message;
  const advice = [
    problem === application?.message ? adviseWords(problem, application, environment) : null,
    end === undefined ? null : adviseEnd(end, strategy, environment),
    denied !== undefined && problem.endsWith(denied) ? adviseRefusedOrder(denied, strategy) : null,
  ];
  return advice.find((fix) => fix !== null) ?? null;
}

interface Problem extends Pick<Circumstances, "application" | "heard" | "nowMs"> {
  readonly problem: string | null;
  /** Of a pod that is not well. */
  readonly end: LastEnd | undefined;
}

function whoEnded({ container }: Termination): string {
  return container === undefined ? "its pod" : `container ${container}`;
}

function stageOf(
  strategy: StrategyId,
  git: GitView,
  cluster: ClusterStatus | undefined,
  application: ApplicationStatus | undefined,
): Stage {
  const rendered = git.rendered.get(strategy);
  // Taken off the branch, and its process has not ended yet.
  if (rendered === undefined && application !== undefined) return "rendered";
  if (rendered === undefined) return git.merged.has(strategy) ? "merged" : "proposed";
  if (application === undefined || cluster?.revision === undefined) return "rendered";
  if (application.sync !== "Synced") return "rendered";
  if (rendered.replicas === 0) return "stopped";
  return application.health === "Healthy" ? "running" : "synced";
}

function stateOf(
  stage: Stage,
  application: ApplicationStatus | undefined,
  heard: StrategyTelemetry | undefined,
): string {
  if (stage === "stopped") return "stopped";
  if (application?.ending === true) return "ending";
  const waiting = application?.pods.flatMap((pod) => pod.containers).find(({ state }) => state !== "running");
  // One that waits because of its neighbour is shown with the neighbour's reason.
  const cause = waiting?.startsAgainAtMs === undefined ? undefined : lastEnd(application)?.cause.reason;
  if (cause !== undefined && cause !== "Error") return cause;
  if (waiting?.reason !== undefined) return waiting.reason;
  // What the gateway holds back is the news, not that the process runs.
  const standing = heard?.account?.standing;
  if (heard?.state !== undefined && standing !== undefined && standing !== "trading") {
    if (heard.state.state === "running" || heard.state.state === "degraded") return standing;
  }
  if (heard?.state !== undefined) return heard.state.state;
  return application === undefined ? "not running" : application.health.toLowerCase();
}

interface Circumstances {
  readonly stage: Stage;
  readonly application: ApplicationStatus | undefined;
  readonly heard: StrategyTelemetry | undefined;
  readonly gateway: GatewayStateMessage | undefined;
  readonly nowMs: number;
}

/** What the bus says of whom it keeps out: its line has the number of no executor's [decision 11]. Longer ago it is not what keeps it out now. */
function cutOffOf(heard: StrategyTelemetry | undefined, nowMs: number): string | undefined {
  if (heard?.state?.state !== "offline" || heard.problem?.seq !== 0) return undefined;
  return nowMs - heard.problem.atMs <= floodLimits.keptOutMs.last ? heard.problem.message : undefined;
}

function problemOf({ stage, application, heard, gateway, nowMs }: Circumstances): string | null {
  // Its pod says no more than that it has no bus.
  const cutOff = cutOffOf(heard, nowMs);
  if (cutOff !== undefined) return cutOff;
  if (application?.awaits !== undefined) return application.awaits;
  if (application?.message !== undefined) {
    const { sync, health, message } = application;
    // What runs may be well while what is to run is refused.
    if (health === "Degraded" || health === "Missing" || (sync !== "Synced" && health !== "Progressing"))
      return message;
  }
  const { state, account } = heard ?? {};
  if (account !== undefined && account.standing !== "trading")
    return account.reason ?? `the gateway says that it is ${account.standing}`;
  if (state !== undefined && ["degraded", "halted", "faulted"].includes(state.state)) {
    const why = gateway?.reason === undefined ? "" : `: ${gateway.reason}`;
    const gatewayGone = gateway?.state === "offline" ? `the gateway is offline${why}` : undefined;
    return `${state.state}: ${state.reason ?? gatewayGone ?? heard?.problem?.message ?? "it gave no reason"}`;
  }
  const difference = stage === "stopped" ? undefined : differenceOf(heard);
  if (difference !== undefined) return difference;
  if (heard?.problem?.level === "error") return heard.problem.message;
  // A start takes a moment; it is news when it takes long.
  const startedAtMs = application?.pods[0]?.containers.find(({ name }) => name === "executor")?.startedAtMs;
  const slow = nowMs - (startedAtMs ?? application?.syncedAtMs ?? nowMs) > slowStartMs;
  if (application?.health === "Progressing" && application.message !== undefined && slow) return application.message;
  const denied = heard?.lastDenied?.reason;
  if (denied === undefined) return null;
  const at =
    heard?.lastDeniedAtMs === undefined ? "" : ` at ${new Date(heard.lastDeniedAtMs).toISOString().slice(0, 19)}Z`;
  return `last refused order${at}: ${denied.message}`;
}

/** An executor hears of a fill a moment after the gateway; one that still says something else then is wrong about what it has. */
function differenceOf(heard: StrategyTelemetry | undefined): string | undefined {
  const { account, accountSinceMs, metric, metricAtMs } = heard ?? {};
  if (account?.cash === undefined || metric === undefined) return undefined;
  if ((metricAtMs ?? 0) < (accountSinceMs ?? 0) + settlingMs) return undefined;
  const said: string[] = [];
  const names = new Set([...Object.keys(account.positions), ...Object.keys(metric.positions)]);
  for (const sid of [...names].sort()) {
    const [ours, theirs] = [account.positions[sid] ?? "0", metric.positions[sid] ?? "0"];
    if (Number(ours) !== Number(theirs)) said.push(`${theirs} ${sid}, not ${ours}`);
  }
  if (Number(account.cash) !== Number(metric.cash)) said.push(`cash ${metric.cash}, not ${account.cash}`);
  if (said.length === 0) return undefined;
  const more = said.length > 3 ? `, and ${said.length - 3} more` : "";
  return `its executor says that it has ${said.slice(0, 3).join("; ")}${more}; what is shown is the gateway's book`;
}

/** The sum of what is known, or null if nothing is. */
function total(values: readonly (number | undefined)[]): number | null {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0) return null;
  let sum = 0;
  for (const value of known) sum += value;
  return sum;
}
