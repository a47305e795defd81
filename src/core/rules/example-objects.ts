import type { JsonObject } from "../json.ts";
import type { RuleDocument } from "../rule.generated.ts";

/** A kind that a rule over objects may match. */
export type ObjectKind = NonNullable<RuleDocument["spec"]["match"]>["kinds"][number];

const partOf = { "app.kubernetes.io/managed-by": "slipway", "app.kubernetes.io/part-of": "slipway" };
const teamLabels = { ...partOf, "slipway.dev/environment": "paper", "slipway.dev/team": "desk" };
const selector = {
  "slipway.dev/environment": "paper",
  "slipway.dev/strategy": "example",
  "slipway.dev/team": "desk",
};
const labels = {
  ...partOf,
  ...selector,
  "app.kubernetes.io/component": "executor",
  "app.kubernetes.io/name": "example",
};
const metadata: JsonObject = { name: "example", namespace: "desk-paper", labels };
const teamMetadata: JsonObject = { name: "desk", namespace: "desk-paper", labels: teamLabels };
const image = `slipway/executor@sha256:${"0".repeat(64)}`;
const compute = { cpu: "100m", memory: "128Mi", "ephemeral-storage": "128Mi" };

function probe(path: string): JsonObject {
  return {
    httpGet: { path, port: "probe", scheme: "HTTP" },
    failureThreshold: 3,
    periodSeconds: 5,
    successThreshold: 1,
    timeoutSeconds: 2,
  };
}

const container: JsonObject = {
  name: "executor",
  image,
  imagePullPolicy: "IfNotPresent",
  env: [{ name: "SLIPWAY_STRATEGY", value: "desk/example" }],
  ports: [{ name: "probe", containerPort: 8081, protocol: "TCP" }],
  resources: { requests: { ...compute, "ephemeral-storage": "32Mi" }, limits: compute },
  securityContext: {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    privileged: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
  },
  startupProbe: probe("/startup"),
  livenessProbe: probe("/live"),
  readinessProbe: probe("/ready"),
  lifecycle: { preStop: { httpGet: { path: "/leave", port: 8081, scheme: "HTTP" } } },
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "FallbackToLogsOnError",
  volumeMounts: [
    { name: "spec", mountPath: "/etc/slipway/spec", readOnly: true },
    { name: "algorithm", mountPath: "/opt/algorithm", readOnly: true },
    { name: "bus-token", mountPath: "/var/run/secrets/slipway/bus", readOnly: true },
    { name: "state", mountPath: "/var/lib/slipway" },
    { name: "tmp", mountPath: "/tmp" },
  ],
};

const statefulSet: JsonObject = {
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  metadata,
  spec: {
    minReadySeconds: 0,
    persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
    podManagementPolicy: "Parallel",
    replicas: 1,
    revisionHistoryLimit: 10,
    selector: { matchLabels: selector },
    serviceName: "example",
    template: {
      metadata: { labels, annotations: { "slipway.dev/spec-digest": "0123456789abcdef" } },
      spec: {
        automountServiceAccountToken: false,
        containers: [container],
        dnsPolicy: "ClusterFirst",
        enableServiceLinks: false,
        priorityClassName: "slipway-paper",
        restartPolicy: "Always",
        schedulerName: "default-scheduler",
        securityContext: {
          fsGroup: 65532,
          fsGroupChangePolicy: "OnRootMismatch",
          runAsGroup: 65532,
          runAsNonRoot: true,
          runAsUser: 65532,
          seccompProfile: { type: "RuntimeDefault" },
        },
        serviceAccountName: "example",
        terminationGracePeriodSeconds: 240,
        topologySpreadConstraints: [
          {
            labelSelector: { matchLabels: { "slipway.dev/team": "desk" } },
            maxSkew: 1,
            topologyKey: "kubernetes.io/hostname",
            whenUnsatisfiable: "ScheduleAnyway",
          },
        ],
        volumes: [
          { name: "spec", configMap: { name: "example-spec", defaultMode: 292 } },
          { name: "algorithm", configMap: { name: "example-algorithm-0123456789", defaultMode: 292 } },
          {
            name: "bus-token",
            projected: {
              defaultMode: 288,
              sources: [{ serviceAccountToken: { audience: "bus", expirationSeconds: 3600, path: "token" } }],
            },
          },
          { name: "state", persistentVolumeClaim: { claimName: "example" } },
          { name: "tmp", emptyDir: { sizeLimit: "16Mi" } },
        ],
      },
    },
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
  },
};

const networkPolicy: JsonObject = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata,
  spec: {
    podSelector: { matchLabels: selector },
    policyTypes: ["Ingress", "Egress"],
    egress: [
      {
        to: [
          {
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "slipway-paper" } },
            podSelector: { matchLabels: { "app.kubernetes.io/component": "bus" } },
          },
        ],
        ports: [{ port: 1883, protocol: "TCP" }],
      },
      {
        to: [
          {
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
            podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
          },
        ],
        ports: [
          { port: 53, protocol: "UDP" },
          { port: 53, protocol: "TCP" },
        ],
      },
    ],
  },
};

/** One plain object of each kind, as Slipway renders them: what samples are laid over. Part of the format: samples rest on it. */
export const exampleObjects: Readonly<Record<ObjectKind, JsonObject>> = {
  StatefulSet: statefulSet,
  NetworkPolicy: networkPolicy,
  ConfigMap: {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { ...metadata, name: "example-spec" },
    data: {
      "limits.instruments": "AAPL,MSFT",
      "limits.maxDrawdown": "0.2",
      "limits.maxOrderNotional": "1000",
      "limits.maxPositionNotional": "5000",
      "limits.orderRate": "10/1s",
      "limits.venues": "paper",
      "spec.json": "{}",
    },
  },
  LimitRange: {
    apiVersion: "v1",
    kind: "LimitRange",
    metadata: teamMetadata,
    spec: {
      limits: [
        {
          type: "Container",
          default: compute,
          defaultRequest: { ...compute, "ephemeral-storage": "32Mi" },
          max: { cpu: "1", memory: "256Mi", "ephemeral-storage": "128Mi" },
        },
        { type: "PersistentVolumeClaim", max: { storage: "256Mi" } },
      ],
    },
  },
  Namespace: {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: "desk-paper",
      labels: {
        ...teamLabels,
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/audit-version": "latest",
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/warn-version": "latest",
      },
    },
  },
  PersistentVolumeClaim: {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata,
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "64Mi" } },
      volumeMode: "Filesystem",
    },
  },
  ResourceQuota: {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: teamMetadata,
    spec: {
      hard: {
        "count/statefulsets.apps": "20",
        "limits.cpu": "4",
        "limits.memory": "4Gi",
        persistentvolumeclaims: "20",
        pods: "20",
        "requests.cpu": "4",
        "requests.memory": "4Gi",
        "requests.storage": "4Gi",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
      },
    },
  },
  Service: {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: {
      clusterIP: "None",
      internalTrafficPolicy: "Cluster",
      ports: [{ name: "probe", port: 8081, protocol: "TCP", targetPort: "probe" }],
      publishNotReadyAddresses: true,
      selector,
      sessionAffinity: "None",
      type: "ClusterIP",
    },
  },
  ServiceAccount: {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata,
    automountServiceAccountToken: false,
  },
};
