import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { parseEnvironmentName, parseStrategyId, splitStrategyId } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { environmentOption } from "../environment-option.ts";
import { type LogLine, LogTail, mergeByTime } from "../log-tail.ts";
import { readableLine } from "../log-text.ts";
import { examples } from "../program.ts";
import { clusterDirectory, findPlace, strategyMalformed } from "../site.ts";

interface Options {
  readonly environment?: string;
  readonly container?: string;
  readonly follow?: boolean;
  readonly kubeconfig?: string;
  readonly lines: string;
}

/** How often files are read again. */
const fileRoundMs = 200;

export function define(command: Command, act: Act): void {
  command
    .description(
      "Prints what a strategy's processes wrote, or a part of the platform, here or in a cluster: one readable line each, with --json as they wrote it. What a strategy wrote is untrusted text: control characters are taken out.",
    )
    .argument("<strategy>", "<team>/<name>; or gateway, bus, feed-<feed>");
  environmentOption(command, "of this environment alone (default: every one that it has run in here)")
    .option("-f, --follow", "go on until Ctrl-C; with --json one JSON object a line")
    .option(
      "-c, --container <name>",
      "executor, or algorithm (Python); default: all by time, each line with its name in front",
    )
    .option(
      "--kubeconfig <file>",
      "read them from the cluster that this file's current context names; wants --environment",
    )
    .option("-n, --lines <count>", "how many of the last lines, of all containers together", "200")
    .addHelpText(
      "after",
      examples([
        ["slipway logs seed/random-ts --follow", "as they come"],
        ["slipway logs seed/random-py -c algorithm -n 20", "the Python process's last lines"],
        ["slipway logs seed/random-py -f -e live --kubeconfig ~/.kube/config", "from a cluster's pod"],
        ["slipway logs gateway", "why it takes no orders"],
      ]),
    )
    .action((strategy: string, options: Options) => act((context) => printLogs(context, strategy, options)));
}

async function printLogs(context: CommandContext, strategy: string, options: Options): Promise<CommandResult> {
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const writer = parseWriter(strategy);
  if (!writer.ok) return refused(context, [writer.error]);
  if (!/^\d{1,6}$/.test(options.lines))
    return refused(context, [
      finding("lines-malformed", `--lines ${options.lines} is no count`, "write a number, for example 50"),
    ]);
  const { kubeconfig } = options;
  const found =
    kubeconfig === undefined
      ? ok(await findLogs(clusterDirectory(place.value.state), writer.value))
      : await podLogs(context, strategy, writer.value, kubeconfig, options.environment);
  if (!found.ok) return refused(context, [found.error]);
  const chosen = chooseLogs(strategy, found.value, options);
  if (!chosen.ok) return refused(context, [chosen.error]);
  const sources = chosen.value;
  const several = new Set(sources.map(({ environment }) => environment)).size > 1;
  const nameOf = ({ environment, container }: LogSource): string =>
    several ? `${environment} ${container}` : container;
  const tails = sources.map((source) => source.open(nameOf(source)));
  const width = Math.max(10, ...sources.map((source) => nameOf(source).length));
  const following = options.follow === true;
  const print = ({ log, text }: LogLine): void => {
    const readable = readableLine(text);
    context.out.line(sources.length > 1 ? `${log.padEnd(width)} ${readable}` : readable);
    const source = following ? sources.find((candidate) => nameOf(candidate) === log) : undefined;
    if (source === undefined) return;
    const { environment, container } = source;
    context.out.jsonLine({ strategy, environment, container, line: text });
  };
  const count = Number(options.lines);
  try {
    const read = await Promise.all(tails.map((tail) => tail.last(count)));
    const lines = count === 0 ? [] : mergeByTime(read).slice(-count);
    if (following) {
      await follow(context, { tails, first: lines, roundMs: Math.max(...sources.map((one) => one.roundMs)), print });
      return { exitCode: 0, document: undefined };
    }
    for (const line of lines) print(line);
    const logs = sources.map((source) => ({
      environment: source.environment,
      container: source.container,
      lines: lines.filter(({ log }) => log === nameOf(source)).map(({ text }) => text),
    }));
    return done({ strategy, logs });
  } finally {
    for (const tail of tails) await tail.close?.();
  }
}

/** Whose pod wrote it: `<team>-<environment>` is its namespace, and `<name>-0` the pod. */
interface Writer {
  readonly team: string;
  readonly name: string;
}

const platformPart = /^(?:slipway\/)?(?<part>gateway|bus|feed-[a-z][a-z0-9-]{0,39})$/;

/** A strategy, or a part of the platform. */
function parseWriter(text: string): Result<Writer, Finding> {
  const part = platformPart.exec(text)?.groups?.["part"];
  if (part !== undefined) return ok({ team: "slipway", name: part });
  const id = parseStrategyId(text);
  if (id.ok) return ok(splitStrategyId(id.value));
  const { code, message, fix } = strategyMalformed(id.error);
  return err(finding(code, message, `${fix}; a part of the platform is gateway, bus or feed-<feed>`));
}

/** What is left of the logs by the options, which must name something that is there. */
function chooseLogs(id: string, found: readonly LogSource[], options: Options): Result<readonly LogSource[], Finding> {
  if (found.length === 0)
    return err(finding("logs-missing", `${id} has not run here yet, so it wrote nothing`, `see \`slipway status\``));
  let chosen = found;
  for (const part of ["environment", "container"] as const) {
    const wanted = options[part];
    if (wanted === undefined) continue;
    const there = [...new Set(chosen.map((source) => source[part]))];
    chosen = chosen.filter((source) => source[part] === wanted);
    if (chosen.length > 0) continue;
    const message = `${id} has no logs of ${part} ${JSON.stringify(wanted)}`;
    return err(finding(`${part}-unknown`, message, `write one of ${there.join(", ")}`));
  }
  return ok(chosen);
}

/** A log that is read again and again. */
type Tail = Pick<LogTail, "last" | "next"> & Partial<Pick<LogTail, "close">>;

interface LogSource {
  readonly environment: string;
  readonly container: string;
  /** @param name by which its lines are known */
  readonly open: (name: string) => Tail;
  /** How often it may be read. */
  readonly roundMs: number;
}

/** The logs of its pod in a cluster. */
async function podLogs(
  context: CommandContext,
  id: string,
  { team, name }: Writer,
  kubeconfig: string,
  environment: string | undefined,
): Promise<Result<readonly LogSource[], Finding>> {
  const known = parseEnvironmentName(environment ?? "");
  if (!known.ok) {
    const message = "a cluster's pod is of one environment, and none is named";
    return err(finding("environment-missing", message, "write --environment <name> beside --kubeconfig"));
  }
  const place = { namespace: `${team}-${known.value}`, pod: `${name}-0` };
  const { openCluster } = await import("#cluster/client.ts");
  const { openPodTails } = await import("#cluster/pod-tails.ts");
  const client = await openCluster(kubeconfig, { variables: context.variables, nowMs: context.now });
  const tails = await openPodTails(client, place, context.steady);
  if (tails === undefined) {
    const message = `there is no pod ${place.namespace}/${place.pod} in the cluster`;
    const fix = `see \`slipway status ${id} --kubeconfig ${kubeconfig}\``;
    return err(finding("logs-missing", message, fix));
  }
  return ok(tails.map((tail) => ({ ...tail, environment: known.value })));
}

/** The logs that a pod's containers wrote here, in every environment. */
async function findLogs(directory: string, { team, name }: Writer): Promise<readonly LogSource[]> {
  const namespaces = await filesIn(join(directory, "logs"));
  const sources: LogSource[] = [];
  for (const namespace of namespaces) {
    const environment = namespace.slice(team.length + 1);
    if (parseEnvironmentName(environment).ok && namespace === `${team}-${environment}`) {
      const folder = join(directory, "logs", namespace, `${name}-0`);
      for (const file of await filesIn(folder)) {
        if (!file.endsWith(".log")) continue;
        const path = join(folder, file);
        const container = file.slice(0, -".log".length);
        sources.push({ environment, container, roundMs: fileRoundMs, open: (log) => new LogTail(path, log) });
      }
    }
  }
  return sources;
}

/** Sorted; none if the folder is not there. */
async function filesIn(folder: string): Promise<readonly string[]> {
  return existsSync(folder) ? (await readdir(folder)).sort() : [];
}

interface Following {
  readonly tails: readonly Tail[];
  /** What was there at the start. */
  readonly first: readonly LogLine[];
  readonly roundMs: number;
  readonly print: (line: LogLine) => void;
}

/**
 * Prints what comes, in rounds that read every log. Of several logs a line waits for the next round: whatever was written before that line was is read
 * by then, and goes first if its time is earlier. So the order is that of time, as long as a line of one log is on disk before another's takes a later
 * time; one that is written after a line with a later time was printed comes when it is read. No clock of this machine decides.
 */
async function follow(context: CommandContext, { tails, first, roundMs, print }: Following): Promise<void> {
  const stopped = AbortSignal.any([context.stopped(), context.unread]);
  let held = tails.length > 1 ? first : [];
  if (tails.length === 1) for (const line of first) print(line);
  while (!stopped.aborted) {
    const lines = mergeByTime([held, ...(await Promise.all(tails.map((tail) => tail.next())))]);
    const through = tails.length > 1 ? held.at(-1)?.time : lines.at(-1)?.time;
    const isOver = ({ time }: LogLine): boolean => through !== undefined && time <= through;
    for (const line of lines) if (isOver(line)) print(line);
    held = lines.filter((line) => !isOver(line));
    await context.pause(roundMs);
  }
  for (const line of held) print(line);
}
