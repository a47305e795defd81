import { expect, test } from "vitest";
import { violationAlarm } from "#bus/nats-log.ts";

test("what nats-server denies in silence is an alarm, and the rest of its log is none", () => {
  const alarms: unknown[] = [];
  const alarm = violationAlarm((...said) => alarms.push(said));
  const denied =
    '[1] [ERR] 10.0.0.7:4000 - mid:12 - "seed/sma" - Publish Violation - User "seed/sma", Subject "strat.x"';
  for (const line of ["[1] [INF] Server is ready", denied, "[1] [INF] a client named Violation"]) alarm.look(line);
  expect(alarm.violations).toBe(1);
  expect(alarms).toEqual([
    ["warn", "alarm: a client tried a topic that is not its own", { server: denied, violations: 1 }],
  ]);
});
