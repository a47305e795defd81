// What a real API server says of a claim's other size, beside what the gate says: `#delivery/claims.ts` was made from these answers.
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { renderPlatform, renderStrategy, renderTeam } from "#charts/render.ts";
import type { JsonObject } from "#core/json.ts";
import { checkClaims } from "#delivery/claims.ts";
import { readFleet } from "#delivery/fleet.ts";
import { createMemo } from "#delivery/memo.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { inputOf, paper, policyOf, strategyWith } from "../charts/inputs.ts";
import { checkout, edit, paperPolicy, sma, spec } from "../delivery/fixture.ts";
import { type ApiClient, asObject, type Reply } from "./client.ts";
import { type ApiServer, startApiServer } from "./server.ts";

let server: ApiServer;
let client: ApiClient;
let tree: SourceTree;

beforeAll(async () => {
  tree = await checkout();
  server = await startApiServer();
  client = server.client;
  const policy = policyOf(paper);
  const none = { strategies: [], held: [] };
  for (const text of [...renderPlatform(policy, none).values(), ...renderTeam("momentum", policy, none).values()]) {
    const object = parse(text) as JsonObject;
    if (object["kind"] === "Namespace") expect(await client.apply(object)).toMatchObject({ ok: true });
  }
  for (const [name, allowVolumeExpansion] of [
    ["fixed", false],
    ["grows", true],
  ] as const) {
    const metadata = { name };
    const storageClass = {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata,
      provisioner: "example.test/disk",
    };
    expect(await client.apply({ ...storageClass, allowVolumeExpansion })).toMatchObject({ ok: true });
  }
  // Admission hears of a class some time after it is stored.
  expect(await sync("first", "64Mi")).toMatchObject({ ok: true });
  await bind("first", "grows");
  await vi.waitFor(async () => expect(await sync("first", "128Mi")).toMatchObject({ ok: true }), 120_000);
});
afterAll(() => server?.stop());

/** The claim as it is rendered. */
function claimOf(name: string, state: string): JsonObject {
  const strategy = strategyWith({ name, resources: { cpu: "100m", memory: "128Mi", state } });
  const objects = [...renderStrategy(inputOf(strategy), paper).values()].map((text) => parse(text) as JsonObject);
  const claim = objects.find(({ kind }) => kind === "PersistentVolumeClaim");
  if (claim === undefined) throw new Error("a strategy renders no claim");
  return claim;
}

/** Argo CD: what it applies with, and nothing that another wrote. */
const sync = (name: string, state: string): Promise<Reply> =>
  client.apply(claimOf(name, state), { fieldManager: "argocd-controller" });

/** The parts of the class' admission plugin, of the binder and of the resizer. */
async function bind(name: string, storageClass: string): Promise<void> {
  const { apiVersion = "", kind = "", metadata = {} } = claimOf(name, "64Mi");
  const { namespace = "" } = asObject(metadata);
  const bound = {
    apiVersion,
    kind,
    metadata: { name, namespace },
    spec: { storageClassName: storageClass, volumeName: "pv" },
  };
  expect(await client.apply(bound, { fieldManager: "binder" })).toMatchObject({ ok: true, message: "" });
  const status = { phase: "Bound", accessModes: ["ReadWriteOnce"], capacity: { storage: "64Mi" } };
  const reply = await client.apply({ ...bound, status }, { fieldManager: "binder", subresource: "status" });
  expect(reply).toMatchObject({ ok: true, message: "" });
}

const cluster = (volumeExpansion: boolean): string =>
  `  cluster: { repository: "https://git.example.test/a/b", apiServers: ["10.0.0.1:443"], volumeExpansion: ${volumeExpansion} }\n  feeds:`;

/** @param ran whether the strategy runs before, so that its claim is bound */
function gate(from: string, to: string, expands: boolean, ran: boolean): readonly string[] {
  const inCluster = edit(tree, paperPolicy, "  feeds:", cluster(expands));
  const there = ran ? inCluster : edit(inCluster, spec(sma), "running: true", "running: false");
  const read = (state: string) =>
    readFleet(state === "64Mi" ? there : edit(there, spec(sma), "state: 64Mi", `state: ${state}`), createMemo());
  return checkClaims(read(from), read(to), false).map(({ code, severity }) => `${severity} ${code}`);
}

test.each([
  { name: "grows", expands: true, to: "128Mi", says: "", gate: [] },
  {
    name: "grows",
    expands: true,
    to: "32Mi",
    says: "field can not be less than status.capacity",
    gate: ["error state-shrinks"],
  },
  {
    name: "fixed",
    expands: false,
    to: "128Mi",
    says: "the storageclass that provisions the pvc must support resize",
    gate: ["error state-fixed"],
  },
  {
    name: "fixed",
    expands: false,
    to: "32Mi",
    says: "field can not be less than status.capacity",
    gate: ["error state-shrinks"],
  },
])(
  "a bound claim of the class $name asked for $to instead of 64Mi: $says",
  async ({ name, expands, to, says, gate: said }) => {
    const claim = `${name}-${to.toLowerCase()}`;
    expect(await sync(claim, "64Mi")).toMatchObject({ ok: true });
    await bind(claim, name);
    expect(await sync(claim, "64Mi")).toMatchObject({ ok: true });
    const reply = await sync(claim, to);
    expect(reply).toMatchObject({ ok: says === "", message: expect.stringContaining(says) });
    expect(gate("64Mi", to, expands, true)).toEqual(said);
  },
);

test.each(["128Mi", "32Mi"])("a claim that no pod has used yet takes no other size at all, %s neither", async (to) => {
  const claim = `unbound-${to.toLowerCase()}`;
  expect(await sync(claim, "64Mi")).toMatchObject({ ok: true });
  const reply = await sync(claim, to);
  expect(reply).toMatchObject({ ok: false, message: expect.stringContaining("spec is immutable after creation") });
  expect(gate("64Mi", to, true, false)).toEqual([to === "32Mi" ? "error state-shrinks" : "warning state-grows"]);
});

test("what was asked for and has not come can be taken back as far as the claim has it, and no further", async () => {
  expect(await sync("returns", "64Mi")).toMatchObject({ ok: true });
  await bind("returns", "grows");
  expect(await sync("returns", "256Mi")).toMatchObject({ ok: true });
  expect(await sync("returns", "128Mi")).toMatchObject({ ok: true });
  expect(await sync("returns", "64Mi")).toMatchObject({ ok: false });
  // Git does not know how much has come: the gate takes the proposal's word.
  expect(gate("256Mi", "128Mi", true, true)).toEqual(["error state-shrinks"]);
});
