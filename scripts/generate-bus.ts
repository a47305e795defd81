// Types and validators of what travels on the bus, out of schemas/bus/.
import {
  declarationsText,
  type JSONSchema,
  readSchema,
  typesText,
  validatorName,
  validatorsText,
} from "./schema-code.ts";

/** Every message of the bus: the name of its schema. */
export const messageKinds = [
  ...["quote", "trade", "bar", "history", "indicator", "signal", "order-request", "order-event"],
  ...["order-resend", "order-statement", "turn-request", "turn-answer", "account", "state", "metric"],
  ...["log", "command", "gateway-state", "gateway-command", "gateway-halts", "feed-state", "birth", "dead-letter"],
  ...["refill-request", "refill", "recorder-state", "platform-metric"],
] as const;

const source = "schemas/bus/*.schema.json";

export async function generateBus(): Promise<ReadonlyMap<string, string>> {
  const common = await readSchema("bus/common");
  const schemas = await Promise.all(messageKinds.map((kind) => readSchema(`bus/${kind}`)));
  const exports = Object.fromEntries(
    messageKinds.map((kind, index) => [validatorName(kind), String(schemas[index]?.["$id"])]),
  );
  const validators = await validatorsText([common, ...schemas].map(bare), exports, source, true);
  return new Map([
    ["src/core/bus-messages.generated.ts", await typesText("message", inOne(common, schemas), source)],
    ["src/core/bus-validators.generated.js", shakeable(validators)],
    ["src/core/bus-validators.generated.d.ts", declarationsText(Object.keys(exports), source)],
  ]);
}

/** All of it as one schema, so that what is shared becomes one type. */
function inOne(common: JSONSchema, schemas: readonly JSONSchema[]): JSONSchema {
  const named = messageKinds.map((kind, index) => [kind, withoutAddress(schemas[index] ?? {})] as const);
  const whole = {
    title: "Message",
    description: "Everything that travels on the bus.",
    oneOf: messageKinds.map((kind) => ({ $ref: `${kind}.schema.json` })),
    $defs: { ...common["$defs"], ...Object.fromEntries(named) },
  };
  return JSON.parse(JSON.stringify(whole), (_key, value: unknown) => {
    const ref = refOf(value);
    if (ref === undefined) return value;
    const [file = "", pointer = `/$defs/${file.replace(".schema.json", "")}`] = ref.split("#");
    // What has a name of its own is described there; said again it would become another type.
    const titled = common["$defs"]?.[pointer.replace("/$defs/", "")]?.title !== undefined;
    return titled ? { $ref: `#${pointer}` } : { ...(value as object), $ref: `#${pointer}` };
  }) as JSONSchema;
}

function refOf(value: unknown): string | undefined {
  const ref: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "$ref") : undefined;
  return typeof ref === "string" ? ref : undefined;
}

/** Words for people are not carried along in the validators, nor is the draft: what is used of it here means the same in all. */
function bare(schema: JSONSchema): JSONSchema {
  return JSON.parse(JSON.stringify(schema), (_key, value: unknown) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const words = ["title", "description", "$schema"].filter((key) => typeof Reflect.get(value, key) === "string");
    return Object.fromEntries(Object.entries(value).filter(([key]) => !words.includes(key)));
  }) as JSONSchema;
}

function withoutAddress({ $id: _id, $schema: _schema, ...rest }: JSONSchema): JSONSchema {
  return rest;
}

/** Each process takes the validators of what it receives; a bundler drops the rest only where nothing runs at the module's start. */
function shakeable(text: string): string {
  return text
    .replaceAll(/^(?:\S+)\.evaluated = .*;\n/gm, "")
    .replaceAll(/new RegExp\(("(?:[^"\\]|\\.)*"), "u"\)/g, (_all, pattern: string) => `/${inLiteral(pattern)}/u`);
}

function inLiteral(quoted: string): string {
  return String(JSON.parse(quoted)).replaceAll("/", "\\/");
}
