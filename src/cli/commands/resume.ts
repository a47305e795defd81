import type { Command } from "commander";
import { parseTargetArgument } from "#core/halt.ts";
import { type Act, type CommandContext, type CommandResult, refused } from "../context.ts";
import { environmentOption } from "../environment-option.ts";
import { gitUser } from "../git-user.ts";
import { targetMalformed } from "../halting.ts";
import { examples } from "../program.ts";
import { embeddedEnvironment, openSite } from "../site.ts";
import { parseSeconds } from "../waiting.ts";

interface Options {
  readonly environment: string;
  readonly merge?: boolean;
  readonly timeout: string;
}

export function define(command: Command, act: Act): void {
  environmentOption(command.argument("<target>", "<team>/<name>, team/<team>, or all"), "where", embeddedEnvironment)
    .description(
      "Proposes that what was halted, reduced or flattened goes on: the files of exactly this target leave policies/halts. It loosens, so it needs the approvals that the environment asks for; the gateway lifts it when it sees that the file is gone.",
    )
    .option("-m, --merge", "merge when the gate has passed and it has its approvals, and wait until it is so")
    .option("--timeout <seconds>", "how long --merge waits", "60")
    .addHelpText(
      "after",
      examples([
        ["slipway resume team/momentum", "propose it"],
        ["slipway resume team/momentum --merge", "and merge, where no approval is missing"],
      ]),
    )
    .action((target: string, options: Options) => act((context) => resume(context, target, options)));
}

async function resume(context: CommandContext, text: string, options: Options): Promise<CommandResult> {
  const target = parseTargetArgument(text);
  if (!target.ok) return refused(context, [targetMalformed(target.error)]);
  const timeoutMs = parseSeconds("--timeout", options.timeout);
  if (!timeoutMs.ok) return refused(context, [timeoutMs.error]);
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const { proposeResume } = await import("#delivery/halts.ts");
  const { ship } = await import("../ship.ts");
  return ship(
    context,
    site.value,
    (request) => proposeResume({ ...request, environment: options.environment, target: target.value }),
    {
      person: await gitUser(site.value.checkout),
      merge: options.merge === true,
      timeoutMs: timeoutMs.value,
    },
  );
}
