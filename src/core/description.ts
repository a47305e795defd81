import type { JsonObject, JsonValue } from "./json.ts";
import { err, ok, type Result } from "./result.ts";
import { nearest } from "./suggest.ts";
import { invisible } from "./visible.ts";

export const parameterTypes = ["integer", "number", "string", "boolean", "list", "object"] as const;
export type ParameterType = (typeof parameterTypes)[number];

/** What an algorithm says of one of its parameters. */
export interface Parameter {
  readonly type: ParameterType;
  /** Used where the spec says nothing. A parameter without one must be given. */
  readonly default?: JsonValue;
  /** Of numbers: the least and the greatest that it takes. */
  readonly min?: number;
  readonly max?: number;
  /** Of strings: the ones that it takes. */
  readonly choices?: readonly string[];
  readonly description?: string;
}

/** What `describe()` answers. It comes from an untrusted program: whatever else it says is refused whole. */
export interface Description {
  readonly name?: string;
  readonly version?: string;
  readonly description?: string;
  readonly params: { readonly [name: string]: Parameter };
  /** What `initialize()` may ask for, if it says. */
  readonly channels?: readonly string[];
  /** The verbs of `onCommand`, each with a sentence. */
  readonly commands?: { readonly [verb: string]: string };
}

export interface DescriptionMalformed {
  readonly code: "description-malformed";
  readonly message: string;
}

/** Of the description as JSON. */
export const descriptionBytesMax = 64 * 1024;
const entriesMax = 100;
const textMax = 500;

/** @param value as JSON carried it */
export function parseDescription(value: unknown): Result<Description, DescriptionMalformed> {
  try {
    return ok(readDescription(value));
  } catch (thrown) {
    if (!(thrown instanceof Malformed)) throw thrown;
    return err({ code: "description-malformed", message: thrown.message });
  }
}

/** Ends the reading at its first mistake; it never leaves this file. */
class Malformed extends Error {}

function readDescription(value: unknown): Description {
  const found = fields(value, "describe()", ["name", "version", "description", "params", "channels", "commands"]);
  const params: { [name: string]: Parameter } = {};
  for (const [name, item] of entries(found["params"] ?? {}, "params")) {
    if (!/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name)) throw new Malformed(`params has ${show(name)}, which is no name`);
    params[name] = readParameter(item, `params.${name}`);
  }
  const commands: { [verb: string]: string } = {};
  for (const [verb, item] of entries(found["commands"] ?? {}, "commands")) {
    if (!/^[a-z][a-z0-9-]{0,39}$/.test(verb)) throw new Malformed(`commands has ${show(verb)}, which is no verb`);
    commands[verb] = text(item, `commands.${verb}`);
  }
  const { channels } = found;
  return {
    ...optionalTexts(found, ["name", "version", "description"], ""),
    params,
    ...(channels === undefined ? {} : { channels: texts(channels, "channels") }),
    ...(found["commands"] === undefined ? {} : { commands }),
  };
}

function readParameter(value: unknown, where: string): Parameter {
  const found = fields(value, where, ["type", "default", "min", "max", "choices", "description"]);
  const type = parameterTypes.find((known) => known === found["type"]);
  if (type === undefined)
    throw new Malformed(`${where}.type is ${show(found["type"])}, not one of ${parameterTypes.join(", ")}`);
  const isNumber = type === "integer" || type === "number";
  const { min, max, choices } = found;
  if (!isNumber && (min !== undefined || max !== undefined))
    throw new Malformed(`${where} is of type ${type}, which has no min and max`);
  if (type !== "string" && choices !== undefined)
    throw new Malformed(`${where} is of type ${type}, which has no choices`);
  const parameter: Parameter = {
    type,
    ...optionalNumbers({ min, max }, where),
    ...(choices === undefined ? {} : { choices: texts(choices, `${where}.choices`) }),
    ...optionalTexts(found, ["description"], `${where}.`),
  };
  if ((parameter.min ?? Number.NEGATIVE_INFINITY) > (parameter.max ?? Number.POSITIVE_INFINITY))
    throw new Malformed(`${where}.min is above its max`);
  if (found["default"] === undefined) return parameter;
  const fallback = found["default"] as JsonValue;
  const problem = mismatch(fallback, parameter);
  if (problem !== undefined) throw new Malformed(`${where}.default is ${show(fallback)}, ${problem}`);
  return { ...parameter, default: fallback };
}

function fields(value: unknown, where: string, known: readonly string[]): { readonly [key: string]: unknown } {
  const found = Object.fromEntries(entries(value, where));
  for (const key of Object.keys(found)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    const hint = near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`;
    throw new Malformed(`${where} has ${show(key)}, which is not known here${hint}`);
  }
  return found;
}

function entries(value: unknown, where: string): readonly (readonly [string, unknown])[] {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Malformed(`${where} is ${show(value)}, not an object`);
  const found = Object.entries(value);
  if (found.length > entriesMax) throw new Malformed(`${where} has ${found.length} entries; at most ${entriesMax}`);
  return found.filter(([, item]) => item !== undefined && item !== null);
}

function text(value: unknown, where: string): string {
  if (typeof value !== "string" || value.length > textMax)
    throw new Malformed(`${where} is ${show(value)}, not a text of at most ${textMax} characters`);
  return visibleText(value);
}

function texts(value: unknown, where: string): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > entriesMax)
    throw new Malformed(`${where} is ${show(value)}, not a list of 1 to ${entriesMax} texts`);
  return value.map((item) => text(item, where));
}

function optionalTexts<Key extends string>(
  found: { readonly [key: string]: unknown },
  keys: readonly Key[],
  where: string,
): { readonly [key in Key]?: string } {
  const known = keys.filter((key) => found[key] !== undefined);
  return Object.fromEntries(known.map((key) => [key, text(found[key], `${where}${key}`)])) as {
    readonly [key in Key]?: string;
  };
}

function optionalNumbers(
  found: { readonly min: unknown; readonly max: unknown },
  where: string,
): { readonly min?: number; readonly max?: number } {
  const read = (key: "min" | "max"): object => {
    const value = found[key];
    if (value === undefined) return {};
    if (typeof value !== "number" || !Number.isFinite(value))
      throw new Malformed(`${where}.${key} is ${show(value)}, not a number`);
    return { [key]: value };
  };
  return { ...read("min"), ...read("max") };
}

/** One thing that is wrong with the parameters of a spec. */
export interface ParamProblem {
  readonly code: "param-unknown" | "param-missing" | "param-type" | "param-range";
  readonly name: string;
  readonly message: string;
  readonly fix: string;
}

/** Holds parameters against what the algorithm says of them: those it does not know, lacks, or cannot take. All at once, by name. */
export function checkParams(params: JsonObject, description: Description): readonly ParamProblem[] {
  const known = Object.keys(description.params).sort();
  const problems: ParamProblem[] = [];
  for (const [name, value] of Object.entries(params)) {
    const parameter = Object.hasOwn(description.params, name) ? description.params[name] : undefined;
    if (parameter === undefined) problems.push(unknownParam(name, known));
    else problems.push(...refuse(name, value, parameter));
  }
  for (const name of known) {
    if (Object.hasOwn(params, name) || description.params[name]?.default !== undefined) continue;
    problems.push({
      code: "param-missing",
      name,
      message: `params has no ${name}, which the algorithm needs: it has no default`,
      fix: `write ${name}: <${description.params[name]?.type}>`,
    });
  }
  return problems.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function unknownParam(name: string, known: readonly string[]): ParamProblem {
  const near = nearest(name, known);
  const listed = known.length === 0 ? "has none" : `has ${known.join(", ")}`;
  return {
    code: "param-unknown",
    name,
    message: `params.${name} is no parameter of the algorithm, which ${listed}${near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`}`,
    fix: near === undefined ? "take it out, or describe it in describe()" : `write ${near}`,
  };
}

function refuse(name: string, value: JsonValue, parameter: Parameter): readonly ParamProblem[] {
  const problem = mismatch(value, parameter);
  if (problem === undefined) return [];
  const code = isOfType(value, parameter.type) ? "param-range" : "param-type";
  return [{ code, name, message: `params.${name} is ${show(value)}, ${problem}`, fix: allowed(parameter) }];
}

/** Why the parameter does not take the value, as the end of a sentence; undefined if it does. */
function mismatch(value: JsonValue, parameter: Parameter): string | undefined {
  const { type, min, max, choices } = parameter;
  if (!isOfType(value, type)) return `which is ${article(typeOf(value))}; it takes ${article(type)}`;
  if (typeof value === "number" && min !== undefined && value < min) return `below its least value ${min}`;
  if (typeof value === "number" && max !== undefined && value > max) return `above its greatest value ${max}`;
  if (typeof value === "string" && choices?.includes(value) === false) return `not one of ${choices.join(", ")}`;
  return undefined;
}

function allowed({ type, min, max, choices }: Parameter): string {
  if (choices !== undefined) return `write one of ${choices.join(", ")}`;
  if (min !== undefined && max !== undefined) return `write ${article(type)} from ${min} to ${max}`;
  if (min !== undefined) return `write ${article(type)} of at least ${min}`;
  return `write ${article(type)}${max === undefined ? "" : ` of at most ${max}`}`;
}

function isOfType(value: JsonValue, type: ParameterType): boolean {
  const found = typeOf(value);
  return found === type || (type === "number" && found === "integer");
}

function typeOf(value: JsonValue): ParameterType | "null" {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "integer" : "number";
  return typeof value === "object" ? "object" : (typeof value as "string" | "boolean");
}

function article(type: ParameterType | "null"): string {
  if (type === "null") return "nothing";
  return `${/^[aeiou]/.test(type) ? "an" : "a"} ${type}`;
}

/** The parameters with the defaults of those that the spec leaves out. */
export function withDefaults(params: JsonObject, description: Description): JsonObject {
  const filled: { [name: string]: JsonValue } = {};
  for (const [name, parameter] of Object.entries(description.params)) {
    if (parameter.default !== undefined) filled[name] = parameter.default;
  }
  return { ...filled, ...params };
}

function show(value: unknown): string {
  return visibleText((JSON.stringify(value) ?? String(value)).slice(0, 80));
}

/** Untrusted text for a terminal or a comment: nothing in it hides or turns others around. */
function visibleText(value: string): string {
  return value.replace(invisible, " ");
}
