import { readFile, writeFile } from "node:fs/promises";
import { generateBus } from "./generate-bus.ts";
import { generateFences } from "./generate-fences.ts";
import { generateRules } from "./generate-rules.ts";
import { declarationsText, readSchema, root, typesText, validatorName, validatorsText } from "./schema-code.ts";

// Derives src/core/*.generated.* from schemas/, and docs/rules.md and docs/fences.md from policies/rules. `--check` writes nothing and exits 1 if a file on disk differs.

const kinds = ["strategy", "environment", "rule", "teams", "waiver", "freeze", "halt", "forge"] as const;

/** Path below the repository → the text it must have. */
export async function generate(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const exports: Record<string, string> = {};
  const schemas = await Promise.all(kinds.map((kind) => readSchema(kind)));
  for (const [index, kind] of kinds.entries()) {
    const schema = schemas[index] ?? {};
    files.set(`src/core/${kind}.generated.ts`, await typesText(kind, schema, `schemas/${kind}.schema.json`));
    exports[validatorName(kind)] = String(schema["$id"]);
  }
  // What the environment of a process may hold, too.
  exports[validatorName("argocd-webhook")] = `${exports[validatorName("environment")]}#/$defs/argocdWebhook`;
  const source = "schemas/*.schema.json";
  files.set("src/core/validators.generated.js", await validatorsText(schemas, exports, source, false));
  files.set("src/core/validators.generated.d.ts", declarationsText(Object.keys(exports), source));
  for (const [path, text] of [...(await generateBus()), ...(await generateRules()), ...(await generateFences())])
    files.set(path, text);
  return files;
}

async function main(): Promise<void> {
  const check = process.argv.includes("--check");
  for (const [path, text] of await generate()) {
    const url = new URL(path, root);
    const found = await readFile(url, "utf8").catch(() => undefined);
    if (found === text) continue;
    if (check) {
      console.error(`${path} is ${found === undefined ? "missing" : "stale"}: run npm run generate`);
      process.exitCode = 1;
    } else {
      await writeFile(url, text);
      console.log(`wrote ${path}`);
    }
  }
}

if (import.meta.main) await main();
