import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectBus } from "#bus/client.ts";
import { validatePlatformMetric } from "#core/bus-validators.generated.js";
import { spawnBus } from "../fixtures/bus-process.ts";

let folder = "";
const ends: (() => Promise<void>)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bus-process-"));
  for (const name of ["access", "state"]) mkdirSync(join(folder, name));
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  rmSync(folder, { recursive: true, force: true });
});

/** At once, as a cluster does it: a file that is just being written names nobody. */
function replace(name: string, value: object): void {
  writeFileSync(join(folder, "new"), JSON.stringify(value));
  renameSync(join(folder, "new"), join(folder, name));
}

const digest = (password: string): string => createHash("sha256").update(password).digest("hex");

function start(extra: { readonly [name: string]: string } = {}) {
  const child = spawnBus(folder, 0, extra);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  // By then all that it said has been read.
  const exited = once(child, "close").then(([code]: (number | null)[]) => code ?? null);
  ends.push(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
  });
  return { child, exited, output: () => output };
}

async function until<Value>(what: string, find: () => Value | undefined): Promise<Value> {
  const endMs = performance.now() + 60_000;
  for (;;) {
    const found = find();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("the process lets in who its files name, also who is named later, and ends with 0", async () => {
  const rule = { identity: "a/b", publish: ["t"], subscribe: ["t"] };
  replace("access/a.b", rule);
  replace("tokens.json", {});
  const bus = start();
  const port = await until("its port", () => /"message":"bus is listening".*"port":(\d+)/.exec(bus.output())?.[1]);
  const connecting = connectBus({
    url: `mqtt://127.0.0.1:${port}`,
    identity: "a/b",
    password: () => "p",
    connectTimeoutMs: 60_000,
  });
  await until("it is refused", () => (bus.output().includes("wrong password") ? true : undefined));
  replace("tokens.json", { "a/b": digest("p") });
  const client = await connecting;
  ends.unshift(() => client.close());
  expect((await client.subscribe("later")).ok).toBe(false);
  replace("access/a.b", { ...rule, subscribe: ["t", "later", "bus/metric"] });
  await until("the new rules", () => (bus.output().split("access rules read").length === 3 ? true : undefined));
  expect((await client.subscribe("later")).ok).toBe(true);
  const metrics: unknown[] = [];
  client.onMessage(({ topic, payload }) => {
    if (topic === "bus/metric") metrics.push(JSON.parse(Buffer.from(payload).toString()));
  });
  await client.subscribe("bus/metric");
  const metric = await until("what it counts", () => metrics[0]);
  expect(validatePlatformMetric(metric)).toBe(true);
  expect(metric).toMatchObject({ counts: { clients: 1, violations: 1, queueDropped: 0, refilled: 0 } });
  await client.close();
  bus.child.kill("SIGTERM");
  expect(await bus.exited).toBe(0);
});

test.each([
  { name: "a variable is missing", extra: { SLIPWAY_BUS_ACCESS_DIR: "" }, says: "not set: SLIPWAY_BUS_ACCESS_DIR" },
  { name: "the port is none", extra: { SLIPWAY_PORT_MQTT: "x" }, says: "SLIPWAY_PORT_MQTT" },
])("ends with 1 when $name", async ({ extra, says }) => {
  const bus = start(extra);
  expect(await bus.exited).toBe(1);
  expect(bus.output()).toContain(says);
});
