import { createHash } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { formatPlace } from "#core/refusal.ts";
import { checkTree } from "#delivery/check.ts";
import { askChannels, type DryStart } from "#delivery/describe.ts";
import { createMemo } from "#delivery/memo.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { checkout, edit, randomPy, randomTs, sma, spec, withFiles, withoutRules } from "./fixture.ts";

let workspace: SourceTree;
beforeAll(async () => {
  workspace = withoutRules(await checkout());
});

/** What is said of refusals: that no feed publishes a channel is a warning of another check. */
async function findings(tree: SourceTree, id: typeof sma): Promise<readonly string[]> {
  const atSeconds = Date.parse("2026-03-02T12:00:00Z") / 1000;
  const report = await checkTree(tree, { strategies: [id], atSeconds, describe: true });
  const errors = report.findings.filter(({ severity }) => severity === "error");
  return errors.map(({ code, message, place }) => `${place && formatPlace(place)} ${code} ${message}`);
}

const typescript = (body: string): string =>
  `export default class { initialize(params, context) { ${body} } event() {} }\n`;
const python = (body: string): string =>
  `class A:\n    def initialize(self, params, context):\n        ${body}\n    def event(self, data): pass\n`;
const withTs = (body: string): SourceTree =>
  edit(
    withFiles(workspace, { [`strategies/${randomTs}/algorithm.ts`]: typescript(body) }),
    spec(randomTs),
    /params: .*/,
    "params: { who: IBM }",
  );
const withPy = (body: string): SourceTree =>
  edit(
    withFiles(workspace, { [`strategies/${randomPy}/algorithm.py`]: python(body) }),
    spec(randomPy),
    /params: .*/,
    "params: { who: IBM }",
  );

describe("channels beyond the spec, as far as initialize() tells", () => {
  test.each([
    { name: "a constant", ts: 'return ["md/+/IBM/trade"];', py: 'return ["md/+/IBM/trade"]', asks: "md/+/IBM/trade" },
    {
      name: "one made of the params",
      ts: "return ['quotes', 'md/+/' + params.who + '/trade'];",
      py: "return ['quotes', f\"md/+/{context.params['who']}/trade\"]",
      asks: "md/+/IBM/trade",
    },
    {
      name: "one that depends on the mode and the cash, after what a start does",
      ts: "context.every(60, 'tick'); this.a = context.indicators.sma('IBM', 10); this.a.update(1); context.log.info(context.clock.now()); return ['md/+/' + (context.mode === 'paper' && params.starting_cash === '10000' ? 'MSFT' : 'X') + '/trade'];",
      py: "context.every(60, 'tick'); self.a = context.indicators.sma('IBM', 10); self.a.update(1); context.log.info('x'); return ['md/+/%s/trade' % ('MSFT' if context.mode == 'paper' and params['starting_cash'] == '10000' else 'X')]",
      asks: "md/+/MSFT/trade",
    },
  ])("$name is refused", async ({ ts, py, asks }) => {
    const says = (id: string) =>
      `${spec(id)}:8:13 channels-asked initialize() asked for "${asks}", but spec.channels allows only "quotes": its executor would not start`;
    expect(await findings(withTs(ts), randomTs)).toEqual([says(randomTs)]);
    expect(await findings(withPy(py), randomPy)).toEqual([says(randomPy)]);
  });

  test("is none where the spec allows it, and quotes stand for their topics", async () => {
    const wider = edit(
      withTs('return ["md/+/IBM/trade"];'),
      spec(randomTs),
      "channels: [quotes]",
      'channels: [quotes, "md/+/IBM/trade"]',
    );
    expect(await findings(wider, randomTs)).toEqual([]);
    expect(await findings(withTs('return ["md/+/IBM/quote"];'), randomTs)).toEqual([]);
    const narrow = edit(
      withTs('return ["quotes"];'),
      spec(randomTs),
      "channels: [quotes]",
      'channels: ["md/+/IBM/trade"]',
    );
    expect(await findings(narrow, randomTs)).toEqual([
      expect.stringContaining('channels-asked initialize() asked for "quotes"'),
    ]);
  });

  test.each([
    { name: "throws", ts: 'throw new Error("md/")', py: "raise ValueError('md/')" },
    {
      name: "is made of what is not known yet",
      ts: "return ['md/+/' + context.portfolio.cash + '/trade']",
      py: "return [f'md/+/{context.portfolio.cash}/trade']",
    },
    {
      name: "is thrown with dice",
      ts: "return ['md/+/' + context.random() + '/trade']",
      py: "return [f'md/+/{context.random()}/trade']",
    },
    { name: "never comes", ts: "'md/'; for (;;);", py: "while 'md/': pass" },
    {
      name: "waits for what is not there",
      ts: "return context.portfolio.then(() => ['md/+/X/trade'])",
      py: "return context.portfolio.wait('md/')",
    },
    { name: "is no list", ts: "return 'md/+/IBM/trade'", py: "return 'md/+/IBM/trade'" },
  ])("what $name is not known here and refuses nothing: the executor asks again", async ({ ts, py }) => {
    expect(await findings(withTs(ts), randomTs)).toEqual([]);
    expect(await findings(withPy(py), randomPy)).toEqual([]);
  });

  test("what is wrong with the params is said alone", async () => {
    const tree = edit(workspace, `strategies/${sma}/algorithm.ts`, 'return ["quotes"]', 'return ["md/+/IBM/trade"]');
    expect(await findings(tree, sma)).toEqual([expect.stringContaining("channels-asked")]);
    expect(await findings(edit(tree, spec(sma), "fast: 10", "fast: 0"), sma)).toEqual([
      expect.stringContaining("param-range"),
    ]);
  });
});

test("initialize() in that process has no files, no network and no programs", async () => {
  const text = typescript(
    "try { return [process.getBuiltinModule('fs').readFileSync('/etc/hostname', 'utf8')]; } catch (e) { return [e.name]; }",
  );
  const sha256 = createHash("sha256").update(text).digest("hex");
  const start: DryStart = { params: {}, mode: "paper" };
  const request = {
    bundle: { kind: "module", text, sha256 },
    entry: "algorithm.ts",
    files: new Map(),
    packages: [],
  } as const;
  expect(await askChannels(request, start, createMemo())).toEqual(["ReferenceError"]);
  const py = python(
    "\n        ".concat(
      "try:\n            return [open('/etc/hostname').read()]\n        except PermissionError as e:\n            return [type(e).__name__]",
    ),
  );
  const files = new Map([["algorithm.py", { bytes: Buffer.from(py) }]]);
  const other = {
    bundle: { kind: "zip", base64: "", sha256: "1" },
    entry: "algorithm.py",
    files,
    packages: [],
  } as const;
  expect(await askChannels(other, start, createMemo())).toEqual(["PermissionError"]);
});
