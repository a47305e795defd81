import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { parseStrategyId, splitStrategyId, teamNamespace } from "#core/identity.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { type LogLine, LogTail, mergeByTime } from "../log-tail.ts";
import { examples } from "../program.ts";
import { clusterDirectory, embeddedEnvironment, findPlace, strategyMalformed } from "../site.ts";

interface Options {
  readonly container?: string;
  readonly follow?: boolean;
  readonly lines: string;
}

const pollMs = 200;

export function define(command: Command, act: Act): void {
  command
    .description(
      "Prints what a strategy's processes wrote. It is untrusted text: control characters were taken out when it was written down.",
    )
    .argument("<strategy>", "<team>/<name>")
    .option("-f, --follow", "go on until Ctrl-C")
    .option(
      "-c, --container <name>",
      "executor, or algorithm (Python); default: all by time, each line with its name in front",
    )
    .option("-n, --lines <count>", "how many of the last lines, of all containers together", "200")
    .addHelpText(
      "after",
      examples([
        ["slipway logs seed/random-ts --follow", "as they come"],
        ["slipway logs seed/random-py -c algorithm -n 20", "the Python process's last lines"],
      ]),
    )
    .action((strategy: string, options: Options) => act((context) => printLogs(context, strategy, options)));
}

async function printLogs(context: CommandContext, strategy: string, options: Options): Promise<CommandResult> {
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const id = parseStrategyId(strategy);
  if (!id.ok) return refused(context, [strategyMalformed(id.error)]);
  if (!/^\d{1,6}$/.test(options.lines))
    return refused(context, [
      finding("lines-malformed", `--lines ${options.lines} is no count`, "write a number, for example 50"),
    ]);
  const { team, name } = splitStrategyId(id.value);
  const folder = join(
    clusterDirectory(place.value.state),
    "logs",
    teamNamespace(team, embeddedEnvironment),
    `${name}-0`,
  );
  const all = existsSync(folder)
    ? (await readdir(folder))
        .filter((file) => file.endsWith(".log"))
        .map((file) => file.slice(0, -".log".length))
        .sort()
    : [];
  if (all.length === 0) {
    return refused(context, [
      finding(
        "logs-missing",
        `${strategy} has not run here yet, so it wrote nothing`,
        `see \`slipway status ${strategy}\``,
      ),
    ]);
  }
  const chosen = options.container === undefined ? all : all.filter((container) => container === options.container);
  if (chosen.length === 0) {
    return refused(context, [
      finding(
        "container-unknown",
        `${strategy} has no container ${JSON.stringify(options.container)}`,
        `write one of ${all.join(", ")}`,
      ),
    ]);
  }
  const tails = chosen.map((container) => new LogTail(join(folder, `${container}.log`), container));
  const print = ({ container, text }: LogLine): void =>
    context.out.line(chosen.length > 1 ? `${container.padEnd(10)} ${text}` : text);
  const count = Number(options.lines);
  const read = await Promise.all(tails.map((tail) => tail.last(count)));
  const lines = count === 0 ? [] : mergeByTime(read).slice(-count);
  for (const line of lines) print(line);
  if (options.follow === true && !context.options.json) await follow(context, tails, print);
  const of = (name: string): string[] => lines.filter(({ container }) => container === name).map(({ text }) => text);
  return done({ strategy, logs: chosen.map((container) => ({ container, lines: of(container) })) });
}

/** Prints what comes, in the order of its times: a line waits for the next reading if another log, read before it, may have an earlier one. */
async function follow(
  context: CommandContext,
  tails: readonly LogTail[],
  print: (line: LogLine) => void,
): Promise<void> {
  const stopped = context.stopped();
  let held: readonly LogLine[] = [];
  while (!stopped.aborted) {
    const readFrom = new Date(context.now()).toISOString();
    const read = await Promise.all(tails.map((tail) => tail.next()));
    const lines = mergeByTime([held, ...read]);
    const mayFollow = (line: LogLine): boolean => tails.length > 1 && line.time >= readFrom;
    for (const line of lines) if (!mayFollow(line)) print(line);
    held = lines.filter(mayFollow);
    await context.pause(pollMs);
  }
  for (const line of held) print(line);
}
