import type { Command } from "commander";
import type { Proposal } from "#forge/port.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { columns } from "../output.ts";
import { examples } from "../program.ts";
import { proposalJson } from "../proposal-json.ts";
import { openSite } from "../site.ts";

export function define(command: Command, act: Act): void {
  command
    .description("Lists proposals, newest first: number, state, what the gate says, title and author.")
    .option("--only <state>", "only open, merged or closed ones")
    .addHelpText(
      "after",
      examples([
        ["slipway proposals", "all of them"],
        ["slipway proposals --only open --json", "for a script"],
      ]),
    )
    .action((options: { readonly only?: string }) => act((context) => listProposals(context, options.only)));
}

async function listProposals(context: CommandContext, state: string | undefined): Promise<CommandResult> {
  if (state !== undefined && state !== "open" && state !== "merged" && state !== "closed") {
    return refused(context, [
      finding("state-unknown", `a proposal is never ${JSON.stringify(state)}`, "write open, merged or closed"),
    ]);
  }
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const proposals = await site.value.forge.list(state === undefined ? {} : { state });
  if (proposals.length === 0)
    context.out.line(state === undefined ? "no proposals yet; slipway deploy makes one" : `no ${state} proposals`);
  for (const line of columns(proposals.map(cells))) context.out.line(line);
  return done({ proposals: proposals.map(proposalJson) });
}

function cells(proposal: Proposal): readonly string[] {
  const gate = proposal.gate === undefined ? "gate pending" : `gate ${proposal.gate.state}: ${proposal.gate.summary}`;
  return [
    `#${proposal.number}`,
    proposal.state,
    proposal.mergedAs?.slice(0, 7) ?? "",
    proposal.title,
    gate,
    proposal.author,
  ];
}
