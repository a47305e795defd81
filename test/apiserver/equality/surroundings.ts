// Network policies and namespaces that somebody could make.
import type { JsonObject } from "#core/json.ts";
import type { Candidate } from "./candidate.ts";
import type { Setting } from "./setting.ts";

export function networks(setting: Setting): readonly Candidate[] {
  const { name: environment } = setting.environment.metadata;
  const named = (name: string) => ({ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } } });
  const pods = (labels: JsonObject) => ({ podSelector: { matchLabels: labels } });
  const bus = { ...named(`slipway-${environment}`), ...pods({ "app.kubernetes.io/component": "bus" }) };
  const dns = { ...named("kube-system"), ...pods({ "k8s-app": "kube-dns" }) };
  const tcp = (port: number) => ({ port, protocol: "TCP" });
  const rules: readonly JsonObject[] = [
    {},
    { to: [bus] },
    { ports: [tcp(1883)] },
    { to: [bus], ports: [tcp(1883)] },
    { to: [bus], ports: [tcp(22)] },
    { to: [bus], ports: [{ port: 1883, protocol: "UDP" }] },
    { to: [bus], ports: [{ port: 1883, endPort: 1900, protocol: "TCP" }] },
    { to: [bus], ports: [{ port: "mqtt", protocol: "TCP" }] },
    { to: [bus], ports: [{ protocol: "TCP" }] },
    { to: [named(`slipway-${environment}`)], ports: [tcp(1883)] },
    {
      to: [{ ...named(`slipway-${environment}`), ...pods({ "app.kubernetes.io/component": "gateway" }) }],
      ports: [tcp(1883)],
    },
    { to: [pods({ "app.kubernetes.io/component": "bus" })], ports: [tcp(1883)] },
    { to: [{ namespaceSelector: {}, ...pods({ "app.kubernetes.io/component": "bus" }) }], ports: [tcp(1883)] },
    { to: [dns], ports: [tcp(53), { port: 53, protocol: "UDP" }] },
    { to: [dns], ports: [tcp(54)] },
    { to: [dns], ports: [{ port: 53, protocol: "SCTP" }] },
    { to: [named("kube-system")], ports: [tcp(53)] },
    { to: [{ ipBlock: { cidr: "0.0.0.0/0" } }], ports: [tcp(443)] },
    { to: [{ ipBlock: { cidr: "10.1.2.3/32" } }], ports: [tcp(4242)] },
    { to: [{ ipBlock: { cidr: "10.1.2.3/32" } }], ports: [{ port: 4242, protocol: "UDP" }] },
    { to: [{ ipBlock: { cidr: "10.1.2.3/32" } }], ports: [tcp(4243)] },
    { to: [{ ipBlock: { cidr: "10.1.2.0/24" } }], ports: [tcp(4242)] },
    { to: [{ ipBlock: { cidr: "192.168.0.1/32" } }], ports: [tcp(1)] },
    { to: [named("ml")], ports: [tcp(9000)] },
    { to: [{ ...named("ml"), ...pods({ app: "models" }) }], ports: [tcp(9000)] },
    { to: [named("ml")], ports: [tcp(9001)] },
    { to: [named("ml"), named("other")], ports: [tcp(9000)] },
    { to: [{ namespaceSelector: { matchExpressions: [{ key: "a", operator: "Exists" }] } }], ports: [tcp(9000)] },
    {
      to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "ml", more: "x" } } }],
      ports: [tcp(9000)],
    },
  ];
  return setting.subjects.flatMap((subject) => {
    const policy = (spec: JsonObject): JsonObject => ({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: subject.name, namespace: `${subject.team}-${environment}`, labels: {} },
      spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"], ...spec },
    });
    const specs: readonly JsonObject[] = [
      {},
      { egress: [] },
      { ingress: [] },
      { ingress: [{}] },
      ...rules.map((rule) => ({ egress: [rule] })),
      { egress: [{ to: [bus], ports: [tcp(1883)] }, {}] },
    ];
    return specs.map((spec) => ({
      about: `NetworkPolicy of ${subject.name} ${JSON.stringify(spec).slice(0, 100)}`,
      object: policy(spec),
      owner: subject,
    }));
  });
}

export function namespaces({ environment }: Setting): readonly Candidate[] {
  const { name: here } = environment.metadata;
  const restricted = { "pod-security.kubernetes.io/enforce": "restricted" };
  const labels = (team: string) => ({ "slipway.dev/environment": here, "slipway.dev/team": team, ...restricted });
  const all: readonly (readonly [name: string, labels: JsonObject])[] = [
    [`nova-${here}`, labels("nova")],
    [`nova-${here}`, {}],
    [`nova-${here}`, { ...labels("nova"), "slipway.dev/environment": "other" }],
    [`nova-${here}`, { ...labels("nova"), "slipway.dev/team": "seed" }],
    [`nova-${here}`, { "slipway.dev/environment": here, ...restricted }],
    [`nova-${here}`, { ...labels("nova"), "pod-security.kubernetes.io/enforce": "privileged" }],
    [`nova-${here}`, { "slipway.dev/environment": here, "slipway.dev/team": "nova" }],
    [`away-${here}`, labels("away")],
    ["somewhere", labels("somewhere")],
    ["somewhere", {}],
    [`a-b-${here}`, labels("a-b")],
    [here, labels(here)],
  ];
  return all.map(([name, own]) => ({
    about: `Namespace ${name} ${JSON.stringify(own).slice(0, 80)}`,
    object: { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: own } },
    owner: { team: name.replace(`-${here}`, ""), name: "" },
  }));
}
