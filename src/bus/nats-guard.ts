import { FloodGuard, floodLimits } from "./flood-guard.ts";
import { type Callout, type CalloutOptions, startCallout } from "./nats-callout.ts";
import { startNatsMeter } from "./nats-meter.ts";

export interface GuardedCalloutOptions extends Omit<CalloutOptions, "guard"> {
  /** Told of each strategy that is cut off: the topic of its log, and why. */
  readonly cutOff: (topic: string, reason: string) => void;
}

export interface GuardedCallout {
  readonly callout: Callout;
  /** How often a strategy was cut off because it flooded the bus. */
  readonly floodCut: number;
  close(): void;
}

/** The callout, and beside it who cuts off strategies that flood the bus. @throws Fault `nats-unreachable` */
export async function startGuardedCallout(options: GuardedCalloutOptions): Promise<GuardedCallout> {
  const { access, nowMs, log, cutOff } = options;
  let callout: Callout | undefined;
  const guard = new FloodGuard({
    ...{ access, nowMs: () => performance.now(), dateMs: nowMs },
    cutOff({ identity, topic, reason }) {
      log("error", "alarm: a client is cut off", { identity, error: reason });
      // Who floods by logging in may be cut while the callout starts: it is not let in then.
      callout?.cut(identity, "it floods the bus");
      cutOff(topic, reason);
    },
  });
  callout = await startCallout({ ...options, guard });
  const { messages, bytes } = floodLimits;
  const quiet = { messages: messages.perSecond, bytes: bytes.perSecond };
  const meter = await startNatsMeter({ ...options, guard, quiet });
  return {
    callout,
    get floodCut() {
      return guard.cut;
    },
    close() {
      meter.close();
      callout.close();
    },
  };
}
