import { beforeAll, describe, expect, test } from "vitest";
import { formatPlace } from "#core/refusal.ts";
import { checkTree } from "#delivery/check.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { checkout, edit, randomPy, randomTs, spec, withFiles, withoutRules } from "./fixture.ts";

let workspace: SourceTree;
beforeAll(async () => {
  workspace = withoutRules(await checkout());
});

const languages = {
  typescript: { id: randomTs, extension: "ts" },
  python: { id: randomPy, extension: "py" },
} as const;

/** What is said of a strategy whose sizing and guard are these files. */
async function findings(language: keyof typeof languages, sizing: string, guard: string): Promise<readonly string[]> {
  const { id, extension } = languages[language];
  const folder = `strategies/${id}`;
  const files = { [`${folder}/sizing.${extension}`]: sizing, [`${folder}/risk/guard.${extension}`]: guard };
  const portfolio = `sizing: { use: file, file: sizing.${extension} }, guard: { file: risk/guard.${extension} }`;
  const tree = edit(withFiles(workspace, files), spec(id), /sizing: \{[^}]*\}/, portfolio);
  const atSeconds = Date.parse("2026-03-02T12:00:00Z") / 1000;
  const report = await checkTree(tree, { strategies: [id], atSeconds, describe: true });
  const errors = report.findings.filter(({ severity }) => severity === "error");
  return errors.map(({ code, message, place }) =>
    `${place && formatPlace(place)} ${code} ${message}`.replaceAll(`${folder}/`, ""),
  );
}

const good = {
  typescript: ["export default class { optimize() { return '1'; } }", "export default { check() {} };"],
  python: [
    "class Any:\n    def optimize(self, wager): return '1'\n",
    "from helper import one\nclass Other:\n    def check(self, order): pass\nclass Guard(Other): pass\n",
  ],
} as const;

describe("a file for the portfolio without its function is refused where it stands", () => {
  test.each([
    { name: "an empty class", code: "export default class { optimise() {} }" },
    { name: "an object", code: "export default { optimize: '1' };" },
    { name: "a number", code: "export default 1;" },
    { name: "nothing", code: "export default undefined;" },
  ])("TypeScript: $name", async ({ code }) => {
    expect(await findings("typescript", code, good.typescript[1])).toEqual([
      "sizing.ts:1:1 slot-function-missing the default export of sizing.ts has no optimize(): its executor would not start",
    ]);
  });

  test("TypeScript: both", async () => {
    const said = await findings("typescript", "export default class {}", "export default () => ({ reason: 'no' });");
    expect(said.map((line) => line.split(" the ")[0])).toEqual([
      "risk/guard.ts:1:1 slot-function-missing",
      "sizing.ts:1:1 slot-function-missing",
    ]);
  });

  test("Python", async () => {
    const [sizing, guard] = good.python;
    const plain = guard.replace("from helper import one\n", "");
    expect(await findings("python", sizing.replace("optimize", "optimise"), plain)).toEqual([
      "sizing.py:1:1 slot-function-missing sizing.py has no class with optimize(): its executor would not start",
    ]);
    expect(await findings("python", sizing, "def check(order, context): return None\n")).toEqual([
      "risk/guard.py:1:1 slot-function-missing risk/guard.py has no class with check(): its executor would not start",
    ]);
    expect(await findings("python", sizing, plain.replace("class Guard", "class Second"))).toEqual([
      "risk/guard.py:1:1 slot-function-missing risk/guard.py has 2 classes with check() and none is the class Guard: its executor would not start",
    ]);
  });
});

test.each([
  ["typescript", ...good.typescript],
  [
    "typescript",
    "const f = { optimize: () => '1' };\nexport default f;",
    "export default class { check = () => undefined; }",
  ],
  [
    "typescript",
    "export default class { optimize() {} constructor() { throw new Error('not here'); } }",
    good.typescript[1],
  ],
  ["python", good.python[0], good.python[1].replace("from helper import one\n", "")],
] as const)("what an executor would take passes: %s %s", async (language, sizing, guard) => {
  expect(await findings(language, sizing, guard)).toEqual([]);
});

test("what cannot be known here is left to the executor", async () => {
  const unknown = "export default class { since = performance.now(); }";
  expect(await findings("typescript", unknown, good.typescript[1])).toEqual([]);
  expect(
    await findings("python", "open('/etc/hostname')\n", good.python[1].replace("from helper import one\n", "")),
  ).toEqual([]);
});
