import type { Command } from "commander";
import type { Act } from "../context.ts";
import { type HaltOptions, halt, haltOptions } from "../halting.ts";
import { examples } from "../program.ts";

export function define(command: Command, act: Act): void {
  haltOptions(command)
    .description(
      "Stops orders at once, without waiting for a merge: the gateway cancels what is open and lets nothing through; positions stay. Then it is written to Git as policies/halts/<id>.yaml, which only tightens and passes freezes. It ends with the merged removal of that file: slipway resume.",
    )
    .addHelpText(
      "after",
      examples(
        [
          ["slipway halt momentum/sma-cross --reason 'bad tick from venue'", "one strategy"],
          ["slipway halt team/momentum --reason 'bad tick from venue'", "all of a team, those of later too"],
          ["slipway halt all --reason 'the exchange lies'", "everything"],
        ],
        { 1: "the gateway did not say that it is done, or Git does not have it yet" },
      ),
    )
    .action((target: string, options: HaltOptions) => act((context) => halt(context, "halt", target, options)));
}
