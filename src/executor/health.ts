import type { Probe } from "#bus/process.ts";
import type { ExecutorState } from "#core/messages.ts";

/** What the probes are answered by. */
export interface Vital {
  /** Undefined until the warm-up is over. */
  readonly status: ExecutorState | undefined;
  readonly connected: boolean;
  /** How long the current call to the algorithm takes already, milliseconds. */
  readonly callMs: number;
}

const callMsMax = 5_000;

/**
 * The three probes. `halted` and `degraded` are ready: they say what is wrong outside, or what was skipped, and a restart or a red pod mends neither.
 * One that is stopping, or that has faulted and is about to end, still lives.
 */
export function probesOf(vital: () => Vital): {
  readonly startup: Probe;
  readonly ready: Probe;
  readonly live: Probe;
} {
  return {
    startup: () => (vital().status === undefined ? "not trading yet" : undefined),
    ready() {
      const { status, connected } = vital();
      if (status === undefined) return "not trading yet";
      if (status === "stopping" || status === "stopped" || status === "faulted") return status;
      return connected ? undefined : "not connected to the bus";
    },
    live() {
      const { callMs } = vital();
      return callMs > callMsMax ? `the algorithm has not answered for ${Math.round(callMs / 1000)} s` : undefined;
    },
  };
}
