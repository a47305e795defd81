import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { type ConfigData, type ConfigWatch, watchConfigMaps } from "#bus/config-watch.ts";
import { selfSigned } from "./self-signed.ts";

// Against a server that answers what the test says, in the API server's words; the real one is in test/apiserver.

let folder: string;
let server: Server | undefined;
let watch: ConfigWatch | undefined;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-watch-"));
  selfSigned(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  watch?.close();
  server?.closeAllConnections();
  server?.close();
});

interface Answer {
  readonly status?: number;
  /** Lines that are sent at once. */
  readonly lines: readonly unknown[];
  /** What becomes of the connection then; it stays open unless told. */
  readonly after?: "end" | "cut" | "half";
}

const object = (name: string, version: number, data: ConfigData = {}): object => ({
  metadata: { name, resourceVersion: String(version) },
  data,
});
const list = (version: number, ...items: readonly object[]): Answer => ({
  lines: [{ metadata: { resourceVersion: String(version) }, items }],
  after: "end",
});

/** Answers one after the other; the last one again and again. */
async function serve(answers: readonly Answer[], watchSeconds = 20) {
  const asked: string[] = [];
  const [key, cert] = ["key", "crt"].map((name) => readFileSync(join(folder, name)));
  server = createServer({ key, cert }, (request, response) => {
    const { status = 200, lines, after } = answers[Math.min(asked.length, answers.length - 1)] as Answer;
    asked.push(`${request.headers.authorization} ${request.url}`);
    response.writeHead(status);
    for (const line of lines) response.write(`${JSON.stringify(line)}\n`);
    if (after === "half") response.write('{"type":"MODI');
    if (after === "end") response.end();
    else if (after !== undefined) setTimeout(() => response.destroy(), 20);
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const told: { [name: string]: ConfigData }[] = [];
  const logged: string[] = [];
  watch = watchConfigMaps({
    server: {
      url: url(),
      ca: readFileSync(join(folder, "crt"), "utf8"),
      token: () => "secret",
    },
    namespace: "slipway-paper",
    holds: (name) => name.startsWith("gateway-"),
    onData: (data) => told.push(Object.fromEntries(data)),
    log: (_level, message, fields) => logged.push(`${message} ${fields?.["error"] ?? ""}`),
    nowMs: () => performance.now(),
    watchSeconds,
  });
  return { asked, told, logged };
}

function url(): string {
  const address = server?.address();
  return `https://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}

const has = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 60_000, interval: 10 });

test("lists, then follows from there; only what is wanted is told", async () => {
  const { asked, told } = await serve([
    list(7, object("gateway-bounds", 3, { a: "1" }), object("venues", 4)),
    {
      lines: [
        { type: "MODIFIED", object: object("gateway-bounds", 8, { a: "2" }) },
        { type: "ADDED", object: object("venues", 9) },
        { type: "BOOKMARK", object: { metadata: { resourceVersion: "11" } } },
      ],
      after: "end",
    },
    { lines: [{ type: "DELETED", object: object("gateway-bounds", 12) }] },
  ]);
  await has(() => expect(told.at(-1)).toEqual({}));
  expect(told).toContainEqual({ "gateway-bounds": { a: "1" } });
  expect(told).toContainEqual({ "gateway-bounds": { a: "2" } });
  expect(asked[0]).toBe("Bearer secret /api/v1/namespaces/slipway-paper/configmaps");
  expect(asked.slice(1).map((path) => new URLSearchParams(path.split("?")[1]).get("resourceVersion"))).toEqual([
    "7",
    "11",
  ]);
  expect(watch?.live).toBe(true);
});

test.each([
  ["the version is too old, said in the stream", { lines: [{ type: "ERROR", object: { code: 410 } }], after: "end" }],
  ["the version is too old, said at once", { status: 410, lines: [], after: "end" }],
  ["the connection is cut", { lines: [], after: "cut" }],
  ["the connection is cut inside a line", { lines: [], after: "half" }],
  ["a line is nonsense", { lines: ["x"], after: "end" }],
  ["an object has no version", { lines: [{ type: "ADDED", object: {} }], after: "end" }],
  ["the server fails", { status: 500, lines: [{ message: "etcd is away" }], after: "end" }],
] as const)("%s: everything is listed anew", async (_name, answer) => {
  const { told, asked } = await serve([
    list(7, object("gateway-bounds", 3, { a: "1" })),
    answer,
    list(9, object("gateway-bounds", 8, { a: "2" })),
    { lines: [] },
  ]);
  await has(() => expect(told.at(-1)).toEqual({ "gateway-bounds": { a: "2" } }));
  await has(() => expect(asked.at(-1)).toContain("resourceVersion=9"));
});

test("one that is silent for longer than it was asked to last is dead", async () => {
  const { logged } = await serve([list(7), { lines: [] }], -4.8);
  await has(() => expect(logged.join("\n")).toContain("nothing heard for 0.2"));
  expect(logged.join("\n")).toContain("alarm: the API server tells of no changes");
});

test("without the right nothing is told, and the alarm says how to mend it", async () => {
  const { told, logged } = await serve([{ status: 403, lines: [{ message: "cannot list" }], after: "end" }]);
  await has(() => expect(logged.join("\n")).toContain("cannot list; apply `slipway bootstrap` again"));
  expect(told).toEqual([]);
  expect(watch?.live).toBe(false);
});

test("a server of another key is not believed", async () => {
  const { told } = await serve([list(7)]);
  watch?.close();
  const logged: string[] = [];
  watch = watchConfigMaps({
    server: {
      url: url(),
      ca: "",
      token: () => "secret",
    },
    ...{ namespace: "x", holds: () => true, onData: () => told.push({ other: {} }), nowMs: () => 0 },
    log: (_level, _message, fields) => logged.push(String(fields?.["error"])),
  });
  await has(() => expect(logged.join()).toMatch(/self.signed/));
  expect(told).not.toContainEqual({ other: {} });
});
