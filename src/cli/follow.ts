import type { Overview, OverviewRow } from "#console/overview.ts";
import type { StrategyId } from "#core/identity.ts";
import type { JsonObject } from "#core/json.ts";
import type { CommitSha } from "#git/port.ts";
import { type RenderedAs, renderedAs } from "./rendered.ts";
import type { Site } from "./site.ts";

export interface FollowOptions {
  readonly site: Site;
  readonly environment: string;
  /** The merge on main. */
  readonly merged: CommitSha;
  readonly strategies: readonly StrategyId[];
  /** What the running server shows; undefined if it does not answer. */
  readonly look: () => Promise<Overview | undefined>;
  /** Milliseconds since any moment. */
  readonly steady: () => number;
  readonly pause: (milliseconds: number) => Promise<void>;
  readonly aborted: () => boolean;
  /** How long to wait for all of it, milliseconds. */
  readonly deadlineMs: number;
  readonly onStep: (step: Step) => void;
}

/** One thing that became true, and how long after the start of waiting. */
export type Step =
  | { readonly name: "rendered"; readonly rendered: NonNullable<RenderedAs>; readonly tookMs: number }
  | { readonly name: "synced"; readonly tookMs: number }
  | {
      /** `nowhere`: it is on main and in no environment that runs here. */
      readonly name: "running" | "stopped" | "removed" | "nowhere";
      readonly strategy: StrategyId;
      readonly row: OverviewRow | undefined;
      readonly tookMs: number;
    };

export interface Followed {
  readonly rendered: RenderedAs;
  readonly synced: boolean;
  /** Strategies that came where Git wants them: running, or stopped. */
  readonly settled: readonly StrategyId[];
  /** The last that was seen of the others, for the reason. */
  readonly waiting: readonly {
    readonly strategy: StrategyId;
    readonly state: string;
    readonly problem: string | null;
  }[];
}

const pollMs = 150;

/** Waits, with a bound, until a merge has arrived: rendered, synced, and each strategy where Git says: running, stopped, removed, or not here. */
export async function followMerge(options: FollowOptions): Promise<Followed> {
  const startedMs = options.steady();
  const took = (): number => options.steady() - startedMs;
  const isOver = (): boolean => took() > options.deadlineMs || options.aborted();
  const rendered = await waitForRender(options, isOver);
  if (rendered === undefined) return { rendered, synced: false, settled: [], waiting: [] };
  options.onStep({ name: "rendered", rendered, tookMs: took() });
  const settled: StrategyId[] = [];
  let synced = false;
  let overview: Overview | undefined;
  for (;;) {
    overview = await options.look();
    if (overview !== undefined && !synced && (await isApplied(options.site, overview, rendered))) {
      synced = true;
      options.onStep({ name: "synced", tookMs: took() });
    }
    if (overview !== undefined && synced) {
      for (const strategy of options.strategies) {
        if (settled.includes(strategy)) continue;
        const row = overview.rows.find((candidate) => candidate.strategy === strategy);
        const arrived = arrivedAs(row);
        if (arrived === undefined) continue;
        settled.push(strategy);
        options.onStep({ name: arrived, strategy, row, tookMs: took() });
      }
    }
    if (settled.length === options.strategies.length || isOver()) break;
    await options.pause(pollMs);
  }
  const waiting = options.strategies.filter((strategy) => !settled.includes(strategy));
  return { rendered, synced, settled, waiting: waiting.map((strategy) => lastSeen(strategy, overview)) };
}

function lastSeen(strategy: StrategyId, overview: Overview | undefined): Followed["waiting"][number] {
  const row = overview?.rows.find((candidate) => candidate.strategy === strategy);
  return { strategy, state: row?.state ?? "not seen yet", problem: row?.problem ?? null };
}

function arrivedAs(row: OverviewRow | undefined): "running" | "stopped" | "removed" | "nowhere" | undefined {
  if (row === undefined) return "removed";
  // What the cluster has applied was rendered with it, and does not hold it.
  if (row.stage === "merged") return "nowhere";
  return row.stage === "running" || row.stage === "stopped" ? row.stage : undefined;
}

async function waitForRender(
  { site, environment, merged, pause }: FollowOptions,
  isOver: () => boolean,
): Promise<RenderedAs> {
  for (;;) {
    const rendered = await renderedAs(site.repository, environment, merged);
    if (rendered !== undefined || isOver()) return rendered;
    await pause(pollMs);
  }
}

/** Whether the cluster has applied that commit or a later one, and what is shown beside it was read from such a one, too. */
async function isApplied(
  { repository }: Site,
  { revision, environmentHead }: Overview,
  rendered: NonNullable<RenderedAs>,
): Promise<boolean> {
  if (revision === null || environmentHead === null) return false;
  if (rendered.outcome === "unchanged") return true;
  for (const seen of new Set([revision, environmentHead])) {
    if (seen === rendered.commit) continue;
    const behind = await repository.history(seen as CommitSha, { limit: 50 });
    if (!behind.some(({ sha }) => sha === rendered.commit)) return false;
  }
  return true;
}

/** Keys are API. */
export function followedJson({ rendered, synced, settled, waiting }: Followed): JsonObject {
  return {
    rendered: rendered?.outcome === "committed" ? rendered.commit : null,
    unchanged: rendered?.outcome === "unchanged",
    synced,
    settled: [...settled],
    waiting: waiting.map(({ strategy, state, problem }) => ({ strategy, state, problem })),
  };
}
