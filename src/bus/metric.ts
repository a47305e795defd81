import type { PlatformMetricMessage, Unstamped } from "#core/messages.ts";
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
