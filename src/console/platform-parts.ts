import type { PlatformMetricMessage } from "#core/messages.ts";

/** Who says a `platform-metric`. */
export type PlatformPart = "gateway" | "bus";

export const platformFilters = ["gw/metric", "bus/metric", "bus/+/metric"] as const;

export function platformPartOf(topic: string): PlatformPart | undefined {
  if (topic === "gw/metric") return "gateway";
  return /^bus\/(?:[^/]+\/)?metric$/.test(topic) ? "bus" : undefined;
}

/** A node says its numbers every 5 s; one that has said nothing for this long is no more. */
const silentMsMax = 15_000;

/** The last numbers of each part; of a part with several nodes, each of which says its own, their sum. */
export class PlatformHeard {
  readonly #said = new Map<string, { readonly part: PlatformPart; readonly message: PlatformMetricMessage }>();
  readonly #parts = new Map<PlatformPart, PlatformMetricMessage>();

  get parts(): ReadonlyMap<PlatformPart, PlatformMetricMessage> {
    return this.#parts;
  }

  take(part: PlatformPart, topic: string, message: PlatformMetricMessage): void {
    this.#said.set(topic, { part, message });
    const own: PlatformMetricMessage[] = [];
    for (const [from, said] of this.#said) {
      if (said.part !== part) continue;
      if (message.atMs - said.message.atMs > silentMsMax) this.#said.delete(from);
      else own.push(said.message);
    }
    this.#parts.set(part, own.length === 1 ? message : sumOf(message, own));
  }
}

function sumOf(newest: PlatformMetricMessage, all: readonly PlatformMetricMessage[]): PlatformMetricMessage {
  const countsBy: { [name: string]: { [of: string]: number } } = {};
  for (const message of all)
    for (const [name, counts] of Object.entries(message.countsBy)) countsBy[name] = plus(countsBy[name] ?? {}, counts);
  let counts: { [name: string]: number } = {};
  for (const message of all) counts = plus(counts, message.counts);
  return { ...newest, counts, countsBy };
}

function plus(a: { [name: string]: number }, b: { readonly [name: string]: number }): { [name: string]: number } {
  const sum = { ...a };
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
