import { ApiObject } from "cdk8s";
import type { Construct } from "constructs";
import type { EnvironmentPart } from "#core/environment.ts";
import { type Labels, metadata } from "./labels.ts";

/** Where Argo CD reads the environment branches; of an environment without a cluster a name that leads nowhere. */
export function repoUrlOf({ metadata: { name }, spec }: EnvironmentPart<"cluster">): string {
  return spec.cluster?.repository ?? `https://git.slipway-${name}.svc/slipway.git`;
}

const argoNamespace = "argocd";
const cluster = "https://kubernetes.default.svc";

export interface ApplicationProps {
  readonly name: string;
  readonly labels: Labels;
  readonly project: string;
  readonly repoUrl: string;
  readonly environment: string;
  /** Folder of the environment branch. */
  readonly path: string;
  readonly namespace: string;
  /** Order inside the root's sync: projects, platform, teams, strategies. */
  readonly wave: number;
  /** Whether removing the Application removes what it made. Not for the root: one `kubectl delete` would take the whole environment. */
  readonly cascades: boolean;
}

/** An Argo CD Application that follows one folder of the environment branch: plain files, nothing templated. */
export function application(scope: Construct, id: string, props: ApplicationProps): ApiObject {
  return new ApiObject(scope, id, {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: {
      ...metadata(props.name, argoNamespace, props.labels, {
        // Without it a commit that touches one of 500 folders makes Argo CD generate all 500 (63 s instead of 3).
        "argocd.argoproj.io/manifest-generate-paths": ".",
        // The only comparison that sees a key which Git has no more; with another one a removed strategy's rule stays in the bus's ConfigMap, and the
        // Application is Synced. Argo CD 3.6 compares so wherever objects are applied so; others want to be told.
        "argocd.argoproj.io/compare-options": "ServerSideDiff=true",
        "argocd.argoproj.io/sync-wave": String(props.wave),
      }),
      // What the bare name means too, but the API server warns of a name without a path.
      ...(props.cascades ? { finalizers: ["resources-finalizer.argocd.argoproj.io/foreground"] } : {}),
    },
    spec: {
      project: props.project,
      source: {
        repoURL: props.repoUrl,
        targetRevision: `env/${props.environment}`,
        path: props.path,
        // No `directory: { recurse: false }`: Argo CD drops what is the default from its own objects, and would find them changed for ever.
      },
      destination: { server: cluster, namespace: props.namespace },
      syncPolicy: {
        automated: { prune: true, selfHeal: true },
        // Not `PruneLast`: a sync with something to prune would wait for its pods' health before, and of a version that never starts neither its
        // successor nor its stop would ever be synced. Without the second each sync applies every object again: a hundred of the platform's, an
        // Application a strategy of the root's. Without the last Argo CD reads the API's whole description for each object, to learn whether the server can validate; a server-side apply always does.
        syncOptions: ["ServerSideApply=true", "ApplyOutOfSyncOnly=true", "Validate=false"],
        // A failing sync would else retry its old commit for minutes and ignore the one that mends it.
        retry: { limit: 3, refresh: true, backoff: { duration: "2s", factor: 2, maxDuration: "30s" } },
      },
      revisionHistoryLimit: 10,
    },
  });
}

/**
 * What cannot be made again goes only when a person says so to Argo CD, whatever the branch holds: a namespace with all in it, state. The sync, or the
 * end of the Application, waits for it (`argocd.argoproj.io/deletion-approved`).
 */
export const confirmedDeletion: { readonly [annotation: string]: string } = {
  "argocd.argoproj.io/sync-options": "Prune=confirm,Delete=confirm",
};

export interface GroupKind {
  readonly group: string;
  readonly kind: string;
}

export interface ProjectProps {
  readonly name: string;
  readonly labels: Labels;
  readonly description: string;
  readonly repoUrl: string;
  /** Names or globs. */
  readonly namespaces: readonly string[];
  readonly clusterKinds: readonly GroupKind[];
  readonly namespacedKinds: readonly GroupKind[];
  /** Whether it stays until no Application names it: without its project the end of an Application never comes. Not for the root's, which is applied by hand. */
  readonly staysForApplications: boolean;
}

/** An Argo CD AppProject: which repository, namespaces and kinds its Applications may use. An empty list of cluster kinds allows none. */
export function appProject(scope: Construct, id: string, props: ProjectProps): ApiObject {
  return new ApiObject(scope, id, {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata: {
      ...metadata(props.name, argoNamespace, props.labels, { "argocd.argoproj.io/sync-wave": "-1" }),
      // Of a project Argo CD knows the bare name alone.
      ...(props.staysForApplications ? { finalizers: ["resources-finalizer.argocd.argoproj.io"] } : {}),
    },
    spec: {
      description: props.description,
      sourceRepos: [props.repoUrl],
      destinations: props.namespaces.map((namespace) => ({ server: cluster, namespace })),
      clusterResourceWhitelist: props.clusterKinds,
      namespaceResourceWhitelist: props.namespacedKinds,
    },
  });
}

/** The name of the project of a team in an environment. */
export function teamProject(environment: string, team: string): string {
  return `${environment}-${team}`;
}

/** The only project that may touch Applications, projects, namespaces and admission. */
export function rootProject(environment: string): string {
  return `${environment}-root`;
}

/** The kinds of a strategy, and all that a team's project lets through. */
export const strategyKinds: readonly GroupKind[] = [
  { group: "", kind: "ConfigMap" },
  { group: "", kind: "PersistentVolumeClaim" },
  { group: "", kind: "Service" },
  { group: "", kind: "ServiceAccount" },
  { group: "apps", kind: "StatefulSet" },
  { group: "networking.k8s.io", kind: "NetworkPolicy" },
];

export const rootNamespacedKinds: readonly GroupKind[] = [
  ...strategyKinds,
  { group: "", kind: "LimitRange" },
  { group: "", kind: "ResourceQuota" },
  { group: "argoproj.io", kind: "AppProject" },
  { group: "argoproj.io", kind: "Application" },
  { group: "policy", kind: "PodDisruptionBudget" },
];

export const rootClusterKinds: readonly GroupKind[] = [
  { group: "", kind: "Namespace" },
  { group: "admissionregistration.k8s.io", kind: "ValidatingAdmissionPolicy" },
  { group: "admissionregistration.k8s.io", kind: "ValidatingAdmissionPolicyBinding" },
  { group: "scheduling.k8s.io", kind: "PriorityClass" },
];

export { argoNamespace };
