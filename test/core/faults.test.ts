import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseEnvironment } from "#core/environment.ts";
import { formatPlace } from "#core/refusal.ts";
import { parseRule } from "#core/rule.ts";
import { parseStrategy } from "#core/strategy.ts";
import { parseTeams } from "#core/teams.ts";
import { parseWaiver } from "#core/waiver.ts";

// fixtures/faults.txt and policy-faults.txt: "found" → "put in its place", then per finding line:column:length, code, message and fix. Read it as a user would.

const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");

interface Fault {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly findings: readonly string[];
}

function readFaults(name: string): readonly Fault[] {
  let file = "";
  const faults: Fault[] = [];
  for (const block of fixture(name).trim().split("\n\n")) {
    if (block.startsWith("# ")) {
      file = block.slice(2);
      continue;
    }
    const [head = "", ...lines] = block.split("\n");
    const [from, to] = head.split(" → ").map((text) => JSON.parse(text) as string);
    const findings: string[] = [];
    for (let at = 0; at < lines.length; at += 3)
      findings.push(
        lines
          .slice(at, at + 3)
          .map((line) => line.trim())
          .join("\n"),
      );
    faults.push({ file, from: from ?? "", to: to ?? "", findings });
  }
  return faults;
}

const policyFaults = readFaults("policy-faults.txt");
const faults = [...readFaults("faults.txt"), ...policyFaults];

/** The good document of each file, and what reads it. */
const kinds = new Map([
  ["strategies/momentum/sma-cross/strategy.yaml", { good: fixture("strategy.yaml"), parse: parseStrategy }],
  ["policies/environments/paper.yaml", { good: fixture("environment.yaml"), parse: parseEnvironment }],
  ["policies/rules/max-loud-bets.yaml", { good: fixture("rule.yaml"), parse: parseRule }],
  ["policies/rules/require-quiet-fleet.yaml", { good: fixture("rule-flow.yaml"), parse: parseRule }],
  ["policies/rules/forbid-latest.yaml", { good: fixture("rule-object.yaml"), parse: parseRule }],
  ["policies/teams.yaml", { good: fixture("teams.yaml"), parse: parseTeams }],
  ["policies/waivers/desk-bets.yaml", { good: fixture("waiver-rule.yaml"), parse: parseWaiver }],
  ["policies/waivers/more-cpu.yaml", { good: fixture("waiver.yaml"), parse: parseWaiver }],
]);

test("there are enough of them, and the documents they are put into are good", () => {
  expect(faults.length).toBeGreaterThan(350);
  expect(policyFaults.length).toBeGreaterThan(200);
  for (const [file, { good, parse }] of kinds) expect(parse(file, good).findings).toEqual([]);
});

describe.each(["\n", "\r\n"])("with line ends %j", (lineEnd) => {
  test.each(faults)("$file: $from → $to", ({ file, from, to, findings }) => {
    const { good, parse } = kinds.get(file)!;
    expect(good).toContain(from);
    const parsed = parse(file, good.replace(from, () => to).replaceAll("\n", lineEnd));
    const shown = parsed.findings.map(({ place, code, message, fix, severity }) => {
      expect(severity).toBe("error");
      const position = place === undefined ? "" : formatPlace(place).slice(file.length + 1);
      return `${position}:${place?.length} ${code}\n${message}\n${fix}`;
    });
    expect(shown).toEqual(findings);
    expect(parsed.document === undefined).toBe(findings.length > 0);
  });
});
