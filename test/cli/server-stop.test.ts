// A stop while the server still starts: its forge has taken the question and does not answer.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPlayground, type Playground } from "./cli.ts";

let forge: Server;
let playground: Playground;

beforeAll(async () => {
  forge = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(forge, "listening");
  playground = createPlayground({ SLIPWAY_FORGE_TOKEN: "token" });
  const url = `http://127.0.0.1:${(forge.address() as AddressInfo).port}`;
  const spec = { provider: "gitea", url, repository: "acme/strategies", writer: "slipway" };
  playground.write("forge.yaml", JSON.stringify({ apiVersion: "slipway.dev/v1", kind: "Forge", spec }));
});
afterAll(() => {
  forge.closeAllConnections();
  forge.close();
  playground.remove();
});

/** Starts it, and stops it once its Git waits for the forge. @returns how it ended; it is over when that Git is gone, too */
async function stopped(argv: readonly string[], before: readonly string[] = []): Promise<unknown> {
  const { program, argv: rest, options } = playground.command(...argv);
  const asked = once(forge, "request");
  const [first = "", ...more] = [...before, program, ...rest];
  const child = spawn(first, more, { ...options, stdio: "ignore" });
  const ended = once(child, "exit");
  const [{ socket }] = await asked;
  const gone = once(socket, "close");
  process.kill(before.length === 0 ? Number(child.pid) : onlyChild(Number(child.pid)), "SIGTERM");
  await gone;
  return await ended;
}

function onlyChild(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"));
}

const server = ["server", "--port", "0"];
const first = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"];
const able = spawnSync(String(first[0]), [...first.slice(1), "true"]).status === 0;

test("ends it at once, code 0, and leaves no Git behind and no lock", async () => {
  expect(await stopped(server)).toEqual([0, null]);
  expect(existsSync(join(playground.state, "server.json"))).toBe(false);
});

describe.skipIf(!able)("as the first process of a container (needs user namespaces)", () => {
  test("ends it, code 0", async () => {
    expect(await stopped(server, first)).toEqual([0, null]);
  });

  test("ends a command that takes no signals, which has not done what it was for", async () => {
    expect(await stopped([...server, "--once"], first)).toEqual([143, null]);
  });
});
