import { request } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Console, startConsole } from "#console/server.ts";
import { sampleOverview } from "./fixtures.ts";

let server: Console;
const handlers = new Set<() => void>();

beforeEach(async () => {
  server = await startConsole({
    port: 0,
    page: join(import.meta.dirname, "../../src/console/page"),
    overview: async () => sampleOverview(),
    metrics: async () => "slipway_up 1\n",
    onChange: (handler) => {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
  });
});
afterEach(() => server.stop());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

function ask(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port: server.port, path, method, headers: { host: `127.0.0.1:${server.port}`, ...headers } },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

test.each([
  ["/", 200, "text/html; charset=utf-8"],
  ["/page.js", 200, "text/javascript; charset=utf-8"],
  ["/page.css", 200, "text/css; charset=utf-8"],
  ["/healthz", 200, "text/plain; charset=utf-8"],
  ["/api/overview", 200, "application/json; charset=utf-8"],
  ["/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"],
  ["/nothing", 404, "text/plain; charset=utf-8"],
  ["/constructor", 404, "text/plain; charset=utf-8"],
  ["/../server.ts", 404, "text/plain; charset=utf-8"],
])("GET %s answers %i", async (path, status, type) => {
  const answer = await ask(path);
  expect([answer.status, answer.headers["content-type"]]).toEqual([status, type]);
  expect(answer.headers["content-security-policy"]).toContain("default-src 'none'");
  expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
});

test("the overview is JSON with one row a strategy", async () => {
  const overview: unknown = JSON.parse((await ask("/api/overview")).body);
  expect(overview).toMatchObject({
    environment: "paper",
    rows: [{ strategy: "me/first" }, { strategy: "momentum/sma-cross" }, { strategy: "seed/random-ts" }],
  });
});

test.each([
  ["a foreign host (DNS rebinding)", { host: "evil.example" }],
  ["a host without a port", { host: "127.0.0.1" }],
  ["a foreign origin", { origin: "http://evil.example" }],
  ["an opaque origin", { origin: "null" }],
  ["another port of this machine", { origin: "http://127.0.0.1:1" }],
  ["a cross-site image", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }],
  ["another port's page", { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" }],
])("%s is refused on every path", async (_name, headers) => {
  for (const path of ["/", "/api/overview", "/api/events", "/healthz"])
    expect((await ask(path, headers)).status).toBe(403);
});

test("localhost and the own origin are answered", async () => {
  const host = `localhost:${server.port}`;
  expect((await ask("/api/overview", { host, origin: `http://${host}`, "sec-fetch-site": "same-origin" })).status).toBe(
    200,
  );
});

test.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])("%s changes nothing", async (method) => {
  const answer = await ask("/api/overview", {}, method);
  expect([answer.status, answer.headers["allow"]]).toEqual([405, "GET, HEAD"]);
});

test("HEAD has no body", async () => {
  expect((await ask("/", {}, "HEAD")).body).toBe("");
});

test("the page names no foreign resource and has no inline script", async () => {
  const html = (await ask("/")).body;
  expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)/);
  expect(html).not.toMatch(/\son\w+=/);
  expect((await ask("/page.js")).body).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write/);
});

test("events: an overview at once, another after a change, and the handler goes with the page", async () => {
  const stopped = new AbortController();
  const response = await fetch(`${server.url}/api/events`, { signal: stopped.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.split("event: overview").length < 2) text += (await reader?.read())?.value ?? "";
  expect(handlers.size).toBe(1);
  for (const handler of handlers) handler();
  while (text.split("event: overview").length < 3 || !text.endsWith("\n\n"))
    text += (await reader?.read())?.value ?? "";
  expect(JSON.parse(text.split("data: ")[1]?.split("\n")[0] ?? "")).toMatchObject({ environment: "paper" });
  stopped.abort();
  await expect.poll(() => handlers.size).toBe(0);
});

test("a port that is taken is a fault with a name", async () => {
  const options = {
    port: server.port,
    page: "",
    overview: async () => ({}),
    metrics: async () => "",
    onChange: () => () => undefined,
  };
  await expect(startConsole(options)).rejects.toMatchObject({ code: "port-in-use" });
});
