import { isMap, isScalar, LineCounter, type Node, type Pair, parseDocument, type YAMLMap } from "yaml";
import { parseEnvironmentName } from "./identity.ts";
import { canonicalJson, type JsonValue } from "./json.ts";
import type { Finding } from "./refusal.ts";
import { err, ok, type Result } from "./result.ts";

/**
 * Sets `spec.environments.<environment>.running` in the text of a spec. Comments, layout and every other byte stay as they are.
 * What was written is read again: a text that would say anything else is refused.
 */
export function setRunning(text: string, environment: string, running: boolean): Result<string, Finding> {
  const name = parseEnvironmentName(environment);
  if (!name.ok)
    return refuse(`${JSON.stringify(environment)} is not an environment's name; allowed: ${name.error.allowed}`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, logLevel: "silent", prettyErrors: false });
  const root: unknown = document.contents;
  if (document.errors.length > 0 || !isMap(root)) return refuse("the spec cannot be read, so nothing was changed");
  const spec = memberOf(root, "spec")?.value;
  if (!isMap(spec)) return refuse("the spec has no map under spec, so nothing was changed");
  const edited = edit(text, spec as YAMLMap.Parsed, environment, running);
  return edited === undefined || !says(text, edited, environment, running)
    ? refuse(
        `spec.environments could not be edited in place: write ${environment}: { running: ${running} } there by hand`,
      )
    : ok(edited);
}

function edit(text: string, spec: YAMLMap, environment: string, running: boolean): string | undefined {
  const entry = `{ running: ${running} }`;
  const environments = memberOf(spec, "environments");
  if (environments === undefined) return insertMember(text, spec, `environments: { ${environment}: ${entry} }`, true);
  if (!isMap(environments.value)) return fillEmpty(text, environments, `{ ${environment}: ${entry} }`);
  const found = memberOf(environments.value, environment);
  if (found === undefined) return insertMember(text, environments.value, `${environment}: ${entry}`, true);
  if (!isMap(found.value)) return fillEmpty(text, found, entry);
  const state = memberOf(found.value, "running");
  if (state === undefined) return insertMember(text, found.value, `running: ${running}`, false);
  if (!isScalar(state.value)) return undefined;
  const [start, end] = state.value.range ?? [0, 0];
  return start === end ? fillEmpty(text, state, String(running)) : splice(text, start, end, String(running));
}

function memberOf(map: YAMLMap, key: string): Pair<unknown, unknown> | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
}

/** A key without a value: `paper:`, or `paper: ~`. */
function fillEmpty(text: string, pair: Pair<unknown, unknown>, value: string): string | undefined {
  if (!isScalar(pair.key) || (isScalar(pair.value) && pair.value.value !== null)) return undefined;
  const written = isScalar(pair.value) ? pair.value.range : undefined;
  if (written && written[1] > written[0]) return splice(text, written[0], written[1], value);
  const after = text.indexOf(":", pair.key.range?.[1] ?? text.length) + 1;
  return after === 0 ? undefined : splice(text, after, after, ` ${value}`);
}

function insertMember(text: string, map: YAMLMap, member: string, last: boolean): string | undefined {
  const [start, end] = map.range ?? [0, 0];
  if (map.flow === true) return insertFlow(text, map, start, end, member, last);
  const first = map.items[0]?.key;
  if (!isScalar(first)) return undefined;
  const at = first.range?.[0] ?? 0;
  const indent = text.slice(text.lastIndexOf("\n", at - 1) + 1, at);
  // A map that starts behind a dash or on its key's line has no line of its own to copy.
  if (indent.trim() !== "") return undefined;
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  if (!last) return splice(text, at, at, `${member}${newline}${indent}`);
  const lineEnd = text.indexOf("\n", lastContent(text, map));
  if (lineEnd < 0) return `${text}${newline}${indent}${member}`;
  return splice(text, lineEnd + 1, lineEnd + 1, `${indent}${member}${newline}`);
}

/** The offset of the last character that belongs to the map's values, comments behind them left out. */
function lastContent(text: string, map: YAMLMap): number {
  const last = map.items.at(-1);
  const value = (last?.value ?? last?.key) as Node | undefined;
  if (isMap(value) && value.flow !== true && value.items.length > 0) return lastContent(text, value);
  const end = value?.range?.[1] ?? map.range?.[1] ?? text.length;
  return text.slice(0, end).trimEnd().length - 1;
}

function insertFlow(text: string, map: YAMLMap, start: number, end: number, member: string, last: boolean): string {
  if (map.items.length === 0) return splice(text, start, end, `{ ${member} }`);
  if (!last) {
    const first = map.items[0]?.key;
    const at = isScalar(first) ? (first.range?.[0] ?? start + 1) : start + 1;
    return splice(text, at, at, `${member}, `);
  }
  const at = lastContent(text, map) + 1;
  return splice(text, at, at, `, ${member}`);
}

function splice(text: string, start: number, end: number, insert: string): string {
  return text.slice(0, start) + insert + text.slice(end);
}

/** Whether the new text holds the old document with this one value set, and nothing else. */
function says(before: string, after: string, environment: string, running: boolean): boolean {
  const document = parseDocument(after, { logLevel: "silent", prettyErrors: false });
  if (document.errors.length > 0) return false;
  const wanted = parseDocument(before, { logLevel: "silent" });
  const parent = wanted.getIn(["spec", "environments"]);
  if (!isMap(parent)) wanted.setIn(["spec", "environments"], wanted.createNode({}));
  if (!isMap(wanted.getIn(["spec", "environments", environment])))
    wanted.setIn(["spec", "environments", environment], wanted.createNode({}));
  wanted.setIn(["spec", "environments", environment, "running"], running);
  return canonicalJson(wanted.toJS() as JsonValue) === canonicalJson(document.toJS() as JsonValue);
}

function refuse(message: string): Result<never, Finding> {
  return err({
    code: "edit-impossible",
    severity: "error",
    message,
    fix: "mend the file first: slipway check says what is wrong",
  });
}
