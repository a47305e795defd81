import { instant, text, type Unknown } from "./fields.ts";

/** The end of a pod that its node ended or refused: the node is short of something, or the pod took more scratch space than it may. */
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
      return [{ namespace, pod, message, atMs }];
    })
    .sort((a, b) => a.atMs - b.atMs);
}

/**
 * Why this pod, or the last one of its name before it, was ended. Until a node's shortness is known to the scheduler, a pod is made there each second
 * and refused: then the one that ran says why, not they.
 */
export function lastEviction(pod: Unknown, evictions: readonly Eviction[]): Eviction | undefined {
  const [namespace, name] = [text(pod, "metadata", "namespace"), text(pod, "metadata", "name")];
  const own = evictions.filter((one) => one.namespace === namespace && one.pod === name);
  return own.findLast(({ message }) => !message.startsWith("The node had condition")) ?? own.at(-1);
}

/** By the words of scheduler or kubelet: what is short, and what to do about it. */
const shortages: readonly { readonly words: RegExp; readonly advice: string }[] = [
  { words: /disk-pressure|DiskPressure|ephemeral-storage|inodes/, advice: "make room on that node's disk" },
  { words: /memory-pressure|MemoryPressure|memory/, advice: "find what takes that node's memory" },
  { words: /pid-pressure|PIDPressure|pids/, advice: "find what has so many processes on that node" },
];

/**
 * Of a pod that no node takes, when a node may be short of something: Kubernetes names the taint before 1.34, and says only that there is one since.
 *
 * @param said the scheduler's words. @returns what to do, to be read after them
 */
export function shortageWords(said: string, evicted: Eviction | undefined): string {
  if (!said.includes("taint")) return "";
  const known = evicted?.message ?? "";
  const found = shortages.find(({ words }) => words.test(said)) ?? shortages.find(({ words }) => words.test(known));
  if (found === undefined) return "";
  const at = evicted === undefined ? "" : new Date(evicted.atMs).toISOString().slice(0, 19);
  const before = evicted === undefined ? "" : ` It was evicted at ${at}Z: ${known}`;
  return `${before} → ${found.advice}; it comes back by itself, with its state, some minutes after (5 unless the kubelet is told otherwise)`;
}
