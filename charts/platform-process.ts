import type { Chart } from "cdk8s";
import type {
  NetworkPolicyEgressRule,
  NetworkPolicyIngressRule,
  Volume,
  VolumeMount,
} from "cdk8s-plus-28/lib/imports/k8s.js";
import { platformNamespace } from "#core/identity.ts";
import {
  type Component,
  commonLabels,
  componentLabel,
  environmentLabel,
  type Labels,
  priorityClassOf,
  vitalPriorityClassOf,
} from "./labels.ts";
import { egressToBus, egressToDns, networkPolicy } from "./network.ts";
import {
  apiMount,
  apiVolume,
  busEnv,
  busTokenMount,
  busTokenVolume,
  type ComputeResources,
  type ContainerPort,
  type ContainerProps,
  claimVolume,
  clusterEnv,
  container,
  identityEnv,
  mirrorMount,
  mirrorVolume,
  podSpec,
  probe,
  processProbes,
  scratchVolume,
  stateAndProbeEnv,
  stateMount,
} from "./pod.ts";
import { claim, disruptionBudget, type Identity, service, serviceAccount, statefulSet } from "./workload.ts";

export interface ProcessProps {
  readonly name: string;
  readonly component: Component;
  readonly image: string;
  readonly resources: ComputeResources;
  readonly state: string;
  readonly ports: readonly ContainerPort[];
  readonly usesBus: boolean;
  /** What it may ask the API server with, and beside it where it mirrors the ConfigMaps of its namespace. */
  readonly readsCluster: "nothing" | "status" | "config-maps";
  readonly env: readonly (readonly [string, string])[];
  readonly files: readonly { readonly volume: Volume; readonly mountPath: string }[];
  readonly secretEnv?: ContainerProps["secretEnv"];
  readonly podAnnotations: { readonly [key: string]: string };
  /** Absent: one pod, of the process's name. */
  readonly nodes?: Nodes;
}

/** Several pods of one process, each with a claim of its own, that know each other by name. */
export interface Nodes {
  /** Of the pods, without their numbers. */
  readonly name: string;
  readonly count: number;
  /** Where they reach each other, and nobody else them. */
  readonly peerPort: ContainerPort;
  readonly graceSeconds: number;
}

/** Without one of these nobody trades. */
const vital: readonly Component[] = ["bus", "feed", "gateway"];

/** A process of the platform: everything but its NetworkPolicy. */
export function buildProcess(chart: Chart, environment: string, props: ProcessProps): void {
  const namespace = platformNamespace(environment);
  const { nodes } = props;
  const isVital = vital.includes(props.component);
  const podsName = nodes?.name ?? props.name;
  const selector = { ...componentLabel(props.component), "app.kubernetes.io/name": podsName };
  const labelsOf = (name: string): Labels => ({
    ...commonLabels(name),
    ...componentLabel(props.component),
    ...environmentLabel(environment),
  });
  const identity = { name: props.name, namespace, labels: labelsOf(props.name) };
  const [asks, mirrors] = [props.readsCluster !== "nothing", props.readsCluster === "config-maps"];
  const pods = { name: podsName, namespace, labels: labelsOf(podsName) };
  serviceAccount(chart, `${props.name}-account`, identity);
  // A feed's or the server's is not worth that its removal, and so every limit after it, waits for a person.
  const asksBeforeDeletion = !["feed", "server"].includes(props.component);
  const state = { ...identity, size: props.state, asksBeforeDeletion };
  // Of several pods too, unused: until a person has answered for its removal, the one pod would run on beside them.
  claim(chart, `${props.name}-state`, state);
  if (nodes !== undefined) buildNodes(chart, pods, selector, nodes);
  // Clients find the bus by its Service's address; the others are only looked at.
  service(chart, `${props.name}-service`, { ...identity, selector, ports: props.ports, headless: props.usesBus });
  const mounts: readonly VolumeMount[] = [
    ...props.files.map(({ volume, mountPath }) => ({ name: volume.name, mountPath, readOnly: true })),
    ...(props.usesBus ? [busTokenMount] : []),
    ...(asks ? [apiMount] : []),
    ...(mirrors ? [mirrorMount] : []),
    stateMount,
    { name: "tmp", mountPath: "/tmp" },
  ];
  const process = container({
    name: props.component,
    image: props.image,
    env: [
      ...identityEnv({ environment, namespace, serviceAccount: props.name }),
      ...(props.usesBus ? busEnv(environment) : []),
      ...stateAndProbeEnv(),
      ...(mirrors ? clusterEnv() : []),
      ...props.env,
    ],
    ...(props.secretEnv === undefined ? {} : { secretEnv: props.secretEnv }),
    ports: [
      ...props.ports.filter(({ name }) => name !== probe.name),
      ...(nodes === undefined ? [] : [nodes.peerPort]),
      probe,
    ],
    resources: props.resources,
    keepsScratch: isVital,
    mounts,
    probes: processProbes(),
  });
  statefulSet(chart, `${props.name}-process`, {
    ...pods,
    selector,
    running: true,
    podAnnotations: props.podAnnotations,
    ...(nodes === undefined ? {} : { replicas: nodes.count, claim: { name: "state", size: props.state } }),
    pod: podSpec({
      ...(nodes === undefined ? {} : { graceSeconds: nodes.graceSeconds }),
      serviceAccount: props.name,
      priorityClass: isVital ? vitalPriorityClassOf(environment) : priorityClassOf(environment),
      spreadOver: { "slipway.dev/environment": environment, "app.kubernetes.io/component": props.component },
      containers: [process],
      volumes: [
        ...props.files.map(({ volume }) => volume),
        ...(props.usesBus ? [busTokenVolume()] : []),
        ...(asks ? [apiVolume()] : []),
        ...(mirrors ? [mirrorVolume()] : []),
        ...(nodes === undefined ? [claimVolume("state", props.name)] : []),
        scratchVolume("tmp", "16Mi"),
      ],
    }),
  });
}

/** Their names in the cluster's DNS, ready or not, since they must find each other first; and of them one at a time may be moved. */
function buildNodes(chart: Chart, identity: Identity, selector: Labels, { name, peerPort }: Nodes): void {
  service(chart, `${name}-service`, { ...identity, selector, ports: [peerPort], headless: true });
  disruptionBudget(chart, `${name}-disruption`, { ...identity, selector });
}

/** Paper venues and replayed data need no network but the bus. */
export function busClientPolicy(
  chart: Chart,
  name: string,
  component: Component,
  environment: string,
  more: readonly NetworkPolicyEgressRule[] = [],
  ingress: readonly NetworkPolicyIngressRule[] = [],
): void {
  networkPolicy(chart, `${name}-network`, {
    name,
    namespace: platformNamespace(environment),
    labels: { ...commonLabels(name), ...componentLabel(component), ...environmentLabel(environment) },
    selector: { "app.kubernetes.io/name": name },
    ...(ingress.length === 0 ? {} : { ingress }),
    egress: [egressToBus(environment), egressToDns(), ...more],
  });
}
