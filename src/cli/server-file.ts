import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Overview } from "#console/overview.ts";

/** What a running `slipway up` tells other commands about itself, in its state directory. The lock says whether it runs; this says where it is. */
export interface ServerFile {
  /** Also stands in `/api/overview`: another program that got the port later does not know it. */
  readonly instance: string;
  readonly pid: number;
  readonly startedAtMs: number;
  readonly consoleUrl: string;
  readonly busUrl: string;
}

/** Where nobody listens that is known at once; a server on a machine that is busy is slow, and no less there. */
const askMs = 20_000;

function pathOf(state: string): string {
  return join(state, "console.json");
}

export async function writeServerFile(state: string, file: ServerFile): Promise<void> {
  const temporary = `${pathOf(state)}.${file.pid}`;
  await writeFile(temporary, `${JSON.stringify(file)}\n`, { mode: 0o600 });
  await rename(temporary, pathOf(state));
}

export async function removeServerFile(state: string): Promise<void> {
  await rm(pathOf(state), { force: true });
}

export async function readServerFile(state: string): Promise<ServerFile | undefined> {
  let text: string;
  try {
    text = await readFile(pathOf(state), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const parsed: unknown = JSON.parse(text);
  return isServerFile(parsed) ? parsed : undefined;
}

function isServerFile(value: unknown): value is ServerFile {
  if (typeof value !== "object" || value === null) return false;
  const { instance, pid, startedAtMs, consoleUrl, busUrl } = value as Record<keyof ServerFile, unknown>;
  return (
    [instance, consoleUrl, busUrl].every((text) => typeof text === "string") &&
    typeof pid === "number" &&
    typeof startedAtMs === "number"
  );
}

/** A server that answers, with what it shows now. */
export interface RunningServer {
  readonly file: ServerFile;
  readonly overview: Overview;
}

/** Asks the server of this state directory; undefined if none runs or none answers in time. */
export async function askServer(state: string): Promise<RunningServer | undefined> {
  const file = await readServerFile(state);
  if (file === undefined) return undefined;
  try {
    const response = await fetch(`${file.consoleUrl}/api/overview`, { signal: AbortSignal.timeout(askMs) });
    if (!response.ok) return undefined;
    const body: unknown = await response.json();
    // The instance proves that it is our own server, whose overview has this shape.
    const own = typeof body === "object" && body !== null && "instance" in body && body.instance === file.instance;
    return own ? { file, overview: body as unknown as Overview } : undefined;
  } catch {
    // Nobody listens, or not in time: the file is left over from a server that was killed.
    return undefined;
  }
}
