import { existsSync } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { parseStrategyId, splitStrategyId, teamNamespace } from "#core/identity.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { examples } from "../program.ts";
import { clusterDirectory, embeddedEnvironment, findPlace, strategyMalformed } from "../site.ts";

interface Options {
  readonly container?: string;
  readonly follow?: boolean;
  readonly lines: string;
}

const pollMs = 200;
const bytesMax = 4 * 1024 * 1024;

export function define(command: Command, act: Act): void {
  command
    .description(
      "Prints what a strategy's processes wrote. It is untrusted text: control characters were taken out when it was written down.",
    )
    .argument("<strategy>", "<team>/<name>")
    .option("-f, --follow", "go on until Ctrl-C")
    .option("-c, --container <name>", "executor, or algorithm (Python); default: all, each line with its name in front")
    .option("-n, --lines <count>", "how many of the last lines", "200")
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
  const files = chosen.map(
    (container) => new LogTail(join(folder, `${container}.log`), chosen.length > 1 ? `${container.padEnd(10)} ` : ""),
  );
  const first: { readonly container: string; readonly lines: readonly string[] }[] = [];
  for (const [index, file] of files.entries())
    first.push({ container: chosen[index] ?? "", lines: await file.last(Number(options.lines)) });
  for (const { lines } of first) for (const line of lines) context.out.line(line);
  if (options.follow === true && !context.options.json) await follow(context, files);
  return done({ strategy, logs: first.map(({ container, lines }) => ({ container, lines: [...lines] })) });
}

/** One log file, read from where the last reading ended. A file that got shorter was turned over: it is read from its start. */
class LogTail {
  readonly #path: string;
  readonly #prefix: string;
  #offset = 0;
  #rest = "";

  constructor(path: string, prefix: string) {
    this.#path = path;
    this.#prefix = prefix;
  }

  async last(count: number): Promise<readonly string[]> {
    const { size } = await stat(this.#path);
    this.#offset = Math.max(0, size - bytesMax);
    const lines = await this.next();
    return count === 0 ? [] : lines.slice(-count);
  }

  async next(): Promise<readonly string[]> {
    const { size } = await stat(this.#path);
    if (size < this.#offset) this.#offset = 0;
    const length = Math.min(size - this.#offset, bytesMax);
    if (length === 0) return [];
    const file = await open(this.#path, "r");
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, this.#offset);
      this.#offset += bytesRead;
      const lines = (this.#rest + buffer.subarray(0, bytesRead).toString("utf8")).split("\n");
      this.#rest = lines.pop() ?? "";
      return lines.map((line) => this.#prefix + line);
    } finally {
      await file.close();
    }
  }
}

async function follow(context: CommandContext, files: readonly LogTail[]): Promise<void> {
  const stopped = context.stopped();
  while (!stopped.aborted) {
    for (const file of files) for (const line of await file.next()) context.out.line(line);
    await context.pause(pollMs);
  }
}
