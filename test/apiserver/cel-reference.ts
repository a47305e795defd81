// Asks Kubernetes' own CEL: `go/cel-reference`, built by `build.ts`.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { compileExpression, type InputValue, type TypeShape } from "#core/cel/compile.ts";
import { formatTimestamp } from "#core/cel/time.ts";
import { type CelValue, isList, isMap, TypeValue, Uint } from "#core/cel/values.ts";
import type { JsonObject } from "#core/json.ts";
import { artifacts } from "../kubernetes/artifacts.ts";

/** What came of an expression, on either side. */
export interface Answer {
  /** Why it was refused before it ran. */
  readonly refused?: string | undefined;
  /** Of ours, the code of the first fault. */
  readonly code?: string | undefined;
  /** The value with its type, in one form for both sides. */
  readonly value?: string | undefined;
  readonly error?: string | undefined;
  readonly cost: number;
}

interface Reply {
  readonly refused?: readonly { readonly message: string }[];
  readonly value?: unknown;
  readonly error?: string;
  readonly cost: number;
}

/** The answers of the reference, in the order of the expressions. */
export function askReference(expressions: readonly string[], variables: JsonObject): readonly Answer[] {
  const input = expressions.map((expression) => `${JSON.stringify({ expression, variables })}\n`).join("");
  const program = join(artifacts().celReference.folder, "cel-reference");
  const { stdout, stderr, status } = spawnSync(program, {
    input,
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    timeout: 300_000,
  });
  if (status !== 0) throw new Error(`cel-reference ended with ${status}: ${stderr}`);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => answerOf(JSON.parse(line) as Reply));
}

function answerOf({ refused, value, error, cost }: Reply): Answer {
  if (refused !== undefined) return { refused: refused.map(({ message }) => message).join("; "), cost };
  if (error !== undefined) return { error, cost };
  return { value: JSON.stringify(normal(value)), cost };
}

/** Doubles by their value, maps in the order of their keys; of types that have no JSON only that it is one. */
function normal(value: unknown): unknown {
  const [kind = "", found] = Object.entries(value as object)[0] ?? [];
  if (kind === "double") return { double: doubleText(String(found)) };
  if (kind === "list") return { list: (found as readonly unknown[]).map(normal) };
  if (kind === "map")
    return {
      map: sorted(
        (found as readonly (readonly [unknown, unknown])[]).map(([key, item]) => [normal(key), normal(item)]),
      ),
    };
  return kind === "other" ? { other: true } : value;
}

function doubleText(text: string): string {
  const named: Readonly<Record<string, string>> = { "+Inf": "Infinity", "-Inf": "-Infinity", NaN: "NaN" };
  const value = Number(named[text] ?? text);
  return Object.is(value, -0) ? "-0" : String(value);
}

function sorted(entries: readonly (readonly [unknown, unknown])[]): readonly unknown[] {
  return [...entries].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** Our own answer, with each variable declared as the reference declares it. */
export function askOurs(expression: string, variables: JsonObject): Answer {
  const declared = new Map(Object.keys(variables).map((name): [string, TypeShape] => [name, "dyn"]));
  const program = compileExpression(expression, { variables: declared }, "dyn");
  if (!program.ok) {
    const messages = program.error.map(({ message }) => message).join("; ");
    return { refused: messages, code: program.error[0]?.code, cost: 0 };
  }
  const { outcome, cost } = program.value.run(variables as Readonly<Record<string, InputValue>>);
  if (!outcome.ok) return { error: outcome.error.message, code: outcome.error.code, cost };
  return { value: JSON.stringify(normal(encode(outcome.value))), cost };
}

function encode(value: CelValue): unknown {
  if (value === null) return { null: true };
  if (typeof value === "boolean") return { bool: value };
  if (typeof value === "bigint") return { int: String(value) };
  if (typeof value === "number") return { double: Object.is(value, -0) ? "-0" : String(value) };
  if (typeof value === "string") return { string: value };
  if (value instanceof Uint) return { uint: String(value.value) };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("base64") };
  if (value instanceof TypeValue) return { type: value.name };
  if (isList(value)) return { list: value.map(encode) };
  if (isMap(value)) return { map: value.keys().map((key) => [encode(key), encode(value.get(key) ?? null)]) };
  if (value.kind === "timestamp") return { timestamp: formatTimestamp(value) };
  return value.kind === "duration" ? { duration: String(value.nanos) } : { other: true };
}
