import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { routesPassword, watchRoutesPassword } from "#bus/cluster/routes-secret.ts";
import { selfSigned } from "./self-signed.ts";

// The API server as far as a Secret: whoever writes an older version than there is is refused.

let folder: string;
let server: Server | undefined;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-secret-"));
  selfSigned(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => void server?.close());

interface Options {
  readonly status?: number;
  /** Called when somebody wants to write. */
  readonly onWrite?: (write: (data: object) => void) => void;
}

interface State {
  version: number;
  data: object | undefined;
  /** What it answers to all. */
  status: number | undefined;
  looks: number;
  /** What it answers next, one after the other. */
  readonly coming: { readonly status: number; readonly retryAfter?: string }[];
  /** How long nobody came after each of those answers. */
  readonly waitedMs: number[];
}

async function secretServer({ status: always, onWrite }: Options = {}) {
  const [key, cert] = ["key", "crt"].map((name) => readFileSync(join(folder, name)));
  const state: State = { version: 1, data: undefined, status: always, looks: 0, coming: [], waitedMs: [] };
  let answeredMs = 0;
  const write = (data: object): void => {
    state.version += 1;
    state.data = data;
  };
  const written: string[] = [];
  server = createServer({ key, cert }, (request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      expect(request.headers.authorization).toBe("Bearer secret");
      expect(request.url).toBe("/api/v1/namespaces/slipway-paper/secrets/bus-routes");
      state.looks += 1;
      if (answeredMs > 0) state.waitedMs.push(performance.now() - answeredMs);
      answeredMs = 0;
      const next = state.coming.shift();
      if (next !== undefined) {
        answeredMs = performance.now();
        return void response
          .writeHead(next.status, next.retryAfter === undefined ? {} : { "retry-after": next.retryAfter })
          .end("{}");
      }
      let code = state.status ?? 200;
      if (request.method === "PUT" && state.status === undefined) {
        onWrite?.(write);
        const sent = JSON.parse(body);
        if (sent.metadata.resourceVersion !== String(state.version)) code = 409;
        else {
          written.push(body);
          write(sent.data);
        }
      }
      const metadata = { name: "bus-routes", resourceVersion: String(state.version) };
      response.writeHead(code).end(JSON.stringify({ kind: "Secret", metadata, data: state.data }));
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const api = {
    url: `https://127.0.0.1:${port}`,
    ca: readFileSync(join(folder, "crt"), "utf8"),
    token: () => "secret",
  };
  return { api, state, ask: () => routesPassword(api, "slipway-paper", () => undefined), written };
}

test("the first node makes the password, and every other one gets the same", async () => {
  const { ask, written } = await secretServer();
  const passwords = [await ask(), await ask(), await ask()];
  expect(new Set(passwords).size).toBe(1);
  expect(passwords[0]).toMatch(/^[\w-]{43}$/);
  expect(written).toHaveLength(1);
});

test("of two that come at once the later takes the first one's", async () => {
  const first = "a".repeat(43);
  let turns = 0;
  const { ask } = await secretServer({
    onWrite(write) {
      turns += 1;
      if (turns === 1) write({ password: Buffer.from(first).toString("base64") });
    },
  });
  expect(await ask()).toBe(first);
});

test.each([
  [404, "the Secret slipway-paper/bus-routes is not there: apply `slipway bootstrap` of this environment again"],
  [
    403,
    "the Secret slipway-paper/bus-routes may not be read by the bus: apply `slipway bootstrap` of this environment again",
  ],
])("%i: it ends, and says what to do", async (status, message) => {
  const { ask } = await secretServer({ status });
  await expect(ask()).rejects.toMatchObject({ code: "routes-secret", message });
});

test("an API server with no time is asked again after as long as it says, and what it answers is logged once", async () => {
  const { api, state } = await secretServer();
  const logged: unknown[] = [];
  state.coming.push({ status: 500 }, { status: 500 }, { status: 429, retryAfter: "3" });
  const password = await routesPassword(api, "slipway-paper", (level, message, fields) =>
    logged.push([level, message, fields?.["error"]]),
  );
  expect(password).toMatch(/^[\w-]{43}$/);
  const again = "the API server does not say what the nodes show each other; it is asked again";
  expect(logged).toEqual([
    ["warn", again, "it answers 500"],
    ["warn", again, "it answers 429"],
    ["info", "the first node has made the password that the nodes show each other", undefined],
  ]);
  // Of a timer that rounds.
  expect(state.waitedMs[2]).toBeGreaterThan(2_990);
  expect(state.waitedMs).toHaveLength(3);
});

test("removed, another one is made by one node, and each is told of it once; while nobody answers what there is goes on", async () => {
  const { api, state, ask, written } = await secretServer();
  const password = await ask();
  const told: string[][] = [[], [], []];
  const logged: string[] = [];
  const watches = told.map((own) =>
    watchRoutesPassword({
      ...{ server: api, namespace: "slipway-paper", password },
      log: (level, message) => logged.push(`${level} ${message}`),
      changed: (other) => own.push(other),
    }),
  );
  try {
    state.status = 500;
    await vi.waitFor(() => expect(logged).toHaveLength(3), { timeout: 60_000 });
    await vi.waitFor(() => expect(state.looks).toBeGreaterThan(12), { timeout: 60_000 });
    expect(logged).toHaveLength(3);
    state.status = 404;
    await vi.waitFor(() => expect(logged).toHaveLength(6), { timeout: 60_000 });
    expect(told).toEqual([[], [], []]);
    state.status = undefined;
    state.data = undefined;
    state.version += 1;
    await vi.waitFor(() => expect(told.every((own) => own.length > 0)).toBe(true), { timeout: 60_000 });
    expect(written).toHaveLength(2);
    expect(new Set(told.flat()).size).toBe(1);
    expect(told[0]?.[0]).not.toBe(password);
    const before = state.looks;
    await vi.waitFor(() => expect(state.looks).toBeGreaterThan(before + 6), { timeout: 60_000 });
    expect(told.map((own) => own.length)).toEqual([1, 1, 1]);
  } finally {
    for (const watch of watches) watch.close();
  }
});

test("one that could not be taken is tried again, and said once", async () => {
  const { api, state, ask } = await secretServer();
  const password = await ask();
  const [told, logged]: [string[], string[]] = [[], []];
  const watch = watchRoutesPassword({
    ...{ server: api, namespace: "slipway-paper", password },
    log: (level, message) => logged.push(`${level} ${message}`),
    changed: (other) => {
      told.push(other);
      if (told.length < 3) throw new Error("ENOSPC: no space left on device");
    },
  });
  try {
    const other = "b".repeat(43);
    state.data = { password: Buffer.from(other).toString("base64") };
    await vi.waitFor(() => expect(told).toEqual([other, other, other]), { timeout: 60_000 });
    const before = state.looks;
    await vi.waitFor(() => expect(state.looks).toBeGreaterThan(before + 2), { timeout: 60_000 });
    expect(told).toHaveLength(3);
    expect(logged).toEqual([expect.stringMatching(/^warn the nodes go on with the password that they have/)]);
  } finally {
    watch.close();
  }
});
