import strategySchema from "#schemas/strategy.schema.json" with { type: "json" };
import type { SourceDocument } from "./document.ts";
import type { JsonValue } from "./json.ts";
import { misplaced, type Parsed, parseDocument } from "./parse.ts";
import type { Finding } from "./refusal.ts";
import { childOf } from "./schema-walk.ts";
import type { StrategyDocument } from "./strategy.generated.ts";
import { validateStrategy } from "./validators.generated.js";

export type { Parsed } from "./parse.ts";
export type { StrategyDocument } from "./strategy.generated.ts";

/**
 * Reads and checks a spec by itself; `resolveStrategy` then holds it against an environment.
 *
 * @param file the path for places, which also says the team and the name: `strategies/<team>/<name>/strategy.yaml`
 */
export function parseStrategy(file: string, text: string): Parsed<StrategyDocument> {
  return parseDocument<StrategyDocument>(file, text, {
    schema: strategySchema,
    validate: validateStrategy,
    checkPath,
    check: () => [],
  });
}

function checkPath(source: SourceDocument): readonly Finding[] {
  const folder = /(?:^|[/\\])strategies[/\\](?<team>[^/\\]+)[/\\](?<name>[^/\\]+)[/\\]strategy\.yaml$/.exec(
    source.file,
  )?.groups;
  if (folder === undefined) {
    return [misplaced(source, "a strategy's spec stands in strategies/<team>/<name>/strategy.yaml, not here")];
  }
  const metadata = childOf(source.value, "metadata");
  return [
    ...sameAsFolder(source, metadata, "team", folder["team"] ?? ""),
    ...sameAsFolder(source, metadata, "name", folder["name"] ?? ""),
  ];
}

function sameAsFolder(
  source: SourceDocument,
  metadata: JsonValue | undefined,
  key: "team" | "name",
  folder: string,
): readonly Finding[] {
  const found = childOf(metadata, key);
  if (typeof found !== "string" || found === folder) return [];
  const pointer = `/metadata/${key}`;
  const message = `metadata.${key} is ${JSON.stringify(found)}, but the folder says ${JSON.stringify(folder)}`;
  const fix = `write ${folder}, or rename the folder`;
  return [{ code: "metadata-not-folder", severity: "error", message, fix, pointer, place: source.locate(pointer) }];
}
