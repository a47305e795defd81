import type { BoundTable } from "#core/bound-table.ts";
import type { BoundValue } from "#core/bounds.ts";
import { platformNamespace } from "#core/identity.ts";
import { assert } from "#core/result.ts";
import { boundExpression } from "./admission-bounds.ts";
import { type AdmissionPolicy, whenSpecChanges } from "./admission-object.ts";
import { type BoundsProps, subject, subjectVariables } from "./admission-spec.ts";
import { celLiteral, celString } from "./cel.ts";
import { rpcTarget } from "./network.ts";

/**
 * What any NetworkPolicy of a team may open: the bus, the resolver of cluster names, and the RPC addresses of the bound. NetworkPolicies add up,
 * so one that somebody applies by hand would open a way for all that it selects.
 */
export function networkBounds({ environment, bounds }: BoundsProps): AdmissionPolicy {
  const rpc = boundExpression(targets(bounds), "rpcAddresses", subject, environment);
  const port = (number: number, protocol: string): string =>
    `port.port == ${number} && port.protocol == ${celString(protocol)}`;
  const bus = `${port(1883, "TCP")} && ${namespaceIs(platformNamespace(environment))} && ${podsAre({ "app.kubernetes.io/component": "bus" })}`;
  const dns = `port.port == 53 && port.protocol in ['TCP', 'UDP'] && ${namespaceIs("kube-system")} && ${podsAre({ "k8s-app": "kube-dns" })}`;
  const block = `has(peer.ipBlock) && ${rpc.holds("peer.ipBlock.cidr + ':' + string(port.port)")}`;
  const service = `${oneNamespace} && ${rpc.holds(`'namespace ' + peer.namespaceSelector.matchLabels['${nameLabel}'] + ':' + string(port.port)`)}`;
  const allowed = [bus, dns, `port.protocol == 'TCP' && (${block} || ${service})`].map((test) => `(${test})`);
  return {
    name: "bounds-network",
    environment,
    reach: "teams",
    resources: [
      { group: "networking.k8s.io", version: "v1", names: ["networkpolicies"], operations: ["CREATE", "UPDATE"] },
    ],
    conditions: [whenSpecChanges],
    variables: [...subjectVariables(environment, "object.metadata.name"), ...rpc.variables],
    validations: [
      {
        expression: `!has(object.spec.egress) || object.spec.egress.all(rule, has(rule.to) && rule.to.size() > 0 && has(rule.ports) && rule.ports.size() > 0 && rule.to.all(peer, rule.ports.all(port, has(port.port) && !has(port.endPort) && (${allowed.join(" || ")}))))`,
        message: `it opens a way out that is neither to the bus, nor to the resolver, nor to an RPC address of ${environment}`,
      },
      {
        expression: "!has(object.spec.ingress) || object.spec.ingress.size() == 0",
        message: "it opens a way in, and nobody has anything to ask of a strategy's pod",
      },
    ],
    denies: true,
  };
}

const nameLabel = "kubernetes.io/metadata.name";
const oneNamespace = `has(peer.namespaceSelector) && !has(peer.namespaceSelector.matchExpressions) && has(peer.namespaceSelector.matchLabels) && peer.namespaceSelector.matchLabels.size() == 1 && '${nameLabel}' in peer.namespaceSelector.matchLabels`;

function namespaceIs(name: string): string {
  return `${oneNamespace} && peer.namespaceSelector.matchLabels['${nameLabel}'] == ${celString(name)}`;
}

function podsAre(labels: { readonly [key: string]: string }): string {
  return `has(peer.podSelector) && !has(peer.podSelector.matchExpressions) && has(peer.podSelector.matchLabels) && peer.podSelector.matchLabels == ${celLiteral(labels)}`;
}

/** The table with, in place of each address, what a NetworkPolicy has for it: `10.1.2.3/32:4242`, `namespace models:4242`. */
function targets(table: BoundTable): BoundTable {
  const mapped = (value: BoundValue): BoundValue => {
    assert(typeof value !== "string", "RPC addresses are a list");
    return [...new Set(value.flatMap((address) => rpcTarget(address) ?? []))];
  };
  const own = (values: BoundTable["teams"][string]): BoundTable["teams"][string] =>
    values.rpcAddresses === undefined ? values : { ...values, rpcAddresses: mapped(values.rpcAddresses) };
  const all = (values: BoundTable["teams"]): BoundTable["teams"] =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, own(value)]));
  const everyone = { ...table.everyone, rpcAddresses: mapped(table.everyone.rpcAddresses) };
  return { everyone, teams: all(table.teams), strategies: all(table.strategies) };
}
