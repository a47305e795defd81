import { setTimeout as delay } from "node:timers/promises";
import type { Tools } from "./isolation.ts";
import { askInside, askProbe, type Probe, type ProbeAnswer } from "./probe.ts";

/** The probes of one run of a container, and who is told of their verdicts. */
export interface Probing {
  readonly startup: Probe | undefined;
  readonly liveness: Probe | undefined;
  readonly readiness: Probe | undefined;
  /** The process whose own network the probes are asked in; `undefined` when it is this machine's. */
  readonly networklessPid: number | undefined;
  readonly tools: Tools;
  readonly secondMs: number;
  /** The run is over. */
  readonly over: AbortSignal;
  /** It was never ready, so it is asked more often than the manifest says. */
  readonly eager: () => boolean;
  readonly onReady: (ready: boolean, seen: string) => void;
  /** The last line of its log; empty if it wrote none. */
  readonly lastLine: () => string;
  /** It must be restarted, with what it did. */
  readonly onDead: (message: string) => void;
}

const unreadyPollMsMax = 250;

/** Asks a container's probes as the kubelet does, until the run is over. */
export async function watchProbes(probing: Probing): Promise<void> {
  const { startup, liveness, readiness, over, onReady, onDead } = probing;
  if (startup !== undefined && !(await awaitStartup(startup, probing))) return;
  if (over.aborted) return;
  if (readiness === undefined) onReady(true, "");
  await Promise.all([
    readiness === undefined ? undefined : watch(readiness, probing, onReady),
    liveness === undefined
      ? undefined
      : watch(liveness, probing, (good, seen) => {
          if (!good) onDead(`failed its liveness probe ${liveness.failureThreshold} times: ${seen}`);
        }),
  ]);
}

/** Asks often, so that a quick start shows at once; gives up after the time that the manifest's period and threshold make. */
async function awaitStartup(probe: Probe, probing: Probing): Promise<boolean> {
  const { secondMs, over, onReady, onDead } = probing;
  await pause(probe.initialDelaySeconds * secondMs, over);
  const budgetSeconds = probe.failureThreshold * probe.periodSeconds;
  const endMs = performance.now() + budgetSeconds * secondMs;
  let seen = "";
  do {
    const answer = await ask(probe, probing);
    if (answer.good) return true;
    seen = answer.seen;
    onReady(false, seen);
    await pause(Math.min(unreadyPollMsMax, probe.periodSeconds * secondMs), over);
  } while (!over.aborted && performance.now() < endMs);
  const wrote = probing.lastLine();
  const last = wrote === "" ? "" : `; the last it wrote: ${wrote}`;
  if (!over.aborted) onDead(`did not start within ${budgetSeconds} s: ${seen}${last}`);
  return false;
}

/** Tells each change of a probe's verdict, after as many answers as the thresholds ask. */
async function watch(probe: Probe, probing: Probing, tell: (good: boolean, seen: string) => void): Promise<void> {
  const { secondMs, over } = probing;
  await pause(probe.initialDelaySeconds * secondMs, over);
  let failures = 0;
  let successes = 0;
  while (!over.aborted) {
    const { good, seen } = await ask(probe, probing);
    if (over.aborted) return;
    failures = good ? 0 : failures + 1;
    successes = good ? successes + 1 : 0;
    if (good && successes >= probe.successThreshold) tell(true, seen);
    if (failures >= probe.failureThreshold) tell(false, seen);
    const everyMs = probe.periodSeconds * secondMs;
    const soon = probe === probing.readiness && probing.eager();
    await pause(soon ? Math.min(unreadyPollMsMax, everyMs) : everyMs, over);
  }
}

function ask(probe: Probe, { networklessPid, tools, secondMs }: Probing): Promise<ProbeAnswer> {
  const timeoutMs = Math.max(100, probe.timeoutSeconds * secondMs);
  if (networklessPid === undefined || tools.networkless === undefined) return askProbe(probe, timeoutMs);
  return askInside(probe, timeoutMs, networklessPid, tools.networkless);
}

async function pause(ms: number, over: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal: over }).catch(() => undefined);
}
