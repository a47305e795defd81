import type { Command, CommanderError } from "commander";
import type { Finding } from "#core/refusal.ts";
import { finding } from "./context.ts";

/**
 * A command line that commander could not take, as a refusal like any other: what is wrong, what was probably meant, how to get help.
 *
 * @param command the one that commander was at: the program itself, or a command of it
 */
export function describeUsage(error: CommanderError, command: Command, argv: readonly string[]): Finding {
  const help = `see \`${nameOf(command)} --help\``;
  // commander prints its whole help where no command is named, and where `help` is asked about one that there is not.
  if (error.code === "commander.help") {
    const asked = argv.includes("help") ? argv.find((word) => word !== "help" && !word.startsWith("-")) : undefined;
    return asked === undefined
      ? finding("usage-missingCommand", "no command is named", help)
      : finding("usage-unknownCommand", `unknown command '${asked}'`, help);
  }
  const code = error.code.replace("commander.", "usage-");
  const [what = "", ...suggestion] = error.message.replace(/^error: /, "").split("\n");
  // "(Did you mean --merge?)"
  const meant = suggestion.map((line) => line.replace(/^\(|\)$/g, "")).join(" ");
  const message = meant === "" ? what : `${what.replace(/\.$/, "")}. ${meant}`;
  if (["commander.missingArgument", "commander.excessArguments"].includes(error.code))
    return finding(code, message, `write \`${[nameOf(command), ...argumentsOf(command)].join(" ")}\`; ${help}`);
  return finding(code, message, help);
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

function argumentsOf(command: Command): readonly string[] {
  return command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
}
