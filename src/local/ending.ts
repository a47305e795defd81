import type { Termination } from "#core/status.ts";
import { formatBytes } from "./quantity.ts";

/** How a run of a container ended. */
export interface Ending {
  readonly reason: Termination["reason"];
  readonly exitCode: number;
  /** What it did, to be read after its name: `was OOMKilled: …`. */
  readonly message: string;
  /** The kernel or we brought it about, not the program. */
  readonly imposed: boolean;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** An ending without its times. */
export type EndingText = Omit<Ending, "startedAtMs" | "endedAtMs">;

/** Why we ended it ourselves. */
export interface Killed {
  readonly reason: "OOMKilled" | "Error";
  readonly message: string;
}

export interface EndingFacts {
  readonly exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null };
  readonly killed: Killed | undefined;
  /** How often the kernel killed in it for want of memory. */
  readonly oomKills: number;
  /** V8 said that its heap is full. */
  readonly heapFull: boolean;
  readonly memoryBytes: number | undefined;
  /** The error line that it ended with, or nothing. */
  readonly lastWords: string;
  /** Somebody wanted it to end. */
  readonly asked: boolean;
}

const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

/** Says why a run ended; what the kernel and we know comes before what the program says of itself. */
export function describeEnding(facts: EndingFacts): EndingText {
  const { exit, killed, memoryBytes, lastWords } = facts;
  const said = lastWords === "" ? "" : `: ${lastWords}`;
  const exitCode = exit.code ?? 128 + (signalNumbers[exit.signal ?? ""] ?? 0);
  const of = memoryBytes === undefined ? "" : ` of ${formatBytes(memoryBytes)}`;
  if (killed !== undefined) return { ...killed, exitCode, imposed: true };
  if (facts.oomKills > 0) {
    const message = `was OOMKilled: it reached its memory limit${of}`;
    return { reason: "OOMKilled", exitCode, message, imposed: true };
  }
  if (exitCode === 134 && memoryBytes !== undefined && facts.heapFull) {
    const message = `ran out of JavaScript heap below its memory limit${of} (OOMKilled)`;
    return { reason: "OOMKilled", exitCode, message, imposed: true };
  }
  if (exit.signal !== null) {
    // The line is of before, and not why.
    const before = lastWords === "" ? "" : ` (the last error in its log before that: ${lastWords})`;
    return { reason: "Error", exitCode, message: `was ended by ${exit.signal}${before}`, imposed: true };
  }
  if (exitCode === 0 && !facts.asked) {
    const words = lastWords === "" ? "" : ` (${lastWords})`;
    const message = `ended by itself with exit code 0${words}; it must keep running until it is stopped`;
    return { reason: "Completed", exitCode, message, imposed: false };
  }
  const message = `ended with exit code ${exitCode}${said}`;
  return { reason: exitCode === 0 ? "Completed" : "Error", exitCode, message, imposed: false };
}

/** The machine refused to start it: no memory, no disk, a program that is not there. Tried again with back-off, as any other end. */
export function unstartable(error: unknown): EndingText {
  const why = error instanceof Error ? error.message : String(error);
  return { reason: "Error", exitCode: 126, message: `could not be started: ${why}`, imposed: true };
}

/** The last ending of one container of a pod. */
export interface Ended {
  readonly container: string;
  readonly ending: Ending;
  /** It has been ready since. */
  readonly recovered: boolean;
}

/** Two ends within this time may be seen in the wrong order: a process that is short of CPU ends after the one that its closed socket ended. */
export const togetherMs = 500;
/** How long after its neighbour's end a container's own end is laid to that. */
const aftermathMs = 10_000;

/**
 * Which ending explains the pod. Containers of one pod take each other down, and the one that goes last says only that the other is gone. So an
 * end is laid to the one before it, if that neighbour has not come back since or went just before. Of two at once it is the one that the
 * kernel or we brought about, else the one that stands later in the manifest: the first container is the main one, which needs its helpers.
 *
 * @param endings in the manifest's order
 */
export function rootCause(endings: readonly Ended[]): Ended | undefined {
  const helpersFirst = endings.toReversed();
  const troubled = helpersFirst.filter(({ recovered }) => !recovered);
  let cause = troubled.length > 0 ? earliest(troubled) : latest(helpersFirst);
  for (const _ of endings) {
    const effect = cause;
    if (effect === undefined) return undefined;
    cause = earliest(helpersFirst.filter((one) => one !== effect && broughtAbout(one, effect, helpersFirst))) ?? effect;
  }
  return cause;
}

function broughtAbout(cause: Ended, effect: Ended, helpersFirst: readonly Ended[]): boolean {
  if (earliest(helpersFirst.filter((one) => one === cause || one === effect)) !== cause) return false;
  const gapMs = effect.ending.endedAtMs - cause.ending.endedAtMs;
  return !cause.recovered || (gapMs <= aftermathMs && cause.ending.endedAtMs >= effect.ending.startedAtMs - togetherMs);
}

function earliest(helpersFirst: readonly Ended[]): Ended | undefined {
  let found: Ended | undefined;
  for (const one of helpersFirst) if (found === undefined || precedes(one.ending, found.ending)) found = one;
  return found;
}

function precedes(a: Ending, b: Ending): boolean {
  const gapMs = b.endedAtMs - a.endedAtMs;
  return Math.abs(gapMs) > togetherMs ? gapMs > 0 : weightOf(a) > weightOf(b);
}

function weightOf({ reason, imposed }: Ending): number {
  if (reason === "OOMKilled") return 2;
  return imposed ? 1 : 0;
}

function latest(endings: readonly Ended[]): Ended | undefined {
  let found: Ended | undefined;
  for (const one of endings) if (found === undefined || one.ending.endedAtMs > found.ending.endedAtMs) found = one;
  return found;
}
