import type { Command } from "commander";
import { hasErrors } from "#core/refusal.ts";
import { type Act, type CommandContext, type CommandResult, done, findingsJson, refused } from "../../context.ts";
import { compareForge, openRules } from "../../forge-rules.ts";
import { examples } from "../../program.ts";

export function define(command: Command, act: Act): void {
  command
    .description(
      "Sets on the forge what `slipway forge check` looks for: rules of its own for main and for Slipway's branches. What others have set stays, and what then is still not as it must be is listed. Doing it again changes nothing.",
    )
    .addHelpText(
      "after",
      examples([["slipway forge protect", "with an administrator's token in SLIPWAY_FORGE_TOKEN"]], {
        2: "something is still not as it must be",
      }),
    )
    .action(() => act(protect));
}

async function protect(context: CommandContext): Promise<CommandResult> {
  const opened = await openRules(context);
  if (!opened.ok) return refused(context, opened.error);
  const { where, writer, rules } = opened.value;
  await rules.write();
  const { branches, findings } = await compareForge(opened.value);
  // What is there beside ours, and stays.
  const left = findings.map((each) =>
    each.fix === undefined || each.severity === "warning"
      ? each
      : {
          ...each,
          fix: "take away what others have set there, on the forge's own pages; Slipway's own rules are in place",
        },
  );
  const document = { branches };
  if (hasErrors(left)) return refused(context, left, document);
  context.out.findings(left);
  context.out.line(`${where}: main takes pull requests that ${writer} has passed, and what it renders is its own`);
  return done({ ...document, findings: findingsJson(left) });
}
