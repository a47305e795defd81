import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { tokenReviewer } from "#bus/token-review.ts";
import { selfSigned } from "./self-signed.ts";

// Against a server with a clock of its own that answers in the API server's words; the real one is asked by `npm run test:cluster`.

const hourMs = 3_600_000;
const identity = "seed-paper/random";

let folder: string;
let server: Server;
/** The API server's clock. */
let apiMs: number;
/** What it says of tokens that have not ended. */
let error: string | undefined;
let asked: number;
/** The bus's two clocks, and what it logs. */
let clock: { wallMs: number; steadyMs: number };
let logged: string[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-review-"));
  selfSigned(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  apiMs = Date.UTC(2026, 10, 27, 12, 0, 0);
  clock = { wallMs: apiMs, steadyMs: 0 };
  [error, asked, logged] = [undefined, 0, []];
  const [key, cert] = ["key", "crt"].map((name) => readFileSync(join(folder, name)));
  server = createServer({ key, cert }, (request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      asked += 1;
      const { token } = JSON.parse(body).spec;
      const { exp } = JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
      const why = exp * 1_000 <= apiMs ? "[invalid bearer token, service account token has expired]" : error;
      const user = { username: "system:serviceaccount:seed-paper:random" };
      const status = why === undefined ? { authenticated: true, audiences: ["bus"], user } : { error: why };
      response.writeHead(201, { date: new Date(apiMs).toUTCString() });
      response.end(JSON.stringify({ status }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function reviewer() {
  const address = server.address();
  return tokenReviewer({
    url: `https://127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    ca: readFileSync(join(folder, "crt"), "utf8"),
    token: () => "secret",
    nowMs: () => clock.wallMs,
    steadyMs: () => clock.steadyMs,
    log: (level, message, fields) => logged.push(`${level} ${message}: ${fields?.["error"]}`),
  });
}

/** @param ms when it ends, by the API server's clock */
const tokenUntil = (ms: number): string =>
  `x.${Buffer.from(JSON.stringify({ exp: ms / 1_000 })).toString("base64url")}.x`;

test.each([
  { name: "right", offMs: 0, says: undefined },
  { name: "an hour ahead", offMs: hourMs, says: "it is 3600 s ahead of the API server's" },
  { name: "an hour behind", offMs: -hourMs, says: "it is 3600 s behind the API server's" },
])(
  "the bus's clock is $name: a good token is good as long as it lives, and ends by that clock",
  async ({ offMs, says }) => {
    clock.wallMs += offMs;
    const verify = reviewer();
    const token = tokenUntil(apiMs + 60_000);
    const expiresAtSeconds = (clock.wallMs + 60_000) / 1_000;
    expect(await verify(identity, token)).toEqual({ expiresAtSeconds });
    [clock.wallMs, apiMs, clock.steadyMs] = [clock.wallMs + 59_000, apiMs + 59_000, clock.steadyMs + 59_000];
    expect(await verify(identity, token)).toEqual({ expiresAtSeconds });
    [clock.wallMs, apiMs, clock.steadyMs] = [clock.wallMs + 1_000, apiMs + 1_000, clock.steadyMs + 1_000];
    expect(await verify(identity, token)).toEqual({ refused: "the token has ended" });
    clock.steadyMs += 10_000;
    expect(await verify(identity, token)).toEqual({
      refused: "[invalid bearer token, service account token has expired]",
    });
    if (says === undefined) expect(logged).toEqual([]);
    else expect(logged[0]).toContain(`error alarm: this machine's clock is not the API server's: ${says}`);
  },
);

test("it is told of once a minute at most", async () => {
  clock.wallMs += hourMs;
  const verify = reviewer();
  for (let second = 0; second < 70; second += 1) {
    clock.steadyMs += 1_000;
    await verify(identity, tokenUntil(apiMs + 1_000 * (second + 1)));
  }
  expect(logged).toHaveLength(2);
});

test("an answer holds for ten seconds, whatever happens to the wall's clock: a token that was withdrawn is no longer good", async () => {
  const verify = reviewer();
  const token = tokenUntil(apiMs + hourMs);
  expect(await verify(identity, token)).toHaveProperty("expiresAtSeconds");
  error = "[invalid bearer token, pod is gone]";
  clock.wallMs -= hourMs;
  clock.steadyMs += 9_999;
  expect(await verify(identity, token)).toHaveProperty("expiresAtSeconds");
  expect(asked).toBe(1);
  clock.steadyMs += 1;
  expect(await verify(identity, token)).toEqual({ refused: error });
});

test("a token of another account, or without an end, is none for it", async () => {
  const verify = reviewer();
  expect(await verify("seed-paper/other", tokenUntil(apiMs + hourMs))).toEqual({ refused: "the token is another's" });
  const endless = `x.${Buffer.from("{}").toString("base64url")}.x`;
  expect(await verify(identity, endless)).toEqual({ refused: "a token without an end is no projected one" });
});
