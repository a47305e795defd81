import type { Command } from "commander";
import type { Act } from "../context.ts";
import { type HaltOptions, halt, haltOptions } from "../halting.ts";
import { examples } from "../program.ts";

export function define(command: Command, act: Act): void {
  haltOptions(command)
    .description(
      "Halts, and sells all that is held, at once: the gateway cancels what is open and closes every position with orders of its own, until nothing is held. Then it is written to Git; slipway resume proposes its end.",
    )
    .addHelpText(
      "after",
      examples([["slipway flatten momentum/sma-cross --reason 'it trades nonsense'", "out of everything"]], {
        1: "the gateway did not say that it is done, or Git does not have it yet",
      }),
    )
    .action((target: string, options: HaltOptions) => act((context) => halt(context, "flatten", target, options)));
}
