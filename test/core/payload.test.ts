import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MessageKind } from "#core/messages.ts";
import { readMessage } from "#core/payload.ts";
import { bytesMaxOf, kindOfTopic } from "#core/topic-kinds.ts";
import { messageKinds } from "../../scripts/generate-bus.ts";
import { readSchema } from "../../scripts/schema-code.ts";
import { allValidators as all, almost, samples } from "../fixtures/bus-messages.ts";

const kinds = Object.keys(samples) as MessageKind[];
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

describe("schemas of the bus", async () => {
  const names = ["common", ...messageKinds];
  const schemas = await Promise.all(names.map((name) => readSchema(`bus/${name}`)));

  test("docs/runtime.md has each of them", () => {
    const text = readFileSync(new URL("../../docs/runtime.md", import.meta.url), "utf8");
    expect(messageKinds.filter((kind) => !text.includes(`\`${kind}\``))).toEqual([]);
  });

  test("there is one for each kind, and each kind is on a topic", () => {
    expect([...messageKinds].sort()).toEqual([...kinds].sort());
    for (const kind of kinds) expect(kindOfTopic(samples[kind][0])?.kind).toBe(kind);
  });

  test.each(names.map((name, index) => [name, schemas[index]] as const))(
    "%s describes every property and closes every object",
    (name, schema) => {
      const problems: string[] = [];
      JSON.stringify(schema, function (this: unknown, key, value: unknown) {
        const node = Object(value) as { readonly [name: string]: unknown };
        if (node["type"] === "object" && node["additionalProperties"] === undefined) problems.push(`${key} is open`);
        for (const [property, inner] of Object.entries(Object(node["properties"]))) {
          if (typeof Object(inner).description !== "string") problems.push(`${property} has no description`);
        }
        return value;
      });
      expect(problems).toEqual([]);
      expect(schema?.["$id"]).toBe(`https://slipway.dev/schemas/bus/${name}.schema.json`);
    },
  );

  test("the generated validators say what a validator of the whole draft says, for almost good messages too", () => {
    const ajv = new Ajv2020({ strict: true });
    for (const schema of schemas) ajv.addSchema(schema as object);
    for (const kind of kinds) {
      const slow = ajv.getSchema(`https://slipway.dev/schemas/bus/${kind}.schema.json`);
      const [, good] = samples[kind];
      expect(slow?.(good), kind).toBe(true);
      const check = (value: unknown): void => {
        expect(all[kind](value), `${kind} ${JSON.stringify(value)}`).toBe(slow?.(value));
      };
      check(good);
      fc.assert(fc.property(almost(good), check), { numRuns: 500 });
      fc.assert(fc.property(fc.jsonValue(), check), { numRuns: 50 });
    }
  });
});

describe("the door", () => {
  test.each(kinds)("a good %s passes, on a replay's topic too", (kind) => {
    const [topic, message] = samples[kind];
    for (const where of [topic, `replay/run-1/${topic}`])
      expect(readMessage(where, bytes(message), all)).toEqual({ ok: true, value: message });
  });

  const [topic, quote] = samples.quote;
  test.each([
    ["another instrument", topic, { ...quote, sid: "IBM" }, "topic-mismatch", "sid is IBM, but the topic says BRK.B"],
    ["another venue", topic, { ...quote, venue: "live" }, "topic-mismatch", "venue is live, but the topic says replay"],
    ["a bar as a quote", topic, samples.bar[1], "payload-malformed", "quote is missing"],
    [
      "another interval",
      "md/replay/BRK.B/bar/1h",
      samples.bar[1],
      "topic-mismatch",
      "interval is 1d, but the topic says 1h",
    ],
    [
      "a stranger in a history",
      samples.history[0],
      { ...samples.history[1], events: [{ ...quote, sid: "IBM" }] },
      "topic-mismatch",
      "sid is IBM",
    ],
    ["other arguments", "ind/replay/BRK.B/sma/20", samples.indicator[1], "topic-mismatch", "args"],
    ["another indicator", "ind/replay/BRK.B/ema/10", samples.indicator[1], "topic-mismatch", "name is sma"],
    ["another verb", "gw/cmd/flatten", samples["gateway-command"][1], "topic-mismatch", "verb is halt"],
    ["another service", "rpc/ema/birth", samples.birth[1], "topic-mismatch", "service is sma"],
    ["a price that is a number", topic, { ...quote, quote: 1 }, "payload-malformed", "quote is no string"],
    ["a field too many", topic, { ...quote, "\u202e": 1 }, "payload-malformed", "? is not a field of a quote"],
    ["another version", topic, { ...quote, v: 2 }, "payload-malformed", "v is not 1"],
    [
      "a topic of nothing",
      "md/replay/BRK.B/book",
      quote,
      "topic-unknown",
      "no message is expected on md/replay/BRK.B/book",
    ],
  ])("%s is refused", (_name, where, message, code, says) => {
    expect(readMessage(where, bytes(message), all)).toMatchObject({
      ok: false,
      error: { code, message: expect.stringContaining(says) },
    });
  });

  test.each([
    ["no JSON", Buffer.from("{"), "payload-malformed"],
    ["nothing", Buffer.from(""), "payload-malformed"],
    ["a list", Buffer.from("[]"), "payload-malformed"],
    ["no UTF-8", Buffer.from([0x22, 0xff, 0x22]), "payload-malformed"],
    ["a byte order mark and no more", Buffer.from([0xef, 0xbb, 0xbf]), "payload-malformed"],
    ["deep nesting", Buffer.from(`${"[".repeat(2000)}${"]".repeat(2000)}`), "payload-malformed"],
    ["one byte too many", Buffer.from(JSON.stringify(quote).padEnd(bytesMaxOf("quote") + 1)), "payload-too-large"],
  ])("%s is refused", (_name, payload, code) => {
    expect(readMessage(topic, payload, all)).toMatchObject({ ok: false, error: { code } });
  });

  test("at the bound it passes", () => {
    expect(readMessage(topic, Buffer.from(JSON.stringify(quote).padEnd(bytesMaxOf("quote"))), all).ok).toBe(true);
  });

  test("what a process does not receive is unknown to it", () => {
    expect(readMessage(topic, bytes(quote), { bar: all.bar })).toMatchObject({
      ok: false,
      error: { code: "topic-unknown" },
    });
  });

  test("nothing throws, whatever comes", () => {
    const topics = fc.oneof(fc.constantFrom(...kinds.map((kind) => samples[kind][0])), fc.string(), fc.webPath());
    fc.assert(
      fc.property(
        topics,
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (where, what) => {
          expect(readMessage(where, what, all).ok).toBe(false);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("kinds of topics", () => {
  test.each([
    "md",
    "md/x",
    "md/x/y",
    "md//AAPL/quote",
    "md/x//quote",
    "md/x/y/quote/z",
    "md/x/y/bar",
    "md/x/y/bar/1d/z",
    "md/x/y/toString",
    "ind/x/y",
    "ind/x/y//1",
    "strat/a/b",
    "strat/a//state",
    "strat/a/b/order",
    "strat/a/b/order/other",
    "strat/a/b/cmd",
    "strat/a/b/cmd/x/y",
    "strat/a/b/constructor",
    "gw",
    "gw/x",
    "gw/cmd",
    "gw/cmd/a/b/c",
    "gw/state/x",
    "feed/x",
    "feed/x/y",
    "rpc/x/y",
    "rpc/birth",
    "replay/run",
    "replay//gw/state",
    "replay/run/replay/run/gw/state",
    "$SYS/x",
    "",
    "/",
  ])("%j is no topic of ours", (topic) => expect(kindOfTopic(topic)).toBeUndefined());

  test("an indicator without arguments is one", () => {
    expect(kindOfTopic("ind/x/y/vwap")).toEqual({ kind: "indicator", venue: "x", sid: "y", name: "vwap", args: [] });
  });
});
