import { expect, test } from "vitest";
import { withoutCredentials } from "#bus/broker-program.ts";

test.each([
  [
    "[1] [INF] Removed route nats-route://route:aaaa-_a@bus-node-1:6222",
    "[1] [INF] Removed route nats-route://bus-node-1:6222",
  ],
  ["from nats://u:p@a:1 to nats://b:2, nats://u@c:3", "from nats://a:1 to nats://b:2, nats://c:3"],
  ["mail to ada@example.org about http://a/b@c", "mail to ada@example.org about http://a/b@c"],
])("a broker's line %j is logged without who signs in by a URL", (line, logged) => {
  expect(withoutCredentials(line)).toBe(logged);
});
