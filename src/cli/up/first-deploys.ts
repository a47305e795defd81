import type { Overview, OverviewRow } from "#console/overview.ts";
import type { StrategyId } from "#core/identity.ts";
import { mergeProposal } from "#delivery/gate.ts";
import { readLayout } from "#delivery/layout.ts";
import type { Memo } from "#delivery/memo.ts";
import { environmentRef } from "#delivery/names.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import { readWorkspace } from "#delivery/tree.ts";
import { type CommandContext, finding } from "../context.ts";
import type { Person } from "../git-user.ts";
import { count, formatDuration } from "../output.ts";
import { embeddedEnvironment, type Site } from "../site.ts";

/** What was merged, to be watched until it trades. */
export interface FirstDeploy {
  readonly strategy: StrategyId;
  readonly number: number;
  readonly mergedAtMs: number;
}

export interface FirstDeploysRequest {
  readonly context: CommandContext;
  readonly site: Site;
  readonly memo: Memo;
  readonly by: Person;
  readonly view: { readonly line: (text: string) => void };
  /** Returns when what is on main now is rendered. */
  readonly carry: () => Promise<void>;
  readonly stopped: AbortSignal;
  readonly onDeployed: (deploy: FirstDeploy) => void;
}

/** How long a running strategy is watched for its first order; a careful one may trade much later. */
const firstOrderWaitMs = 20_000;

/**
 * Proposes and merges each strategy of the checkout, as a person would with `slipway deploy --merge`. What the gate refuses is said and left out;
 * what main has already is passed over, so a killed first run can be repeated.
 */
export async function deployAll(request: FirstDeploysRequest): Promise<void> {
  const { site, view, stopped } = request;
  const workspace = await readWorkspace(site.checkout);
  const strategies = [...readLayout(workspace).strategies.keys()].sort();
  if (strategies.length === 0) return;
  view.line(`\n  deploying ${count(strategies.length, "strategy", "strategies")} through pull requests`);
  const width = Math.max(...strategies.map((id) => id.length));
  const shared = { repository: site.repository, forge: site.forge, memo: request.memo, clock: request.context.now };
  for (const strategy of strategies) {
    if (stopped.aborted) break;
    const opened = await proposeDeploy({ ...shared, workspace, strategies: [strategy], author: request.by });
    if (!opened.ok) {
      if (opened.error.code !== "nothing-to-deploy") refuse(request, strategy, opened.error);
      continue;
    }
    if (stopped.aborted) break;
    const { number } = opened.value.proposal;
    const merged = await mergeProposal({ ...shared, number, by: request.by });
    if (!merged.ok) {
      refuse(request, strategy, merged.error);
      continue;
    }
    request.onDeployed({ strategy, number, mergedAtMs: request.context.now() });
    await request.carry();
    const head = (await site.repository.resolve(environmentRef(embeddedEnvironment)))?.slice(0, 7) ?? "not yet";
    const gate = merged.value.verdict?.summary ?? "passed before";
    view.line(
      `  #${number} ${strategy.padEnd(width)}   gate ✓ ${gate}   merged ${merged.value.commit.slice(0, 7)}   rendered env/${embeddedEnvironment} ${head}`,
    );
  }
}

function refuse(
  { context, view }: FirstDeploysRequest,
  strategy: StrategyId,
  refusal: {
    readonly code: string;
    readonly message: string;
    readonly fix: string;
    readonly findings: Parameters<typeof context.out.findings>[0];
  },
): void {
  view.line(`  ${strategy}   refused: ${refusal.message}`);
  context.out.findings([...refusal.findings, finding(refusal.code, `${strategy}: ${refusal.message}`, refusal.fix)]);
}

interface Watched {
  readonly deploy: FirstDeploy;
  syncedAtMs: number | undefined;
  runningAtMs: number | undefined;
}

/** Says once for each deploy how long it took to be synced, to run, and to have its first order answered. */
export class Arrivals {
  readonly #watched = new Map<string, Watched>();
  readonly #view: { readonly line: (text: string) => void };
  readonly #now: () => number;

  constructor(view: { readonly line: (text: string) => void }, now: () => number) {
    this.#view = view;
    this.#now = now;
  }

  add(deploy: FirstDeploy): void {
    this.#watched.set(deploy.strategy, { deploy, syncedAtMs: undefined, runningAtMs: undefined });
  }

  look(overview: Overview): void {
    for (const row of overview.rows) {
      const one = this.#watched.get(row.strategy);
      if (one === undefined) continue;
      if (row.sync === "Synced") one.syncedAtMs ??= this.#now();
      if (row.stage === "running") one.runningAtMs ??= this.#now();
      if (one.runningAtMs === undefined) continue;
      if (row.firstOrderAtMs === null && this.#now() - one.runningAtMs < firstOrderWaitMs) continue;
      this.#watched.delete(row.strategy);
      this.#view.line(`  #${one.deploy.number} ${row.strategy}   ${describeArrival(one, row)}`);
    }
  }
}

function describeArrival({ deploy, syncedAtMs, runningAtMs }: Watched, row: OverviewRow): string {
  const after = (atMs: number | null | undefined): string =>
    formatDuration(Math.max(0, (atMs ?? deploy.mergedAtMs) - deploy.mergedAtMs));
  const order = row.firstOrderAtMs === null ? "no order yet" : `first order ${after(row.firstOrderAtMs)}`;
  const warmed = row.warmedBy === null || row.warmedBy === 0 ? "" : `   warmed by ${row.warmedBy} quotes`;
  return `synced ${after(syncedAtMs)}   running ${after(runningAtMs)}   ${order}${warmed}`;
}
