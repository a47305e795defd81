import type { Command } from "commander";
import type { Act } from "../context.ts";
import { examples } from "../program.ts";
import { type RunningOptions, runningOptions, setRunning } from "../running.ts";

export function define(command: Command, act: Act): void {
  runningOptions(command)
    .description("Proposes that a stopped strategy runs again, with the state it saved.")
    .addHelpText(
      "after",
      examples([
        ["slipway start momentum/sma-cross", "propose it"],
        ["slipway start momentum/sma-cross --merge", "and merge, and wait until it is running"],
      ]),
    )
    .action((strategy: string, options: RunningOptions) =>
      act((context) => setRunning(context, strategy, true, options)),
    );
}
