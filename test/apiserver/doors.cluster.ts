// The policies at every door of the API: updates, subresources, deletions. Which values pass is admission.cluster.ts' question.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { admissionPolicies } from "#charts/admission.ts";
import { renderPlatform, renderStrategy, renderTeam } from "#charts/render.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { JsonObject } from "#core/json.ts";
import { inputOf, paper, policyOf, strategyWith } from "../charts/inputs.ts";
import { type ApiClient, asObject, asObjects } from "./client.ts";
import { install, policyObjects } from "./equality/ask.ts";
import { laid } from "./equality/mutations.ts";
import { type ApiServer, startApiServer } from "./server.ts";

const policy = policyOf(paper);
const held = strategyWith({ name: "held", running: false, resources: { cpu: "2", memory: "128Mi", state: "64Mi" } });
const none = { strategies: [], held: [] };
let server: ApiServer;
let client: ApiClient;

const parsed = (files: ReadonlyMap<string, string>): readonly JsonObject[] =>
  [...files.values()].map((text) => parse(text) as JsonObject);
const objectsOf = (strategy: EffectiveStrategy) =>
  parsed(renderStrategy(inputOf(strategy), paper)).filter(({ kind }) => kind !== "Application");
const objectOf = (strategy: EffectiveStrategy, kind: string): JsonObject =>
  objectsOf(strategy).find((object) => object["kind"] === kind) ?? {};
const beyond = (name: string) =>
  strategyWith({ name, limits: { ...strategyWith().limits, maxOrderNotional: "9000", maxPositionNotional: "9000" } });

beforeAll(async () => {
  server = await startApiServer();
  client = server.client;
  const platform = parsed(renderPlatform(policy, none)).filter(({ kind }) =>
    ["Namespace", "PersistentVolumeClaim", "PriorityClass"].includes(String(kind)),
  );
  const team = parsed(renderTeam("momentum", policy, none)).filter(({ kind }) => kind === "Namespace");
  for (const object of [...platform, ...team]) expect(await client.apply(object)).toMatchObject({ ok: true });
  // What is there before the policies: a strategy that is all right, one that they would refuse, and one of both that is being deleted.
  for (const strategy of [strategyWith(), beyond("old"), beyond("leaving"), held]) {
    for (const object of objectsOf(strategy)) expect(await client.apply(object)).toMatchObject({ ok: true });
  }
  const leaving = objectOf(beyond("leaving"), "ConfigMap");
  expect(await client.apply(laid(leaving, { metadata: { finalizers: ["slipway.dev/test"] } }))).toMatchObject({
    ok: true,
  });
  expect(await client.delete(leaving)).toMatchObject({ ok: true });
  await install(client, policyObjects(admissionPolicies({ policy, held: [held], teams: ["momentum"] })));
});
afterAll(() => server?.stop());

const stored = async (object: JsonObject): Promise<JsonObject> => (await client.get(object)).object;
const spec = (name: string) => objectOf(strategyWith({ name }), "ConfigMap");
const set = (name: string) => objectOf(strategyWith({ name }), "StatefulSet");

describe("an update", () => {
  test("is judged as a creation is", async () => {
    const before = await stored(spec("sma-cross"));
    expect(
      await client.replace(laid(before, { data: { "limits.maxOrderNotional": "5000" } }), { dryRun: true }),
    ).toMatchObject({ ok: true });
    const reply = await client.replace(laid(before, { data: { "limits.maxDrawdown": "0.7" } }), { dryRun: true });
    expect(reply).toMatchObject({
      ok: false,
      message: expect.stringContaining("limits.maxDrawdown is 0.7, above the bound 0.6 of paper"),
    });
    expect(await client.replace(laid(before, { binaryData: { x: "eA==" } }), { dryRun: true })).toMatchObject({
      ok: false,
    });
  });

  test("of nothing but labels passes, whatever was there before", async () => {
    const before = await stored(spec("old"));
    expect(await client.replace(laid(before, { metadata: { labels: { a: "b" } } }), { dryRun: true })).toMatchObject({
      ok: true,
    });
    expect(await client.replace(laid(before, { data: { owner: "bob" } }), { dryRun: true })).toMatchObject({
      ok: false,
    });
  });

  test("that ends a deletion passes, and one that uses it does not", async () => {
    const before = await stored(spec("leaving"));
    expect(asObject(before["metadata"])["deletionTimestamp"]).toBeDefined();
    const lifted = laid(before, { data: { "limits.maxDrawdown": "0.7" } });
    expect(await client.replace(lifted, { dryRun: true })).toMatchObject({ ok: false });
    expect(await client.replace(laid(before, { metadata: { finalizers: [] } }))).toMatchObject({ ok: true });
    expect(await client.get(before)).toMatchObject({ code: 404 });
  });
});

describe("a subresource", () => {
  const scale = async (name: string, replicas: number) => {
    const path = `/apis/apps/v1/namespaces/momentum-paper/statefulsets/${name}/scale`;
    const { object } = await client.request("GET", path);
    return client.request("PUT", `${path}?dryRun=All`, laid(object, { spec: { replicas } }));
  };

  test("scale takes no second replica, and none of what stands still", async () => {
    expect(await scale("sma-cross", 0)).toMatchObject({ ok: true });
    expect(await scale("sma-cross", 1)).toMatchObject({ ok: true });
    expect(await scale("sma-cross", 2)).toMatchObject({
      ok: false,
      message: expect.stringContaining("one replica at most"),
    });
    expect(await scale("held", 0)).toMatchObject({ ok: true });
    expect(await scale("held", 1)).toMatchObject({
      ok: false,
      message: expect.stringContaining("one replica at most"),
    });
  });

  test("ephemeralcontainers and resize of a pod are judged", async () => {
    const template = asObject(asObject(set("sma-cross")["spec"])["template"]);
    const metadata = { ...asObject(template["metadata"]), name: "sma-cross-0", namespace: "momentum-paper" };
    const pod = { apiVersion: "v1", kind: "Pod", metadata, spec: template["spec"] ?? {} };
    expect(await client.create(pod)).toMatchObject({ ok: true });
    const before = await stored(pod);
    const path = "/api/v1/namespaces/momentum-paper/pods/sma-cross-0";
    const debug = {
      name: "debug",
      image: "x",
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    };
    const put = (door: string, spec: JsonObject) =>
      client.request("PUT", `${path}/${door}?dryRun=All`, laid(before, { spec }));
    const answer = await put("ephemeralcontainers", { ephemeralContainers: [debug] });
    expect(answer).toMatchObject({
      ok: false,
      message: expect.stringContaining("an ephemeral container has no limits"),
    });
    const [container = {}] = asObjects(asObject(before["spec"])["containers"]);
    const resized = (cpu: string) => [laid(container, { resources: { limits: { cpu }, requests: { cpu } } })];
    expect(await put("resize", { containers: resized("900m") })).toMatchObject({ ok: true });
    expect(await put("resize", { containers: resized("1100m") })).toMatchObject({
      ok: false,
      message: expect.stringContaining("the cpu of all containers"),
    });
  });

  test("status takes no label from a namespace", async () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "momentum-paper" } };
    const before = await stored(namespace);
    const { labels, ...metadata } = asObject(before["metadata"]);
    const { "slipway.dev/team": _team, ...others } = asObject(labels);
    const bare = { ...before, metadata: { ...metadata, labels: others } };
    for (const door of ["", "/status", "/finalize"]) {
      const reply = await client.request("PUT", `/api/v1/namespaces/momentum-paper${door}?dryRun=All`, bare);
      expect(reply, door).toMatchObject({ ok: false, message: expect.stringContaining("guard-namespaces") });
    }
  });
});

describe("another workload", () => {
  const meta = (name: string) => ({ name, namespace: "momentum-paper" });
  const template = {
    metadata: { labels: { a: "b" } },
    spec: asObject(asObject(asObject(set("x")["spec"])["template"])["spec"]),
  };
  const selector = { matchLabels: { a: "b" } };
  const job = { template: laid(template, { spec: { restartPolicy: "Never" } }) };

  test.each<[string, string, JsonObject]>([
    ["apps/v1", "Deployment", { selector, template }],
    ["apps/v1", "DaemonSet", { selector, template }],
    ["apps/v1", "ReplicaSet", { selector, template }],
    ["v1", "ReplicationController", { selector: { a: "b" }, template }],
    ["batch/v1", "Job", job],
    ["batch/v1", "CronJob", { schedule: "* * * * *", jobTemplate: { spec: job } }],
  ])("%s %s is refused", async (apiVersion, kind, content) => {
    const object = { apiVersion, kind, metadata: meta("x"), spec: content };
    const reply = await client.create(object, { dryRun: true });
    expect(reply).toMatchObject({
      ok: false,
      message: expect.stringContaining("only StatefulSets that Slipway renders"),
    });
    const elsewhere = laid(object, { metadata: { namespace: "default" } });
    expect(await client.create(elsewhere, { dryRun: true })).toMatchObject({ ok: true });
  });
});

describe("a deletion by hand", () => {
  test("takes no state and no namespace of a team", async () => {
    const claim = objectOf(strategyWith(), "PersistentVolumeClaim");
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "momentum-paper" } };
    for (const object of [claim, namespace]) {
      const reply = await client.delete(object, { dryRun: true });
      expect(reply).toMatchObject({ ok: false, message: expect.stringContaining("removed through Git, not by hand") });
    }
    const collection = "/api/v1/namespaces/momentum-paper/persistentvolumeclaims?dryRun=All";
    expect(await client.request("DELETE", collection)).toMatchObject({ ok: false });
    expect(await client.delete(spec("sma-cross"), { dryRun: true })).toMatchObject({ ok: true });
  });

  test("takes neither the gateway's book nor the platform's namespace; what comes back by itself may go", async () => {
    const claim = (name: string) => ({
      ...{ apiVersion: "v1", kind: "PersistentVolumeClaim" },
      metadata: { name, namespace: "slipway-paper" },
    });
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "slipway-paper" } };
    for (const object of [claim("gateway"), namespace]) {
      const reply = await client.delete(object, { dryRun: true });
      expect(reply).toMatchObject({ ok: false, message: expect.stringContaining("removed through Git, not by hand") });
    }
    const collection = "/api/v1/namespaces/slipway-paper/persistentvolumeclaims?dryRun=All";
    expect(await client.request("DELETE", collection)).toMatchObject({ ok: false });
    expect(await client.delete(claim("bus"), { dryRun: true })).toMatchObject({ ok: true });
  });
});
