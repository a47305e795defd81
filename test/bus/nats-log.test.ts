import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { watchServerLog } from "#bus/nats-log.ts";

test("what nats-server denies in silence is an alarm, and its log goes on as it is", async () => {
  const stream = new PassThrough();
  const written: string[] = [];
  const alarms: unknown[] = [];
  const violations = watchServerLog(
    stream,
    (line) => written.push(line),
    (...said) => alarms.push(said),
  );
  const denied =
    '[1] [ERR] 10.0.0.7:4000 - mid:12 - "seed/sma" - Publish Violation - User "seed/sma", Subject "strat.x"';
  const lines = ["[1] [INF] Server is ready", denied, "[1] [INF] a client named Violation"];
  // In pieces that end anywhere.
  for (const piece of `${lines.join("\n")}\n`.match(/.{1,7}|\n/g) ?? []) stream.write(piece);
  stream.end();
  await expect.poll(() => written).toEqual(lines.map((line) => `${line}\n`));
  expect(violations()).toBe(1);
  expect(alarms).toEqual([
    ["warn", "alarm: a client tried a topic that is not its own", { server: denied, violations: 1 }],
  ]);
});
