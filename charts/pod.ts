import type { Container, Lifecycle, PodSpec, Probe, Volume, VolumeMount } from "cdk8s-plus-28/lib/imports/k8s.js";
import { IntOrString, Quantity } from "cdk8s-plus-28/lib/imports/k8s.js";
import type { Labels } from "./labels.ts";

/** `nonroot` of the distroless images; numeric, since the kubelet cannot check a name against runAsNonRoot. */
const userId = 65_532;
/** Logs, /tmp and the socket of one container together. */
export const ephemeralStorage = { request: "32Mi", limit: "128Mi" };
const probePort = 8081;

/** Kubernetes quantities, canonical. */
export interface ComputeResources {
  readonly cpu: string;
  readonly memory: string;
}

export interface ContainerPort {
  readonly name: string;
  readonly port: number;
}

export interface ContainerProps {
  readonly name: string;
  readonly image: string;
  /** In the order of docs/runtime.md. */
  readonly env: readonly (readonly [name: string, value: string])[];
  /** Of a Secret that an operator has made, those of these keys that it has. */
  readonly secretEnv?: { readonly secret: string; readonly keys: readonly string[] };
  readonly ports: readonly ContainerPort[];
  readonly resources: ComputeResources;
  /** Keeps all the scratch space that it may use: on a full disk, who uses more than was kept is evicted first, whatever its priority. */
  readonly keepsScratch?: boolean;
  readonly mounts: readonly VolumeMount[];
  readonly probes: Pick<Container, "startupProbe" | "livenessProbe" | "readinessProbe">;
  /** Gets SIGTERM when the executor in its pod has its turn to leave. */
  readonly leavesInTurn?: boolean;
  /** A file below the kubelet's folder for seccomp; without one the pod's own profile holds, the container runtime's. */
  readonly seccompFile?: string;
}

/**
 * A container without rights: no root, no capability, nothing writable but its mounts. AppArmor's RuntimeDefault needs no field: the kubelet
 * applies it where the node has AppArmor. No preStop but an executor's: SIGTERM already is the order to stop, and nothing sends traffic that had to drain
 * first.
 */
export function container(props: ContainerProps): Container {
  const { cpu, memory } = props.resources;
  const { request, limit } = ephemeralStorage;
  return {
    name: props.name,
    image: props.image,
    // An image is named by its digest, so what a node has is what is meant.
    imagePullPolicy: "IfNotPresent",
    ports: props.ports.map(({ name, port }) => ({ name, containerPort: port, protocol: "TCP" })),
    env: [...props.env.map(([name, value]) => ({ name, value })), ...secretVariables(props.secretEnv)],
    resources: {
      // Requests equal limits: what was promised to a strategy is not lent to another one while the market moves.
      requests: quantities({ cpu, memory, "ephemeral-storage": props.keepsScratch === true ? limit : request }),
      limits: quantities({ cpu, memory, "ephemeral-storage": limit }),
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      ...(props.seccompFile === undefined
        ? {}
        : { seccompProfile: { type: "Localhost", localhostProfile: props.seccompFile } }),
    },
    ...props.probes,
    ...(props.leavesInTurn === true ? { lifecycle: leaveInTurn } : {}),
    terminationMessagePath: "/dev/termination-log",
    // The last lines of the log say why it ended; nothing writes the file.
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [...props.mounts],
  };
}

/** By its number: the name would be looked for among the container's own ports, and a pod's containers leave together. */
const leaveInTurn: Lifecycle = {
  preStop: { httpGet: { path: "/leave", port: IntOrString.fromNumber(probePort), scheme: "HTTP" } },
};

function secretVariables(from: ContainerProps["secretEnv"]): NonNullable<Container["env"]> {
  if (from === undefined) return [];
  const { secret: name, keys } = from;
  return keys.map((key) => ({ name: key, valueFrom: { secretKeyRef: { name, key, optional: true } } }));
}

export interface PodProps {
  readonly serviceAccount: string;
  readonly priorityClass: string;
  /** Pods with these labels are spread over the nodes, as far as there are nodes. */
  readonly spreadOver: Labels;
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
  /** How long it may take to end, the wait for its turn included; 10 unless told. */
  readonly graceSeconds?: number;
}

/** Every field that the API server would default stands here, so that what Git says is all there is. */
export function podSpec(props: PodProps): PodSpec {
  return {
    automountServiceAccountToken: false,
    containers: [...props.containers],
    // A pod's first packets may be lost, before its network policies are in force; the resolver would ask again after 5 s only.
    dnsConfig: {
      options: [
        { name: "timeout", value: "1" },
        { name: "attempts", value: "5" },
      ],
    },
    dnsPolicy: "ClusterFirst",
    enableServiceLinks: false,
    priorityClassName: props.priorityClass,
    restartPolicy: "Always",
    schedulerName: "default-scheduler",
    securityContext: {
      fsGroup: userId,
      fsGroupChangePolicy: "OnRootMismatch",
      runAsGroup: userId,
      runAsNonRoot: true,
      runAsUser: userId,
      seccompProfile: { type: "RuntimeDefault" },
    },
    serviceAccountName: props.serviceAccount,
    terminationGracePeriodSeconds: props.graceSeconds ?? 10,
    topologySpreadConstraints: [
      {
        labelSelector: { matchLabels: { ...props.spreadOver } },
        maxSkew: 1,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "ScheduleAnyway",
      },
    ],
    volumes: [...props.volumes],
  };
}

/** The port that every process of ours answers the kubelet's probes on. */
export const probe: ContainerPort = { name: "probe", port: probePort };

/**
 * The three probes of docs/runtime.md. A start may take a minute, `initialize` and `warm` included. A process that never answers makes each try
 * last its timeout, so that may not be above the period: 60 tries would be two minutes.
 */
export function processProbes(): ContainerProps["probes"] {
  return {
    startupProbe: httpProbe("/startup", probe.name, { periodSeconds: 1, failureThreshold: 60, timeoutSeconds: 1 }),
    livenessProbe: httpProbe("/live", probe.name, { periodSeconds: 5, failureThreshold: 3 }),
    readinessProbe: httpProbe("/ready", probe.name, { periodSeconds: 2, failureThreshold: 2 }),
  };
}

export function httpProbe(
  path: string,
  portName: string,
  times: { readonly periodSeconds: number; readonly failureThreshold: number; readonly timeoutSeconds?: number },
): Probe {
  return {
    failureThreshold: times.failureThreshold,
    httpGet: { path, port: IntOrString.fromString(portName), scheme: "HTTP" },
    periodSeconds: times.periodSeconds,
    successThreshold: 1,
    timeoutSeconds: times.timeoutSeconds ?? 2,
  };
}

export function quantities(values: { readonly [name: string]: string }): { [name: string]: Quantity } {
  return Object.fromEntries(Object.entries(values).map(([name, text]) => [name, Quantity.fromString(text)]));
}

/** Files of a ConfigMap, readable by all in the pod: 0444. */
export function configMapVolume(name: string, configMap: string): Volume {
  return { name, configMap: { name: configMap, defaultMode: 0o444 } };
}

/** Several ConfigMaps in one folder. A missing one is an empty shard. */
export function configMapsVolume(name: string, configMaps: readonly string[]): Volume {
  const sources = configMaps.map((configMap) => ({ configMap: { name: configMap, optional: true } }));
  return { name, projected: { defaultMode: 0o444, sources } };
}

/** What an operator put there; it is in no file of Git, and the process waits until it is there. */
export function secretVolume(name: string, secret: string): Volume {
  return { name, secret: { secretName: secret, defaultMode: 0o440 } };
}

export function scratchVolume(name: string, sizeLimit: string): Volume {
  return { name, emptyDir: { sizeLimit: Quantity.fromString(sizeLimit) } };
}

export function claimVolume(name: string, claimName: string): Volume {
  return { name, persistentVolumeClaim: { claimName } };
}

/** The pod's one credential: a ServiceAccount token that only the bus accepts, renewed by the kubelet. */
export function busTokenVolume(): Volume {
  return {
    name: "bus-token",
    projected: {
      defaultMode: 0o440,
      sources: [{ serviceAccountToken: { audience: "bus", expirationSeconds: 3600, path: "token" } }],
    },
  };
}

/**
 * For whoever asks the API server: a token that it accepts, and whom to believe to be it. Bus, gateway and server alone have it; their rights are
 * `slipway bootstrap`'s.
 */
export function apiVolume(): Volume {
  return {
    name: "api",
    projected: {
      defaultMode: 0o440,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3600, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
      ],
    },
  };
}

/** Where ConfigMaps are mirrored to: some 16,000 strategies. */
export function mirrorVolume(): Volume {
  return scratchVolume("mirror", "64Mi");
}

export const apiMount: VolumeMount = { name: "api", mountPath: "/var/run/secrets/slipway/api", readOnly: true };
export const mirrorMount: VolumeMount = { name: "mirror", mountPath: "/run/slipway/mirror" };

export function clusterEnv(): readonly (readonly [string, string])[] {
  return [
    ["SLIPWAY_API_DIR", apiMount.mountPath],
    ["SLIPWAY_MIRROR_DIR", mirrorMount.mountPath],
  ];
}

export const busTokenMount: VolumeMount = {
  name: "bus-token",
  mountPath: "/var/run/secrets/slipway/bus",
  readOnly: true,
};
export const stateMount: VolumeMount = { name: "state", mountPath: "/var/lib/slipway" };

/** What every process of ours is told, in the order of docs/runtime.md. */
export interface Process {
  readonly environment: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

export function identityEnv(process: Process): readonly (readonly [string, string])[] {
  return [
    ["SLIPWAY_ENVIRONMENT", process.environment],
    ["SLIPWAY_NAMESPACE", process.namespace],
    ["SLIPWAY_SERVICE_ACCOUNT", process.serviceAccount],
  ];
}

export function busEnv(environment: string): readonly (readonly [string, string])[] {
  return [
    ["SLIPWAY_BUS_URL", `mqtt://bus.slipway-${environment}.svc:1883`],
    ["SLIPWAY_BUS_TOKEN_FILE", `${busTokenMount.mountPath}/token`],
  ];
}

export function stateAndProbeEnv(): readonly (readonly [string, string])[] {
  return [
    ["SLIPWAY_STATE_DIR", stateMount.mountPath],
    ["SLIPWAY_PORT_PROBE", String(probePort)],
  ];
}
