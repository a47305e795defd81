import type { Command } from "commander";
import type { Act } from "../context.ts";
import { examples } from "../program.ts";
import * as check from "./forge/check.ts";
import * as owners from "./forge/owners.ts";
import * as protect from "./forge/protect.ts";

/** A subcommand is one file in `forge/`. */
const subcommands = [
  { name: "check", summary: "compare the forge's own settings with what Slipway needs", ...check },
  { name: "protect", summary: "set on the forge what Slipway needs", ...protect },
  { name: "owners", summary: "make .github/CODEOWNERS of policies/teams.yaml", ...owners },
];

export function define(command: Command, act: Act): void {
  command
    .description(
      "What the forge that forge.yaml names holds people to: who may push to main and to the branches that are Slipway's own, what a merge waits for, and from whom. `check` and `protect` take a token of whoever administers the repository.",
    )
    .addHelpText(
      "after",
      examples([
        ["slipway forge check", "what is not as it must be"],
        ["slipway forge protect", "makes it so"],
        ["slipway forge owners --write", "whom GitHub asks for reviews"],
      ]),
    );
  for (const { name, summary, define: defineOne } of subcommands)
    defineOne(command.command(name).summary(summary), act);
}
