import fc from "fast-check";
import { expect, test } from "vitest";
import { validateOrderRequest } from "#core/bus-validators.generated.js";
import { readMessage } from "#core/payload.ts";
import { parseRequest } from "#gateway/request.ts";
import { almost, samples } from "../fixtures/bus-messages.ts";
import { bytes } from "./fixtures.ts";

// The gateway reads requests itself, so that its answer can name the field; it takes exactly what the schema takes.
test("the gateway's reader and the schema of an order request agree", () => {
  const [topic, good] = samples["order-request"];
  const check = (payload: Uint8Array): void => {
    const schema = readMessage(topic, payload, { "order-request": validateOrderRequest }).ok;
    expect(parseRequest(payload).ok, Buffer.from(payload).toString()).toBe(schema);
  };
  check(bytes(good));
  const payload = fc.oneof(
    { weight: 8, arbitrary: almost(good).map(bytes) },
    { weight: 1, arbitrary: fc.json().map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }) },
  );
  fc.assert(fc.property(payload, check), { numRuns: 5_000 });
  check(Buffer.from(JSON.stringify(good).padEnd(4096)));
  check(Buffer.from(JSON.stringify(good).padEnd(4097)));
});
