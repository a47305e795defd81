import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseFreeze } from "#core/freeze.ts";
import { parseTeams } from "#core/teams.ts";
import { parseWaiver } from "#core/waiver.ts";

const guide = readFileSync(new URL("../../docs/policies.md", import.meta.url), "utf8");
const blocks = [...guide.matchAll(/^```yaml\n(apiVersion:[\s\S]*?)^```$/gm)].map(([, text]) => text ?? "");

const parsers = {
  Teams: (text: string) => parseTeams("policies/teams.yaml", text),
  Waiver: (text: string) => parseWaiver(`policies/waivers/${nameOf(text)}.yaml`, text),
  Freeze: (text: string) => parseFreeze(`policies/freezes/${nameOf(text)}.yaml`, text),
};

function nameOf(text: string): string {
  return /^metadata: \{ name: ([a-z-]+) \}$/m.exec(text)?.[1] ?? "";
}

test.each(Object.keys(parsers))("a %s as docs/policies.md shows it is accepted", (kind) => {
  const text = blocks.find((block) => block.includes(`\nkind: ${kind}\n`)) ?? "";
  const { document, findings } = parsers[kind as keyof typeof parsers](text);
  expect(findings).toEqual([]);
  expect(document).toBeDefined();
});
