import { createHmac } from "node:crypto";
import { request } from "node:http";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startWebhooks, type Webhooks } from "#server/webhooks.ts";

const secret = "a secret of 16 and more characters";
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
let webhooks: Webhooks;
let told: string[];

beforeEach(async () => {
  told = [];
  webhooks = await startWebhooks({ secret, onDelivery: (event) => told.push(event), log: quiet, bytesMax: 1_000 });
});
afterEach(() => webhooks.stop());

function sign(body: string, key = secret): string {
  return `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;
}

async function send(
  body: string,
  headers: Readonly<Record<string, string>> = {},
  options: { readonly method?: string; readonly path?: string; readonly github?: boolean } = {},
): Promise<number> {
  const url = new URL(options.path ?? "/webhooks", webhooks.url);
  const names = options.github === false ? {} : { "x-github-event": "push", "x-github-delivery": "1-a" };
  const signed = { "x-hub-signature-256": sign(body), ...names };
  const method = options.method ?? "POST";
  const response = await fetch(url, {
    method,
    headers: { ...signed, ...headers },
    ...(method === "GET" ? {} : { body }),
  });
  await response.text();
  return response.status;
}

describe("a delivery", () => {
  test("that is signed is told of", async () => {
    expect(await send('{"action":"opened"}', { "x-github-event": "pull_request" })).toBe(202);
    expect(told).toEqual(["pull_request"]);
  });

  test("that comes twice is told of once, and others between them each", async () => {
    expect(await send("{}")).toBe(202);
    expect(await send("{}", { "x-github-delivery": "2-b" })).toBe(202);
    expect(await send("{}")).toBe(200);
    expect(told).toEqual(["push", "push"]);
  });

  test("of Gitea is known by its own names", async () => {
    const own = { "x-gitea-event": "pull_request_approved", "x-gitea-delivery": "3" };
    expect(await send("{}", own, { github: false })).toBe(202);
    expect(told).toEqual(["pull_request_approved"]);
  });

  test.each([
    ["no signature", { "x-hub-signature-256": "" }],
    ["another secret", { "x-hub-signature-256": sign("{}", "another secret of 16 characters") }],
    ["the signature of another body", { "x-hub-signature-256": sign("{ }") }],
    ["a signature in capitals", { "x-hub-signature-256": sign("{}").toUpperCase() }],
    ["SHA-1 alone", { "x-hub-signature-256": "", "x-hub-signature": "sha1=0000" }],
    ["a signature that is too short", { "x-hub-signature-256": "sha256=00" }],
  ])("with %s is refused and tells nothing", async (_name, headers) => {
    expect(await send("{}", headers)).toBe(401);
    expect(told).toEqual([]);
    // Its number was not taken by it.
    expect(await send("{}")).toBe(202);
  });

  test.each([
    ["no event", { "x-github-event": "" }],
    ["an event that is no word", { "x-github-event": "push\tx" }],
    ["no number", { "x-github-delivery": "" }],
    ["a number of 101 characters", { "x-github-delivery": "1".repeat(101) }],
  ])("with %s is refused", async (_name, headers) => {
    expect(await send("{}", headers)).toBe(400);
    expect(told).toEqual([]);
  });

  test("of a byte more than the bound is refused, and one at the bound is not", async () => {
    expect(await send("x".repeat(1_001))).toBe(413);
    expect(await send("x".repeat(1_000))).toBe(202);
  });

  test("that does not say how long it is is cut off at the bound", async () => {
    const status = await new Promise((resolve, reject) => {
      const outgoing = request(webhooks.url, { method: "POST" }, (response) => resolve(response.statusCode));
      outgoing.on("error", reject);
      for (let count = 0; count < 20; count += 1) outgoing.write("x".repeat(100));
      outgoing.end();
    });
    expect(status).toBe(413);
  });

  test.each([
    ["GET", "/webhooks", 405],
    ["POST", "/", 404],
    ["POST", "/webhooks/../x", 404],
  ])("by %s to %s is refused", async (method, path, status) => {
    expect(await send("{}", {}, { method, path })).toBe(status);
    expect(told).toEqual([]);
  });

  test("of any bytes is told of if it is signed, whatever it says", async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 200 }), async (body) => {
        count += 1;
        expect(await send(body, { "x-github-delivery": `p-${count}` })).toBe(202);
        expect(await send(body, { "x-github-delivery": `q-${count}`, "x-hub-signature-256": sign(`${body} `) })).toBe(
          401,
        );
      }),
      { numRuns: 50 },
    );
    expect(told).toHaveLength(count);
  });
});

test("a secret of 15 characters is too short", async () => {
  await expect(
    startWebhooks({ secret: "123456789012345", onDelivery: () => undefined, log: quiet }),
  ).rejects.toMatchObject({
    code: "webhook-secret-short",
  });
});
