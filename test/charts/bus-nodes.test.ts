import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { renderBootstrap } from "#charts/bootstrap.ts";
import { renderEnvironment } from "#charts/render.ts";
import { parseEnvironment } from "#core/environment.ts";
import { environments, inputOf, policyOf, strategiesOf } from "./inputs.ts";

const [paper] = environments();
if (paper === undefined) throw new Error("there is an environment");
const cluster = { repository: "https://github.com/acme/strategies.git", apiServers: ["10.0.0.10:6443"] };

function rendered(nodes: number): ReadonlyMap<string, string> {
  const environment = { ...paper, spec: { ...paper?.spec, embedded: false, cluster: { ...cluster, bus: { nodes } } } };
  const policy = policyOf(environment as Parameters<typeof policyOf>[0]);
  return renderEnvironment({ policy, strategies: strategiesOf(policy.document).map(inputOf) });
}

const [one, three] = [rendered(1), rendered(3)];
const object = (path: string) => parse(three.get(path) ?? "null");

test("three nodes change nothing but the bus: whoever talks to it has the same manifests, and so the same pods", () => {
  const different = [...new Set([...one.keys(), ...three.keys()])]
    .filter((path) => one.get(path) !== three.get(path))
    .sort();
  expect(different).toEqual([
    "platform/networkpolicy-bus.yaml",
    "platform/poddisruptionbudget-bus-node.yaml",
    "platform/service-bus-node.yaml",
    "platform/service-bus.yaml",
    "platform/statefulset-bus-node.yaml",
    "platform/statefulset-bus.yaml",
  ]);
});

test("each node has a claim of its own, knows all by name, and is spread and moved as one of three", () => {
  const { spec } = object("platform/statefulset-bus-node.yaml");
  expect([spec.replicas, spec.serviceName, spec.podManagementPolicy]).toEqual([3, "bus-node", "Parallel"]);
  expect(spec.volumeClaimTemplates.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual([
    "state",
  ]);
  const pod = spec.template.spec;
  expect(pod.volumes.map(({ name }: { name: string }) => name)).not.toContain("state");
  expect(pod.containers[0].volumeMounts.map(({ name }: { name: string }) => name)).toContain("state");
  const env = pod.containers[0].env.find(({ name }: { name: string }) => name === "SLIPWAY_BUS_NODES");
  expect(env.value.split(",")).toEqual([0, 1, 2].map((node) => `bus-node-${node}.bus-node.slipway-paper.svc:6222`));
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(40);
  const [spread] = pod.topologySpreadConstraints;
  expect([spread.topologyKey, spread.maxSkew]).toEqual(["kubernetes.io/hostname", 1]);
  expect(object("platform/poddisruptionbudget-bus-node.yaml").spec).toEqual({
    maxUnavailable: 1,
    selector: spec.selector,
  });
});

test("clients find all of them by the old name; the nodes each other before they are ready; nobody else comes to their port", () => {
  const labels = object("platform/statefulset-bus-node.yaml").spec.template.metadata.labels;
  const [clients, peers] = ["bus", "bus-node"].map((name) => object(`platform/service-${name}.yaml`).spec);
  for (const { selector } of [clients, peers]) expect(labels).toMatchObject(selector);
  expect(clients.publishNotReadyAddresses ?? false).toBe(false);
  expect([peers.clusterIP, peers.publishNotReadyAddresses]).toEqual(["None", true]);
  const { ingress, egress } = object("platform/networkpolicy-bus.yaml").spec;
  const bus = { podSelector: { matchLabels: { "app.kubernetes.io/component": "bus" } } };
  const ofRoutes = ({ ports }: { ports: { port: number }[] }): boolean => ports.some(({ port }) => port === 6222);
  expect(ingress.filter(ofRoutes)).toEqual([{ from: [bus], ports: [{ port: 6222, protocol: "TCP" }] }]);
  expect(egress.filter(ofRoutes)).toEqual([{ to: [bus], ports: [{ port: 6222, protocol: "TCP" }] }]);
});

test("bootstrap makes the nodes' Secret, empty, and gives the bus that one alone", () => {
  const kinds = (files: ReadonlyMap<string, string>) =>
    parseAllDocuments(renderBootstrap("paper", files)).map((document) => document.toJS());
  expect(kinds(one).filter(({ kind }) => kind === "Secret")).toEqual([]);
  const secret = kinds(three).find(({ kind }) => kind === "Secret");
  expect([secret.metadata.name, secret.data, secret.stringData]).toEqual(["bus-routes", undefined, undefined]);
  const role = kinds(three).find(({ kind, metadata }) => kind === "Role" && metadata.name === "bus-routes");
  expect(role.rules).toEqual([
    { apiGroups: [""], resources: ["secrets"], resourceNames: ["bus-routes"], verbs: ["get", "update"] },
  ]);
  expect([...three.keys()].filter((path) => path.includes("secret"))).toEqual([]);
});

test.each([
  { nodes: 2, embedded: false, code: "bus-nodes-two" },
  { nodes: 3, embedded: true, code: "bus-nodes-embedded" },
  { nodes: 4, embedded: false, code: "value-out-of-range" },
])("$nodes nodes, embedded: $embedded, are refused as $code", ({ nodes, embedded, code }) => {
  const document = { ...paper, spec: { ...paper?.spec, embedded, cluster: { ...cluster, bus: { nodes } } } };
  const { findings } = parseEnvironment("policies/environments/paper.yaml", JSON.stringify(document));
  expect(findings.map((finding) => [finding.code, finding.pointer])).toEqual([[code, "/spec/cluster/bus/nodes"]]);
});
