import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readAuthority } from "../../src/cli/forge-authority.ts";
import { readCredential, readSecret } from "../../src/cli/forge-credential.ts";
import { makeAuthority, sign } from "../forge/authorities.ts";

let folder: string;
const read = (name: string, inDays = 0) =>
  readAuthority({ checkout: folder, now: () => Date.now() + inDays * 86_400_000 }, name);
const put = (name: string, ...texts: readonly string[]): void => writeFileSync(join(folder, name), texts.join("\n"));
const text = (name: string): string => readFileSync(join(folder, name), "utf8");

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-authority-"));
  const authority = makeAuthority(folder, "one");
  makeAuthority(folder, "two", 30);
  put("leaf", sign(folder, authority, "127.0.0.1").cert);
  put("both", text("one.crt"), text("two.crt"));
  put("with-key", text("one.crt"), text("one.key"));
  put("empty");
  put("prose", "Ask the network team for the certificate.");
  put("cut", text("one.crt").replace(/\n[^\n]{20}/, "\n"));
  mkdirSync(join(folder, "folder"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each(["one.crt", "both"])("%s holds authorities", async (name) => {
  const authority = await read(name);
  expect(authority).toMatchObject({ ok: true, value: { authorityFile: join(folder, name) } });
});

test("of a file whose authorities have all ended is said when, of one that was renewed nothing", async () => {
  const message = expect.stringMatching(/one\.crt as certificateAuthority, which ended on \d{4}-\d\d-\d\d$/);
  expect(await read("one.crt", 10)).toMatchObject({ ok: false, error: { code: "authority-ended", message } });
  expect(await read("both", 10)).toMatchObject({ ok: true });
});

test("a path of its own is taken as it is", async () => {
  expect(await read(join(folder, "one.crt"))).toMatchObject({ ok: true });
});

test.each([
  ["missing", "authority-unreadable", "which cannot be read: it is not there"],
  ["folder", "authority-unreadable", "EISDIR"],
  ["empty", "authority-malformed", "which holds no certificate"],
  ["prose", "authority-malformed", "which holds no certificate"],
  ["cut", "authority-malformed", "certificate 1 of 1 cannot be read"],
  ["with-key", "authority-malformed", "which holds a private key"],
  ["leaf", "authority-not-one", "certificate 1 of 1 is of no authority (CN=git)"],
])("%s: %s", async (name, code, says) => {
  const refused = await read(name);
  expect(refused).toMatchObject({
    ok: false,
    error: { code, message: expect.stringContaining(says), fix: expect.stringMatching(/./) },
  });
  expect(!refused.ok && refused.error.message).toContain(join(folder, name));
});

test("a secret is the variable's, or a file's whose end of line is not of it; a file that is not there is none", async () => {
  put("token", "abc\n");
  const file = { NAME_FILE: join(folder, "token") };
  expect(await readSecret({ ...file }, "NAME")).toBe("abc");
  expect(await readSecret({ ...file, NAME: "own" }, "NAME")).toBe("own");
  expect(await readSecret({ NAME_FILE: join(folder, "missing") }, "NAME")).toBeUndefined();
  expect(await readSecret({ NAME_FILE: join(folder, "empty") }, "NAME")).toBeUndefined();
  await expect(readSecret({ NAME_FILE: folder }, "NAME")).rejects.toMatchObject({ code: "secret-unreadable" });
});

test("the token of a forge may stand in a file", async () => {
  put("token", "abc\n");
  const variables = { SLIPWAY_FORGE_TOKEN_FILE: join(folder, "token") };
  expect(await readCredential(variables, "gitea")).toEqual({ ok: true, value: { token: "abc" } });
  const missing = await readCredential({ SLIPWAY_FORGE_TOKEN_FILE: join(folder, "missing") }, "gitea");
  expect(missing).toMatchObject({ ok: false, error: { code: "forge-token-missing" } });
});
