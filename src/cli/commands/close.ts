import type { Command } from "commander";
import { actingPerson } from "../acting.ts";
import { type Act, type CommandContext, type CommandResult, done, refused } from "../context.ts";
import { refusedDelivery } from "../findings.ts";
import { formatTime } from "../output.ts";
import { examples } from "../program.ts";
import { proposalJson } from "../proposal-json.ts";
import { numberMalformed, openSite, parseNumber } from "../site.ts";

interface Options {
  readonly reason: string;
  readonly as?: string;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Gives a proposal up, and records who did and why. Who proposed it may, and who answers for what it touches: the members of its team in policies/teams.yaml, for policies everyone in a group. Its content stays on its branch; a deploy afterwards opens a new proposal.",
    )
    .argument("<number>", "from `slipway proposals`")
    .option("--reason <text>", "why, in one line; needed for someone else's", "")
    .option(
      "--as <name>",
      'who closes it, "Name" or "Name <email>" (default: your Git user name; a forge on the network knows it by the token)',
    )
    .addHelpText(
      "after",
      examples([
        ["slipway close 42", "your own"],
        ["slipway close 42 --reason 'replaced by 45'", "someone else's"],
      ]),
    )
    .action((number: string, options: Options) => act((context) => close(context, number, options)));
}

async function close(context: CommandContext, text: string, options: Options): Promise<CommandResult> {
  const number = parseNumber(text);
  if (number === undefined) return refused(context, [numberMalformed(text)]);
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const { repository, forge } = site.value;
  const by = await actingPerson(site.value, options.as);
  if (!by.ok) return refused(context, [by.error]);
  const before = await forge.get(number);
  const { closeProposal } = await import("#delivery/close.ts");
  const closed = await closeProposal({ repository, forge, number, by: by.value, reason: options.reason });
  if (!closed.ok) return refusedDelivery(context, closed.error);
  const proposal = closed.value;
  const already = before.ok && before.value.state === "closed";
  context.out.line(`proposal #${number}  ${proposal.title}`);
  if (proposal.closed !== undefined) {
    const { by: who, reason, timeSeconds } = proposal.closed;
    const why = reason === "" ? "" : `: ${reason}`;
    const when = already ? `already, at ${formatTime(timeSeconds)} ` : "";
    context.out.line(`  closed    ${when}by ${who}${why}`);
  }
  context.out.line(`  its content stays on the forge's branch ${proposal.branch.replace("refs/heads/", "")}`);
  return done({ proposal: proposalJson(proposal), already });
}
