// Admission alone against Argo CD's own account, which may do anything: what a strategy's Application must not make, whoever wrote it to the branch.
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { admissionPolicies } from "#charts/admission.ts";
import { renderPlatform, renderStrategy, renderTeam } from "#charts/render.ts";
import type { JsonObject } from "#core/json.ts";
import { inputOf, paper, policyOf, strategyWith } from "../charts/inputs.ts";
import { type ApiClient, asObject, connect, type Reply } from "./client.ts";
import { install, policyObjects } from "./equality/ask.ts";
import { type ApiServer, startApiServer } from "./server.ts";

const policy = policyOf(paper);
const none = { strategies: [], held: [] };
const rbac = "rbac.authorization.k8s.io/v1";
const home = "momentum-paper";
const argo = "argocd-application-controller";
let server: ApiServer;
/** Argo CD's account, with every right. */
let account: ApiClient;
let admin: ApiClient;

const parsed = (files: ReadonlyMap<string, string>): readonly JsonObject[] =>
  [...files.values()].map((text) => parse(text) as JsonObject);

beforeAll(async () => {
  server = await startApiServer();
  admin = server.client;
  const apply = async (object: JsonObject): Promise<void> =>
    expect(await admin.apply(object)).toMatchObject({ ok: true });
  for (const object of parsed(renderTeam("momentum", policy, none)).filter(({ kind }) => kind === "Namespace"))
    await apply(object);
  for (const object of parsed(renderPlatform(policy, none)).filter(({ kind }) => kind === "PriorityClass"))
    await apply(object);
  for (const name of ["argocd", "elsewhere"]) await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  for (const [name, namespace] of [[argo, "argocd"] as const, ["default", home] as const])
    await apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } });
  await apply({
    ...{ apiVersion: rbac, kind: "ClusterRoleBinding", metadata: { name: "argo" } },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "ServiceAccount", name: argo, namespace: "argocd" }],
  });
  const { object } = await admin.request("POST", `/api/v1/namespaces/argocd/serviceaccounts/${argo}/token`, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: 3600 },
  });
  const { url, ca } = server;
  account = connect({ url, ca, token: String(asObject(object["status"])["token"]) });
  await install(admin, policyObjects(admissionPolicies({ policy, held: [], teams: ["momentum"] })));
  // The API server hears of an account and its rights some time after they are stored.
  const clusterRoles = { apiVersion: rbac, kind: "ClusterRole" };
  await vi.waitFor(async () => expect(await account.list(clusterRoles)).toMatchObject({ ok: true }), 120_000);
});
afterAll(async () => {
  account?.close();
  await server?.stop();
});

const named = (name: string, namespace?: string, application?: string): JsonObject => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  ...(application === undefined
    ? {}
    : { annotations: { "argocd.argoproj.io/tracking-id": `${application}:/x:${namespace ?? ""}/${name}` } }),
});
const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" };
const own = "paper-momentum-sma-cross";

/** Of which no other policy says anything: of several that deny, the API server names any. */
const pod = {
  ...{ serviceAccountName: "default", automountServiceAccountToken: false, priorityClassName: "slipway-paper" },
  securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: "RuntimeDefault" } },
  containers: [
    {
      ...{ name: "x", image: "x", resources: { limits: { cpu: "1m", memory: "1Mi" } } },
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    },
  ],
};

describe("in a team's namespace", () => {
  const hostile: readonly JsonObject[] = [
    { apiVersion: rbac, kind: "Role", metadata: named("x", home), rules: [] },
    { apiVersion: rbac, kind: "RoleBinding", metadata: named("x", home), roleRef, subjects: [] },
    { apiVersion: "v1", kind: "Secret", metadata: named("x", home) },
    { apiVersion: "v1", kind: "Pod", metadata: named("default-0", home), spec: pod },
    { apiVersion: "v1", kind: "Event", metadata: named("x", home), involvedObject: { namespace: home } },
    { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: named("x", home) },
  ];
  test.each(hostile.map((object) => [String(object["kind"]), object] as const))(
    "Argo CD's account makes no %s",
    async (kind, object) => {
      expect((await account.create(object, { dryRun: true })).message).toContain(`${kind} is none of the kinds`);
    },
  );
  test("what Slipway renders it makes", async () => {
    for (const object of parsed(renderStrategy(inputOf(strategyWith()), paper)).filter(
      ({ kind }) => kind !== "Application",
    )) {
      const annotations = { "argocd.argoproj.io/tracking-id": `${own}:/x:${home}/x` };
      const tracked = { ...object, metadata: { ...asObject(object["metadata"]), annotations } };
      expect(await account.apply(tracked, { dryRun: true })).toMatchObject({ ok: true });
    }
  });
  test("a person with the right makes a Secret: an image's credentials, for example", async () => {
    expect(
      await admin.create({ apiVersion: "v1", kind: "Secret", metadata: named("x", home) }, { dryRun: true }),
    ).toMatchObject({ ok: true });
  });
});

describe("the Application of a strategy", () => {
  const refused = async (object: JsonObject): Promise<Reply> => account.create(object, { dryRun: true });
  const reason = "makes a strategy's kinds of objects in its team's namespace, and nothing elsewhere";
  test.each<readonly [string, JsonObject]>([
    ["another namespace", { apiVersion: "v1", kind: "ConfigMap", metadata: named("x", "elsewhere", own) }],
    ["the cluster's own namespace", { apiVersion: "v1", kind: "ConfigMap", metadata: named("x", "kube-system", own) }],
    ["a namespace", { apiVersion: "v1", kind: "Namespace", metadata: named("x", undefined, own) }],
    [
      "another environment's team",
      { apiVersion: "v1", kind: "Namespace", metadata: named("momentum-live", undefined, own) },
    ],
    ["a ClusterRole", { apiVersion: rbac, kind: "ClusterRole", metadata: named("x", undefined, own), rules: [] }],
    [
      "a ClusterRoleBinding",
      { apiVersion: rbac, kind: "ClusterRoleBinding", metadata: named("x", undefined, own), roleRef, subjects: [] },
    ],
    [
      "a kind of its own",
      {
        ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
        metadata: named("xs.example.com", undefined, own),
        spec: {
          ...{ group: "example.com", scope: "Namespaced", names: { kind: "X", plural: "xs" } },
          versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
        },
      },
    ],
    [
      "a priority",
      {
        apiVersion: "scheduling.k8s.io/v1",
        kind: "PriorityClass",
        metadata: named("x", undefined, own),
        value: 1,
      },
    ],
  ])("makes nothing of %s", async (_what, object) => {
    const reply = await refused(object);
    expect(reply).toMatchObject({ ok: false, code: 422 });
    expect(`${reply.code} ${reply.message}`).toContain(reason);
  });
  test("an Application of somebody else is not held by it", async () => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: named("x", "elsewhere", "guestbook") };
    expect(await refused(object)).toMatchObject({ ok: true });
  });
  const webhooks = ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"];
  test.each(webhooks)("makes no %s", async (kind) => {
    const apiVersion = "admissionregistration.k8s.io/v1";
    const reply = await refused({ apiVersion, kind, metadata: named("x", undefined, own) });
    expect(`${reply.code} ${reply.message}`).toContain(reason);
  });
  test("an admission policy is not admission's to refuse: Kubernetes exempts it, and the project and Argo CD's rights are left", async () => {
    const kind = "ValidatingAdmissionPolicyBinding";
    const metadata = named("x", undefined, own);
    const spec = { policyName: "x", validationActions: ["Deny"] };
    expect(await refused({ apiVersion: "admissionregistration.k8s.io/v1", kind, metadata, spec })).toMatchObject({
      ok: true,
    });
  });
});

describe("rights", () => {
  const to = (subject: JsonObject, namespace?: string): JsonObject => ({
    ...{ apiVersion: rbac, kind: namespace === undefined ? "ClusterRoleBinding" : "RoleBinding" },
    ...{ metadata: named("x", namespace), roleRef, subjects: [subject] },
  });
  const group = (kind: string, name: string) => ({ kind, name, apiGroup: "rbac.authorization.k8s.io" });
  test.each([
    [{ kind: "ServiceAccount", name: "sma-cross", namespace: home }, home, false],
    [{ kind: "ServiceAccount", name: "sma-cross", namespace: home }, "elsewhere", false],
    [{ kind: "ServiceAccount", name: "sma-cross", namespace: home }, undefined, false],
    [group("User", `system:serviceaccount:${home}:sma-cross`), undefined, false],
    [group("Group", `system:serviceaccounts:${home}`), undefined, false],
    [{ kind: "ServiceAccount", name: "bus", namespace: "slipway-paper" }, undefined, true],
    [{ kind: "ServiceAccount", name: "x", namespace: "elsewhere" }, undefined, true],
    [group("User", "ada"), home, true],
    [group("Group", "system:authenticated"), undefined, true],
  ])("of %j in %s, given by an administrator: %s", async (subject, namespace, allowed) => {
    const reply = await admin.create(to(subject, namespace), { dryRun: true });
    expect(reply.ok, reply.message).toBe(allowed);
    if (!allowed) expect(reply.message).toContain("accounts of strategies in paper");
  });
});

describe("an account", () => {
  test("is its own pod's alone, within a team too", async () => {
    const set = parsed(renderStrategy(inputOf(strategyWith()), paper)).find(({ kind }) => kind === "StatefulSet");
    const spec = asObject(set?.["spec"]);
    const template = asObject(spec["template"]);
    const stolen = { ...template, spec: { ...asObject(template["spec"]), serviceAccountName: "other" } };
    const reply = await admin.create({ ...set, spec: { ...spec, template: stolen } }, { dryRun: true });
    expect(reply).toMatchObject({ ok: false, code: 422 });
    expect(reply.message).toContain("another strategy to the bus");
  });
});
