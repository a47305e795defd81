import type { LogMessage, PlatformMetricMessage, Unstamped } from "#core/messages.ts";
import { newSession } from "./numbers.ts";
import type { RecorderStats } from "./recorder.ts";

export const metricEveryMs = 5_000;

/** What `bus/metric` says: the broker's counters, as far as it has them, and its recorder's. */
export function busMetric(
  broker: Readonly<Record<string, number>>,
  { bytes, asked, refilled, refused }: RecorderStats,
  atMs: number,
): Unstamped<PlatformMetricMessage> {
  return {
    ...{ v: 1, type: "platform-metric", atMs },
    counts: { ...broker, recorderBytes: bytes, refillsAsked: asked, refilled, refillsRefused: refused },
    countsBy: {},
  };
}

/** What the bus says in the log of a strategy: in nobody's row, as a will is, so that what the strategy says itself goes on in its own. */
export function errorLine(message: string, atMs: number): LogMessage {
  return { v: 1, type: "log", level: "error", message, session: newSession(), seq: 0, atMs };
}
