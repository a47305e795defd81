import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { processTable } from "#local/processes.ts";
import { artifacts } from "../kubernetes/artifacts.ts";
import { connect } from "./client.ts";
import { endLeftovers } from "./leftovers.ts";
import { type ApiServer, setQuota, startApiServer } from "./server.ts";

describe("an API server", () => {
  let server: ApiServer;
  beforeAll(async () => {
    server = await startApiServer();
  });
  afterAll(() => server?.stop());

  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "rules" } };
  const configMap = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "rules" } });

  test("has the version that was asked for", async () => {
    const { object } = await server.client.request("GET", "/version");
    expect(object["gitVersion"]).toBe(`v${artifacts().apiServer.version}`);
  });

  test("lets nobody in without a token", async () => {
    const stranger = connect({ ...server, token: "no" });
    expect(await stranger.request("GET", "/api/v1")).toMatchObject({ ok: false, code: 401, reason: "Unauthorized" });
    stranger.close();
  });

  test("stores, changes and deletes objects, and stores nothing in a dry run", async () => {
    const { client } = server;
    expect(await client.create(namespace)).toMatchObject({ ok: true, code: 201 });
    expect(await client.create(configMap("a"), { dryRun: true })).toMatchObject({ ok: true, code: 201 });
    expect(await client.get(configMap("a"))).toMatchObject({ ok: false, code: 404, reason: "NotFound" });
    expect(await client.apply({ ...configMap("a"), data: { key: "1" } })).toMatchObject({ ok: true, code: 201 });
    const { object } = await client.get(configMap("a"));
    expect(await client.replace({ ...object, data: { key: "2" } })).toMatchObject({ ok: true, code: 200 });
    expect(await client.replace({ ...object, data: { key: "3" } })).toMatchObject({ ok: false, reason: "Conflict" });
    expect(await client.list(configMap("a"))).toMatchObject({ object: { items: [{ data: { key: "2" } }] } });
    expect(await client.delete(configMap("a"))).toMatchObject({ ok: true });
  });

  test("refuses an unknown field and an unknown kind", async () => {
    expect(await server.client.create({ ...configMap("b"), extra: 1 })).toMatchObject({
      ok: false,
      code: 400,
      message: expect.stringContaining('unknown field "extra"'),
    });
    await expect(server.client.create({ ...configMap("b"), kind: "Nothing" })).rejects.toThrow("no kind Nothing in v1");
  });

  test("counts against a quota once its status is there", async () => {
    const { client } = server;
    const meta = { name: "few", namespace: "rules" };
    const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: meta, spec: { hard: { "count/secrets": "1" } } };
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "rules" } };
    expect(await client.create(quota)).toMatchObject({ ok: true });
    expect(await setQuota(client, quota, { "count/secrets": "1" })).toMatchObject({ ok: true });
    await expect
      .poll(() => client.create(secret, { dryRun: true }))
      .toMatchObject({ code: 403, message: expect.stringContaining("exceeded quota: few") });
  });

  test("is driven by an admission policy, and passes its warnings on", async () => {
    const { client } = server;
    const policy = (name: string, action: "Deny" | "Warn", expression: string) => [
      {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingAdmissionPolicy",
        metadata: { name },
        spec: {
          matchConstraints: {
            resourceRules: [
              { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE", "UPDATE"], resources: ["configmaps"] },
            ],
          },
          validations: [{ expression, message: `it is not "${name}"` }],
        },
      },
      {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingAdmissionPolicyBinding",
        metadata: { name },
        spec: { policyName: name, validationActions: [action] },
      },
    ];
    const short = policy("short", "Deny", "object.metadata.name.size() < 6");
    const calm = policy("calm", "Warn", "object.metadata.name != 'warn'");
    for (const object of [...short, ...calm]) expect(await client.apply(object)).toMatchObject({ ok: true });
    await expect
      .poll(() => client.create(configMap("too-long"), { dryRun: true }))
      .toMatchObject({
        code: 422,
        reason: "Invalid",
        message: expect.stringContaining('denied request: it is not "short"'),
      });
    await expect
      .poll(async () => (await client.create(configMap("warn"), { dryRun: true })).warnings)
      .toEqual([expect.stringContaining('it is not "calm"')]);
  });

  test("costs less than half a gigabyte", async () => {
    const { etcd, apiServer } = await server.memory();
    expect(etcd).toBeGreaterThan(2 ** 20);
    expect(etcd + apiServer).toBeLessThan(2 ** 29);
  });
});

test("a server leaves nothing behind", async () => {
  const server = await startApiServer();
  const folder = dirname(server.kubeconfig);
  expect(existsSync(server.kubeconfig)).toBe(true);
  await server.stop();
  expect(existsSync(folder)).toBe(false);
});

test("what a killed test left is ended by the next start, and a living one's server is not", async () => {
  const living = await startApiServer();
  const killed = spawn(process.execPath, [join(import.meta.dirname, "holder.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise<string>((resolve) =>
    killed.stdout.once("data", (data) => resolve(String(data).trim())),
  );
  const childrenOf = async (pid: number) => (await processTable()).filter(({ parent }) => parent === pid);
  const left = await childrenOf(killed.pid ?? 0);
  expect(left).toHaveLength(2);
  killed.kill("SIGKILL");
  await new Promise((resolve) => killed.once("close", resolve));
  const alive = async () =>
    (await processTable()).filter(({ pid, started, zombie }) =>
      left.some((row) => row.pid === pid && row.started === started && !zombie),
    );
  await delay(50);
  expect(await alive()).toHaveLength(2);
  await endLeftovers();
  expect(await alive()).toEqual([]);
  expect(url).toMatch(/^https:/);
  expect(await living.client.request("GET", "/readyz")).toMatchObject({ ok: true });
  const owned = readdirSync(tmpdir()).filter((name) => name.startsWith("slipway-apiserver-"));
  expect(owned).toContain(dirname(living.kubeconfig).split("/").at(-1));
  await living.stop();
});

test("a server that cannot start says why", async () => {
  await expect(startApiServer({ flags: ["--no-such-flag"] })).rejects.toThrow(/kube-apiserver ended .*no-such-flag/s);
});
