import type { Command } from "commander";
import type { Act } from "../context.ts";
import { examples } from "../program.ts";
import * as explain from "./policy/explain.ts";
import * as test from "./policy/test.ts";

/** A subcommand is one file in `policy/`. */
const subcommands = [
  { name: "test", summary: "try rules, and every weakened rule, on their own samples", ...test },
  { name: "explain", summary: "say what bounds a strategy's values, where, and who may change it", ...explain },
];

export function define(command: Command, act: Act): void {
  command.description("Tools for those who write policies.").addHelpText(
    "after",
    examples([
      ["slipway policy test", "every rule on its samples"],
      ["slipway policy explain momentum/sma-cross maxOrderNotional", "one value"],
    ]),
  );
  for (const { name, summary, define: defineOne } of subcommands)
    defineOne(command.command(name).summary(summary), act);
}
