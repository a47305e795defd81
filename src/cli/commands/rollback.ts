import type { Command } from "commander";
import { listDeploys, proposeRollback } from "#delivery/propose.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { gitUser } from "../git-user.ts";
import { proposeAndLand } from "../landing.ts";
import { columns, formatTime } from "../output.ts";
import { examples } from "../program.ts";
import { openSite } from "../site.ts";
import { parseIds } from "./check.ts";

interface Options {
  readonly to?: string;
  readonly list?: boolean;
  readonly merge: boolean;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Proposes a strategy's folder as it was at an earlier deploy: a commit forwards, judged by today's policies. History is not rewritten, and the checkout is not touched.",
    )
    .argument("<strategy>", "<team>/<name>")
    .option("--to <deploy>", "the deploy's number (default: the one before the last)")
    .option("--list", "print the strategy's deploys")
    .option("--no-merge", "open the proposal only")
    .addHelpText(
      "after",
      examples([
        ["slipway rollback momentum/sma-cross --list", "what there is to go back to"],
        ["slipway rollback momentum/sma-cross", "to the deploy before the last"],
        ["slipway rollback momentum/sma-cross --to 3", "to deploy 3"],
      ]),
    )
    .action((strategy: string, options: Options) => act((context) => rollback(context, strategy, options)));
}

async function rollback(context: CommandContext, name: string, options: Options): Promise<CommandResult> {
  const ids = parseIds([name]);
  if (!ids.ok) return refused(context, ids.findings);
  const [strategy] = ids.ids;
  if (strategy === undefined) return refused(context, [finding("nothing-named", "no strategy was named")]);
  if (options.to !== undefined && !/^[1-9]\d{0,5}$/.test(options.to)) {
    return refused(context, [finding("deploy-malformed", `--to ${options.to} is no deploy's number`, "see them with --list")]);
  }
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const { repository, forge } = site.value;
  if (options.list === true) {
    const deploys = await listDeploys(repository, strategy);
    const rows = deploys.map(({ number, commit, timeSeconds, author, title }) => [String(number), commit.slice(0, 7), formatTime(timeSeconds), author, title]);
    for (const row of columns(rows)) context.out.line(row);
    if (deploys.length === 0) context.out.line(`${strategy} was never deployed here`);
    return done({ strategy, deploys: deploys.map(({ number, commit, title, author, timeSeconds, proposal }) => ({ number, commit, title, author, timeSeconds, proposal: proposal ?? null })) });
  }
  const by = await gitUser(site.value.checkout);
  const to = options.to === undefined ? {} : { to: Number(options.to) };
  const open = () => proposeRollback({ repository, forge, strategy, author: by, clock: context.now, ...to });
  return proposeAndLand(context, site.value, open, { merge: options.merge, by });
}
