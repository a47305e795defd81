import type { Command } from "commander";
import type { Act } from "../context.ts";
import { type HaltOptions, halt, haltOptions } from "../halting.ts";
import { examples } from "../program.ts";

export function define(command: Command, act: Act): void {
  haltOptions(command)
    .description(
      "Lets a strategy only sell what it holds, at once: the gateway cancels open purchases and lets no new ones through. Then it is written to Git; slipway resume proposes its end.",
    )
    .addHelpText(
      "after",
      examples([["slipway reduce team/momentum --reason 'too much of one thing'", "no more purchases"]], {
        1: "the gateway did not say that it is done, or Git does not have it yet",
      }),
    )
    .action((target: string, options: HaltOptions) => act((context) => halt(context, "reduce", target, options)));
}
