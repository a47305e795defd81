import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StrategyId } from "#core/identity.ts";
import { checkPythonImports } from "#delivery/check-python.ts";
import { pythonImports } from "#delivery/python-imports.ts";
import { pythonModules } from "#delivery/python-modules.ts";
import { file } from "./fixture.ts";

const shown = (text: string): readonly string[] =>
  pythonImports(text).map(
    ({ name, level, members, line, column }) =>
      `${line}:${column} ${".".repeat(level)}${name}${members.length === 0 ? "" : ` (${members.join(" ")})`}`,
  );

describe("imports of a Python text", () => {
  test.each([
    { text: "import os, a.b as c,d\n", finds: ["1:8 os", "1:12 a.b", "1:21 d"] },
    { text: "from a import b as c, d", finds: ["1:6 a (b d)"] },
    { text: "from .x import (y,  # why\n  z)\n", finds: ["1:6 .x (y z)"] },
    { text: "from ... import q; import r", finds: ["1:6 ... (q)", "1:27 r"] },
    { text: "if x: import y\nelse: from z import *\n", finds: ["1:14 y", "2:12 z"] },
    { text: "def f():\n    import late\n", finds: ["2:12 late"] },
    { text: "from a \\\n  import b\nimport \\\n  c", finds: ["1:6 a (b)", "4:3 c"] },
    { text: '"""\nimport no\n"""\nimport yes', finds: ["4:8 yes"] },
    { text: "x = '\\' import no'\nr'\\'; import no'\nimport yes", finds: ["3:8 yes"] },
    { text: "# import no\nx = (\nimport_ ,\n)\nyield_ = 1\nraise A from b\n", finds: [] },
    { text: "x = {a: importer, b: [1, (2)]}\nprint(x[1:from_])\n", finds: [] },
    { text: "Grüße = 'Grüße'; import ähnlich\r\nimport b\r\n", finds: ["1:25 ähnlich", "2:8 b"] },
    { text: 'f"{x!r:>{width}} import no"; import yes', finds: ["1:37 yes"] },
    { text: "import", finds: [] },
    { text: "from", finds: [] },
    { text: "from . import", finds: ["1:6 ."] },
    { text: "'''never closed\nimport no", finds: [] },
  ])("$text", ({ text, finds }) => expect(shown(text)).toEqual(finds));

  test("whatever stands there, it ends and throws nothing", () => {
    const piece = fc.constantFrom(
      ...[
        "import",
        "from",
        " ",
        "\n",
        "a",
        ".",
        ",",
        "(",
        ")",
        "'",
        '"""',
        "\\",
        "#",
        ":",
        ";",
        "as",
        "*",
        "ü",
        "\r\n",
        "f'",
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => void pythonImports(pieces.join(""))),
      {
        numRuns: 2_000,
      },
    );
  });

  test("are those that Python's own parser finds, in all of its standard library", () => {
    const script = `
import ast, json, os, sys, warnings
warnings.simplefilter("ignore")
folder, found = os.path.dirname(os.__file__), {}
for name in sorted(os.listdir(folder)):
    path = os.path.join(folder, name)
    if not name.endswith(".py"): continue
    nodes = [node for node in ast.walk(ast.parse(open(path, encoding="utf-8").read())) if isinstance(node, (ast.Import, ast.ImportFrom))]
    lines = []
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        if isinstance(node, ast.Import): lines += [alias.name for alias in node.names]
        else: lines.append("." * node.level + (node.module or "") + " " + " ".join(alias.name for alias in node.names if alias.name != "*"))
    found[name] = lines
print(json.dumps([folder, found, sorted(name for name in sys.stdlib_module_names if not name.startswith("_"))]))
`;
    const output = execFileSync("python3", ["-c", script], { encoding: "utf8", maxBuffer: 1e8 });
    const [folder, expected, modules] = JSON.parse(output) as [string, Record<string, string[]>, string[]];
    expect(Object.keys(expected).length).toBeGreaterThan(100);
    const found = Object.keys(expected).map((name) => {
      const imports = pythonImports(readFileSync(join(folder, name), "utf8"));
      const lines = imports.map(({ name: of, level, members }) =>
        members.length > 0 || level > 0 ? `${".".repeat(level)}${of} ${members.join(" ")}` : of,
      );
      return [name, lines.map((line) => line.trim())];
    });
    const trimmed = Object.entries(expected).map(([name, lines]) => [name, lines.map((line) => line.trim())]);
    expect(found).toEqual(trimmed);
    expect(modules.filter((name) => !pythonModules.has(name))).toEqual([]);
  });
});

describe("what a strategy may import", () => {
  const check = (files: Readonly<Record<string, string>>, packages: readonly string[] | "open" = []) => {
    const folder = {
      id: "me/first" as StrategyId,
      folder: "strategies/me/first",
      files: new Map(Object.entries(files).map(([path, text]) => [path, file(text)])),
    };
    const entries = ["algorithm.py", "lib/guard.py"].filter((path) => Object.hasOwn(files, path));
    return checkPythonImports(folder, entries, packages === "open" ? undefined : packages).map(
      ({ code, place }) =>
        `${place?.file.slice("strategies/me/first/".length)}:${place?.line}:${place?.column} ${code}`,
    );
  };

  test.each([
    {
      name: "the standard library and the SDK",
      files: { "algorithm.py": "import os.path, json\nfrom slipway import Context\n" },
    },
    {
      name: "its own files",
      files: {
        "algorithm.py": "import half, pack.deep\nfrom pack import more\n",
        "half.py": "",
        "pack/deep.py": "",
        "pack/more.py": "",
      },
    },
    { name: "files beside a guard", files: { "algorithm.py": "", "lib/guard.py": "import near", "lib/near.py": "" } },
    {
      name: "relative to a package",
      files: {
        "algorithm.py": "import pack",
        "pack/__init__.py": "from . import a\nfrom .a import b",
        "pack/a.py": "",
      },
    },
    { name: "files that nobody imports", files: { "algorithm.py": "", "test_it.py": "import pytest" } },
  ])("$name", ({ files }) => expect(check(files)).toEqual([]));

  test.each([
    {
      name: "a package",
      files: { "algorithm.py": "import json\nimport numpy as np\n" },
      finds: ["algorithm.py:2:8 import-refused"],
    },
    {
      name: "one far down",
      files: { "algorithm.py": "import half", "half.py": "def f():\n  from pandas import x" },
      finds: ["half.py:2:8 import-refused"],
    },
    {
      name: "one out of the folder",
      files: { "algorithm.py": "from ..other import x" },
      finds: ["algorithm.py:1:6 import-missing"],
    },
    {
      name: "a guard's",
      files: { "algorithm.py": "", "lib/guard.py": "import scipy" },
      finds: ["lib/guard.py:1:8 import-refused"],
    },
    {
      name: "all of them",
      files: { "algorithm.py": "import a, b" },
      finds: ["algorithm.py:1:8 import-refused", "algorithm.py:1:11 import-refused"],
    },
  ])("$name is refused where it stands", ({ files, finds }) => expect(check(files)).toEqual(finds));

  test("packages are those of the runtime, and open while it is not known", () => {
    const files = { "algorithm.py": "import numpy.linalg" };
    expect(check(files, ["numpy"])).toEqual([]);
    expect(check(files, "open")).toEqual([]);
  });
});
