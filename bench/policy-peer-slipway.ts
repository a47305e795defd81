// Reads a file of StatefulSets and judges each by the shipped rules that are named; prints how many each refuses. A process of its own, as the peers are.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { JsonObject } from "#core/json.ts";
import { parseRule } from "#core/rule.ts";
import { evaluateRule } from "#core/rules/compile.ts";

const [file = "", ...rules] = process.argv.slice(2);
const folder = join(import.meta.dirname, "..", "policies", "rules");
const compiled = rules.map((name) => {
  const path = `policies/rules/${name}.yaml`;
  const parsed = parseRule(path, readFileSync(join(folder, `${name}.yaml`), "utf8"));
  if (parsed.compiled === undefined) throw new Error(`${path} is refused`);
  return [name, parsed.compiled] as const;
});
const text = readFileSync(file, "utf8");
const objects = text.startsWith("{")
  ? text.split("\n---\n").map((document) => JSON.parse(document) as JsonObject)
  : parseAllDocuments(text).map((document) => document.toJS() as JsonObject);
const refused = new Map<string, number>(rules.map((name) => [name, 0]));
for (const object of objects) {
  for (const [name, rule] of compiled) {
    const verdict = evaluateRule(rule, { object, environment: {} });
    if (verdict.outcome !== "holds") refused.set(name, (refused.get(name) ?? 0) + 1);
  }
}
console.log(JSON.stringify(Object.fromEntries(refused)));
