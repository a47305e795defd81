import type { Command } from "commander";
import type { Proposal } from "#forge/port.ts";
import type { CommitSha, Repository } from "#git/port.ts";
import { type Act, type CommandContext, type CommandResult, done, refused } from "../context.ts";
import { refusedDelivery } from "../findings.ts";
import { gitUser } from "../git-user.ts";
import { formatTime } from "../output.ts";
import { withPlane } from "../plane.ts";
import { examples } from "../program.ts";
import { proposalJson } from "../proposal-json.ts";
import { numberMalformed, openSite, parseNumber } from "../site.ts";
import { parseSeconds } from "../waiting.ts";

interface Options {
  readonly timeout: string;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Merges a proposal: the gate judges the merge result on main as it stands now, and only that very result is merged. Then waits until it is rendered, synced and running. Of one that is merged already it says by whom and when.",
    )
    .argument("<number>", "from `slipway proposals`")
    .option("--timeout <seconds>", "how long to wait until it runs", "60")
    .addHelpText(
      "after",
      examples([["slipway merge 42", "judge, merge, and watch it start"]], {
        1: "something outside failed, or it did not run in time (the merge stands)",
        2: "refused by the gate, or approvals are missing",
      }),
    )
    .action((number: string, options: Options) => act((context) => merge(context, number, options)));
}

async function merge(context: CommandContext, text: string, options: Options): Promise<CommandResult> {
  const number = parseNumber(text);
  if (number === undefined) return refused(context, [numberMalformed(text)]);
  const timeoutMs = parseSeconds("--timeout", options.timeout);
  if (!timeoutMs.ok) return refused(context, [timeoutMs.error]);
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const { repository, forge, checkout } = site.value;
  const by = await gitUser(checkout);
  const { mergeProposal } = await import("#delivery/gate.ts");
  const { arrive, environmentsOf } = await import("../ship.ts");
  const { strategiesChangedBy } = await import("../merged-before.ts");
  const { awaiting } = await import("../forge-ship.ts");
  const { describeVerdict } = await import("../verdict-text.ts");
  const { turnFor } = await import("../merge-turn.ts");
  const turn = await turnFor(context, site.value, { number, by });
  const held = await withPlane(context, site.value, (memo) =>
    mergeProposal({ repository, forge, number, by, clock: context.now, memo, turn, ...awaiting(context, site.value) }),
  );
  if (!held.ok) return refused(context, [held.error]);
  const { value: merged, plane } = held.value;
  if (!merged.ok) return refusedDelivery(context, merged.error);
  const { proposal, commit, verdict } = merged.value;
  context.out.line(`proposal #${number}  ${proposal.title}`);
  if (verdict === undefined) return mergedAlready(context, repository, proposal, commit);
  for (const line of describeVerdict(verdict, proposal.approvals)) context.out.line(line);
  context.out.line(`  merged    ${commit.slice(0, 7)}`);
  const strategies = await strategiesChangedBy(repository, commit);
  const document = { proposal: proposalJson(proposal), merged: true };
  const arrival = { commit, strategies, environments: environmentsOf(verdict), plane, timeoutMs: timeoutMs.value };
  return arrive(context, site.value, arrival, document);
}

async function mergedAlready(
  context: CommandContext,
  repository: Repository,
  proposal: Proposal,
  sha: CommitSha,
): Promise<CommandResult> {
  const { strategiesChangedBy } = await import("../merged-before.ts");
  const { author, committer } = await repository.commit(sha);
  const when = formatTime(committer.timeSeconds);
  context.out.line(`  merged    already, by ${author.name} at ${when} as ${sha.slice(0, 7)}; nothing was done`);
  const [strategy] = await strategiesChangedBy(repository, sha);
  if (strategy !== undefined) context.out.line(`next: slipway status ${strategy}`);
  return done({
    proposal: proposalJson(proposal),
    merged: false,
    mergedAs: sha,
    mergedBy: author.name,
    mergedSeconds: committer.timeSeconds,
  });
}
