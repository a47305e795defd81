import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Ports } from "#local/ports.ts";

let claims: string;
beforeEach(() => {
  claims = mkdtempSync(join(tmpdir(), "slipway-ports-"));
});
afterEach(() => rmSync(claims, { recursive: true, force: true }));

/** Of a cluster that would like the same ports as another one of that seed. */
const cluster = (folder = claims): Ports => new Ports("the same", "slipway-paper", new Map(), folder);
const give = (ports: Ports): Promise<number> => ports.give("team-paper", "one/probe");

test("a port that one cluster has given is no other's while it runs, also while nobody listens there", async () => {
  const [first, second] = [cluster(), cluster()];
  const port = await give(first);
  expect(await give(first)).toBe(port);
  expect(await give(second)).not.toBe(port);
  await first.release();
  const third = cluster();
  expect(await give(third)).toBe(port);
  await Promise.all([second, third].map((ports) => ports.release()));
  expect(readdirSync(claims)).toEqual([]);
});

test("what a cluster that was killed has claimed is free", async () => {
  const killed = cluster();
  const port = await give(killed);
  writeFileSync(join(claims, String(port)), JSON.stringify({ pid: process.pid, started: "another time" }));
  expect(await give(cluster())).toBe(port);
});

test("where nothing can be claimed, ports are given all the same", async () => {
  expect(await give(cluster(join(claims, "nowhere")))).toBeGreaterThan(0);
});
