import type { PlatformMetricMessage, Unstamped } from "#core/messages.ts";
import type { BrokerStats } from "./broker.ts";
import type { RecorderStats } from "./recorder.ts";

/** What `bus/metric` says: the broker's counters and its recorder's. */
export function busMetric(
  { clients, published, violations, refusedConnections, slowCut, queueDropped }: BrokerStats,
  { bytes, asked, refilled, refused }: RecorderStats,
  atMs: number,
): Unstamped<PlatformMetricMessage> {
  return {
    ...{ v: 1, type: "platform-metric", atMs },
    counts: {
      ...{ clients, published, violations, refusedConnections, slowCut, queueDropped },
      ...{ recorderBytes: bytes, refillsAsked: asked, refilled, refillsRefused: refused },
    },
    countsBy: {},
  };
}
