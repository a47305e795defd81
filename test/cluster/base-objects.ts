// What a cluster has before anybody installs something: DNS, and volumes for claims.
import { chownSync, mkdirSync } from "node:fs";
import type { JsonObject } from "#core/json.ts";
import { userId } from "../../images/layout.ts";
import { nodeName } from "./control-plane.ts";
import type { Machine } from "./machine.ts";

const labels = { "k8s-app": "kube-dns" };
const namespace = "kube-system";

export function dnsObjects(image: string, clusterIP: string): readonly JsonObject[] {
  const metadata = { name: "coredns", namespace, labels };
  const rbac = "rbac.authorization.k8s.io";
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRole",
      metadata: { name: "system:coredns" },
      rules: [
        { apiGroups: [""], resources: ["endpoints", "services", "pods", "namespaces"], verbs: ["list", "watch"] },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: "system:coredns" },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "system:coredns" },
      subjects: [{ kind: "ServiceAccount", name: "coredns", namespace }],
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
      data: {
        Corefile:
          ".:53 {\n  errors\n  health :8080\n  ready :8181\n  kubernetes cluster.local in-addr.arpa {\n    ttl 5\n  }\n  cache 5\n}\n",
      },
    },
    dnsDeployment(image, metadata),
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "kube-dns", namespace, labels },
      spec: {
        clusterIP,
        selector: labels,
        ports: [
          { name: "dns", port: 53, targetPort: 53, protocol: "UDP" },
          { name: "dns-tcp", port: 53, targetPort: 53, protocol: "TCP" },
        ],
      },
    },
  ];
}

function dnsDeployment(image: string, metadata: JsonObject): JsonObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: "coredns",
          dnsPolicy: "Default",
          priorityClassName: "system-cluster-critical",
          terminationGracePeriodSeconds: 5,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: userId,
            seccompProfile: { type: "RuntimeDefault" },
            // Port 53, as everywhere, for a user without rights.
            sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value: "0" }],
          },
          containers: [
            {
              name: "coredns",
              image,
              imagePullPolicy: "Never",
              args: ["-conf", "/etc/coredns/Corefile"],
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
              },
              resources: { requests: { cpu: "20m", memory: "32Mi" }, limits: { cpu: "500m", memory: "128Mi" } },
              readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 1 },
              volumeMounts: [{ name: "config", mountPath: "/etc/coredns" }],
            },
          ],
          volumes: [{ name: "config", configMap: { name: "coredns" } }],
        },
      },
    },
  };
}

/** Folders as volumes, which claims of any size up to theirs bind to when their pod is scheduled. */
export function volumeObjects(machine: Machine, count: number): readonly JsonObject[] {
  const storageClassName = "folders";
  const volumes = Array.from({ length: count }, (_, index) => {
    const path = volumeFolder(machine, `volume-${index}`);
    mkdirSync(path, { recursive: true });
    // A local volume is handed over as it is; its owner is whoever made it.
    chownSync(path, userId, userId);
    return {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: `volume-${index}` },
      spec: {
        capacity: { storage: "2Gi" },
        accessModes: ["ReadWriteOnce"],
        persistentVolumeReclaimPolicy: "Retain",
        storageClassName,
        local: { path },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [nodeName] }] },
            ],
          },
        },
      },
    };
  });
  const storageClass = {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: storageClassName, annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
    provisioner: "kubernetes.io/no-provisioner",
    volumeBindingMode: "WaitForFirstConsumer",
  };
  return [storageClass, ...volumes];
}

export function volumeFolder(machine: Machine, volume: string): string {
  return machine.path(`volumes/${volume}`);
}
