import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { checkParams, parseDescription } from "#core/description.ts";
import { formatPlace } from "#core/refusal.ts";
import { checkTree } from "#delivery/check.ts";
import { type Described, describeAlgorithm } from "#delivery/describe.ts";
import { createMemo } from "#delivery/memo.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { checkout, edit, randomPy, randomTs, sma } from "./fixture.ts";

const atSeconds = Date.parse("2026-03-02T12:00:00Z") / 1000;
let workspace: SourceTree;
beforeAll(async () => {
  workspace = await checkout();
});

async function findings(tree: SourceTree, id: typeof sma): Promise<readonly string[]> {
  const report = await checkTree(tree, { strategies: [id], environments: ["paper"], atSeconds, describe: true });
  return report.findings.map(
    ({ code, message, place }) => `${place === undefined ? "-" : formatPlace(place)} ${code} ${message}`,
  );
}
const spec = (id: string): string => `strategies/${id}/strategy.yaml`;
const params = (tree: SourceTree, id: typeof sma, text: string): SourceTree => {
  const before = id === sma ? "params: { fast: 10, slow: 30 }" : "params: { threshold: 0.6 }";
  return edit(tree, spec(id), before, `params: ${text}`);
};

describe("slipway check", () => {
  test.each([sma, randomTs, randomPy])("%s describes itself and keeps to it", async (id) => {
    expect(await findings(workspace, id)).toEqual([]);
  });

  test.each([
    {
      id: sma,
      text: "{ fast: 10, slwo: 30 }",
      says: '10:29 param-unknown params.slwo is no parameter of the algorithm, which has fast, slow; did you mean "slow"?',
    },
    {
      id: sma,
      text: "{ fast: 10.5 }",
      says: "10:19 param-type params.fast is 10.5, which is a number; it takes an integer",
    },
    {
      id: sma,
      text: '{ fast: "10" }',
      says: '10:19 param-type params.fast is "10", which is a string; it takes an integer',
    },
    { id: sma, text: "{ fast: 0 }", says: "10:19 param-range params.fast is 0, below its least value 1" },
    { id: sma, text: "{ slow: 1001 }", says: "10:19 param-range params.slow is 1001, above its greatest value 1000" },
    {
      id: randomPy,
      text: "{ threshold: 1.5 }",
      says: "10:24 param-range params.threshold is 1.5, above its greatest value 1",
    },
    {
      id: randomPy,
      text: "{ limit: 1 }",
      says: "10:20 param-unknown params.limit is no parameter of the algorithm, which has threshold",
    },
  ])("$id with params $text", async ({ id, text, says }) => {
    expect(await findings(params(workspace, id, text), id)).toEqual([`${spec(id)}:${says}`]);
  });

  test("an environment's params are judged where they stand", async () => {
    const tree = edit(
      workspace,
      spec(sma),
      "paper: { running: true }",
      "paper: { running: true, params: { fast: -1 } }",
    );
    expect(await findings(tree, sma)).toEqual([
      `${spec(sma)}:20:59 param-range params.fast is -1, below its least value 1`,
    ]);
  });

  test("channels beyond the spec, as far as describe() tells", async () => {
    const tree = edit(
      workspace,
      `strategies/${sma}/algorithm.ts`,
      'channels: ["quotes"]',
      'channels: ["md/+/IBM/trade"]',
    );
    const [finding] = await findings(tree, sma);
    expect(finding).toContain(`${spec(sma)}:8:13 channels-described describe() names channels beyond the spec`);
  });

  test("what it does not run it does not know: without `describe` params are open", async () => {
    const report = await checkTree(params(workspace, sma, "{ slwo: 1 }"), { strategies: [sma], atSeconds });
    expect(report.findings).toEqual([]);
  });
});

function ask(language: "typescript" | "python", body: string, more = ""): Promise<Described> {
  const memo = createMemo();
  const source =
    language === "typescript"
      ? `${more}\nexport default class { initialize() {} event() {} describe() { ${body} } }`
      : `${more}\nclass A:\n    def initialize(self): pass\n    def event(self): pass\n    def describe(self):\n        ${body.split("\n").join("\n        ")}\n`;
  const sha256 = createHash("sha256").update(source).digest("hex");
  const files = new Map([["algorithm.py", { bytes: Buffer.from(source) }]]);
  const bundle =
    language === "typescript"
      ? ({ kind: "module", text: source, sha256 } as const)
      : ({ kind: "zip", base64: "", sha256 } as const);
  return describeAlgorithm(
    { bundle, entry: `algorithm.${language === "python" ? "py" : "ts"}`, files, packages: ["numpy"] },
    memo,
  );
}

describe("a process for describe()", () => {
  test.each([
    { name: "throws", ts: 'throw new TypeError("no")', py: "raise TypeError('no')", says: "fails: TypeError: no" },
    { name: "answers nothing", ts: "", py: "pass", says: "is refused: describe() is null, not an object" },
    {
      name: "answers no JSON",
      ts: "return { params: { a: 1n } }",
      py: "return {'params': {1}}",
      says: "fails: TypeError",
    },
    { name: "never returns", ts: "for (;;);", py: "while True: pass", says: "takes more than 2 s" },
    {
      name: "eats memory",
      ts: "const a = []; for (;;) a.push(new Array(100000).fill(1.5));",
      py: "a = []\nwhile True: a.append(bytearray(1000000))",
      says: /takes more than 128 MiB|fails: MemoryError/,
    },
    {
      name: "eats memory beside the heap",
      ts: "const a = []; for (;;) a.push(new Uint8Array(8e6).fill(1));",
      py: "return bytearray(10**9)",
      says: /128 MiB|fails: (RangeError|MemoryError)/,
    },
    {
      name: "talks too much",
      ts: 'return { params: {}, description: "x".repeat(1e6) }',
      py: "return {'params': {}, 'description': 'x' * 10**6}",
      says: "answers more than 64 KiB",
    },
    {
      name: "ends",
      ts: "return new Promise(() => {})",
      py: "import os; os._exit(3)",
      says: "ends without an answer",
    },
    {
      name: "reads a file",
      ts: 'return process.getBuiltinModule("fs").readFileSync("/etc/passwd", "utf8")',
      py: "return open('/etc/passwd').read()",
      says: /fails: (ReferenceError|PermissionError)/,
    },
    {
      name: "writes a file",
      ts: 'return new Function("return process")()',
      py: "import os\nreturn open(os.devnull + 'x', 'w')",
      says: /fails: (EvalError|PermissionError)/,
    },
    {
      name: "calls out",
      ts: 'return fetch("http://127.0.0.1:1")',
      py: "import socket; socket.create_connection(('127.0.0.1', 1))",
      says: /fails: (ReferenceError|PermissionError)/,
    },
    {
      name: "starts a program",
      ts: 'return new Worker("x")',
      py: "import subprocess; subprocess.run(['true'])",
      says: /fails: (ReferenceError|PermissionError)/,
    },
    { name: "throws dice", ts: "return Math.random()", py: "return object()", says: "fails" },
  ])("$name", async ({ ts, py, says }) => {
    const expected = {
      kind: "failed",
      message: typeof says === "string" ? expect.stringContaining(says) : expect.stringMatching(says),
    };
    expect(await ask("typescript", ts)).toEqual(expected);
    expect(await ask("python", py)).toEqual(expected);
  });

  test("has no environment, no clock, and prints nowhere", async () => {
    const ts =
      'console.log("{}"); return { params: {}, name: [typeof process, Date.now(), new Date().getTime()].join(" ") }';
    expect(await ask("typescript", ts)).toMatchObject({ description: { name: "undefined 0 0" } });
    const py = "import os\nprint('{}')\nreturn {'params': {}, 'name': ' '.join(sorted(os.environ))}";
    expect(await ask("python", py)).toMatchObject({ description: { name: expect.not.stringContaining("HOME") } });
  });

  test("a package of the runtime is not here, and then nothing is known", async () => {
    const unknown = { kind: "unknown", why: "packages of its runtime are not here" };
    expect(await ask("typescript", "return n", 'import n from "some-package";')).toEqual(unknown);
    expect(await ask("python", "return numpy.x", "import numpy")).toEqual(unknown);
    expect(await ask("python", "return {}", "import nunpy")).toMatchObject({ kind: "failed" });
  });

  test("says the same each time, also of what has no order", async () => {
    const body = "return {'params': {name: {'type': 'string'} for name in {'b', 'a', 'd', 'c', 'e'}}}";
    const [first, second] = [await ask("python", body), await ask("python", body)];
    expect(JSON.stringify(second)).toBe(JSON.stringify(first));
  });

  test("one without describe() is not asked, and may import the SDK's names for types", async () => {
    expect(
      await ask("python", "return {'params': {}}", "from slipway import Context\ndef f(c: Context): pass"),
    ).toEqual({
      kind: "described",
      description: { params: {} },
    });
    const text = "export default { initialize() {}, event() {} }";
    const request = {
      bundle: { kind: "module", text, sha256: "0" },
      entry: "a.ts",
      files: new Map(),
      packages: [],
    } as const;
    expect(await describeAlgorithm(request, createMemo())).toEqual({ kind: "none" });
  });
});

describe("a description", () => {
  test.each([
    { value: 5, says: "describe() is 5, not an object" },
    { value: { parms: {} }, says: 'describe() has "parms", which is not known here; did you mean "params"?' },
    { value: { params: { "a-b": { type: "string" } } }, says: 'params has "a-b", which is no name' },
    { value: { params: { a: { type: "float" } } }, says: 'params.a.type is "float", not one of integer' },
    { value: { params: { a: { type: "string", min: 1 } } }, says: "which has no min and max" },
    { value: { params: { a: { type: "integer", choices: ["x"] } } }, says: "which has no choices" },
    { value: { params: { a: { type: "integer", min: 3, max: 2 } } }, says: "params.a.min is above its max" },
    { value: { params: { a: { type: "integer", max: 2, default: 3 } } }, says: "params.a.default is 3, above" },
    { value: { params: { a: { type: "integer", min: "1" } } }, says: 'params.a.min is "1", not a number' },
    { value: { params: {}, commands: { Say: "x" } }, says: 'commands has "Say", which is no verb' },
    { value: { params: {}, channels: [] }, says: "not a list of 1 to 100 texts" },
    {
      value: { params: Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`a${n}`, { type: "string" }])) },
      says: "101 entries",
    },
    { value: { params: {}, name: "x".repeat(501) }, says: "not a text of at most 500 characters" },
  ])("$says", ({ value, says }) => {
    expect(parseDescription(value)).toMatchObject({ ok: false, error: { message: expect.stringContaining(says) } });
  });

  test("hides nothing in its texts", () => {
    const parsed = parseDescription({ params: {}, name: "a\u202eb\u001b[31m" });
    expect(parsed).toEqual({ ok: true, value: { params: {}, name: "a b [31m" } });
  });

  test("a parameter without a default must be given; names of Object's own are none", () => {
    const parsed = parseDescription({ params: { need: { type: "list" }, toString: { type: "string", default: "" } } });
    if (!parsed.ok) throw new Error(parsed.error.message);
    expect(checkParams({ constructor: 1 }, parsed.value).map(({ code, name }) => `${name} ${code}`)).toEqual([
      "constructor param-unknown",
      "need param-missing",
    ]);
  });
});

test("the schema of the SDK's types and the reader name the same parameter types", () => {
  const sdk = readFileSync(new URL("../../sdk/typescript/index.ts", import.meta.url), "utf8");
  const types = /export type ParameterType = ([^;]+);/.exec(sdk)?.[1];
  expect(types).toBe('"integer" | "number" | "string" | "boolean" | "list" | "object"');
});
