import type { Command } from "commander";
import { parseStrategyId } from "#core/identity.ts";
import { type CommandContext, type CommandResult, refused } from "./context.ts";
import { environmentOption } from "./environment-option.ts";
import { gitUser } from "./git-user.ts";
import { embeddedEnvironment, openSite, strategyMalformed } from "./site.ts";
import { parseSeconds } from "./waiting.ts";

export interface RunningOptions {
  readonly environment: string;
  readonly merge?: boolean;
  readonly timeout: string;
}

/** What `stop` and `start` have in common. */
export function runningOptions(command: Command): Command {
  return environmentOption(command.argument("<strategy>", "<team>/<name>"), "where", embeddedEnvironment)
    .option("-m, --merge", "merge when the gate has passed, and wait until it is so")
    .option("--timeout <seconds>", "how long --merge waits", "60");
}

export async function setRunning(
  context: CommandContext,
  name: string,
  running: boolean,
  options: RunningOptions,
): Promise<CommandResult> {
  const strategy = parseStrategyId(name);
  if (!strategy.ok) return refused(context, [strategyMalformed(strategy.error)]);
  const timeoutMs = parseSeconds("--timeout", options.timeout);
  if (!timeoutMs.ok) return refused(context, [timeoutMs.error]);
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const { proposeRunning } = await import("#delivery/propose.ts");
  const { ship } = await import("./ship.ts");
  return ship(
    context,
    site.value,
    (request) => proposeRunning({ ...request, strategy: strategy.value, environment: options.environment, running }),
    {
      person: await gitUser(site.value.checkout),
      merge: options.merge === true,
      timeoutMs: timeoutMs.value,
      strategies: [strategy.value],
    },
  );
}
