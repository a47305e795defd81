import type { Command } from "commander";
import { type Act, type CommandContext, type CommandResult, refused } from "../context.ts";
import { gitUser } from "../git-user.ts";
import { land } from "../landing.ts";
import { examples } from "../program.ts";
import { numberMalformed, openSite, parseNumber } from "../site.ts";

export function define(command: Command, act: Act): void {
  command
    .description(
      "Merges a proposal if the gate passes it on main as it stands now and its approvals are there, and follows it until it runs. If main moved meanwhile, the new merge result is judged; nothing is merged that was not.",
    )
    .argument("<number>", "from `slipway proposals`")
    .addHelpText("after", examples([["slipway merge 42", "as your Git user"]], { 2: "refused: the gate, or approvals are missing" }))
    .action((number: string) => act((context) => merge(context, number)));
}

async function merge(context: CommandContext, text: string): Promise<CommandResult> {
  const number = parseNumber(text);
  if (number === undefined) return refused(context, [numberMalformed(text)]);
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  context.out.line(`proposal #${number}`);
  return land(context, site.value, number, await gitUser(site.value.checkout));
}
