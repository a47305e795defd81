import type { Description, Parameter } from "#core/description.ts";
import type { JsonObject } from "#core/json.ts";
import { columns } from "./output.ts";

/**
 * What an algorithm says that it takes, a line a parameter.
 *
 * @param given the spec's params; without them the column of what holds is left out
 */
export function paramsText({ params, commands }: Description, given?: JsonObject): readonly string[] {
  const names = Object.keys(params).sort();
  const head = ["PARAM", "TYPE", "TAKES", "DEFAULT", ...(given === undefined ? [] : ["HERE"]), "MEANING"];
  const rows = names.flatMap((name) => {
    const parameter = params[name];
    if (parameter === undefined) return [];
    const { type, default: fallback, description = "" } = parameter;
    const own = given !== undefined && Object.hasOwn(given, name) ? short(given[name]) : "";
    const usual = fallback === undefined ? "must be given" : short(fallback);
    return [[name, type, takes(parameter), usual, ...(given === undefined ? [] : [own || "(default)"]), description]];
  });
  const verbs = Object.entries(commands ?? {}).map(([verb, text]) => `  command ${verb}: ${text}`);
  const table = rows.length === 0 ? [] : columns([head, ...rows]).map((line) => `  ${line}`);
  return [...table, ...verbs];
}

/** Below the columns of a table. */
function takes({ min, max, choices }: Parameter): string {
  if (choices !== undefined) return choices.join(", ");
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (min !== undefined) return `from ${min}`;
  return max === undefined ? "any" : `up to ${max}`;
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length <= 24 ? text : `${text.slice(0, 23)}…`;
}
