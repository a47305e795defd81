import { type Command, Option } from "commander";

/** `--environment`, `-e`, and `--env` because people type it. */
export function environmentOption(command: Command, description: string, usual?: string): Command {
  return command
    .option("-e, --environment <name>", description, usual)
    .addOption(new Option("--env <name>").hideHelp())
    .on("option:env", (name: string) => command.setOptionValue("environment", name));
}
