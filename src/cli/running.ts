import type { Command } from "commander";
import { proposeRunning } from "#delivery/propose.ts";
import { parseIds } from "./commands/check.ts";
import { type Act, type CommandContext, type CommandResult, finding, refused } from "./context.ts";
import { gitUser } from "./git-user.ts";
import { proposeAndLand } from "./landing.ts";
import { examples } from "./program.ts";
import { embeddedEnvironment, openSite } from "./site.ts";

interface Options {
  readonly environment: string;
  readonly merge: boolean;
}

/** `stop` and `start` are one edit of main's spec, proposed and, unless asked otherwise, merged. */
export function defineRunning(command: Command, act: Act, running: boolean): void {
  const verb = running ? "start" : "stop";
  const effect = running
    ? "It comes back with its portfolio and what it had saved."
    : "Its process ends after its stop hook, its positions and state are kept, and the gateway takes no more orders of it.";
  command
    .description(`Proposes that a strategy ${running ? "runs again" : "stops"}: one value of its spec on main changes. ${effect} The checkout is not touched.`)
    .argument("<strategy>", "<team>/<name>")
    .option("-e, --environment <name>", "where", embeddedEnvironment)
    .option("--no-merge", "open the proposal only")
    .addHelpText(
      "after",
      examples([
        [`slipway ${verb} momentum/sma-cross`, "proposes it, waits for the gate and merges"],
        [`slipway ${verb} momentum/sma-cross --no-merge`, "somebody else merges it"],
      ]),
    )
    .action((strategy: string, options: Options) => act((context) => setRunningOf(context, strategy, running, options)));
}

async function setRunningOf(context: CommandContext, name: string, running: boolean, options: Options): Promise<CommandResult> {
  const ids = parseIds([name]);
  if (!ids.ok) return refused(context, ids.findings);
  const [strategy] = ids.ids;
  if (strategy === undefined) return refused(context, [finding("nothing-named", "no strategy was named")]);
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const by = await gitUser(site.value.checkout);
  const { repository, forge } = site.value;
  const { environment, merge } = options;
  const open = () => proposeRunning({ repository, forge, strategy, environment, running, author: by, clock: context.now });
  return proposeAndLand(context, site.value, open, { merge, by });
}
