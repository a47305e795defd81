import { unzipSync } from "fflate";
import { describe, expect, test } from "vitest";
import type { AlgorithmBundle } from "#core/bundle.ts";
import type { StrategyId } from "#core/identity.ts";
import { formatPlace } from "#core/refusal.ts";
import { type BundleRuntime, bundleAlgorithm, bundleBytesMax } from "#delivery/bundle.ts";
import type { StrategyFolder } from "#delivery/layout.ts";
import { file, refusal, value } from "./fixture.ts";

const node: BundleRuntime = { language: "typescript", packages: ["mathjs", "@scope/tool"] };
const python: BundleRuntime = { language: "python", packages: [] };

function folder(files: Readonly<Record<string, string>>): StrategyFolder {
  return {
    id: "me/first" as StrategyId,
    folder: "strategies/me/first",
    files: new Map(Object.entries(files).map(([path, text]) => [path, file(text)])),
  };
}

async function moduleOf(files: Readonly<Record<string, string>>, entry = "algorithm.ts"): Promise<string> {
  const { bundle } = value(await bundleAlgorithm(folder(files), { kind: "entry", entry, runtime: "node" }, node));
  if (bundle.kind !== "module") throw new Error(bundle.kind);
  return bundle.text;
}

async function findingsOf(
  files: Readonly<Record<string, string>>,
  entry = "algorithm.ts",
  runtime = node,
): Promise<readonly string[]> {
  const findings = refusal(await bundleAlgorithm(folder(files), { kind: "entry", entry, runtime: "node" }, runtime));
  return findings.map(
    ({ code, place }) =>
      `${place === undefined ? "-" : formatPlace(place).replace("strategies/me/first/", "")} ${code}`,
  );
}

describe("a TypeScript algorithm", () => {
  test("becomes one readable module, of its folder, the SDK's types and the runtime's packages", async () => {
    const text = await moduleOf({
      "algorithm.ts":
        'import type { Algorithm } from "slipway/sdk";\nimport { all } from "mathjs";\nimport { half } from "./lib/half.ts";\nimport data from "./data.json";\n// Grüße\nexport default class A { #x: number = half(data.n); all = all; name = "Grüße"; }\n',
      "lib/half.ts": 'import { two } from "../two";\nexport const half = (n: number): number => n / two;\n',
      "two.ts": "export const two = 2;\n",
      "data.json": '{"n": 4}',
      "tsconfig.json": '{"compilerOptions": {"useDefineForClassFields": false, "target": "es5"}}',
      "package.json": '{"type": "commonjs", "sideEffects": false, "imports": {"#x": "./evil.ts"}}',
    });
    expect(text).toContain('import { all } from "mathjs";');
    expect(text).toContain("// strategy:lib/half.ts");
    expect(text).toContain('name = "Grüße"');
    expect(text).toMatch(/export \{\n {2}A as default\n\};/);
    expect(text).not.toContain("slipway/sdk");
    expect(text).not.toContain(process.cwd());
  });

  test("gives the same bytes again, and other bytes for other code only", async () => {
    const bundle = async (files: Readonly<Record<string, string>>): Promise<AlgorithmBundle> =>
      value(await bundleAlgorithm(folder(files), { kind: "entry", entry: "algorithm.ts", runtime: "node" }, node))
        .bundle;
    const code = { "algorithm.ts": "export default class A { event() { return 1; } }\n" };
    const first = await bundle({ ...code, "strategy.yaml": "a: 1" });
    expect(await bundle({ ...code, "strategy.yaml": "a: 2", "README.md": "words" })).toEqual(first);
    expect(await bundle({ "algorithm.ts": "export default class A { event() { return 2; } }\n" })).not.toEqual(first);
    expect(first).toMatchObject({ kind: "module", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  test("has a map of its own, so that a comment more leaves the code's digest alone", async () => {
    const bundle = async (code: string): Promise<AlgorithmBundle & { readonly kind: "module" }> => {
      const files = folder({ "algorithm.ts": code, "lib/a.ts": "export const a = 1;\n" });
      const found = value(
        await bundleAlgorithm(files, { kind: "entry", entry: "algorithm.ts", runtime: "node" }, node),
      );
      if (found.bundle.kind !== "module") throw new Error(found.bundle.kind);
      return found.bundle;
    };
    const code = 'import { a } from "./lib/a.ts";\nexport default class A { event() { return a; } }\n';
    const [plain, commented] = [await bundle(code), await bundle(`// Why.\n${code}`)];
    expect([commented.sha256, commented.text]).toEqual([plain.sha256, plain.text]);
    expect(commented.map).not.toBe(plain.map);
    expect(JSON.parse(plain.map ?? "")).toEqual({
      version: 3,
      sources: ["lib/a.ts", "algorithm.ts"],
      names: [],
      mappings: expect.stringMatching(/^[A-Za-z0-9+/,;]+$/),
      code: plain.sha256,
    });
  });

  test("whose map is too big goes without, and that is said", async () => {
    const code = `export default [${"[],".repeat(140_000)}];`;
    const { bundle, findings } = value(
      await bundleAlgorithm(
        folder({ "algorithm.ts": code }),
        { kind: "entry", entry: "algorithm.ts", runtime: "node" },
        node,
      ),
    );
    expect(bundle).not.toHaveProperty("map");
    expect(findings).toMatchObject([{ code: "bundle-map-too-big", severity: "warning" }]);
  });

  test.each<{ name: string; code: string; found: readonly string[] }>([
    {
      name: "a module of Node",
      code: 'export default {};\nimport { readFileSync } from "node:fs";\nreadFileSync("x");',
      found: ["algorithm.ts:2:30 import-refused"],
    },
    {
      name: "one without the prefix",
      code: 'import fs from "fs";\nexport default fs;',
      found: ["algorithm.ts:1:16 import-refused"],
    },
    {
      name: "a package that the runtime does not list",
      code: 'import x from "left-pad";\nexport default x;',
      found: ["algorithm.ts:1:15 import-refused"],
    },
    {
      name: "an absolute path",
      code: 'import x from "/etc/passwd";\nexport default x;',
      found: ["algorithm.ts:1:15 import-refused"],
    },
    {
      name: "a URL",
      code: 'import x from "https://example.test/x.js";\nexport default x;',
      found: ["algorithm.ts:1:15 import-refused"],
    },
    {
      name: "a data URL",
      code: 'import x from "data:text/javascript,export default 1";\nexport default x;',
      found: ["algorithm.ts:1:15 import-refused"],
    },
    {
      name: "a path out of the folder",
      code: 'import x from "./../../other/x.ts";\nexport default x;',
      found: ["algorithm.ts:1:15 import-outside"],
    },
    {
      name: "a file that is not there",
      code: 'import x from "./nothing.ts";\nexport default x;',
      found: ["algorithm.ts:1:15 import-missing"],
    },
    {
      name: "a hidden file, which is never deployed",
      code: 'import x from "./.hidden.ts";\nexport default x;',
      found: ["algorithm.ts:1:15 import-left-out"],
    },
    {
      name: "an installed package by its path",
      code: 'import x from "./node_modules/x/index.ts";\nexport default x;',
      found: ["algorithm.ts:1:15 import-left-out"],
    },
    {
      name: "a file that is no code",
      code: 'import x from "./notes.txt";\nexport default x;',
      found: ["algorithm.ts:1:15 import-kind"],
    },
    {
      name: "a computed import, which esbuild would search the disk for",
      code: 'const n = "x";\nconst p = await import("./" + n);\nexport default p;',
      found: ["algorithm.ts:2:17 import-computed"],
    },
    {
      name: "one from far above, in a template, behind a comment",
      code: `/* import('./a') */ const n = 1;\nexport default import(/* x */ \`../../../../../etc/\${n}\`);`,
      found: ["algorithm.ts:2:16 import-computed"],
    },
    {
      name: "one on lines of its own",
      code: 'const n = "x";\nexport default import\n(\n"../../../../../etc/" + n)',
      found: ["algorithm.ts:2:16 import-computed"],
    },
    {
      name: "require",
      code: 'const x = require("./" + "x");\nexport default x;',
      found: ["algorithm.ts:1:11 import-require"],
    },
    {
      name: "require of a name",
      code: 'const x = require("node:fs");\nexport default x;',
      found: ["algorithm.ts:1:11 import-require"],
    },
    {
      name: "require as an import of TypeScript",
      code: 'import x = require("node:fs");\nexport default x;',
      found: ["algorithm.ts:1:12 import-require"],
    },
    {
      name: "a value of the SDK that is a type",
      code: 'import { Quote } from "slipway/sdk";\nexport default new Quote();',
      found: ["algorithm.ts:1:10 algorithm-syntax"],
    },
    {
      name: "two syntax errors' first, in characters and not bytes",
      code: 'const ä = "é"; const = 1;\nexport default {};',
      found: ["algorithm.ts:1:22 algorithm-syntax"],
    },
    { name: "no default export", code: "export const a = 1;", found: ["algorithm.ts:1:1 algorithm-no-default-export"] },
  ])("is refused for $name", async ({ code, found }) => {
    expect(await findingsOf({ "algorithm.ts": code, "notes.txt": "x" })).toEqual(found);
  });

  test("may import by a literal name, also late", async () => {
    expect(
      await moduleOf({
        "algorithm.ts": 'export default async () => (await import("./late.ts")).late;',
        "late.ts": "export const late = 42;",
      }),
    ).toContain("late = 42");
  });

  test.each([
    { entry: "missing.ts", found: ["strategy.yaml entry-missing"] },
    { entry: "notes.txt", found: ["strategy.yaml entry-language"] },
  ])("whose entry is $entry is refused", async ({ entry, found }) => {
    expect(await findingsOf({ "algorithm.ts": "export default {}", "notes.txt": "x" }, entry)).toEqual(found);
  });

  test("is refused above 700 KiB, and told what is big", async () => {
    const fits = `export default ${JSON.stringify("x".repeat(bundleBytesMax - 200))};`;
    expect((await moduleOf({ "algorithm.ts": fits })).length).toBeLessThanOrEqual(bundleBytesMax);
    const findings = refusal(
      await bundleAlgorithm(
        folder({ "algorithm.ts": `export default ${JSON.stringify("x".repeat(bundleBytesMax))};` }),
        { kind: "entry", entry: "algorithm.ts", runtime: "node" },
        node,
      ),
    );
    expect(findings).toMatchObject([
      {
        code: "bundle-too-big",
        message: "the algorithm of me/first is 701 KiB as one module, above the limit of 700 KiB",
      },
    ]);
  });
});

describe("a Python algorithm", () => {
  const entry = { kind: "entry", entry: "algorithm.py", runtime: "python" } as const;
  test("becomes a zip with sorted names and one time", async () => {
    const files = {
      "z.py": "z = 1\n",
      "algorithm.py": "class A: pass\n",
      "data.csv": "a,b\n",
      "strategy.yaml": "x: 1",
      "README.md": "words",
    };
    const { bundle } = value(await bundleAlgorithm(folder(files), entry, python));
    if (bundle.kind !== "zip") throw new Error(bundle.kind);
    const bytes = Buffer.from(bundle.base64, "base64");
    expect(Object.keys(unzipSync(bytes))).toEqual(["algorithm.py", "data.csv", "z.py"]);
    const again = value(
      await bundleAlgorithm(
        folder({ "algorithm.py": files["algorithm.py"], "data.csv": files["data.csv"], "z.py": files["z.py"] }),
        entry,
        python,
      ),
    );
    expect(again.bundle).toEqual(bundle);
  });
});

test("an algorithm behind an RPC address has no bundle", async () => {
  expect(value(await bundleAlgorithm(folder({}), { kind: "rpc", rpc: "tcp://host:4242" }, undefined)).bundle).toEqual({
    kind: "none",
  });
});

describe("files for the portfolio", () => {
  const entry = { kind: "entry", entry: "algorithm.ts", runtime: "node" } as const;
  const algorithm = "export default class A {}\n";
  const slots = { sizing: "sizing.ts", guard: "risk/guard.ts" };

  test("become exports of the one module, which is another as soon as they are", async () => {
    const files = {
      "algorithm.ts": algorithm,
      "sizing.ts": 'import { half } from "./half.ts";\nexport default { optimize: () => half };\n',
      "half.ts": 'export const half = "0.5";\n',
      "risk/guard.ts": "export default class G { check(): void {} }\n",
    };
    const bundled = async (all: Readonly<Record<string, string>>): Promise<AlgorithmBundle> =>
      value(await bundleAlgorithm(folder(all), entry, node, slots)).bundle;
    const bundle = await bundled(files);
    if (bundle.kind !== "module") throw new Error(bundle.kind);
    expect(bundle.text).toMatch(/export \{\n {2}A as default,\n {2}G as guard,\n {2}sizing_default as sizing\n\};/);
    expect(JSON.parse(bundle.map ?? "").sources.sort()).toEqual(Object.keys(files).sort());
    expect(await bundled(files)).toEqual(bundle);
    expect(await bundled({ ...files, "half.ts": 'export const half = "0.6";\n' })).not.toEqual(bundle);
    expect(value(await bundleAlgorithm(folder({ "algorithm.ts": algorithm }), entry, node)).bundle).toMatchObject({
      text: await moduleOf({ "algorithm.ts": algorithm }),
    });
  });

  test.each([
    { name: "missing", files: { "sizing.ts": "export default {}" }, finds: ["strategy.yaml slot-missing"] },
    {
      name: "without a default export",
      files: { "sizing.ts": "export const optimize = 1;", "risk/guard.ts": "export default 1" },
      finds: ["sizing.ts:1:1 algorithm-no-default-export"],
    },
    {
      name: "without any export",
      files: { "sizing.ts": "", "risk/guard.ts": "const check = 1;" },
      finds: ["sizing.ts:1:1 algorithm-no-default-export", "risk/guard.ts:1:1 algorithm-no-default-export"],
    },
    {
      name: "with imports that are refused",
      files: { "sizing.ts": 'import fs from "node:fs";\nexport default fs;', "risk/guard.ts": "export default 1" },
      finds: ["sizing.ts:1:16 import-refused"],
    },
    {
      name: "with a syntax error",
      files: { "sizing.ts": "export default {\n  optimize( }\n", "risk/guard.ts": "export default 1" },
      finds: ["sizing.ts:2:13 algorithm-syntax"],
    },
  ])("$name: refused where it stands", async ({ files, finds }) => {
    const all = folder({ "algorithm.ts": algorithm, ...files });
    const findings = refusal(await bundleAlgorithm(all, entry, node, slots));
    const shown = findings.map(({ code, place }) => `${place === undefined ? "" : formatPlace(place)} ${code}`);
    expect(shown.map((line) => line.replace("strategies/me/first/", ""))).toEqual(finds);
  });
});
