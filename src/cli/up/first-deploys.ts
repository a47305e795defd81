import type { Overview } from "#console/overview.ts";
import type { StrategyId } from "#core/identity.ts";
import { mergeProposal } from "#delivery/gate.ts";
import { readLayout } from "#delivery/layout.ts";
import { createMemo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import type { SourceTree } from "#delivery/tree.ts";
import type { CommandContext } from "../context.ts";
import { finding } from "../context.ts";
import type { Person } from "../git-user.ts";
import { formatDuration } from "../output.ts";
import type { Site } from "../site.ts";
import type { LiveView } from "./live.ts";

export interface FirstDeploy {
  readonly strategy: StrategyId;
  readonly mergedAtMs: number;
  readonly text: string;
}

export interface FirstDeploysRequest {
  readonly context: CommandContext;
  readonly site: Site;
  readonly workspace: SourceTree;
  readonly by: Person;
  readonly view: LiveView;
  /** Renders what is on main now, and lets the cluster look. */
  readonly carry: () => Promise<string>;
}

/** Proposes and merges each strategy of the checkout, as a person would with `slipway deploy --merge`. What the gate refuses is said and left out. */
export async function deployAll(request: FirstDeploysRequest): Promise<readonly FirstDeploy[]> {
  const { context, site, workspace, by, view, carry } = request;
  const { repository, forge } = site;
  const memo = createMemo();
  const strategies = [...readLayout(workspace).strategies.keys()].sort();
  if (strategies.length === 0) return [];
  view.line(`\n  deploying ${strategies.length} strategies through pull requests`);
  const done: FirstDeploy[] = [];
  for (const strategy of strategies) {
    const shared = { repository, forge, memo, clock: context.now };
    const opened = await proposeDeploy({ ...shared, workspace, strategies: [strategy], author: by });
    if (!opened.ok) {
      context.out.findings([
        ...opened.error.findings,
        finding(opened.error.code, `${strategy}: ${opened.error.message}`, opened.error.fix),
      ]);
      continue;
    }
    const { number } = opened.value.proposal;
    const merged = await mergeProposal({ ...shared, number, by });
    if (!merged.ok) {
      context.out.findings([
        ...merged.error.findings,
        finding(merged.error.code, merged.error.message, merged.error.fix),
      ]);
      continue;
    }
    const mergedAtMs = context.now();
    const environmentHead = await carry();
    const gate = merged.value.verdict?.summary ?? "passed";
    done.push({
      strategy,
      mergedAtMs,
      text: `#${number} ${strategy.padEnd(18)}  gate ✓ ${gate}  merged ${merged.value.commit.slice(0, 7)}  rendered ${environmentHead.slice(0, 7)}`,
    });
    view.line(`  ${done.at(-1)?.text ?? ""}`);
  }
  return done;
}

/** Says once for each strategy when it runs, and when its first order was answered. */
export function createArrivals(deploys: readonly FirstDeploy[], view: LiveView): (overview: Overview) => void {
  const waiting = new Map(deploys.map((deploy) => [deploy.strategy as string, deploy]));
  return (overview) => {
    for (const row of overview.rows) {
      const deploy = waiting.get(row.strategy);
      if (deploy === undefined || row.firstOrderAtMs === null) continue;
      waiting.delete(row.strategy);
      const warmed = row.warmedBy === null || row.warmedBy === 0 ? "" : `, warmed by ${row.warmedBy} quotes`;
      view.line(
        `  ${row.strategy}: first order ${formatDuration(row.firstOrderAtMs - deploy.mergedAtMs)} after its merge${warmed}`,
      );
    }
  };
}
