import { expect, test } from "vitest";
import { violationAlarm } from "#bus/violations.ts";

test("what a broker denies in silence is an alarm, and the rest of its log is none", () => {
  const alarms: unknown[] = [];
  const alarm = violationAlarm((...said) => alarms.push(said));
  const denied =
    '[1] [ERR] 10.0.0.7:4000 - mid:12 - "seed/sma" - Publish Violation - User "seed/sma", Subject "strat.x"';
  const byMosquitto = "1795752000: Denied PUBLISH from seed-paper_sma (d0, q1, r0, m1, 'gw/state', ... (12 bytes))";
  const other =
    "1795752000: Received PUBLISH from seed-paper_sma (d0, q1, r0, m1, 'Denied PUBLISH from ', ... (2 bytes))";
  for (const line of [other, "[1] [INF] Server is ready", denied, "[1] [INF] a client named Violation", byMosquitto])
    alarm.look(line);
  expect(alarm.violations).toBe(2);
  expect(alarms).toEqual([
    ["warn", "alarm: a client tried a topic that is not its own", { broker: denied, violations: 1 }],
    ["warn", "alarm: a client tried a topic that is not its own", { broker: byMosquitto, violations: 2 }],
  ]);
});
