import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { freePort } from "#bus/loopback.ts";
import { Rig, until } from "./rig.ts";

const rigs: Rig[] = [];
afterEach(async () => {
  for (const made of rigs.splice(0)) await made.close();
});

/** An algorithm that leaves a trace of having been loaded. */
async function rig(): Promise<{ readonly bench: Rig; readonly module: string; readonly loaded: () => boolean }> {
  const bench = await new Rig().open();
  rigs.push(bench);
  const trace = join(bench.folder, "loaded");
  const module = bench.module(
    `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(trace)}, ""); export default class { initialize() { return ["quotes"]; } event() {} }`,
  );
  return { bench, module, loaded: () => existsSync(trace) };
}

test("while the API server answers, no algorithm is loaded and nobody logs in; once it does not, the executor runs", async () => {
  const { bench, module, loaded } = await rig();
  let tries = 0;
  const server = createServer((socket) => {
    tries += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? String(address?.port) : "";
  const executor = await bench.spawn(module, { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: port });
  await until("several tries", () => tries > 5);
  expect(executor.output()).toContain("network policies are not in force yet");
  expect({ loaded: loaded(), states: bench.states }).toEqual({ loaded: false, states: [] });
  // Alive, and not started: the kubelet ends it when that lasts.
  expect((await fetch(`http://127.0.0.1:${executor.probe}/startup`)).status).toBe(503);
  await new Promise((resolve) => server.close(resolve));
  await bench.state("running");
  expect(loaded()).toBe(true);
});

test("where nothing answers from the first moment on, it waits for nothing", async () => {
  const { bench, module } = await rig();
  const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(await freePort()) };
  const executor = await bench.spawn(module, env);
  await bench.state("running");
  expect(executor.output()).not.toContain("network policies");
});

test("a port that is none ends it", async () => {
  const { bench, module, loaded } = await rig();
  const executor = await bench.spawn(module, { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: "x" });
  expect(await executor.exited).toBe(1);
  expect(executor.output()).toContain("KUBERNETES_SERVICE_PORT");
  expect(loaded()).toBe(false);
});
