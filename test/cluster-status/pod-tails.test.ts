import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openCluster } from "#cluster/client.ts";
import { openPodTails, type PodLog } from "#cluster/pod-tails.ts";

// Against a server that answers as the API server does; the real one is asked by `npm run test:cluster`.

let folder: string;
let server: Server;
let answers: { [path: string]: { readonly status: number; readonly body: string } };
let asked: URL[];
let nowMs: number;

const at = (second: number): string => `2026-11-27T10:00:0${second}.000000000Z`;
const pod = { metadata: { name: "x-0" }, spec: { containers: [{ name: "executor" }, { name: "algorithm" }] } };
const status = (code: number, message: string) => ({
  status: code,
  body: JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", message, code }),
});

beforeEach(async () => {
  [folder, answers, asked, nowMs] = [mkdtempSync(join(tmpdir(), "slipway-tails-")), {}, [], 0];
  server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://api");
    asked.push(url);
    const key = `${url.pathname.split("/pods/")[1]}${url.searchParams.get("container") ?? ""}`;
    const { status: code, body } = answers[key] ?? status(404, "not found");
    response.writeHead(code, { "content-type": body.startsWith("{") ? "application/json" : "text/plain" });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const config = {
    ...{ apiVersion: "v1", kind: "Config", "current-context": "one" },
    clusters: [{ name: "one", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
    users: [{ name: "one", user: {} }],
    contexts: [{ name: "one", context: { cluster: "one", user: "one" } }],
  };
  writeFileSync(join(folder, "kubeconfig"), JSON.stringify(config));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const open = (): Promise<readonly PodLog[] | undefined> =>
  openCluster(join(folder, "kubeconfig"), { variables: {}, nowMs: () => nowMs }).then((client) =>
    openPodTails(client, { namespace: "seed-paper", pod: "x-0" }, () => nowMs),
  );

test("each container is a log: its last lines, then what is new, once", async () => {
  answers["x-0"] = { status: 200, body: JSON.stringify(pod) };
  answers["x-0/logexecutor"] = { status: 200, body: `${at(1)} one\n${at(2)} two\n` };
  const [executor, algorithm] = (await open()) ?? [];
  expect([executor?.container, algorithm?.container]).toEqual(["executor", "algorithm"]);
  const tail = executor?.open("paper executor");
  expect(await tail?.last(2)).toEqual([
    { log: "paper executor", time: at(1), text: `${at(1)} one` },
    { log: "paper executor", time: at(2), text: `${at(2)} two` },
  ]);
  expect(asked.at(-1)?.searchParams.get("tailLines")).toBe("2");
  answers["x-0/logexecutor"] = { status: 200, body: `${at(2)} two\n${at(3)} three\n` };
  nowMs = 1_500;
  expect((await tail?.next())?.map(({ text }) => text)).toEqual([`${at(3)} three`]);
  expect(asked.at(-1)?.searchParams.get("sinceSeconds")).toBe("3");
});

test("what moves the cursor, or turns the text around, is taken out", async () => {
  answers["x-0"] = { status: 200, body: JSON.stringify(pod) };
  answers["x-0/logexecutor"] = { status: 200, body: `${at(1)} a\u001b[2Jb\u202ec\td\n` };
  const [executor] = (await open()) ?? [];
  expect((await executor?.open("x").last(1))?.map(({ text }) => text)).toEqual([`${at(1)} a [2Jb c\td`]);
});

test("without the pod there is nothing; of a container that waits for its image there is nothing yet", async () => {
  expect(await open()).toBeUndefined();
  answers["x-0"] = { status: 200, body: JSON.stringify(pod) };
  answers["x-0/logexecutor"] = status(400, 'container "executor" in pod "x-0" is waiting to start: ContainerCreating');
  const [executor] = (await open()) ?? [];
  expect(await executor?.open("x").last(5)).toEqual([]);
});

test("a refusal is a fault that names the server and says why", async () => {
  answers["x-0"] = status(403, "pods is forbidden");
  await expect(open()).rejects.toMatchObject({
    code: "cluster-unreachable",
    message: expect.stringMatching(
      /^http:\/\/127\.0\.0\.1:\d+ does not say what seed-paper\/x-0 wrote: pods is forbidden$/,
    ),
  });
});
