import {
  IntOrString,
  KubeNetworkPolicy,
  type NetworkPolicyEgressRule,
  type NetworkPolicyIngressRule,
  type NetworkPolicyPeer,
  type NetworkPolicyPort,
} from "cdk8s-plus-28/lib/imports/k8s.js";
import type { Construct } from "constructs";
import { platformNamespace } from "#core/identity.ts";
import { type Labels, metadata } from "./labels.ts";

/** Set by the API server on every namespace and not to be changed by anyone, so it names exactly one. */
const namespaceName = "kubernetes.io/metadata.name";

export interface PolicyProps {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** The pods it holds for; empty: all of the namespace. */
  readonly selector: Labels;
  readonly ingress?: readonly NetworkPolicyIngressRule[];
  readonly egress?: readonly NetworkPolicyEgressRule[];
}

/** Both directions are always named: what no rule allows is denied. */
export function networkPolicy(scope: Construct, id: string, props: PolicyProps): KubeNetworkPolicy {
  return new KubeNetworkPolicy(scope, id, {
    metadata: metadata(props.name, props.namespace, props.labels),
    spec: {
      podSelector: Object.keys(props.selector).length === 0 ? {} : { matchLabels: { ...props.selector } },
      policyTypes: ["Ingress", "Egress"],
      ...(props.ingress === undefined ? {} : { ingress: [...props.ingress] }),
      ...(props.egress === undefined ? {} : { egress: [...props.egress] }),
    },
  });
}

export function port(number: number, protocol: "TCP" | "UDP" = "TCP"): NetworkPolicyPort {
  return { port: IntOrString.fromNumber(number), protocol };
}

export function toNamespace(namespace: string, podLabels?: Labels): NetworkPolicyPeer {
  return {
    namespaceSelector: { matchLabels: { [namespaceName]: namespace } },
    ...(podLabels === undefined ? {} : { podSelector: { matchLabels: { ...podLabels } } }),
  };
}

/** The bus of the environment, and nothing else in its namespace. */
export function egressToBus(environment: string): NetworkPolicyEgressRule {
  return {
    to: [toNamespace(platformNamespace(environment), { "app.kubernetes.io/component": "bus" })],
    ports: [port(1883)],
  };
}

/** What is no pod, the API server above all: by its addresses, each with a port. */
export function egressToAddresses(addresses: readonly string[]): readonly NetworkPolicyEgressRule[] {
  return addresses.map((address) => {
    const [host = "", number = ""] = address.split(":");
    return { to: [{ ipBlock: { cidr: `${host}/32` } }], ports: [port(Number(number))] };
  });
}

/** Through the API server, by its addresses: what it passes on of a request for `services/proxy`. */
export function ingressFromApiServers(addresses: readonly string[], number: number): NetworkPolicyIngressRule {
  const hosts = [...new Set(addresses.map((address) => address.split(":")[0] ?? ""))];
  return { from: hosts.map((host) => ({ ipBlock: { cidr: `${host}/32` } })), ports: [port(number)] };
}

/** Exchanges on the internet over TLS: any public address, since a NetworkPolicy knows no names; no private one, and so nothing of the cluster. */
export function egressToExchanges(): NetworkPolicyEgressRule {
  const except = ["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"];
  return { to: [{ ipBlock: { cidr: "0.0.0.0/0", except } }], ports: [port(443)] };
}

/** Cluster names only: the resolver of the cluster, not any address at port 53. */
export function egressToDns(): NetworkPolicyEgressRule {
  return { to: [toNamespace("kube-system", { "k8s-app": "kube-dns" })], ports: [port(53, "UDP"), port(53)] };
}

const rpcAddress = /^tcp(?:\+json)?:\/\/(?<host>[^/:]+):(?<port>[1-9][0-9]{0,4})$/;
const ipv4 = /^(?:\d{1,3}\.){3}\d{1,3}$/;
const serviceHost = /^[a-z0-9-]+\.(?<namespace>[a-z0-9-]+)\.svc(?:\.cluster\.local)?$/;

interface RpcWay {
  readonly port: number;
  /** One of the two. */
  readonly cidr?: string;
  readonly namespace?: string;
}

/**
 * The way to a strategy's RPC address: an IP address, or a Service of the cluster (its namespace, at that port). A NetworkPolicy knows no other
 * names, so for a host name outside the cluster, and for addresses without host and port (`unix:`, `service:`), there is no rule and the way
 * stays shut: fail closed, since a guess would open more than was allowed.
 */
function wayTo(address: string): RpcWay | undefined {
  const parts = rpcAddress.exec(address)?.groups;
  if (parts === undefined) return undefined;
  const number = Number(parts["port"]);
  const host = parts["host"] ?? "";
  if (ipv4.test(host)) return { port: number, cidr: `${host}/32` };
  const namespace = serviceHost.exec(host)?.groups?.["namespace"];
  return namespace === undefined ? undefined : { port: number, namespace };
}

export function egressToRpc(address: string): NetworkPolicyEgressRule | undefined {
  const way = wayTo(address);
  if (way === undefined) return undefined;
  const peer = way.cidr === undefined ? toNamespace(way.namespace ?? "") : { ipBlock: { cidr: way.cidr } };
  return { to: [peer], ports: [port(way.port)] };
}

/** What that rule is about, as one text: `10.1.2.3/32:4242`, `namespace models:4242`. */
export function rpcTarget(address: string): string | undefined {
  const way = wayTo(address);
  return way === undefined ? undefined : `${way.cidr ?? `namespace ${way.namespace}`}:${way.port}`;
}
