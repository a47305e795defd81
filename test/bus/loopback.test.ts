import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { answers, freePorts } from "#bus/loopback.ts";

test("ports that are asked for together are each another one, free, and none that an outgoing connection takes", async () => {
  const ports = await freePorts(400);
  expect(new Set(ports).size).toBe(400);
  expect(ports.filter((port) => port >= 32_768)).toEqual([]);
  const [port = 0] = ports;
  expect(await answers(port)).toBe(false);
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  expect(await answers(port)).toBe(true);
  server.close();
});
