import type { PlatformPart } from "./platform-parts.ts";

/** One number of a `platform-metric`, and what Prometheus knows it as. */
export interface PlatformFigure {
  readonly part: PlatformPart;
  /** Its name in `counts`, or in `countsBy` if it has a label. */
  readonly name: string;
  /** A counter's ends in `_total`. */
  readonly metric: string;
  readonly help: string;
  readonly label?: string;
}

/** Since the process of that part started. What a part says beyond these is not shown. */
export const platformFigures: readonly PlatformFigure[] = [
  gateway("orders", "orders_total", "Order events, by the status that they told.", "status"),
  gateway("denials", "denials_total", "Denied orders, by the reason's code.", "reason"),
  gateway("requests", "requests_total", "Order requests that came."),
  gateway("repeated", "requests_repeated_total", "Requests that were answered from the book."),
  gateway("malformed", "requests_malformed_total", "Requests that could not be read."),
  gateway("flooded", "requests_flooded_total", "Requests that were not looked at: too many in a second."),
  gateway("prices", "prices_total", "Quotes and bars that it took."),
  gateway(
    "lastPriceMs",
    "last_price_milliseconds",
    "Wall time of the last quote or bar that it took, since the epoch.",
  ),
  gateway("fills", "fills_total", "Fills that it booked."),
  gateway("alarms", "alarms_total", "Alarms in its log."),
  gateway("lostAnswers", "lost_answers_total", "Answers of venues that came not, or said nothing."),
  gateway("deadLetters", "dead_letters_total", "Messages that it refused, each a dead letter or counted in one."),
  gateway("bookBytes", "book_bytes", "Size of the book's file."),
  gateway("archiveBytes", "archive_bytes", "Size of the archive's files."),
  bus("clients", "clients", "Connections that are open."),
  bus("published", "published_total", "Messages that clients published."),
  bus("violations", "violations_total", "Foreign publishes, subscriptions and wills that were refused."),
  bus("refusedConnections", "connections_refused_total", "Connections refused for who they said they were."),
  bus("slowCut", "slow_cut_total", "Connections cut for not taking what they were sent."),
  bus("floodCut", "flood_cut_total", "Times a strategy was cut off because it flooded the bus."),
  bus("queueDropped", "queue_dropped_total", "QoS 1 messages not kept for a client with a full queue."),
  bus("recorderBytes", "recorder_bytes", "What the recorder holds."),
  bus("refillsAsked", "refills_asked_total", "Requests to the recorder."),
  bus("refilled", "refilled_total", "Messages that the recorder gave again."),
  bus("refillsRefused", "refills_refused_total", "Requests that the recorder refused."),
];

function gateway(name: string, metric: string, help: string, label?: string): PlatformFigure {
  const figure = { part: "gateway", name, metric: `slipway_gateway_${metric}`, help } as const;
  return label === undefined ? figure : { ...figure, label };
}

function bus(name: string, metric: string, help: string): PlatformFigure {
  return { part: "bus", name, metric: `slipway_bus_${metric}`, help };
}
