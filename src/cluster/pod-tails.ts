import { type ClusterClient, unreachable } from "./client.ts";

export interface TailedLine {
  /** The log's name, as it was opened. */
  readonly log: string;
  /** ISO 8601, UTC, nanoseconds: sorts as text. */
  readonly time: string;
  /** With the time in front. */
  readonly text: string;
}

/** One container's log, as the API server tells it, read from where the last reading ended. */
export interface PodTail {
  last(count: number): Promise<readonly TailedLine[]>;
  next(): Promise<readonly TailedLine[]>;
}

export interface PodLog {
  readonly container: string;
  /** @param log by which its lines are known */
  readonly open: (log: string) => PodTail;
  /** How often it may be asked for, milliseconds. */
  readonly roundMs: number;
}

/** Asked for anew, not held open: that goes on over restarts of the container and of the API server. */
const roundMs = 1_000;
const bytesMax = 4 * 1024 * 1024;

/**
 * Opens the logs of a pod's containers. What they wrote is untrusted: control characters are taken out.
 *
 * @param steady milliseconds since any moment, by a clock that nobody sets
 * @returns undefined if there is no such pod
 * @throws Fault `cluster-unreachable`, at each reading, too
 */
export async function openPodTails(
  { library, config }: ClusterClient,
  { namespace, pod }: { readonly namespace: string; readonly pod: string },
  steady: () => number,
): Promise<readonly PodLog[] | undefined> {
  const core = config.makeApiClient(library.CoreV1Api);
  const asked = async <Value>(request: Promise<Value>): Promise<Value | undefined> => {
    try {
      return await request;
    } catch (cause) {
      // Not there, or its container has written nothing yet.
      if (cause instanceof library.ApiException && (cause.code === 404 || cause.code === 400)) return undefined;
      throw unreachable(config, `what ${namespace}/${pod} wrote`, cause);
    }
  };
  const found = await asked(core.readNamespacedPod({ name: pod, namespace }));
  const containers = found?.spec?.containers.map(({ name }) => name);
  const open = (container: string, log: string): PodTail => {
    let newest = "";
    let askedMs = Number.NEGATIVE_INFINITY;
    const read = async (more: { readonly tailLines?: number; readonly sinceSeconds?: number }) => {
      askedMs = steady();
      const text = await asked(
        core.readNamespacedPodLog({ name: pod, namespace, container, timestamps: true, limitBytes: bytesMax, ...more }),
      );
      const lines = linesOf(text ?? "", log).filter(({ time }) => time > newest);
      newest = lines.at(-1)?.time ?? newest;
      return lines;
    };
    return {
      last: (count) => read({ tailLines: count }),
      async next() {
        const sinceMs = steady() - askedMs;
        // A second more than has passed, since clocks differ; what was seen already is known by its time.
        return read({ sinceSeconds: Math.ceil(sinceMs / 1_000) + 1 });
      },
    };
  };
  return containers?.map((container) => ({ container, roundMs, open: (log) => open(container, log) }));
}

/** Each line begins with its time. Of one that the limit of bytes has cut the rest comes with the next reading. */
function linesOf(text: string, log: string): readonly TailedLine[] {
  return text
    .split("\n")
    .slice(0, -1)
    .flatMap((line) => {
      const time = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)(?= |$)/.exec(line)?.[0];
      return time === undefined ? [] : [{ log, time, text: line.replace(/(?!\t)[\p{Cc}\p{Cf}]/gu, " ") }];
    });
}
