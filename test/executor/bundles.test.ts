import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildPrograms } from "../../scripts/programs.ts";

/** mqtt.js and what it needs to speak over TCP. */
const mqttPackages = [
  ...["bl", "debug", "has-flag", "inherits", "lru-cache", "mqtt", "mqtt-packet", "ms", "process-nextick-args", "rfdc"],
  "supports-color",
];

test.each([
  { name: "executor", bytesMax: 350_000, rooms: ["bus", "core", "executor"], never: ["node:sqlite"] },
  { name: "gateway", bytesMax: 350_000, rooms: ["bus", "core", "gateway"], never: [] },
])("the built $name holds its own code and MQTT, and nothing that costs each process memory", async (program) => {
  const folder = mkdtempSync(join(tmpdir(), "slipway-programs-"));
  const { outputs } = await buildPrograms(folder).finally(() => rmSync(folder, { recursive: true, force: true }));
  const [, output] = Object.entries(outputs).find(([file]) => file.endsWith(`/${program.name}.mjs`)) ?? [];
  const inputs = Object.keys(output?.inputs ?? {}).filter((path) => !path.startsWith("unused:"));
  const packages = inputs.flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  expect([...new Set(packages)].sort()).toEqual(mqttPackages);
  const rooms = inputs.flatMap((path) => /^src\/([^/]+)\//.exec(path)?.[1] ?? []);
  expect([...new Set(rooms)].sort()).toEqual(program.rooms);
  // YAML and the validators of its documents are the gate's: 420 kB of code that a process would read at its start.
  expect(inputs.filter((path) => /\/validators\.generated\.js$/.test(path))).toEqual([]);
  // What is loaded at the start; what only a cluster's gateway loads is another matter.
  const atOnce = output?.imports.filter(({ kind }) => kind === "import-statement") ?? [];
  const builtins = atOnce.map(({ path }) => path.replace("node:", ""));
  const heavy = [
    "http",
    "https",
    "http2",
    "worker_threads",
    "inspector",
    "child_process",
    "cluster",
    "readline",
    "repl",
  ];
  expect(builtins.filter((name) => heavy.includes(name) || program.never.includes(`node:${name}`))).toEqual([]);
  expect(output?.bytes).toBeLessThan(program.bytesMax);
});
