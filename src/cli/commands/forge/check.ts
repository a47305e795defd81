import type { Command } from "commander";
import { hasErrors } from "#core/refusal.ts";
import { type Act, type CommandContext, type CommandResult, done, findingsJson, refused } from "../../context.ts";
import { compareForge, openRules } from "../../forge-rules.ts";
import { count } from "../../output.ts";
import { examples } from "../../program.ts";

export function define(command: Command, act: Act): void {
  command
    .description(
      "Compares the forge's own settings with what Slipway needs, and changes nothing: pull requests alone reach main, slipway/gate and slipway/approvals are required there and from Slipway's account, nobody passes by them, and only Slipway pushes to env/*, slipway/rendered/* and slipway/record.",
    )
    .addHelpText(
      "after",
      examples([["slipway forge check", "with an administrator's token in SLIPWAY_FORGE_TOKEN"]], {
        2: "something is not as it must be",
      }),
    )
    .action(() => act(check));
}

async function check(context: CommandContext): Promise<CommandResult> {
  const opened = await openRules(context);
  if (!opened.ok) return refused(context, opened.error);
  const { where } = opened.value;
  const { branches, findings } = await compareForge(opened.value);
  const document = { branches };
  if (hasErrors(findings)) return refused(context, findings, document);
  context.out.findings(findings);
  context.out.line(`${where}: ${count(branches.length, "branch", "branches")} looked at, every rule is there`);
  return done({ ...document, findings: findingsJson(findings) });
}
