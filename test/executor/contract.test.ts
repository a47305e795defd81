import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { JsonValue } from "#core/json.ts";
import type { Algorithm } from "#executor/algorithm.ts";
import { Indicators } from "#executor/indicators.ts";
import { loadModule, readModule } from "#executor/module-algorithm.ts";
import { connectRpc } from "#executor/rpc-algorithm.ts";
import { algorithmContract, type OpenAlgorithm } from "../contract/algorithm-contract.ts";
import { serveModule } from "../contract/serve-module.ts";
import { slotsContract } from "../contract/slots-contract.ts";

const sdk = join(import.meta.dirname, "../../sdk/python");
let folder = "";
let made = 0;
const children: ChildProcess[] = [];
const servers: Server[] = [];
const algorithms: Algorithm[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "contract-"));
});
afterEach(async () => {
  for (const algorithm of algorithms.splice(0)) algorithm.close();
  for (const server of servers.splice(0)) server.close();
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function place(): string {
  made += 1;
  const own = join(folder, String(made));
  mkdirSync(own);
  return own;
}

function inProcess(source: string): Promise<Algorithm> {
  const path = join(place(), "algorithm.mjs");
  writeFileSync(path, source);
  return loadModule(readModule({ path, entry: "algorithm.ts", mapFile: `${path}.map` }));
}

async function connected(socket: string): Promise<Algorithm> {
  const algorithm = await connectRpc(socket);
  algorithms.push(algorithm);
  return algorithm;
}

async function python({ python: source, files = {} }: Parameters<OpenAlgorithm>[0]): Promise<Algorithm> {
  const own = place();
  mkdirSync(join(own, "bundle"));
  for (const [name, text] of Object.entries({ ...files, "algorithm.py": source }))
    writeFileSync(join(own, "bundle", name), text);
  const socket = join(own, "rpc.sock");
  const env = {
    PATH: process.env["PATH"],
    PYTHONPATH: sdk,
    PYTHONDONTWRITEBYTECODE: "1",
    SLIPWAY_ALGORITHM_BUNDLE: join(own, "bundle"),
    SLIPWAY_ALGORITHM_ENTRY: "algorithm.py",
    SLIPWAY_RPC_SOCKET: socket,
    SLIPWAY_PORT_HEALTH: "0",
  };
  children.push(spawn("python3", ["-m", "slipway"], { cwd: own, env, stdio: "ignore" }));
  return connected(socket);
}

async function served({ typescript }: Parameters<OpenAlgorithm>[0]): Promise<Algorithm> {
  const socket = join(place(), "rpc.sock");
  const server = createServer((connection) => serveModule(connection, () => inProcess(typescript)));
  servers.push(server.listen(socket));
  return connected(socket);
}

describe.each<[string, OpenAlgorithm]>([
  ["TypeScript in process", ({ typescript }) => inProcess(typescript)],
  ["TypeScript over RPC", served],
  ["Python over RPC", python],
])("%s", (_name, open) => {
  algorithmContract(open);
  slotsContract(open);
});

test("indicators come to the same doubles in both languages, restored at any moment too", async () => {
  const number = fc.oneof(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), fc.integer({ min: -5, max: 5 }));
  const kind = fc.constantFrom("sma", "ema", "stdev", "returns");
  const one = fc.record({ kind, length: fc.integer({ min: 2, max: 12 }), values: fc.array(number, { maxLength: 60 }) });
  const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
  const sampled = fc.sample(one, { numRuns: 400, seed });
  // As both read them: JavaScript writes a negative zero without its sign.
  const cases: typeof sampled = JSON.parse(JSON.stringify(sampled));
  const script = `
import json, sys
from slipway import Indicators
for line in sys.stdin:
    case = json.loads(line)
    kept, answers = Indicators(), []
    for value in case["values"]:
        fresh = Indicators()
        fresh.load(json.loads(json.dumps(kept.save())))
        kept = fresh
        answers.append(getattr(kept, case["kind"])("x", case["length"]).update(value))
    print(json.dumps([answers, kept.save()]))
`;
  const child = spawn("python3", ["-c", script], { env: { PATH: process.env["PATH"], PYTHONPATH: sdk } });
  children.push(child);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.end(cases.map((item) => `${JSON.stringify(item)}\n`).join(""));
  expect(await once(child, "close")).toEqual([0, null]);
  const found = output.trim().split("\n");
  const expected = cases.map(({ kind: called, length, values }): JsonValue => {
    const kept = new Indicators();
    const answers = values.map((value) => kept[called]("x", length).update(value) ?? null);
    return [answers, kept.save() ?? null];
  });
  for (const [index, answers] of expected.entries()) {
    // Zeros with their signs, too: a mean of the smallest numbers is one.
    expect(JSON.parse(found[index] ?? "null"), `SEED=${seed}, case ${index}`).toEqual(answers);
  }
});
