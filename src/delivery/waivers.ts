import { formatBound } from "#core/bounds.ts";
import { slipwayIdentity } from "#core/committer.ts";
import { type FreezeDocument, freezeWindow } from "#core/freeze.ts";
import { type Halt, haltsIn } from "#core/halt.ts";
import type { Policies } from "#core/policies.ts";
import { type WaiverDocument, waiverEnd } from "#core/waiver.ts";
import type { CommitSha, Repository } from "#git/port.ts";
import { readTimedPolicies } from "./expiries.ts";
import { createMemo, type Memo } from "./memo.ts";
import { mainRef } from "./names.ts";

/** A waiver as people list it. */
export interface WaiverView {
  readonly name: string;
  /** `maxOrderNotional to 2000`, or the rule's name. */
  readonly what: string;
  readonly environment: string;
  /** A strategy's id, or a team's name. */
  readonly scope: string;
  readonly owner: string;
  readonly reason: string;
  /** As it is written. */
  readonly until: string;
  /** The first second in which it no longer holds, since the epoch. */
  readonly endSeconds: number;
}

export interface EndedWaiver extends WaiverView {
  /** The commit of main that took it away. */
  readonly removedBy: CommitSha;
}

export interface FreezeView {
  readonly name: string;
  readonly environments: readonly string[];
  readonly from: string;
  readonly until: string;
  readonly timeZone: string;
  readonly reason: string;
  readonly fromSeconds: number;
  readonly untilSeconds: number;
}

export interface HaltView extends Halt {
  readonly environment: string;
}

/** What main's policies say of time, the earliest end first. */
export interface TimedPolicies {
  readonly waivers: readonly WaiverView[];
  readonly freezes: readonly FreezeView[];
  /** What is halted, the oldest first: it has no end but its removal. */
  readonly halts: readonly HaltView[];
}

const endedMax = 10;

export async function readTimed(repository: Repository, memo: Memo = createMemo()): Promise<TimedPolicies> {
  const main = await repository.resolve(mainRef);
  if (main === undefined) return { waivers: [], freezes: [], halts: [] };
  const policies = await readTimedPolicies(repository, main, memo);
  return { waivers: waiversOf(policies), freezes: freezesOf(policies), halts: haltsOf(policies) };
}

function haltsOf({ halts }: Policies): readonly HaltView[] {
  const named = [...halts.values()].flatMap(({ document }) => document?.spec.scope.environment ?? []);
  const views = [...new Set(named)].flatMap((environment) =>
    haltsIn(halts, environment).map((halt) => ({ ...halt, environment })),
  );
  return views.sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
}

function waiversOf({ waivers }: Policies): readonly WaiverView[] {
  const views: WaiverView[] = [];
  for (const { document } of waivers.values()) if (document !== undefined) views.push(viewOf(document));
  return views.sort((a, b) => a.endSeconds - b.endSeconds || (a.name < b.name ? -1 : 1));
}

function viewOf(document: WaiverDocument): WaiverView {
  const { waives, scope, owner, reason, until } = document.spec;
  return {
    name: document.metadata.name,
    what: "rule" in waives ? waives.rule : `${waives.bound} to ${formatBound(waives.to)}`,
    environment: scope.environment,
    scope: "team" in scope ? scope.team : scope.strategy,
    owner,
    reason,
    until,
    endSeconds: waiverEnd(document),
  };
}

function freezesOf({ freezes }: Policies): readonly FreezeView[] {
  const views: FreezeView[] = [];
  for (const { document } of freezes.values()) if (document !== undefined) views.push(freezeView(document));
  return views.sort((a, b) => a.untilSeconds - b.untilSeconds || (a.name < b.name ? -1 : 1));
}

function freezeView(document: FreezeDocument): FreezeView {
  const { environments, from, until, timeZone, reason } = document.spec;
  return { name: document.metadata.name, environments, from, until, timeZone, reason, ...freezeWindow(document) };
}

/** The last waivers that Slipway took away at their end, newest first. */
export async function readEndedWaivers(
  repository: Repository,
  memo: Memo = createMemo(),
): Promise<readonly EndedWaiver[]> {
  const main = await repository.resolve(mainRef);
  if (main === undefined) return [];
  const ended: EndedWaiver[] = [];
  for (const { sha, parents, author } of await repository.history(main, { path: "policies/waivers", limit: 100 })) {
    const [before, merged] = parents;
    if (author.email !== slipwayIdentity.email || before === undefined || merged !== undefined) continue;
    const paths = (await repository.changedPaths(before, sha)).filter(({ status }) => status === "deleted");
    const gone = new Set<string>(paths.map(({ path }) => path));
    for (const view of waiversOf(await readTimedPolicies(repository, before, memo)))
      if (gone.has(`policies/waivers/${view.name}.yaml`)) ended.push({ ...view, removedBy: sha });
    if (ended.length >= endedMax) break;
  }
  return ended.slice(0, endedMax);
}
