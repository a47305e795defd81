import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { renderBootstrap } from "#charts/bootstrap.ts";
import { renderEnvironment } from "#charts/render.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import { paper, policyOf } from "./inputs.ts";
import { schemaChecker } from "./schemas.ts";

const cluster = { repository: "https://git.example/acme/strategies.git", apiServers: ["10.0.0.10:6443"] };
const images = { ...paper.spec.images, server: paper.spec.images.bus.replace("/bus", "/server") };

function rendered(spec: Partial<EnvironmentDocument["spec"]>): ReadonlyMap<string, string> {
  const environment = { ...paper, spec: { ...paper.spec, ...spec } };
  return renderEnvironment({ policy: policyOf(environment), strategies: [] });
}

function withServer(
  forge?: string[],
  argocd?: { readonly webhook: string; readonly addresses?: readonly string[] },
): ReadonlyMap<string, string> {
  const server = {
    secret: "forge",
    ...(forge === undefined ? {} : { forge }),
    ...(argocd === undefined ? {} : { argocd }),
  };
  return rendered({ cluster: { ...cluster, server }, images });
}

test("the control plane's server is one pod with a copy of the repository, whose secrets are named and nowhere in Git", () => {
  const files = withServer();
  const check = schemaChecker();
  for (const [path, text] of files) expect(check(parse(text)), path).toEqual([]);
  const { spec } = parse(files.get("platform/statefulset-server.yaml") ?? "");
  const [container] = spec.template.spec.containers;
  expect(spec.replicas).toBe(1);
  const secrets = container.env.filter(({ valueFrom }: { valueFrom?: object }) => valueFrom !== undefined);
  expect(secrets.map(({ valueFrom }: { valueFrom: { secretKeyRef: object } }) => valueFrom.secretKeyRef)).toEqual(
    ["SLIPWAY_GITHUB_APP_ID", "SLIPWAY_GITHUB_INSTALLATION_ID"].map((key) => ({ name: "forge", key, optional: true })),
  );
  expect(container.env).toContainEqual({
    name: "SLIPWAY_FORGE_TOKEN_FILE",
    value: "/etc/slipway/server/SLIPWAY_FORGE_TOKEN",
  });
  expect(spec.template.spec.volumes).toContainEqual({
    name: "server",
    secret: { secretName: "forge", defaultMode: 0o440 },
  });
  expect([...files.values()].join("\n")).not.toMatch(/kind: Secret/);
  // What may be made anew asks nobody before it goes, and there is nothing that it does not use.
  expect(files.get("platform/persistentvolumeclaim-server.yaml")).not.toContain("confirm");
  expect(spec.template.spec.volumes.map(({ name }: { name: string }) => name).sort()).toEqual([
    "api",
    "server",
    "state",
    "tmp",
  ]);
});

test.each([
  { name: "a forge that is named", forge: ["10.1.2.3:3000"], to: [{ ipBlock: { cidr: "10.1.2.3/32" } }], at: 3000 },
  { name: "a forge of the world", forge: undefined, to: [{ ipBlock: { cidr: "0.0.0.0/0" } }], at: 443 },
])("it reaches the API server, names, and $name; and not the bus", ({ forge, to, at }) => {
  const { spec } = parse(withServer(forge).get("platform/networkpolicy-server.yaml") ?? "");
  expect(spec.egress).toMatchObject([
    { ports: [{ port: 6443 }] },
    { ports: [{ port: 53 }, { port: 53 }] },
    { to, ports: [{ port: at }] },
  ]);
  expect(spec.ingress).toEqual([{ ports: [{ port: 8787, protocol: "TCP" }] }]);
});

test.each([
  {
    name: "in its pods",
    addresses: undefined,
    to: {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "argocd" } },
      podSelector: { matchLabels: { "app.kubernetes.io/name": "argocd-server" } },
    },
    at: 8080,
  },
  { name: "elsewhere", addresses: ["10.1.2.4:443"], to: { ipBlock: { cidr: "10.1.2.4/32" } }, at: 443 },
])(
  "it reaches the Argo CD $name whose webhook is named, signs by its Secret, and may write nothing more for it",
  (row) => {
    const { addresses, to, at } = row;
    const webhook = "https://argocd-server.argocd.svc/api/webhook";
    const named = withServer(["10.1.2.3:443"], { webhook, ...(addresses === undefined ? {} : { addresses }) });
    const check = schemaChecker();
    for (const [path, text] of named) expect(check(parse(text)), path).toEqual([]);
    const { spec } = parse(named.get("platform/networkpolicy-server.yaml") ?? "");
    expect(spec.egress.slice(3)).toEqual([{ to: [to], ports: [{ port: at, protocol: "TCP" }] }]);
    const [container] = parse(named.get("platform/statefulset-server.yaml") ?? "").spec.template.spec.containers;
    const folder = "/etc/slipway/server";
    for (const one of [
      { name: "SLIPWAY_ARGOCD_WEBHOOK", value: webhook },
      { name: "SLIPWAY_ARGOCD_WEBHOOK_SECRET_FILE", value: `${folder}/SLIPWAY_ARGOCD_WEBHOOK_SECRET` },
      { name: "SLIPWAY_ARGOCD_CERTIFICATE_FILE", value: `${folder}/argocd.crt` },
    ])
      expect(container.env).toContainEqual(one);
    const without = withServer(["10.1.2.3:443"]);
    expect(without.get("platform/statefulset-server.yaml")).not.toContain("ARGOCD");
    expect(renderBootstrap("paper", named)).toBe(renderBootstrap("paper", without));
  },
);

test("bootstrap lets it look at what runs, and nothing else", () => {
  const objects = parseAllDocuments(renderBootstrap("paper", withServer())).map((document) => document.toJS());
  const bindings = objects.filter(({ subjects }) => subjects?.some(({ name }: { name: string }) => name === "server"));
  expect(bindings.map(({ kind, roleRef }) => [kind, roleRef.name])).toEqual([
    ["ClusterRoleBinding", "slipway-paper-status"],
    ["RoleBinding", "read-console"],
  ]);
});

test.each([
  { name: "that does not ask for one", spec: { cluster, images } },
  { name: "without its image", spec: { cluster: { ...cluster, server: { secret: "forge" } } } },
])("an environment $name has none", ({ spec }) =>
  expect([...rendered(spec).keys()].filter((path) => /-server\.yaml/.test(path))).toEqual([]),
);
