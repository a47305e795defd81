import type { StrategyId } from "#core/identity.ts";
import { applyExpiries, type Expiry } from "#delivery/expiries.ts";
import type { Verdict } from "#delivery/gate.ts";
import { createMemo, type Memo } from "#delivery/memo.ts";
import { environmentsOnMain, mainRef } from "#delivery/names.ts";
import { createPastGateWatch, describePastGate, type PastGate } from "#delivery/past-gate.ts";
import { describePin, isPinned, pinAt } from "#delivery/pinned.ts";
import { type RenderedCommit, renderBranch } from "#delivery/render.ts";
import { strategyOf } from "#delivery/render-tree.ts";
import { readRenderer } from "#delivery/renderer.ts";
import type { Forge, StageStatus } from "#forge/port.ts";
import type { CommitSha, Repository } from "#git/port.ts";

import { type ArgoHints, createArgoHints } from "./argo-hints.ts";
import type { ArgoTeller } from "./argo-teller.ts";
import { createFollower, type Followed, type Follower, type Observe } from "./follow.ts";
import { type Judging, judgeAll, turnSeconds } from "./judging.ts";
import { caught, type Raised } from "./raised.ts";
import { createTurnWatch } from "./turn-watch.ts";

export type { Raised } from "./raised.ts";

/** Fixed messages with fields, as pino's loggers take them. */
export interface ServerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ControlPlaneOptions {
  readonly repository: Repository;
  readonly forge: Forge;
  /** Before each round: brings the repository up to where its refs live. */
  readonly refresh?: () => Promise<void>;
  /** Default: all that main's policies define. */
  readonly environments?: readonly string[];
  /** What stands in the `Renderer` trailer. Default: this package's version and lock file. */
  readonly renderer?: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Milliseconds since any moment, by a clock that nobody sets. */
  readonly steady: () => number;
  readonly log: ServerLog;
  readonly memo?: Memo;
  /** What runs of an environment, if a cluster is looked at: then merged proposals are followed until they run. */
  readonly observe?: Observe;
  /** Who tells Argo CD that a branch has moved, if anybody does. */
  readonly argo?: ArgoTeller;
}

export interface ReconcileReport {
  /** What time has ended or started since the last round: a commit on main each. */
  readonly expired: readonly Expiry[];
  /** When the next round is due even if nothing moves, seconds since the epoch. */
  readonly nextSeconds: number | undefined;
  readonly judged: readonly Verdict[];
  readonly rendered: readonly RenderedCommit[];
  readonly raised: readonly Raised[];
}

export interface ControlPlane {
  /**
   * Commits to main what time has ended or started, judges every open proposal whose gate is missing or stale and brings every environment branch up to main. Repeating it changes nothing;
   * killed anywhere, the next one goes on.
   *
   * @throws Fault when Git or the forge fails for all; what fails for one proposal or environment is in `raised`, and the others go on
   */
  reconcile(): Promise<ReconcileReport>;
}

/** The one process that writes gate statuses and environment branches. It keeps nothing that it could not do without: Git is its memory. */
export function createControlPlane(options: ControlPlaneOptions): ControlPlane {
  const { memo = createMemo() } = options;
  let renderer: Promise<string> | undefined;
  const { observe, argo } = options;
  const hints = argo && createArgoHints({ ...options, teller: argo, watched: observe !== undefined });
  const follower = observe === undefined ? undefined : createFollower({ ...options, observe });
  const pastGate = createPastGateWatch(options);
  const judging: Judging = { memo, turns: createTurnWatch(options), open: [], failed: new Map() };
  return {
    async reconcile() {
      renderer ??= options.renderer === undefined ? readRenderer() : Promise.resolve(options.renderer);
      const raised: Raised[] = [];
      await refreshed(options, hints);
      const { done: expired, nextSeconds } = await expire(options, memo, raised);
      // Rendering next: a merge waits for its environment, a proposal for its reader.
      const rendered = await renderAll(options, await renderer, memo, raised);
      await hintAll(options, hints, raised);
      await checkVersion(options, await renderer, memo, raised);
      for (const one of (await caught(raised, {}, () => pastGate.current())) ?? []) raised.push(cameBy(one));
      const { judged, putOff } = await judgeAll(options, judging, raised);
      const waiting = follower === undefined ? 0 : await followAll(options, follower, hints, raised);
      raised.push(...(argo?.untold() ?? []));
      await memo.specs.save();
      const soon = [...(waiting === 0 ? [] : [followSeconds]), ...(putOff === 0 ? [] : [turnSeconds])];
      const nowSeconds = Math.ceil(options.clock() / 1_000);
      const due = [...soon.map((seconds) => nowSeconds + seconds), ...(nextSeconds === undefined ? [] : [nextSeconds])];
      return {
        ...{ expired, judged, rendered, raised },
        nextSeconds: due.length === 0 ? undefined : Math.min(...due),
      };
    },
  };
}

async function expire(
  { repository, clock, log }: ControlPlaneOptions,
  memo: Memo,
  raised: Raised[],
): ReturnType<typeof applyExpiries> {
  const applied = await caught(raised, {}, () => applyExpiries({ repository, clock, memo }));
  for (const { commit, changes, delaySeconds } of applied?.done ?? [])
    log.info({ commit, changes: changes.map(({ kind, name }) => `${kind} ${name}`), delaySeconds }, "time has come");
  return applied ?? { done: [], nextSeconds: undefined };
}

async function refreshed({ refresh }: ControlPlaneOptions, hints: ArgoHints | undefined): Promise<void> {
  try {
    await refresh?.();
  } catch (cause) {
    hints?.gitAway();
    throw cause;
  }
}

/** Where each branch is, and not what this round has rendered: another process may have, or the one before this one. */
async function hintAll(options: ControlPlaneOptions, hints: ArgoHints | undefined, raised: Raised[]): Promise<void> {
  if (hints === undefined) return;
  for (const environment of options.environments ?? (await environmentsOnMain(options.repository)))
    await caught(raised, { environment }, () => hints.moved(environment));
}

/** Of the first commit that Argo CD has not seen: what it is told of that has the later ones, too. */
async function hintUnseen(hints: ArgoHints, environment: string, open: readonly Followed[]): Promise<void> {
  for (const { arrival, isUnseen } of open)
    if (await isUnseen()) return hints.unseen(environment, arrival.commit as CommitSha);
}

/** How soon a cluster is looked at again while something is on its way there. */
const followSeconds = 10;

/** @returns how many are on their way, or stand still */
async function followAll(
  options: ControlPlaneOptions,
  follower: Follower,
  hints: ArgoHints | undefined,
  raised: Raised[],
): Promise<number> {
  let waiting = 0;
  for (const environment of options.environments ?? (await environmentsOnMain(options.repository))) {
    const open = (await caught(raised, { environment }, () => follower.follow(environment))) ?? [];
    waiting += open.length;
    if (hints !== undefined) await caught(raised, { environment }, () => hintUnseen(hints, environment, open));
    for (const { arrival, dry } of open)
      if (arrival.state === "refused")
        raised.push({
          code: "sync-failed",
          environment,
          message: `commit ${dry.slice(0, 7)} of main is merged, and does not run in ${environment}: ${arrival.summary}`,
        });
  }
  return waiting;
}

async function renderAll(
  options: ControlPlaneOptions,
  renderer: string,
  memo: Memo,
  raised: Raised[],
): Promise<readonly RenderedCommit[]> {
  const { repository, forge, log } = options;
  const rendered: RenderedCommit[] = [];
  for (const environment of options.environments ?? (await environmentsOnMain(repository))) {
    const startedMs = options.steady();
    const commits = await caught(raised, { environment }, () =>
      renderBranch({ repository, environment, renderer, memo }),
    );
    for (const commit of commits ?? []) {
      rendered.push(commit);
      const { dry, title, strategies } = commit;
      if (commit.outcome === "committed")
        log.info(
          { environment, dry, commit: commit.commit, title, strategies, ms: options.steady() - startedMs },
          "rendered",
        );
      await caught(raised, { environment }, async () => forge.setStage?.(dry, renderStage(commit)));
      if (commit.outcome === "refused") raised.push(refusedOnMain(commit));
      if (commit.outcome !== "committed") continue;
      for (const strategy of commit.stopped) {
        log.warn({ environment, strategy, dry }, "stopped: today's policies refuse it");
        raised.push(stoppedByPolicy(commit, strategy));
      }
    }
  }
  return rendered;
}

/** After an upgrade was merged the version that runs goes on, so that a stop gets through; somebody must start the other. */
async function checkVersion(
  { repository }: ControlPlaneOptions,
  renderer: string,
  memo: Memo,
  raised: Raised[],
): Promise<void> {
  const main = await repository.resolve(mainRef);
  const pin = main === undefined ? undefined : await pinAt(repository, main, memo);
  if (pin === undefined || isPinned(pin, renderer) || raised.some(({ code }) => code === "renderer-unpinned")) return;
  raised.push({
    code: "version-behind",
    message: `main asks for ${describePin(pin)}, and this server is ${renderer}: it judges and renders on as it is; start it anew from main's package-lock.json (npm ci)`,
  });
}

/** What a merged commit's page says of an environment. A kill before it was written leaves it out: it is for people, and Git knows better. */
function renderStage({ environment, outcome, commit }: RenderedCommit): StageStatus {
  const name = `render-${environment}`;
  if (outcome === "refused")
    return { name, state: "refused", summary: `not rendered to env/${environment}: it is refused` };
  const summary =
    outcome === "committed" ? `${commit?.slice(0, 7)} on env/${environment}` : `nothing changes on env/${environment}`;
  return { name, state: "passed", summary };
}

function refusedOnMain({ environment, dry, title, findings }: RenderedCommit): Raised {
  const first = findings.find(({ severity }) => severity === "error");
  return {
    code: "main-refused",
    environment,
    message: `commit ${dry.slice(0, 7)} (${title}) is on main and is not rendered to ${environment}: ${first?.message ?? "it is refused"}`,
  };
}

function cameBy(one: PastGate): Raised {
  return { code: "tool-past-gate", message: describePastGate(one).join("; ") };
}

function stoppedByPolicy({ environment, findings }: RenderedCommit, strategy: StrategyId): Raised {
  const first = findings.find((finding) => strategyOf(finding) === strategy);
  const why = first === undefined ? "" : `: ${first.message}`;
  return {
    code: "strategy-stopped",
    environment,
    message: `${strategy} is stopped in ${environment}, because today's policies refuse it${why}`,
  };
}
