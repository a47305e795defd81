import { Command } from "commander";
import type { Act } from "./context.ts";

/** What every module in commands/ exports: it adds arguments, options, help and the action to its command. */
export interface CommandModule {
  readonly define: (command: Command, act: Act) => void;
}

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** A module is read only when its command is asked for, so that `check` and `--help` stay quick. */
  readonly load: () => Promise<CommandModule>;
}

/** In the order of a strategy's life. */
const commands: readonly CommandEntry[] = [
  { name: "init", summary: "make a repository of your own", load: () => import("./commands/init.ts") },
  {
    name: "up",
    summary: "run everything on this machine: forge, bus, feed, strategies, console",
    load: () => import("./commands/up.ts"),
  },
  { name: "new", summary: "start a strategy that passes check", load: () => import("./commands/new.ts") },
  {
    name: "check",
    summary: "say everything that is wrong with strategies and policies",
    load: () => import("./commands/check.ts"),
  },
  {
    name: "render",
    summary: "make the Kubernetes manifests of an environment",
    load: () => import("./commands/render.ts"),
  },
  {
    name: "bootstrap",
    summary: "print what a cluster with Argo CD is given once",
    load: () => import("./commands/bootstrap.ts"),
  },
  {
    name: "impact",
    summary: "say what an edit of policies does to every strategy, before it is proposed",
    load: () => import("./commands/impact.ts"),
  },
  { name: "policy", summary: "tools for those who write policies", load: () => import("./commands/policy.ts") },
  { name: "schema", summary: "print a document's JSON Schema", load: () => import("./commands/schema.ts") },
  {
    name: "deploy",
    summary: "propose this checkout's strategies, and merge with --merge",
    load: () => import("./commands/deploy.ts"),
  },
  { name: "proposals", summary: "list proposals", load: () => import("./commands/proposals.ts") },
  {
    name: "proposal",
    summary: "show one proposal: gate, comment, approvals",
    load: () => import("./commands/proposal.ts"),
  },
  { name: "approve", summary: "approve a proposal", load: () => import("./commands/approve.ts") },
  { name: "merge", summary: "merge a proposal that passed the gate", load: () => import("./commands/merge.ts") },
  { name: "close", summary: "give a proposal up", load: () => import("./commands/close.ts") },
  {
    name: "server",
    summary: "judge and render for the forge of forge.yaml",
    load: () => import("./commands/server.ts"),
  },
  {
    name: "forge",
    summary: "check and set the rules of the forge that forge.yaml names",
    load: () => import("./commands/forge.ts"),
  },
  {
    name: "waivers",
    summary: "list the exceptions, those that end soon first",
    load: () => import("./commands/waivers.ts"),
  },
  {
    name: "status",
    summary: "say where a strategy is, and why it stands still",
    load: () => import("./commands/status.ts"),
  },
  { name: "logs", summary: "print what a strategy's processes wrote", load: () => import("./commands/logs.ts") },
  { name: "stop", summary: "propose that a strategy stops", load: () => import("./commands/stop.ts") },
  { name: "start", summary: "propose that a stopped strategy runs again", load: () => import("./commands/start.ts") },
  {
    name: "halt",
    summary: "stop orders at once: a strategy, a team or all",
    load: () => import("./commands/halt.ts"),
  },
  { name: "reduce", summary: "let nothing but sales through, at once", load: () => import("./commands/reduce.ts") },
  { name: "flatten", summary: "halt, and sell all that is held, at once", load: () => import("./commands/flatten.ts") },
  { name: "tell", summary: "send a command to a strategy's algorithm", load: () => import("./commands/tell.ts") },
  { name: "resume", summary: "propose that what was halted goes on", load: () => import("./commands/resume.ts") },
  {
    name: "rollback",
    summary: "propose an earlier version of a strategy",
    load: () => import("./commands/rollback.ts"),
  },
];

/** Builds the command line; only the modules of commands that `argv` names are loaded. */
export async function createProgram(version: string, argv: readonly string[], act: Act): Promise<Command> {
  const program = new Command("slipway");
  program
    .description("Runs trading strategies the GitOps way: a deploy is a pull request, the Git history is the audit.")
    .version(version, "-V, --version", "print the version")
    .option(
      "-C, --directory <repo>",
      "the repository to work on (default: the nearest folder upwards with policies/ and strategies/)",
    )
    .option(
      "--state <dir>",
      "where the forge, the logs and the lock live (default: $SLIPWAY_STATE, else below ~/.local/state/slipway)",
    )
    .option("--json", "print one JSON document instead of text")
    .option("--debug", "print stack traces when something fails")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .addHelpText("after", programHelp);
  for (const entry of commands) {
    const command = program.command(entry.name).summary(entry.summary).description(sentence(entry.summary));
    if (argv.includes(entry.name)) (await entry.load()).define(command, act);
  }
  return program;
}

const programHelp = `
Examples:
  $ slipway up                                  everything on this machine; Ctrl-C stops it
  $ slipway new me/first                        a strategy that passes check
  $ slipway deploy me/first --merge             propose, judge, merge, and watch it start
  $ slipway status me/first                     where is it, and why does it stand still?

Exit codes:
  0  done      1  something outside failed      2  refused: what you gave can be mended`;

/** The end of a command's help: examples, and its exit codes where they mean more than usual. */
export function examples(
  lines: readonly (readonly [command: string, meaning: string])[],
  codes: Readonly<Record<number, string>> = {},
): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const shown = lines.map(([command, meaning]) => `  $ ${command.padEnd(width)}   ${meaning}`.trimEnd());
  const all = { 0: "done", 1: "something outside failed", 2: "refused: what you gave can be mended", ...codes };
  const exits = Object.entries(all).map(([code, meaning]) => `  ${code}  ${meaning}`);
  return `\nExamples:\n${shown.join("\n")}\n\nExit codes:\n${exits.join("\n")}`;
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}
