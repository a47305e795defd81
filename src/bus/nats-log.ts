import type { Log } from "./process.ts";

/** Raises an alarm for each line of nats-server's log that says of a client that it published or subscribed what it may not. */
export interface ViolationAlarm {
  look(line: string): void;
  /** How many there were so far. */
  readonly violations: number;
}

/** nats-server answers such a client as if all were well, so nothing else tells. */
export function violationAlarm(log: Log): ViolationAlarm {
  const state = { violations: 0 };
  return {
    look(line) {
      if (!isViolation(line)) return;
      state.violations += 1;
      const { violations } = state;
      log("warn", "alarm: a client tried a topic that is not its own", { server: line.slice(0, 500), violations });
    },
    get violations() {
      return state.violations;
    },
  };
}

/** A line such as `[1] 2026/11/26 22:00:00 [ERR] 10.0.0.7:4000 - mid:12 - "team/name" - Publish Violation - User "…", Subject "…"`. */
export function isViolation(line: string): boolean {
  return /\b(?:Publish|Subscription) Violation\b/.test(line);
}
