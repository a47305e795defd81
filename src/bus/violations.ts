import type { Log } from "./process.ts";

/** Raises an alarm for each line of a broker's log that says of a client that it published or subscribed what it may not. */
export interface ViolationAlarm {
  look(line: string): void;
  /** How many there were so far. */
  readonly violations: number;
}

/** nats-server and Mosquitto answer such a client as if all were well, so nothing else tells. */
export function violationAlarm(log: Log): ViolationAlarm {
  const state = { violations: 0 };
  return {
    look(line) {
      if (!isViolation(line)) return;
      state.violations += 1;
      const { violations } = state;
      log("warn", "alarm: a client tried a topic that is not its own", { broker: line.slice(0, 500), violations });
    },
    get violations() {
      return state.violations;
    },
  };
}

/**
 * nats-server: `[1] 2026/11/26 22:00:00 [ERR] 10.0.0.7:4000 - mid:12 - "team/name" - Publish Violation - User "…", Subject "…"`; Mosquitto:
 * `1795752000: Denied PUBLISH from team_name (d0, q1, r0, m1, 'gw/state', ... (12 bytes))`.
 */
export function isViolation(line: string): boolean {
  return /\b(?:Publish|Subscription) Violation\b|^\d+: Denied PUBLISH from /.test(line);
}
