import { instant, text, type Unknown } from "./fields.ts";

/** The end of a pod that its node ended: the node is short of something, or the pod took more scratch space than it may. */
export interface Eviction {
  readonly namespace: string;
  readonly pod: string;
  /** The kubelet's words, in one line. */
  readonly message: string;
  readonly atMs: number;
}

/** @param events of the reason `Evicted`. @returns the oldest first */
export function evictionsOf(events: readonly Unknown[]): readonly Eviction[] {
  return events
    .flatMap((event) => {
      const [namespace, pod] = [text(event, "involvedObject", "namespace"), text(event, "involvedObject", "name")];
      const message = text(event, "message")?.replaceAll(/\s+/g, " ").trim();
      const atMs = instant(event, "lastTimestamp") ?? instant(event, "eventTime");
      if (namespace === undefined || pod === undefined || message === undefined || atMs === undefined) return [];
      // Of a pod that was refused at once, not ended: the pressure is what it says, and why the one before was ended is said by that one's event.
      if (message.startsWith("The node had condition")) return [];
      return [{ namespace, pod, message, atMs }];
    })
    .sort((a, b) => a.atMs - b.atMs);
}

/** Whether it was this pod, or the one of its name before it. */
export function wasEvicted(pod: Unknown, { namespace, pod: name }: Eviction): boolean {
  return text(pod, "metadata", "namespace") === namespace && text(pod, "metadata", "name") === name;
}

const pressures: { readonly [taint: string]: string } = {
  "node.kubernetes.io/disk-pressure": "make room on that node's disk",
  "node.kubernetes.io/memory-pressure": "find what takes that node's memory",
  "node.kubernetes.io/pid-pressure": "find what has so many processes on that node",
};

/** @param said why no node takes a pod, the scheduler's words. @returns what to do where it is a node's pressure, to be read after them */
export function pressureWords(said: string, evicted: Eviction | undefined): string {
  const [, advice] = Object.entries(pressures).find(([taint]) => said.includes(taint)) ?? [];
  if (advice === undefined) return "";
  const before =
    evicted === undefined
      ? ""
      : ` It was evicted at ${new Date(evicted.atMs).toISOString().slice(0, 19)}Z: ${evicted.message}`;
  return `${before} → ${advice}; it comes back by itself, with its state, some minutes after (5 unless the kubelet is told otherwise)`;
}
