import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askServer, writeServerFile } from "#cli/server-file.ts";

let state: string;
let server: Server;
let instance: string;
beforeEach(async () => {
  state = mkdtempSync(join(tmpdir(), "slipway-server-file-"));
  instance = "own";
  // As a server answers whose machine is busy.
  server = createServer(async (_request, response) => {
    await delay(2_500);
    response.setHeader("content-type", "application/json").end(JSON.stringify({ instance }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const consoleUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await writeServerFile(state, { instance: "own", pid: 1, startedAtMs: 1, consoleUrl, busUrl: "mqtt://127.0.0.1:1" });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(state, { recursive: true });
});

test("a server that is slow is there", async () => {
  expect(await askServer(state)).toMatchObject({ file: { instance: "own" }, overview: { instance: "own" } });
});

test("one that was killed is not, nor is whoever has its port since", async () => {
  instance = "another's";
  expect(await askServer(state)).toBeUndefined();
  server.closeAllConnections();
  server.close();
  await once(server, "close");
  expect(await askServer(state)).toBeUndefined();
  expect(await askServer(join(state, "nowhere"))).toBeUndefined();
});
