import type { SchemaError, Validator } from "./bus-validators.generated.js";
import type { DeadLetterCode, Message, MessageKind, MessageOf } from "./messages.ts";
import { err, ok, type Result } from "./result.ts";
import { bytesMaxOf, kindOfTopic, type TopicKind } from "./topic-kinds.ts";

/** Why a message is not what its topic promises. */
export interface PayloadRefused {
  readonly code: DeadLetterCode;
  readonly message: string;
}

/** The validators of what a process receives; a kind that is not among them is unknown to it. */
export type Validators = { readonly [Kind in MessageKind]?: Validator };

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * The door of the bus: JSON in UTF-8 that keeps to the schema of its topic, and says the same venue, instrument and so on as the topic. What
 * has come through is trusted to have that shape; who may publish to the topic is the broker's business.
 */
export function readMessage(
  topic: string,
  payload: Uint8Array,
  validators: Validators,
): Result<Message, PayloadRefused> {
  const found = kindOfTopic(topic);
  const validate = found && validators[found.kind];
  if (found === undefined || validate === undefined) {
    return refused("topic-unknown", `no message is expected on ${topic.slice(0, 200)}`);
  }
  const value = readJson(payload, bytesMaxOf(found.kind));
  if (!value.ok) return value;
  if (!validate(value.value)) return refused("payload-malformed", describe(validate.errors?.[0], found.kind));
  const message = value.value as Message;
  const other = mismatch(found, message);
  return other === undefined ? ok(message) : refused("topic-mismatch", other);
}

/** A message of one kind, whatever its topic: an event inside of a history, for example. */
export function isMessage<Kind extends MessageKind>(validate: Validator, value: unknown): value is MessageOf[Kind] {
  return validate(value);
}

function readJson(payload: Uint8Array, bytesMax: number): Result<unknown, PayloadRefused> {
  if (payload.length > bytesMax) {
    return refused("payload-too-large", `it has ${payload.length} bytes, at most ${bytesMax} are allowed`);
  }
  try {
    const value: unknown = JSON.parse(decoder.decode(payload));
    return ok(value);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.slice(0, 120) : "unreadable";
    return refused("payload-malformed", `it is not JSON in UTF-8: ${plain(why)}`);
  }
}

/** Where payload and topic differ. */
function mismatch(topic: TopicKind, message: Message): string | undefined {
  switch (message.type) {
    case "quote":
    case "trade":
    case "bar":
      return differs(topic, message) ?? ("interval" in message ? unlike("interval", topic, message) : undefined);
    case "history":
      return differs(topic, message) ?? firstOf(message.events, (event) => differs(topic, event));
    case "indicator": {
      const args = message.args.join("/") === topic.args?.join("/") ? undefined : "args is not what the topic says";
      return differs(topic, message) ?? unlike("name", topic, message) ?? args;
    }
    case "command":
    case "gateway-command":
      return unlike("verb", topic, message);
    case "birth":
      return unlike("service", topic, message);
    default:
      return undefined;
  }
}

function differs(topic: TopicKind, message: { readonly venue: string; readonly sid: string }): string | undefined {
  return unlike("venue", topic, message) ?? unlike("sid", topic, message);
}

function unlike<Name extends "venue" | "sid" | "interval" | "name" | "verb" | "service">(
  name: Name,
  topic: TopicKind,
  message: { readonly [Key in Name]: string },
): string | undefined {
  return message[name] === topic[name] ? undefined : `${name} is ${message[name]}, but the topic says ${topic[name]}`;
}

function firstOf<Item>(items: readonly Item[], problem: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const found = problem(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The schema's mistake in words. It quotes no value: what a stranger sent goes into the dead letter as bytes. */
function describe(error: SchemaError | undefined, kind: MessageKind): string {
  if (error === undefined) return `it is no ${kind}`;
  const at = error.instancePath === "" ? "it" : plain(error.instancePath.slice(1).replaceAll("/", "."));
  const { params } = error;
  switch (error.keyword) {
    case "required":
      return `${at === "it" ? "" : `${at}.`}${params["missingProperty"]} is missing`;
    case "additionalProperties":
      return `${plain(String(params["additionalProperty"]))} is not a field of ${at === "it" ? `a ${kind}` : at}`;
    case "type":
      return `${at} is no ${params["type"]}`;
    case "const":
      return `${at} is not ${JSON.stringify(params["allowedValue"])}`;
    case "pattern":
      return `${at} does not match ${params["pattern"]}`;
    default:
      return `${at} breaks ${error.keyword}`;
  }
}

/** Foreign text in a message: short, and without control characters or bidi text. */
function plain(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]/g, "?");
  return printable.length > 80 ? `${printable.slice(0, 80)}…` : printable;
}

function refused(code: DeadLetterCode, message: string): Result<never, PayloadRefused> {
  return err({ code, message });
}
