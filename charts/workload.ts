import { ApiObject } from "cdk8s";
import {
  IntOrString,
  KubeConfigMap,
  KubePersistentVolumeClaim,
  type KubePersistentVolumeClaimProps,
  KubePodDisruptionBudget,
  KubeService,
  KubeServiceAccount,
  KubeStatefulSet,
  type PersistentVolumeClaimSpec,
  type PodSpec,
} from "cdk8s-plus-28/lib/imports/k8s.js";
import type { Construct } from "constructs";
import { confirmedDeletion } from "./argo.ts";
import { type Labels, metadata } from "./labels.ts";
import { type ContainerPort, quantities } from "./pod.ts";

/** What the objects of one workload share. */
export interface Identity {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
}

export interface StatefulSetProps extends Identity {
  readonly selector: Labels;
  readonly running: boolean;
  /** How many pods while it runs; one unless told. */
  readonly replicas?: number;
  /** A claim for each pod, mounted as the volume of that name. */
  readonly claim?: { readonly name: string; readonly size: string };
  /** Digests of what the process reads only once: another digest is another pod, and means a restart. */
  readonly podAnnotations: { readonly [key: string]: string };
  readonly pod: PodSpec;
}

/**
 * One pod or none, never two at once, but for the nodes of the bus: that is why it is no Deployment. `Parallel`, because with `OrderedReady` a pod that never gets ready
 * blocks the very revision that would mend it until someone deletes it by hand; with one replica there is no order to keep.
 */
export function statefulSet(scope: Construct, id: string, props: StatefulSetProps): KubeStatefulSet {
  return new KubeStatefulSet(scope, id, {
    metadata: metadata(props.name, props.namespace, props.labels),
    spec: {
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
      podManagementPolicy: "Parallel",
      replicas: props.running ? (props.replicas ?? 1) : 0,
      revisionHistoryLimit: 10,
      selector: { matchLabels: { ...props.selector } },
      serviceName: props.name,
      template: {
        metadata: {
          labels: { ...props.labels },
          ...(Object.keys(props.podAnnotations).length === 0 ? {} : { annotations: { ...props.podAnnotations } }),
        },
        spec: props.pod,
      },
      updateStrategy: { rollingUpdate: { partition: 0 }, type: "RollingUpdate" },
      ...(props.claim === undefined ? {} : { volumeClaimTemplates: [claimTemplate(props.claim)] }),
    },
  });
}

function claimTemplate({ name, size }: NonNullable<StatefulSetProps["claim"]>): KubePersistentVolumeClaimProps {
  return {
    metadata: { name },
    spec: { ...claimSpec(size) },
  };
}

/** Of these pods nobody may move more than one at a time. */
export function disruptionBudget(
  scope: Construct,
  id: string,
  props: Identity & { readonly selector: Labels },
): KubePodDisruptionBudget {
  return new KubePodDisruptionBudget(scope, id, {
    metadata: metadata(props.name, props.namespace, props.labels),
    spec: { maxUnavailable: IntOrString.fromNumber(1), selector: { matchLabels: { ...props.selector } } },
  });
}

export interface ServiceProps extends Identity {
  readonly selector: Labels;
  readonly ports: readonly ContainerPort[];
  readonly headless: boolean;
}

export function service(scope: Construct, id: string, props: ServiceProps): KubeService {
  return new KubeService(scope, id, {
    metadata: metadata(props.name, props.namespace, props.labels),
    spec: {
      // A process must be found by name while it is not ready, to see why.
      ...(props.headless ? { clusterIp: "None", clusterIPs: ["None"], publishNotReadyAddresses: true } : {}),
      internalTrafficPolicy: "Cluster",
      ipFamilyPolicy: "SingleStack",
      ports: props.ports.map(({ name, port }) => ({
        name,
        port,
        protocol: "TCP",
        targetPort: IntOrString.fromString(name),
      })),
      selector: { ...props.selector },
      sessionAffinity: "None",
      type: "ClusterIP",
    },
  });
}

export function serviceAccount(scope: Construct, id: string, props: Identity): KubeServiceAccount {
  return new KubeServiceAccount(scope, id, {
    metadata: metadata(props.name, props.namespace, props.labels),
    automountServiceAccountToken: false,
  });
}

/**
 * State that outlives the pod. An object of its own, since a StatefulSet's claim templates can never be changed and their claims are never
 * pruned. ReadWriteOnce, because ReadWriteOncePod needs a CSI driver; a second executor is fenced by its epoch all the same.
 */
export function claim(
  scope: Construct,
  id: string,
  props: Identity & { readonly size: string; readonly asksBeforeDeletion: boolean },
): KubePersistentVolumeClaim {
  return new KubePersistentVolumeClaim(scope, id, {
    // A volume that binds to its first pod is pending as long as the strategy is stopped; that is no reason to show it as Progressing.
    metadata: metadata(props.name, props.namespace, props.labels, {
      "argocd.argoproj.io/ignore-healthcheck": "true",
      ...(props.asksBeforeDeletion ? confirmedDeletion : {}),
    }),
    spec: claimSpec(props.size),
  });
}

function claimSpec(size: string): PersistentVolumeClaimSpec {
  return {
    accessModes: ["ReadWriteOnce"],
    resources: { requests: quantities({ storage: size }) },
    volumeMode: "Filesystem",
  };
}

export interface ConfigMapProps extends Identity {
  readonly data?: { readonly [key: string]: string };
  readonly binaryData?: { readonly [key: string]: string };
  readonly immutable?: boolean;
}

/** Not by the class that is made for it: that copies all data again for each key, and a shard has hundreds. */
export function configMap(scope: Construct, id: string, props: ConfigMapProps): ApiObject {
  return new ApiObject(scope, id, {
    ...KubeConfigMap.GVK,
    metadata: metadata(props.name, props.namespace, props.labels),
    ...(props.data === undefined ? {} : { data: { ...props.data } }),
    ...(props.binaryData === undefined ? {} : { binaryData: { ...props.binaryData } }),
    ...(props.immutable === undefined ? {} : { immutable: props.immutable }),
  });
}
