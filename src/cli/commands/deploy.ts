import type { Command } from "commander";
import { type Act, type CommandContext, type CommandResult, finding, refused } from "../context.ts";
import { examples } from "../program.ts";
import { parseIds } from "./check.ts";

interface Options {
  readonly merge?: boolean;
  readonly policies?: boolean;
  readonly title?: string;
  readonly force?: boolean;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Proposes strategies of this checkout exactly as their folders stand, and says where the proposal stands. The folder is only read; it need not be committed. Run again it answers with the open proposal, or moves it to the newer content.",
    )
    .argument("[strategies...]", "<team>/<name>, or their folders")
    .option("--merge", "wait for the gate, merge, and follow it until it runs")
    .option("--policies", "propose the checkout's policies/ too, or alone")
    .option("--title <text>", "what the proposal is called (default: what changes)")
    .option("--force", "propose what the check refuses too; the gate will refuse it in the open")
    .addHelpText(
      "after",
      examples(
        [
          ["slipway deploy momentum/sma-cross", "opens the proposal"],
          ["slipway deploy momentum/sma-cross --merge", "and merges it when the gate passes it"],
          ["slipway deploy --policies", "proposes an edit of policies/"],
        ],
        { 2: "refused: the check, the gate, or nothing has changed" },
      ),
    )
    .action((strategies: readonly string[], options: Options) => act((context) => deploy(context, strategies, options)));
}

async function deploy(context: CommandContext, names: readonly string[], options: Options): Promise<CommandResult> {
  const policies = options.policies === true;
  const ids = parseIds(names);
  if (!ids.ok) return refused(context, ids.findings);
  if (ids.ids.length === 0 && !policies) {
    return refused(context, [finding("nothing-named", "nothing was named", "name strategies, for example momentum/sma-cross, or --policies")]);
  }
  const { proposeAndLand, seededSite } = await import("../landing.ts");
  const { gitUser } = await import("../git-user.ts");
  const { proposeDeploy } = await import("#delivery/propose.ts");
  const { readWorkspace } = await import("#delivery/tree.ts");
  const site = await seededSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const by = await gitUser(site.value.checkout);
  const workspace = await readWorkspace(site.value.checkout);
  const { repository, forge } = site.value;
  const open = () =>
    proposeDeploy({
      repository,
      forge,
      workspace,
      strategies: ids.ids,
      policies,
      author: by,
      clock: context.now,
      force: options.force === true,
      ...(options.title === undefined ? {} : { title: options.title }),
    });
  return proposeAndLand(context, site.value, open, { merge: options.merge === true, by });
}
