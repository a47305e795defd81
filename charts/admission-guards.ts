import { platformNamespace } from "#core/identity.ts";
import { argoAccount } from "./admission-argo.ts";
import { type AdmissionPolicy, whenSpecChanges } from "./admission-object.ts";
import { celSet, celString } from "./cel.ts";

// What makes the other policies hold for everyone: they find their namespaces by labels, and know pods by the objects that make them.

/** Which teams may have a namespace. */
export interface TeamRights {
  readonly allowed: readonly string[];
  readonly refused: readonly string[];
  /** Whether one that is neither may have one. */
  readonly others: boolean;
}

/**
 * The labels of a namespace follow from its name, and the other way round: nobody takes a namespace out of the policies, or gives one the way to
 * the bus, by a label. `status` and `finalize` take labels too.
 */
export function namespaceGuard(environment: string, teams: TeamRights): AdmissionPolicy {
  const platform = celString(platformNamespace(environment));
  const label = (key: string): string => `variables.labels['${key}']`;
  const labels = (object: string): string => `(has(${object}.metadata.labels) ? ${object}.metadata.labels : {})`;
  const isTeam = `'slipway.dev/team' in variables.labels && ${label("slipway.dev/team")} + '-${environment}' == object.metadata.name`;
  const mayRun = teams.others
    ? `!(${label("slipway.dev/team")} in variables.refused)`
    : `${label("slipway.dev/team")} in variables.allowed`;
  return {
    name: "guard-namespaces",
    environment,
    reach: "cluster",
    resources: [
      {
        group: "",
        version: "v1",
        names: ["namespaces", "namespaces/finalize", "namespaces/status"],
        operations: ["CREATE", "UPDATE"],
      },
    ],
    conditions: [
      {
        name: "of-this-environment",
        expression: `object.metadata.name.endsWith('-${environment}') || (has(object.metadata.labels) && 'slipway.dev/environment' in object.metadata.labels && object.metadata.labels['slipway.dev/environment'] == ${celString(environment)})`,
      },
      {
        name: "changed",
        expression: `request.operation == 'CREATE' || ${labels("object")} != ${labels("oldObject")}`,
      },
    ],
    variables: [
      { name: "labels", expression: labels("object") },
      teams.others
        ? { name: "refused", expression: celSet(teams.refused) }
        : { name: "allowed", expression: celSet(teams.allowed) },
    ],
    validations: [
      {
        expression: `'slipway.dev/environment' in variables.labels && ${label("slipway.dev/environment")} == ${celString(environment)} && (object.metadata.name == ${platform} ? !('slipway.dev/team' in variables.labels) : ${isTeam})`,
        message: `a namespace <team>-${environment} has the labels slipway.dev/environment: ${environment} and slipway.dev/team: <team>, and no other has them`,
      },
      {
        expression: `'pod-security.kubernetes.io/enforce' in variables.labels && ${label("pod-security.kubernetes.io/enforce")} == 'restricted'`,
        message: "the Pod Security Standard restricted must be enforced",
      },
      {
        expression: `!('slipway.dev/team' in variables.labels) || ${mayRun}`,
        message: `this team may not run anything in ${environment}`,
      },
    ],
    denies: true,
  };
}

/** Nothing but a StatefulSet makes pods: what else could would not be judged by what it asks for. */
export function workloadGuard(environment: string): AdmissionPolicy {
  const create = { version: "v1", operations: ["CREATE"] } as const;
  return {
    name: "guard-workloads",
    environment,
    reach: "teams",
    resources: [
      { ...create, group: "", names: ["replicationcontrollers"] },
      { ...create, group: "apps", names: ["daemonsets", "deployments", "replicasets"] },
      { ...create, group: "batch", names: ["cronjobs", "jobs"] },
    ],
    conditions: [],
    variables: [],
    validations: [
      { expression: "false", message: "in a team's namespace only StatefulSets that Slipway renders make pods" },
    ],
    denies: true,
  };
}

/** A pod logs in to the bus as its account, and the account is its strategy: nobody's pod takes another's, within a team either. */
export function accountsGuard(environment: string): AdmissionPolicy {
  const operations = ["CREATE", "UPDATE"] as const;
  const own = (spec: string): string => `(has(${spec}.serviceAccountName) ? ${spec}.serviceAccountName : '')`;
  return {
    name: "guard-accounts",
    environment,
    reach: "teams",
    resources: [
      { group: "", version: "v1", names: ["pods"], operations },
      { group: "apps", version: "v1", names: ["statefulsets"], operations },
    ],
    conditions: [whenSpecChanges],
    // Of two kinds, and each is checked for the other's fields.
    variables: [{ name: "spec", expression: "dyn(object.spec)" }],
    validations: [
      {
        expression: `object.kind == 'Pod' ? object.metadata.name == ${own("variables.spec")} + '-0' : object.metadata.name == ${own("variables.spec.template.spec")}`,
        message: "it runs as another account than that of its name, and so would be another strategy to the bus",
      },
    ],
    denies: true,
  };
}

/** Who takes away what Git no longer has: Argo CD, and what Kubernetes itself does after it. */
const removers = [
  argoAccount,
  "system:serviceaccount:kube-system:generic-garbage-collector",
  "system:serviceaccount:kube-system:namespace-controller",
  "system:kube-controller-manager",
];

/** State and namespaces go with their Git folders alone: a person's `kubectl delete` could not be taken back. The object of a DELETE is null. */
export function deletionGuard(environment: string): AdmissionPolicy {
  return {
    ...throughGit("a team's namespaces and the state in them are removed through Git, not by hand"),
    name: "guard-deletion",
    environment,
    reach: "teams",
    conditions: [],
  };
}

/** Of the platform it is the gateway's book that nobody could bring back, and it goes with its namespace. Bus and feeds come back from an empty claim. */
export function bookGuard(environment: string): AdmissionPolicy {
  const kept = celSet(["gateway", platformNamespace(environment)]);
  return {
    ...throughGit("the gateway's book, and the platform's namespace with it, are removed through Git, not by hand"),
    name: "guard-book",
    environment,
    reach: "platform",
    conditions: [{ name: "kept", expression: `oldObject.metadata.name in ${kept}` }],
  };
}

function throughGit(message: string): Pick<AdmissionPolicy, "resources" | "variables" | "validations" | "denies"> {
  const expression = `request.userInfo.username in [${removers.map(celString).join(", ")}]`;
  return {
    resources: [{ group: "", version: "v1", names: ["namespaces", "persistentvolumeclaims"], operations: ["DELETE"] }],
    variables: [],
    validations: [{ expression, message }],
    denies: true,
  };
}
