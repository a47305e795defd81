import { AlgorithmError, type AlgorithmLog, parseTimer, type Said, type TimerSpec } from "./algorithm.ts";

// What comes over the wire is untrusted: each of these makes something of whatever is there.

export interface Answer {
  readonly id: unknown;
  readonly result: unknown;
  readonly error: unknown;
}

export function parseAnswer(line: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || !("id" in value)) return undefined;
    const { id, result, error } = value as { [key: string]: unknown };
    return { id, result, error };
  } catch {
    return undefined;
  }
}

export function parseError(error: unknown): AlgorithmError {
  const { code, message, data } = Object(error);
  const { traceback, file, line } = Object(data);
  const where = Number.isSafeInteger(line) ? `${file}:${line}` : file;
  return new AlgorithmError(typeof message === "string" ? message : "failed without saying why", {
    place: typeof file === "string" ? where : undefined,
    traceback: typeof traceback === "string" ? traceback : undefined,
    code: typeof code === "number" ? code : undefined,
    said: parseSaid(data),
  });
}

/** Untrusted, as everything that comes over the wire. */
export function parseTimers(timers: unknown): readonly TimerSpec[] {
  const parsed: TimerSpec[] = [];
  for (const item of Array.isArray(timers) ? timers : []) {
    const { name, everySeconds } = Object(item);
    const timer = parseTimer(everySeconds, name, parsed);
    if (!timer.ok) throw new AlgorithmError(timer.error.message, {});
    parsed.push(timer.value);
  }
  return parsed;
}

export function parseSaid(result: unknown): Said {
  const { logs, dropped } = Object(result);
  const lost = Number.isSafeInteger(dropped) && dropped > 0 ? { linesDropped: Number(dropped) } : {};
  return { logs: parseLogs(logs), ...lost };
}

export function parseLogs(logs: unknown): readonly AlgorithmLog[] {
  return Array.isArray(logs) ? logs.slice(0, 201).map(parseLog) : [];
}

function parseLog(item: unknown): AlgorithmLog {
  const { level, message } = Object(item);
  const known = level === "debug" || level === "warn" || level === "error" ? level : "info";
  return { level: known, message: String(message).slice(0, 2_000) };
}

export function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
