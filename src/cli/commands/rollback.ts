import type { Command } from "commander";
import { parseStrategyId } from "#core/identity.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { gitUser } from "../git-user.ts";
import { columns, formatTime } from "../output.ts";
import { examples } from "../program.ts";
import { openSite, strategyMalformed } from "../site.ts";
import { parseSeconds } from "../waiting.ts";

interface Options {
  readonly to?: string;
  readonly list?: boolean;
  readonly merge?: boolean;
  readonly timeout: string;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Proposes a strategy's folder as it was at an earlier deploy. It is a new commit, judged by today's policies; history stays as it is. Your checkout is not touched.",
    )
    .argument("<strategy>", "<team>/<name>")
    .option(
      "--to <deploy>",
      "the deploy's number from --list (default: the last with another source; stops and starts are none)",
    )
    .option("--list", "only list the deploys")
    .option("-m, --merge", "merge when the gate has passed, and wait until it runs")
    .option("--timeout <seconds>", "how long --merge waits", "60")
    .addHelpText(
      "after",
      examples([
        ["slipway rollback momentum/sma-cross --list", "what there is to go back to"],
        ["slipway rollback momentum/sma-cross --merge", "back to the version before, over stops and starts"],
        ["slipway rollback momentum/sma-cross --to 3", "propose deploy 3 again"],
      ]),
    )
    .action((strategy: string, options: Options) => act((context) => rollback(context, strategy, options)));
}

async function rollback(context: CommandContext, name: string, options: Options): Promise<CommandResult> {
  const strategy = parseStrategyId(name);
  if (!strategy.ok) return refused(context, [strategyMalformed(strategy.error)]);
  const timeoutMs = parseSeconds("--timeout", options.timeout);
  if (!timeoutMs.ok) return refused(context, [timeoutMs.error]);
  const to = options.to === undefined ? undefined : Number(/^[1-9]\d{0,5}$/.exec(options.to)?.[0]);
  if (to !== undefined && Number.isNaN(to)) {
    return refused(context, [
      finding(
        "deploy-malformed",
        `--to ${JSON.stringify(options.to)} is no deploy's number`,
        `see \`slipway rollback ${name} --list\``,
      ),
    ]);
  }
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const { listDeploys, proposeRollback } = await import("#delivery/propose.ts");
  const { ship } = await import("../ship.ts");
  if (options.list === true) {
    const deploys = (await listDeploys(site.value.repository, strategy.value)).toReversed();
    if (deploys.length === 0) context.out.line(`${name} was never deployed here`);
    for (const line of columns(
      deploys.map((deploy) => [
        `${deploy.number}`,
        formatTime(deploy.timeSeconds),
        deploy.commit.slice(0, 7),
        deploy.title,
        `by ${deploy.author}`,
      ]),
    ))
      context.out.line(line);
    return done({
      strategy: name,
      deploys: deploys.map(({ number, commit, title, author, timeSeconds, proposal }) => ({
        number,
        commit,
        title,
        author,
        timeSeconds,
        proposal: proposal ?? null,
      })),
    });
  }
  return ship(
    context,
    site.value,
    (request) => proposeRollback({ ...request, strategy: strategy.value, ...(to === undefined ? {} : { to }) }),
    {
      person: await gitUser(site.value.checkout),
      merge: options.merge === true,
      timeoutMs: timeoutMs.value,
    },
  );
}
