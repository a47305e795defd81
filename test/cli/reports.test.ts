import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import type { Log } from "sarif";
import { describe, expect, test } from "vitest";
import { formatReport, type Report } from "#cli/reports/report.ts";
import type { Finding } from "#core/refusal.ts";
import { createPlayground } from "./cli.ts";

const findings: readonly Finding[] = [
  {
    code: "above-bound",
    severity: "error",
    message: 'limits.maxOrderNotional is 2000, above <1000> & "more"',
    fix: "lower it",
    place: { file: "strategies/a b/c/strategy.yaml", line: 15, column: 23, length: 6 },
    bound: { file: "policies/environments/paper.yaml", line: 14, column: 5, length: 16 },
  },
  {
    code: "rule-violated",
    rule: "require-owner",
    severity: "warning",
    message: "no owner",
    place: { file: "strategies/a/b/strategy.yaml" },
  },
];
const report: Report = { title: "slipway check", version: "1.2.3", findings, checks: { spec: 2, bounds: 1 } };

describe("sarif", () => {
  test("has a rule for each code, places relative to the repository, and where the bound stands", async () => {
    const { runs } = JSON.parse(await formatReport("sarif", report)) as Log;
    expect(runs[0]?.tool.driver).toMatchObject({
      name: "slipway",
      version: "1.2.3",
      rules: [{ id: "above-bound" }, { id: "require-owner" }],
    });
    expect(runs[0]?.results).toMatchObject([
      {
        ruleId: "above-bound",
        ruleIndex: 0,
        level: "error",
        locations: [
          {
            physicalLocation: {
              artifactLocation: { uri: "strategies/a%20b/c/strategy.yaml" },
              region: { startLine: 15, startColumn: 23, endColumn: 29 },
            },
          },
        ],
        relatedLocations: [{ physicalLocation: { region: { startLine: 14 } } }],
      },
      { ruleId: "require-owner", ruleIndex: 1, level: "warning" },
    ]);
  });
});

describe("junit", () => {
  test("an error is a failure in its file's suite, and what passed is there, too", async () => {
    expect(await formatReport("junit", report)).toMatchInlineSnapshot(`
      "<?xml version="1.0" encoding="UTF-8"?>
      <testsuites name="slipway check" tests="4" failures="1">
        <testsuite name="slipway check" tests="2" failures="0">
          <testcase name="spec: 2 passed" classname="slipway check"/>
          <testcase name="bounds: 1 passed" classname="slipway check"/>
        </testsuite>
        <testsuite name="strategies/a b/c/strategy.yaml" tests="1" failures="1">
          <testcase name="strategies/a b/c/strategy.yaml:15:23 above-bound" classname="above-bound">
            <failure message="limits.maxOrderNotional is 2000, above &lt;1000&gt; &amp; &quot;more&quot;" type="above-bound">strategies/a b/c/strategy.yaml:15:23 limits.maxOrderNotional is 2000, above &lt;1000&gt; &amp; &quot;more&quot;
      fix: lower it</failure>
          </testcase>
        </testsuite>
        <testsuite name="strategies/a/b/strategy.yaml" tests="1" failures="0">
          <testcase name="strategies/a/b/strategy.yaml require-owner" classname="rule-violated">
            <system-out>strategies/a/b/strategy.yaml no owner</system-out>
          </testcase>
        </testsuite>
      </testsuites>
      "
    `);
  });

  test("whatever a message holds stays inside its element", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), async (message) => {
        const one: Finding = { code: "any", severity: "error", message };
        const text = await formatReport("junit", { ...report, findings: [one] });
        expect(text.match(/<testcase/g)).toHaveLength(3);
        expect(text.match(/<failure/g)).toHaveLength(1);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: XML has none of them.
        expect(text).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/);
      }),
      { numRuns: 200 },
    );
  });
});

test("markdown escapes what people wrote", async () => {
  expect(await formatReport("markdown", report)).toMatchInlineSnapshot(`
    "### ❌ slipway check: 1 error

    | | where | what | fix |
    |---|---|---|---|
    | ❌ | \`strategies/a b/c/strategy.yaml:15:23\` | limits.maxOrderNotional is 2000, above \\<1000\\> & "more" | lower it |
    | ⚠️ | \`strategies/a/b/strategy.yaml\` | require-owner: no owner |  |
    "
  `);
});

test("check --json is what the report's schema says, and every format keeps the exit code", async () => {
  const playground = createPlayground();
  try {
    const path = "strategies/momentum/sma-cross/strategy.yaml";
    const text = readFileSync(`${playground.repository}/${path}`, "utf8");
    playground.write(path, text.replace('maxOrderNotional: "2000"', 'maxOrderNotional: "5001"'));
    const schema = JSON.parse(
      readFileSync(new URL("../../schemas/report.schema.json", import.meta.url), "utf8"),
    ) as object;
    const validate = new Ajv2020({ strict: true }).compile(schema);
    const { code, document } = await playground.json("check");
    expect([code, validate(document), validate.errors]).toEqual([2, true, null]);
    for (const [format, holds] of [
      ["sarif", '"ruleId": "above-bound"'],
      ["junit", '<failure message="limits.maxOrderNotional'],
      ["markdown", "| ❌ |"],
    ] as const) {
      const ended = await playground.run("check", "--format", format);
      expect([ended.code, ended.stderr]).toEqual([2, ""]);
      expect(ended.stdout).toContain(holds);
    }
    expect(await playground.run("check", "--format", "pdf")).toMatchObject({ code: 2, stdout: "" });
  } finally {
    playground.remove();
  }
});
