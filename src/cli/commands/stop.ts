import type { Command } from "commander";
import type { Act } from "../context.ts";
import { examples } from "../program.ts";
import { type RunningOptions, runningOptions, setRunning } from "../running.ts";

export function define(command: Command, act: Act): void {
  runningOptions(command)
    .description(
      "Proposes that a strategy stops: its spec says `running: false` and every other byte stays. Its process gets SIGTERM and its grace period; open positions stay in the gateway's book.",
    )
    .addHelpText(
      "after",
      examples([
        ["slipway stop momentum/sma-cross", "propose it"],
        ["slipway stop momentum/sma-cross --merge", "and merge, and wait until it is stopped"],
      ]),
    )
    .action((strategy: string, options: RunningOptions) =>
      act((context) => setRunning(context, strategy, false, options)),
    );
}
