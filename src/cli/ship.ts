import type { StrategyId } from "#core/identity.ts";
import type { Result } from "#core/result.ts";
import { besideOf, describeBeside } from "#delivery/beside.ts";
import { judge, type MergedProposal, type MergeRefusal, mergeProposal, type Verdict } from "#delivery/gate.ts";
import { createMemo, type Memo } from "#delivery/memo.ts";
import type { OpenedChange, ProposalRefusal, ProposeContext } from "#delivery/propose.ts";
import type { CommitSha } from "#git/port.ts";
import { type CommandContext, type CommandResult, done, type JsonDocument, refused, refusedSaid } from "./context.ts";
import { refusedDelivery } from "./findings.ts";
import { type Followed, followedJson, followMerge, type Step } from "./follow.ts";
import { arriveOnForge, awaiting, serverVerdict } from "./forge-ship.ts";
import type { Person } from "./git-user.ts";
import { turnFor } from "./merge-turn.ts";
import { formatDuration } from "./output.ts";
import { type Plane, withPlane } from "./plane.ts";
import { proposalJson } from "./proposal-json.ts";
import { askServer } from "./server-file.ts";
import { embeddedEnvironment, type Site } from "./site.ts";
import { describeVerdict, verdictJson } from "./verdict-text.ts";

export interface ShipOptions {
  readonly person: Person;
  readonly merge: boolean;
  /** How long to wait for the merge to arrive. */
  readonly timeoutMs: number;
  /** Whose last merge is followed where `merge` finds that main has it already: the command that merged may have been killed. */
  readonly strategies?: readonly StrategyId[];
}

/** How far it came under the lock. */
type Shipped =
  | { readonly end: "not-proposed"; readonly refusal: ProposalRefusal }
  | { readonly end: "gate-refused" | "proposed"; readonly change: OpenedChange; readonly verdict: Verdict }
  | {
      readonly end: "not-merged";
      readonly change: OpenedChange;
      readonly verdict: Verdict;
      readonly refusal: MergeRefusal;
    }
  | {
      readonly end: "merged";
      readonly change: OpenedChange;
      readonly verdict: Verdict;
      readonly merged: MergedProposal;
    };

/** Proposes, lets the gate judge, merges if that is wanted, and follows the merge until it runs. Says each step when it is true. */
export async function ship(
  context: CommandContext,
  site: Site,
  propose: (request: ProposeContext) => Promise<Result<OpenedChange, ProposalRefusal>>,
  options: ShipOptions,
): Promise<CommandResult> {
  const done = await withPlane(context, site, (memo) => shipUnderLock(context, site, memo, propose, options));
  if (!done.ok) return refused(context, [done.error]);
  const { value: shipped, plane } = done.value;
  if (shipped.end === "not-proposed") return notProposed(context, site, shipped.refusal, plane, options);
  const document = {
    proposal: proposalJson(shipped.change.proposal),
    outcome: shipped.change.outcome,
    ...(shipped.change.tookOver === undefined ? {} : { tookOver: { ...shipped.change.tookOver } }),
    verdict: verdictJson(shipped.verdict),
  };
  switch (shipped.end) {
    case "gate-refused":
      context.out.findings(shipped.verdict.findings);
      context.out.error(
        `proposal #${shipped.verdict.number} stays open: mend it and deploy again, or give it up: slipway close ${shipped.verdict.number}`,
      );
      return refusedSaid(shipped.verdict.findings, document);
    case "not-merged":
      return refusedDelivery(context, shipped.refusal, document);
    case "proposed":
      return proposed(context, shipped, document);
    case "merged":
      return arrive(
        context,
        site,
        {
          commit: shipped.merged.commit,
          strategies: shipped.verdict.strategies.map(({ id }) => id),
          environments: environmentsOf(shipped.verdict),
          plane,
          timeoutMs: options.timeoutMs,
        },
        document,
      );
  }
}

async function shipUnderLock(
  context: CommandContext,
  site: Site,
  memo: Memo,
  propose: (request: ProposeContext) => Promise<Result<OpenedChange, ProposalRefusal>>,
  { person, merge, timeoutMs }: ShipOptions,
): Promise<Shipped> {
  const { out } = context;
  const { repository, forge, mirror } = site;
  const judged = createMemo({ entriesMax: 1 });
  const opened = await propose({ repository, forge, author: person, clock: context.now, memo });
  if (!opened.ok) return { end: "not-proposed", refusal: opened.error };
  const change = opened.value;
  const { number, title } = change.proposal;
  const again = {
    opened: "",
    moved: "   (moved to what this folder holds now)",
    unchanged: "   (open already, with this very content)",
  }[change.outcome];
  out.line(`proposal #${number}  ${title}${again}`);
  if (change.tookOver !== undefined)
    out.line(`  closed    #${change.tookOver.number} by ${change.tookOver.author}, whose place it takes`);
  for (const one of await besideOf(repository, change.proposal, await forge.list({ state: "open" }), memo))
    out.line(`  beside    ${describeBeside(one)}: whichever is merged first, the other is judged again on it`);
  out.findings(change.findings);
  const verdict =
    mirror === undefined
      ? await judge({ repository, forge, number, memo, judged })
      : await serverVerdict(context, { forge, mirror, number, memo, timeoutMs });
  for (const line of describeVerdict(verdict)) out.line(line);
  if (verdict.state === "refused") return { end: "gate-refused", change, verdict };
  if (!merge) return { end: "proposed", change, verdict };
  const merged = await mergeProposal({
    ...{ repository, forge, number, by: person, clock: context.now, memo, judged },
    ...awaiting(context, site),
    turn: await turnFor(context, site, { number, by: person }),
    // What this command proposed, and no other content that came meanwhile.
    head: change.head,
  });
  if (!merged.ok) return { end: "not-merged", change, verdict, refusal: merged.error };
  out.line(`  merged    ${merged.value.commit.slice(0, 7)}`);
  return { end: "merged", change, verdict, merged: merged.value };
}

/** Nothing to do is a good end: whoever says it twice wanted that main has it. */
async function notProposed(
  context: CommandContext,
  site: Site,
  refusal: ProposalRefusal,
  plane: Plane,
  { merge, strategies = [], timeoutMs }: ShipOptions,
): Promise<CommandResult> {
  if (refusal.code !== "nothing-to-deploy") return refusedDelivery(context, refusal);
  context.out.line(refusal.message);
  const document = { proposal: null, outcome: "nothing", message: refusal.message };
  if (!merge || strategies.length === 0) return done(document);
  const { followMergedBefore } = await import("./merged-before.ts");
  return followMergedBefore(context, site, { strategies, plane, timeoutMs }, document);
}

function proposed(
  context: CommandContext,
  { change, verdict }: { readonly change: OpenedChange; readonly verdict: Verdict },
  document: JsonDocument,
): CommandResult {
  const { number } = change.proposal;
  const [strategy] = verdict.strategies;
  const needs = verdict.needs.length > 0 ? " (when approved)" : "";
  context.out.line(
    `next: slipway merge ${number}${needs}${strategy === undefined ? "" : ` · slipway status ${strategy.id}`}`,
  );
  return done(document);
}

export function environmentsOf({ objects }: Verdict): readonly string[] {
  return [...new Set(objects.map(({ environment }) => environment))].sort();
}

export interface Arrival {
  readonly commit: CommitSha;
  /** Which environments the merge changes; default: the embedded one. */
  readonly environments?: readonly string[];
  readonly strategies: readonly StrategyId[];
  readonly plane: Plane;
  readonly timeoutMs: number;
}

/** Follows a merge; exit code 1 if a server runs and it did not arrive in time. */
export async function arrive(
  context: CommandContext,
  site: Site,
  arrival: Arrival,
  document: JsonDocument,
): Promise<CommandResult> {
  const { commit, strategies, plane, timeoutMs } = arrival;
  const { out } = context;
  if (plane === "forge") return arriveOnForge(context, site, arrival, document);
  const signal = context.stopped();
  const server = plane === "server" ? await askServer(site.state) : undefined;
  const followed = await followMerge({
    site,
    environment: embeddedEnvironment,
    merged: commit,
    strategies: server === undefined ? [] : strategies,
    look: async () => (server === undefined ? undefined : (await askServer(site.state))?.overview),
    steady: context.steady,
    pause: context.pause,
    aborted: () => signal.aborted,
    deadlineMs: timeoutMs,
    onStep: (step) => out.line(describeStep(step)),
  });
  const full = { ...document, mergedAs: commit, server: server !== undefined, arrived: followedJson(followed) };
  if (followed.rendered === undefined)
    return late(
      context,
      `env/${embeddedEnvironment} does not hold it yet`,
      "look at the terminal of `slipway up`, or run `slipway status`",
      full,
    );
  if (server === undefined) {
    out.line("no server runs here: executors start when `slipway up` runs");
    return done(full);
  }
  if (followed.waiting.length > 0)
    return late(
      context,
      describeWaiting(followed),
      `slipway status ${followed.waiting[0]?.strategy} · slipway logs ${followed.waiting[0]?.strategy}`,
      full,
    );
  if (strategies.length > 0) out.line(`next: slipway status ${strategies[0]} · slipway logs ${strategies[0]} --follow`);
  return done(full);
}

function late(context: CommandContext, message: string, next: string, document: JsonDocument): CommandResult {
  context.out.error(`not there yet: ${message}`);
  context.out.error(`next: ${next}`);
  return {
    exitCode: 1,
    document: { ok: false, ...document, error: { code: "not-arrived", message, causes: [], fix: next } },
  };
}

function describeWaiting({ waiting }: Followed): string {
  return waiting
    .map(({ strategy, state, problem }) => `${strategy} is ${state}${problem === null ? "" : `: ${problem}`}`)
    .join("; ");
}

function describeStep(step: Step): string {
  const took = formatDuration(step.tookMs);
  switch (step.name) {
    case "rendered":
      if (step.rendered.outcome === "unchanged")
        return `  rendered  nothing changes on env/${embeddedEnvironment}   ${took}`;
      return `  rendered  ${step.rendered.commit.slice(0, 7)} on env/${embeddedEnvironment}   ${took}`;
    case "synced":
      return `  synced    embedded cluster            ${took}`;
    case "running": {
      const warmed = step.row?.warmedBy ? `   warmed by ${step.row.warmedBy} quotes` : "";
      return `  running   ${step.strategy}   ${took}${warmed}`;
    }
    case "stopped":
      return `  stopped   ${step.strategy}   ${took}`;
    case "nowhere":
      return `  nowhere   ${step.strategy}: its spec names no environment that runs here (spec.environments)`;
    case "removed":
      return `  removed   ${step.strategy}   ${took}`;
  }
}
