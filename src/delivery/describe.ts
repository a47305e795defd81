import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import type { AlgorithmBundle } from "#core/bundle.ts";
import { type Description, descriptionBytesMax, parseDescription } from "#core/description.ts";
import type { JsonObject } from "#core/json.ts";
import { Fault } from "#core/result.ts";
import { type SlotFiles, type SlotName, slotMethods, slotNames } from "#core/slots.ts";
import { nodeProgram, pythonProgram } from "./describe-programs.ts";
import type { Memo } from "./memo.ts";

/** What an algorithm said of itself, as far as it is known. */
export type Described =
  | { readonly kind: "described"; readonly description: Description }
  /** It has no `describe()`. */
  | { readonly kind: "none" }
  /** Nothing can be known here: why, as the end of a sentence. */
  | { readonly kind: "unknown"; readonly why: string }
  /** It has one that fails: how, as the end of a sentence. */
  | { readonly kind: "failed"; readonly message: string };

export interface DescribeRequest {
  readonly bundle: AlgorithmBundle;
  /** The entry's path inside the folder. */
  readonly entry: string;
  /** The folder's files. */
  readonly files: ReadonlyMap<string, { readonly bytes: Uint8Array }>;
  /** What the runtime brings beside the language; not installed here. */
  readonly packages: readonly string[];
}

const cpuSecondsMax = 2;
/** For one that waits: its seconds of CPU come to their end before, also on a machine that is busy, or the verdict would be that of the load. */
const wallMsMax = 30_000;
/** Private memory of the child, in KiB: 128 MiB. */
const dataKibibytesMax = 131_072;
/** As many as a spec may name. */
const channelsMax = 100;
const outputBytesMax = descriptionBytesMax + 1_024;
const folders = ["/usr/local/bin", "/usr/bin", "/bin", "/opt/homebrew/bin"];

/**
 * Asks an algorithm's code to describe itself, in a process of its own: without environment, files, network (where user namespaces can be made),
 * clock and randomness, and bounded in CPU, memory, time and output. Asked once for the same code.
 */
export function describeAlgorithm(request: DescribeRequest, memo: Memo): Promise<Described> {
  const { bundle, entry, packages } = request;
  if (bundle.kind === "none") return Promise.resolve({ kind: "unknown", why: "it runs elsewhere" });
  // Most strategies are told apart from those that describe themselves without a process.
  if (!mentions(request, /describe/)) return Promise.resolve({ kind: "none" });
  const key = `${bundle.sha256} ${entry} ${packages.join(" ")}`;
  return memo.of("description", key, async () => read(await ask(request, {}, memo)));
}

/** What `initialize()` is called with. */
export interface DryStart {
  /** With defaults, as the executor gives them. */
  readonly params: JsonObject;
  readonly mode: "paper" | "live";
}

/**
 * The channels that `initialize()` asks for, called in a process of the same kind: with the spec's params, and a context that is empty, knows no dice and
 * answers nothing that could become a part of a channel. Asked once for the same code and params.
 *
 * @returns undefined where it cannot be known here; its executor asks it again
 */
export function askChannels(
  request: DescribeRequest,
  start: DryStart,
  memo: Memo,
): Promise<readonly string[] | undefined> {
  const { bundle, entry, packages } = request;
  if (bundle.kind === "none") return Promise.resolve(undefined);
  const key = JSON.stringify([bundle.sha256, entry, packages, start.params, start.mode]);
  return memo.of("channels", key, async () => {
    const answer = await ask(request, { start }, memo);
    const channels: unknown = "said" in answer ? answer.said["channels"] : undefined;
    const isTexts = Array.isArray(channels) && channels.every((channel) => typeof channel === "string");
    return isTexts && channels.length <= channelsMax ? channels : undefined;
  });
}

/**
 * How many pieces of code each slot's file has that could be its sizing or guard, looked for as the executor does: one is right. The code of the files
 * runs for that, none of its functions.
 *
 * @returns without those of which it cannot be known here; their executor looks again
 */
export function countSlots(
  request: DescribeRequest,
  slots: SlotFiles,
  memo: Memo,
): Promise<{ readonly [Name in SlotName]?: number }> {
  const { bundle, packages } = request;
  const asked = slotNames.flatMap((name) =>
    slots[name] === undefined ? [] : [[name, slots[name], slotMethods[name]]],
  );
  if (bundle.kind === "none" || asked.length === 0) return Promise.resolve({});
  return memo.of("slots", JSON.stringify([bundle.sha256, packages, asked]), async () => {
    const answer = await ask(request, { slots: asked }, memo);
    const found = Object(("said" in answer && answer.said["found"]) || {}) as { readonly [name: string]: unknown };
    return Object.fromEntries(
      slotNames.flatMap((name) => (Number.isInteger(found[name]) ? [[name, found[name]]] : [])),
    );
  });
}

/** Whether the code holds such a text, in any of its files. */
export function mentions({ bundle, files }: DescribeRequest, text: RegExp): boolean {
  if (bundle.kind === "module") return text.test(bundle.text);
  return [...files].some(([path, { bytes }]) => path.endsWith(".py") && text.test(Buffer.from(bytes).toString("utf8")));
}

/** What the child process said, or why it said nothing: as the end of a sentence. */
type Answer =
  | { readonly said: { readonly [key: string]: unknown } }
  | { readonly silent: string }
  | { readonly unknown: string };

/** Without either: it is asked to describe itself. */
interface Asked {
  readonly start?: DryStart;
  /** Of each its name, file and method. */
  readonly slots?: readonly (readonly string[])[];
}

async function ask(request: DescribeRequest, { start, slots }: Asked, memo: Memo): Promise<Answer> {
  const { bundle, entry, files, packages } = request;
  const networkless = await memo.of("networkless", "", findNetworkless);
  if (bundle.kind === "module") {
    const input = JSON.stringify({ source: bundle.text, start: start ?? null, slots: slots ?? null });
    return run([process.execPath, ...nodeFlags, nodeProgram], input, networkless);
  }
  const python = await memo.of("python", "", () => find("python3"));
  if (python === undefined) return { unknown: "there is no python3 here" };
  const sources = [...files].filter(([path]) => path.endsWith(".py"));
  const texts = sources.map(([path, { bytes }]) => [path, Buffer.from(bytes).toString("utf8")]);
  const what = { start: start ?? null, slots: slots ?? null };
  const input = JSON.stringify({ entry, packages, files: Object.fromEntries(texts), ...what });
  return run([python, ...pythonFlags, pythonProgram], input, networkless);
}

const nodeFlags = [
  "--permission",
  // Without it the process reserves more memory than it may have.
  "--jitless",
  "--max-old-space-size=64",
  "--disallow-code-generation-from-strings",
  "--no-warnings",
  "--input-type=module",
  "-e",
];
const pythonFlags = ["-S", "-s", "-B", "-c"];

/** The shell sets the limits and becomes the program. A file of size 0 is the largest that it may write. */
const limits = `ulimit -c 0; ulimit -f 0; ulimit -t ${cpuSecondsMax}; ulimit -d ${dataKibibytesMax}; exec "$@"`;

async function run(argv: readonly string[], input: string, networkless: readonly string[]): Promise<Answer> {
  const child = spawn("/bin/sh", ["-c", limits, "describe", ...networkless, ...argv], {
    // Sets of texts come in the same order each time.
    env: { PYTHONHASHSEED: "0" },
    cwd: "/",
    detached: true,
    stdio: ["pipe", "pipe", "ignore"],
  });
  const ended = await outcome(child, input);
  // A terminal's Ctrl-C in the moment before it had a group of its own: it was not asked, so nothing is said about it.
  if (ended.signal === "SIGINT")
    throw new Fault("describe-interrupted", "what an algorithm takes was not asked to the end");
  if (ended.how === "late") return { silent: `does not answer within ${wallMsMax / 1000} s` };
  if (ended.how === "flood") return { silent: `answers more than ${descriptionBytesMax / 1024} KiB` };
  const said = parseAnswer(ended.output);
  if (said !== undefined) return { said };
  if (ended.signal === "SIGXCPU" || ended.signal === "SIGKILL") return { silent: `takes more than ${cpuSecondsMax} s` };
  return { silent: `ends without an answer, or takes more than ${dataKibibytesMax / 1024} MiB` };
}

function failed(message: string): Described {
  return { kind: "failed", message };
}

interface Ended {
  readonly how: "ended" | "late" | "flood";
  readonly output: string;
  readonly signal: NodeJS.Signals | null;
}

function outcome(child: ChildProcess, input: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    let output = "";
    let how: Ended["how"] = "ended";
    const kill = (why: Ended["how"]): void => {
      how = why;
      // It leads a group of its own.
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
    };
    const timer = setTimeout(() => kill("late"), wallMsMax);
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      if (output.length > outputBytesMax && how === "ended") kill("flood");
    });
    // It may end before it has read everything.
    child.stdin?.on("error", () => undefined).end(input);
    child.once("error", reject);
    child.once("close", (_code, signal) => {
      clearTimeout(timer);
      resolve({ how, output, signal });
    });
  });
}

function parseAnswer(output: string): { readonly [key: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(output);
    return typeof value === "object" && value !== null ? (value as { readonly [key: string]: unknown }) : undefined;
  } catch {
    return undefined;
  }
}

function read(from: Answer): Described {
  if ("unknown" in from) return { kind: "unknown", why: from.unknown };
  if ("silent" in from) return failed(from.silent);
  const answer = from.said;
  if (answer["none"] === true) return { kind: "none" };
  if (typeof answer["absent"] === "string") return { kind: "unknown", why: "packages of its runtime are not here" };
  if (typeof answer["failed"] === "string") return failed(`fails: ${answer["failed"]}`);
  const description = parseDescription(answer["described"]);
  if (!description.ok) return failed(`is refused: ${description.error.message}`);
  return { kind: "described", description: description.value };
}

/** What starts a program without any network, where this user may. */
async function findNetworkless(): Promise<readonly string[]> {
  const unshare = await find("unshare");
  if (unshare === undefined) return [];
  const argv = ["--user", "--map-root-user", "--net", "--"];
  const works = await new Promise<boolean>((resolve) => {
    const child = spawn(unshare, [...argv, "/bin/sh", "-c", ":"], { env: {}, stdio: "ignore", timeout: wallMsMax });
    child.once("error", () => resolve(false));
    // Who may not is told so at once. One that was slow may: an algorithm does not get a network because the machine is busy.
    child.once("close", (code, signal) => resolve(code === 0 || signal !== null));
  });
  return works ? [unshare, ...argv] : [];
}

async function find(name: string): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, name);
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
  }
  return undefined;
}
