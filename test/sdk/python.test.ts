import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { zipSync } from "fflate";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "#bus/loopback.ts";
import type { Algorithm } from "#executor/algorithm.ts";
import { SplitMix64 } from "#executor/random.ts";
import { connectRpc } from "#executor/rpc-algorithm.ts";

const sdk = join(import.meta.dirname, "../../sdk/python");
const portfolio = { cash: "900", equity: "1000", positions: { AAPL: "1" }, bet: "12.5" };
const quote = { v: 1, type: "quote", sid: "AAPL", venue: "replay", quote: "345", session: "s", seq: 1, ts: 5 } as const;
/** Of the state: this same version. */
const writer = { params: {}, same: true };
const start = {
  params: { threshold: 0.5, starting_cash: "1000" },
  mode: "paper",
  seed: 7,
  strategy: "seed/random",
} as const;

let folder = "";
const children: ChildProcess[] = [];
const algorithms: Algorithm[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "python-"));
});
afterEach(async () => {
  for (const algorithm of algorithms.splice(0)) algorithm.close();
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }
  rmSync(folder, { recursive: true, force: true });
});

interface Served {
  readonly algorithm: Algorithm;
  readonly child: ChildProcess;
  readonly port: number;
  readonly socket: string;
  readonly output: () => string;
}

function launch(variables: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn("python3", ["-m", "slipway"], {
    cwd: folder,
    env: { PATH: process.env["PATH"], PYTHONPATH: sdk, PYTHONDONTWRITEBYTECODE: "1", ...variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  return child;
}

async function serve(
  files: { readonly [name: string]: string },
  entry = "algorithm.py",
  zipped = true,
): Promise<Served> {
  const bundle = join(folder, zipped ? "algorithm.zip" : "bundle");
  if (zipped) {
    writeFileSync(
      bundle,
      zipSync(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)]))),
    );
  } else {
    mkdirSync(bundle);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(bundle, name), text);
  }
  const port = await freePort();
  const socket = join(folder, "rpc.sock");
  const child = launch({
    SLIPWAY_ALGORITHM_BUNDLE: bundle,
    SLIPWAY_ALGORITHM_ENTRY: entry,
    SLIPWAY_RPC_SOCKET: socket,
    SLIPWAY_PORT_HEALTH: String(port),
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const algorithm = await connectRpc(socket);
  algorithms.push(algorithm);
  return { algorithm, child, port, socket, output: () => output };
}

const seed = `class RandomAlgo:
    def initialize(self, params):
        self.threshold = params.get('threshold', 0.5)
        return ['quotes']

    def event(self, data):
        return {'sid': data['sid'], 'side': 'buy'} if float(data['quote']) > self.threshold else None
`;

describe("the Python server", () => {
  test.each([true, false])(
    "serves an algorithm of the article's shape, without a context (zip: %s)",
    async (zipped) => {
      const { algorithm } = await serve({ "algorithm.py": seed }, "algorithm.py", zipped);
      const facts = await algorithm.initialize(start);
      expect([facts.channels, [...facts.hooks]]).toEqual([["quotes"], []]);
      expect(facts.digest === undefined).toBe(!zipped);
      expect(await algorithm.event(quote, 5, portfolio)).toEqual({
        decisions: [{ sid: "AAPL", side: "buy" }],
        logs: [],
      });
      expect(await algorithm.event({ ...quote, quote: "0.1" }, 5, portfolio)).toEqual({ decisions: [], logs: [] });
    },
  );

  test.each([
    ["a link to nowhere", (place: string) => symlinkSync("/nowhere", place)],
    ["a folder", (place: string) => mkdirSync(join(place, "sub"), { recursive: true })],
    ["a file", (place: string) => writeFileSync(place, "")],
  ] as const)("what an algorithm before it has put in the socket's place, %s, is removed", async (_what, put) => {
    put(join(folder, "rpc.sock"));
    const { algorithm } = await serve({ "algorithm.py": seed });
    expect((await algorithm.initialize(start)).channels).toEqual(["quotes"]);
  });

  test("gives a context, hooks and siblings; the state comes back, that of the random numbers too", async () => {
    const { algorithm } = await serve({
      "helper.py": "CHANNELS = ['quotes']\n",
      "algorithm.py": `import helper
class Algorithm:
    def initialize(self, params, context):
        self.seen = []
        assert params["starting_cash"] == "1000" and context.mode == "paper"
        try:
            params["x"] = 1
        except TypeError:
            context.log.info("frozen")
        return helper.CHANNELS
    def warm(self, data): self.seen.append(data["quote"])
    def event(self, data, context):
        p = context.portfolio
        context.log.warn("|".join([p.cash, p.equity, p.positions["AAPL"], p.optimize(data), str(context.clock.now()), repr(context.random())]))
        return [{"sid": "AAPL", "side": "sell", "quantity": "1.5"}]
    def on_order(self, event, context): context.log.debug(event["status"])
    def snapshot(self): return {"seen": self.seen}
    def restore(self, state): self.seen = state["seen"]
    def stop(self, reason): print("stopped:", reason)
`,
    });
    const facts = await algorithm.initialize(start);
    expect([...facts.hooks].sort()).toEqual(["on_order", "restore", "snapshot", "stop", "warm"]);
    await algorithm.warm(quote, 4, portfolio);
    const random = new SplitMix64(7n);
    const first = await algorithm.event(quote, 5, portfolio);
    expect(first.logs.at(-1)).toEqual({ level: "warn", message: `900|1000|1|12.5|5|${random.next()}` });
    expect(first.decisions).toHaveLength(1);
    const state = await algorithm.snapshot();
    expect(JSON.parse(Object(state).text)).toEqual({ state: { seen: ["345"] }, random: random.state.toString(16) });
    const second = await algorithm.event(quote, 6, portfolio);
    await algorithm.restore(state, writer);
    expect((await algorithm.event(quote, 6, portfolio)).logs).toEqual(second.logs);
    await algorithm.stop("enough");
  });

  test.each([
    {
      name: "event raises",
      body: "        raise ValueError('boom')",
      message: "ValueError: boom",
      place: "algorithm.py:6",
    },
    { name: "event exits", body: "        raise SystemExit(3)", message: "SystemExit: 3", place: "algorithm.py:6" },
    {
      name: "an answer that is not JSON",
      body: "        return {'sid': {1}, 'side': 'buy'}",
      message: "what event() answers.decisions[0].sid is a set, which JSON cannot keep",
      place: "algorithm.py:4",
    },
    {
      name: "NaN",
      body: "        return {'sid': float('nan'), 'side': 'buy'}",
      message: "what event() answers.decisions[0].sid is nan, which JSON cannot keep",
      place: "algorithm.py:4",
    },
  ])("$name: its text, file and line, and it goes on", async ({ body, message, place }) => {
    const { algorithm } = await serve({
      "algorithm.py": `class A:\n    def initialize(self, params):\n        return []\n    def event(self, data):\n        if data['seq'] == 2: return None\n${body}\n`,
    });
    await algorithm.initialize(start);
    await expect(algorithm.event(quote, 5, portfolio)).rejects.toMatchObject({
      message: expect.stringContaining(message),
      place,
    });
    expect(await algorithm.event({ ...quote, seq: 2 }, 5, portfolio)).toEqual({ decisions: [], logs: [] });
  });

  test.each([
    { name: "no class", text: "x = 1\n", message: "found none", place: /^algorithm\.py$/ },
    {
      name: "two classes",
      text: `${seed}\nclass Other(RandomAlgo):\n    pass\n`,
      message: "found Other, RandomAlgo",
      place: /^algorithm\.py$/,
    },
    { name: "a syntax error", text: "class A(:\n", message: "SyntaxError" },
    { name: "a missing import", text: "import numpyy\n", message: "No module named 'numpyy'" },
    {
      name: "no list of channels",
      text: "class A:\n    def initialize(self, params): return 'quotes'\n    def event(self, data): pass\n",
      message: "a list of strings",
    },
  ])("refused: $name", async ({ text, message, place = /^algorithm\.py:\d+$/ }) => {
    const { algorithm } = await serve({ "algorithm.py": text });
    await expect(algorithm.initialize(start)).rejects.toMatchObject({
      name: "AlgorithmError",
      message: expect.stringContaining(message),
      place: expect.stringMatching(place),
    });
  });

  test.each([
    { line: "{", code: -32700 },
    { line: "[]", code: -32600 },
    { line: '{"id":1,"method":"nothing"}', code: -32601 },
    { line: '{"id":1,"method":"event","params":{}}', code: -32600 },
    { line: '{"id":1,"method":"initialize","params":{}}', code: -32602 },
    { line: '{"id":1,"method":"initialize","params":[]}', code: -32602 },
    { line: "x".repeat(4 * 1024 * 1024 + 1), code: -32700 },
  ])("protocol: $code", ({ line, code }) => {
    const script = `import os, sys
from slipway.server import Health, Server
import socket
server = Server(os.getcwd(), "algorithm.py", Health())
here, there = socket.socketpair()
import threading
def converse():
    with there, there.makefile("rb") as lines:
        server._converse(there, lines)
threading.Thread(target=converse, daemon=True).start()
here.sendall(sys.stdin.buffer.read())
print(here.makefile("r").readline())`;
    const output = execFileSync("python3", ["-c", script], {
      input: `${line}\n`,
      env: { PATH: process.env["PATH"], PYTHONPATH: sdk, PYTHONDONTWRITEBYTECODE: "1" },
      encoding: "utf8",
    });
    expect(JSON.parse(output)).toMatchObject({ jsonrpc: "2.0", error: { code } });
  });

  test("what it prints while nobody reads holds up nothing", async () => {
    const { algorithm, child, output } = await serve({
      "algorithm.py": `class Algorithm:
    def initialize(self, params): return ["quotes"]
    def event(self, data):
        for n in range(200): print("x" * 4000, end="")
        print("said at " + data["quote"])
        return [{"sid": data["sid"], "side": "buy"}]
`,
    });
    await algorithm.initialize(start);
    child.stdout?.pause();
    const bought = { decisions: [{ sid: "AAPL", side: "buy" }], logs: [] };
    expect(await algorithm.event(quote, 5, portfolio)).toMatchObject(bought);
    expect(await algorithm.event({ ...quote, quote: "346" }, 6, portfolio)).toMatchObject(bought);
    child.stdout?.resume();
    let calls = 2;
    await expect
      .poll(async () => {
        calls += 1;
        await algorithm.event({ ...quote, quote: "347" }, 7, portfolio);
        return output();
      })
      .toContain("said at 347\n");
    // What came while nobody read was kept in part.
    expect(output().length).toBeLessThan(200 * 4_000 * (calls - 1));
  });

  test("a flood of its output is capped", async () => {
    const { algorithm, output } = await serve({
      "algorithm.py": `class A:
    def initialize(self, params): return []
    def event(self, data):
        for index in range(10000): print("flood", index)
`,
    });
    await algorithm.initialize(start);
    await algorithm.event(quote, 5, portfolio);
    expect(
      output()
        .split("\n")
        .filter((line) => line.startsWith("flood")).length,
    ).toBeLessThanOrEqual(150);
  });

  test.each([
    {
      name: "a loop in event()",
      code: "while True: pass",
      said: "event() did not return for 5 s; it is at algorithm.py:4, in event()",
    },
    {
      name: "a loop below event(), in a file beside it, that hides what it may",
      code: "import helper, sys; sys.stderr = sys.stdout = None; helper.spin()",
      said: "event() did not return for 5 s; it is at helper.py:4, in turn()",
    },
  ])("$name ends the process, and names the line; until then its health answers", async ({ code, said }) => {
    const { algorithm, child, port, output } = await serve({
      "helper.py": "def spin():\n    turn()\ndef turn():\n    while True: pass\n",
      "algorithm.py": `class A:\n    def initialize(self, params): return []\n    def event(self, data):\n        ${code}\n`,
    });
    const gone = once(child, "close");
    await algorithm.initialize(start);
    const answer = algorithm.event(quote, 5, portfolio).catch((cause: unknown) => cause);
    expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(200);
    expect(await gone).toEqual([1, null]);
    expect(await answer).toBeInstanceOf(Error);
    expect(output()).toContain(`${said}\n`);
  });

  test("what holds the interpreter itself is left to the executor's deadline", async () => {
    const { algorithm, child } = await serve({
      "algorithm.py": `import re
class A:
    def initialize(self, params): return []
    def event(self, data): re.match("(a+)+$", "a" * 60 + "b")
`,
    });
    await algorithm.initialize(start);
    await expect(algorithm.event(quote, 5, portfolio)).rejects.toThrow("did not answer within 5 s");
    expect(child.exitCode).toBeNull();
  });

  test("told to end, it lets the executor finish; a process that goes away is noticed", async () => {
    const { algorithm, child } = await serve({ "algorithm.py": seed });
    await algorithm.initialize(start);
    child.kill("SIGTERM");
    expect(await algorithm.snapshot()).toMatchObject({ text: expect.stringContaining('"state": null') });
    const gone = once(child, "exit");
    algorithm.close();
    expect(await gone).toEqual([0, null]);
    const other = await serve({ "algorithm.py": seed }, "algorithm.py", true);
    await other.algorithm.initialize(start);
    const end = new Promise<string>((resolve) => other.algorithm.onEnd(({ code }) => resolve(code)));
    other.child.kill("SIGKILL");
    expect(await end).toBe("algorithm-gone");
    await expect(other.algorithm.event(quote, 5, portfolio)).rejects.toMatchObject({ code: "algorithm-gone" });
  });

  test("told to end while it still loads, it ends at once, code 0", async () => {
    // What it needs of Python itself takes for ever here.
    const slow = join(folder, "slow");
    mkdirSync(join(slow, "http"), { recursive: true });
    writeFileSync(join(slow, "http/__init__.py"), 'import time\nprint("loading", flush=True)\ntime.sleep(600)\n');
    const child = launch({ PYTHONPATH: `${slow}:${sdk}` });
    await once(child.stdout as Readable, "data");
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    expect(await gone).toEqual([0, null]);
  });

  test("nobody listening is a fault that names the socket", async () => {
    await expect(connectRpc(join(folder, "none.sock"), 100)).rejects.toMatchObject({ code: "algorithm-missing" });
  });
});
