import { formatDouble } from "./double-text.ts";
import { flat, fun, method, type Overload, sizeOf, traversal } from "./overloads.ts";
import { formatDuration, formatTimestamp, parseDuration, parseTimestamp, timestampOf } from "./time.ts";
import { type CelValue, Failure, fitsInt, fitsUint, kindOf, type Outcome, TypeValue, Uint } from "./values.ts";

const nanosPerSecond = 1_000_000_000n;
const trueTexts: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const falseTexts: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);

function same<T extends CelValue>(value: T): T {
  return value;
}

function cannot(from: CelValue, to: string): Failure {
  return new Failure(`type conversion error from ${kindOf(from)} to ${to}`);
}

function textToBool(text: string): Outcome {
  if (trueTexts.has(text)) return true;
  return falseTexts.has(text) ? false : cannot(text, "bool");
}

function textToInt(text: string): Outcome {
  const value = /^[+-]?[0-9]{1,64}$/.test(text) ? BigInt(text.replace(/^\+/, "")) : undefined;
  return value !== undefined && fitsInt(value) ? value : cannot(text, "int");
}

function textToUint(text: string): Outcome {
  const value = /^[0-9]{1,64}$/.test(text) ? BigInt(text) : undefined;
  return value !== undefined && fitsUint(value) ? new Uint(value) : cannot(text, "uint");
}

function textToDouble(text: string): Outcome {
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special !== null) {
    if (special[2]?.toLowerCase() === "nan") return special[1] === "" ? Number.NaN : cannot(text, "double");
    return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  // Go lets an underscore stand between two digits.
  const bare = text.replaceAll(/(?<=[0-9])_(?=[0-9])/g, "");
  if (!/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(bare)) return cannot(text, "double");
  const value = Number(bare);
  return Number.isFinite(value) ? value : cannot(text, "double");
}

function doubleToInt(value: number): Outcome {
  const inside = value > -(2 ** 63) && value < 2 ** 63;
  return inside ? BigInt(Math.trunc(value)) : new Failure("integer overflow");
}

function doubleToUint(value: number): Outcome {
  const inside = value >= 0 && value < 2 ** 64;
  return inside ? new Uint(BigInt(Math.trunc(value))) : new Failure("unsigned integer overflow");
}

function bytesToText(bytes: Uint8Array): Outcome {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return new Failure("invalid UTF-8 in bytes, cannot convert to string");
  }
}

function secondsToTimestamp(seconds: bigint): Outcome {
  return timestampOf(seconds * nanosPerSecond) ?? new Failure("timestamp overflow");
}

const durationComplaint = (text: string) =>
  parseDuration(text) === undefined ? `${JSON.stringify(text)} is no duration, such as 1h30m` : undefined;
const timestampComplaint = (text: string) =>
  parseTimestamp(text) === undefined ? `${JSON.stringify(text)} is no time, such as 2026-01-31T12:00:00Z` : undefined;

export const conversions: readonly Overload[] = [
  fun("bool", ["bool"], "bool", same),
  fun("bool", ["string"], "bool", textToBool),

  fun("bytes", ["bytes"], "bytes", same),
  fun("bytes", ["string"], "bytes", (text) => new TextEncoder().encode(text), { price: traversal }),

  fun("double", ["double"], "double", same),
  fun("double", ["int"], "double", Number),
  fun("double", ["string"], "double", textToDouble),
  fun("double", ["uint"], "double", (value) => Number(value.value)),

  fun("duration", ["duration"], "duration", same),
  fun("duration", ["string"], "duration", (text) => parseDuration(text) ?? cannot(text, "duration"), {
    complaint: durationComplaint,
  }),

  fun("dyn", ["A"], "dyn", same),

  fun("int", ["int"], "int", same),
  fun("int", ["double"], "int", doubleToInt),
  fun("int", ["duration"], "int", (value) => value.nanos),
  fun("int", ["string"], "int", textToInt),
  fun("int", ["timestamp"], "int", (value) => (value.nanos - mod(value.nanos)) / nanosPerSecond),
  fun("int", ["uint"], "int", (value) => (fitsInt(value.value) ? value.value : new Failure("integer overflow"))),

  fun("string", ["string"], "string", same),
  fun("string", ["bool"], "string", String),
  fun("string", ["bytes"], "string", bytesToText, { price: traversal }),
  fun("string", ["double"], "string", formatDouble),
  fun("string", ["duration"], "string", formatDuration),
  fun("string", ["int"], "string", String),
  fun("string", ["timestamp"], "string", formatTimestamp),
  fun("string", ["uint"], "string", (value) => String(value.value)),

  fun("timestamp", ["timestamp"], "timestamp", same),
  fun("timestamp", ["int"], "timestamp", secondsToTimestamp),
  fun("timestamp", ["string"], "timestamp", (text) => parseTimestamp(text) ?? cannot(text, "timestamp"), {
    complaint: timestampComplaint,
  }),

  fun("type", ["A"], "type", (value) => new TypeValue(typeNameOf(kindOf(value)))),

  fun("uint", ["uint"], "uint", same),
  fun("uint", ["double"], "uint", doubleToUint),
  fun("uint", ["int"], "uint", (value) => (value >= 0n ? new Uint(value) : new Failure("unsigned integer overflow"))),
  fun("uint", ["string"], "uint", textToUint),

  ...(["string", "bytes", "list(A)", "map(A,B)"] as const).flatMap((kind) => [
    fun("size", [kind], "int", (value) => BigInt(sizeOf(value)), { price: flat }),
    method("size", [kind], "int", (value) => BigInt(sizeOf(value)), { price: flat }),
  ]),
];

const kubernetesNames: ReadonlyMap<string, string> = new Map([
  ["timestamp", "google.protobuf.Timestamp"],
  ["duration", "google.protobuf.Duration"],
  ["quantity", "kubernetes.Quantity"],
  ["ip", "net.IP"],
  ["cidr", "net.CIDR"],
  ["url", "kubernetes.URL"],
  ["format", "kubernetes.NamedFormat"],
  ["optional", "optional_type"],
]);

function typeNameOf(kind: string): string {
  return kubernetesNames.get(kind) ?? kind;
}

/** The part below a second, counted from the second before. */
function mod(nanos: bigint): bigint {
  return ((nanos % nanosPerSecond) + nanosPerSecond) % nanosPerSecond;
}
