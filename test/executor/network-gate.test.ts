import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort } from "#bus/loopback.ts";
import { networkGate } from "#executor/network-gate.ts";
import { type Rig, rigOf, until } from "./rig.ts";

/** An algorithm that leaves a trace of having been loaded. */
async function rig(): Promise<{ readonly bench: Rig; readonly module: string; readonly loaded: () => boolean }> {
  const bench = await rigOf().open();
  const trace = join(bench.folder, "loaded");
  const module = bench.module(
    `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(trace)}, ""); export default class { initialize() { return ["quotes"]; } event() {} }`,
  );
  return { bench, module, loaded: () => existsSync(trace) };
}

/** The API server's port: it answers each connection, and ends it. */
async function answering(told: () => void): Promise<{ readonly port: string; readonly end: () => Promise<unknown> }> {
  const server = createServer((socket) => {
    told();
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" ? String(address?.port) : "",
    end: () => new Promise((resolve) => server.close(resolve)),
  };
}

test("while the API server answers, no algorithm is loaded and nobody logs in; once it does not, the executor runs", async () => {
  const { bench, module, loaded } = await rig();
  let tries = 0;
  const { port, end } = await answering(() => (tries += 1));
  const probe = String(await freePort());
  const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: port, SLIPWAY_PORT_PROBE: probe };
  const executor = await bench.spawn(module, env);
  await until("several tries", () => tries > 5);
  expect(executor.output()).toContain("network policies are not in force yet");
  expect({ loaded: loaded(), states: bench.states }).toEqual({ loaded: false, states: [] });
  // Alive, and not started: the kubelet ends it when that lasts.
  expect((await fetch(`http://127.0.0.1:${probe}/startup`)).status).toBe(503);
  await end();
  await bench.state("running");
  expect(loaded()).toBe(true);
});

test("an answer that lies there when a process that stood still goes on is one", async () => {
  const { port, end } = await answering(() => undefined);
  const said: string[] = [];
  let isOpen = false;
  const gate = networkGate({ KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: port }, (_, line) =>
    said.push(line),
  ).then(() => {
    isOpen = true;
  });
  // Longer than it waits for an answer.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
  await until("what it found", () => said.length > 0 || isOpen);
  expect(isOpen).toBe(false);
  await end();
  await gate;
});

test("a stop while it waits ends it with 0", async () => {
  const { bench, module, loaded } = await rig();
  const { port, end } = await answering(() => undefined);
  const executor = await bench.spawn(module, { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: port });
  await until("that it waits", () => executor.output().includes("network policies are not in force yet"));
  executor.child.kill("SIGTERM");
  expect(await executor.exited).toBe(0);
  expect(executor.output()).toContain("asked to stop before it began");
  expect(executor.output()).not.toContain('"level":"error"');
  expect(loaded()).toBe(false);
  await end();
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
