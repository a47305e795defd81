import { platformNamespace } from "#core/identity.ts";
import type { AdmissionPolicy, Resources } from "./admission-object.ts";
import { argoNamespace, type GroupKind, strategyKinds } from "./argo.ts";
import { celSet, celString } from "./cel.ts";

// What Argo CD's own account may make, and what rights nobody may give: a manifest that gets into an environment branch past the gate, in a project
// that lets it through, ends here. Admission policies
// themselves are judged by none: Kubernetes exempts them.

/** Who syncs. */
export const argoAccount = `system:serviceaccount:${argoNamespace}:argocd-application-controller`;

const anything: Resources = { group: "*", version: "*", names: ["*"], operations: ["CREATE", "UPDATE"] };
const byArgo = { name: "by-argo-cd", expression: `request.userInfo.username == ${celString(argoAccount)}` };

/** In a team's namespace it makes what Slipway renders, and nothing else: no Role, no Secret, no Pod, no kind that somebody adds to the cluster. */
export function kindsGuard(environment: string): AdmissionPolicy {
  const kinds = [...strategyKinds, ...["LimitRange", "ResourceQuota"].map((kind) => ({ group: "", kind }))];
  return {
    name: "guard-kinds",
    environment,
    reach: "teams",
    resources: [anything],
    // A binding's selector of namespaces lets all through that is in none.
    conditions: [byArgo, { name: "in-a-namespace", expression: "has(object.metadata.namespace)" }],
    variables: [],
    validations: [
      {
        expression: isOneOf(kinds),
        message: "Argo CD makes objects of the kinds that Slipway renders in a team's namespace, and no others",
        messageExpression:
          "request.kind.kind + ' is none of the kinds that Slipway renders, and Argo CD makes no others in a team\\'s namespace'",
      },
    ],
    denies: true,
  };
}

/**
 * What a strategy's Application syncs is in the namespace of its team, whatever the object says: no other team's, no other environment's, no kind of
 * the whole cluster. Argo CD writes on each object whose it is, over whatever stands there.
 */
export function applicationsGuard(environment: string, teams: readonly string[]): AdmissionPolicy {
  const tracking = "argocd.argoproj.io/tracking-id";
  const id = `object.metadata.annotations[${celString(tracking)}]`;
  const isOf = `${id}.startsWith(${celString(`${environment}-`)} + team + '-')`;
  const list = `[${teams.map(celString).join(", ")}]`;
  return {
    name: "guard-applications",
    environment,
    reach: "cluster",
    resources: [anything],
    conditions: [
      byArgo,
      {
        name: "of-a-strategy",
        expression:
          teams.length === 0
            ? "false"
            : `has(object.metadata.annotations) && ${celString(tracking)} in object.metadata.annotations && ${list}.exists(team, ${isOf})`,
      },
    ],
    variables: [],
    validations: [
      {
        expression:
          teams.length === 0
            ? "true"
            : `has(object.metadata.namespace) && ${list}.exists(team, ${isOf} && object.metadata.namespace == team + ${celString(`-${environment}`)}) && ${isOneOf(strategyKinds)}`,
        message: `the Application of a strategy in ${environment} makes a strategy's kinds of objects in its team's namespace, and nothing elsewhere`,
      },
    ],
    denies: true,
  };
}

/** A strategy's account has no rights at the API server, and nobody gives it any: it holds the token of the bus, and that is all. */
export function rightsGuard(environment: string): AdmissionPolicy {
  const suffix = celString(`-${environment}`);
  const platform = platformNamespace(environment);
  const isTeams = (namespace: string): string =>
    `${namespace}.endsWith(${suffix}) && ${namespace} != ${celString(platform)}`;
  const account = `subject.kind == 'ServiceAccount' && has(subject.namespace) && ${isTeams("subject.namespace")}`;
  const user = `subject.kind == 'User' && subject.name.startsWith('system:serviceaccount:') && subject.name.split(':').size() == 4 && ${isTeams("subject.name.split(':')[2]")}`;
  const group = `subject.kind == 'Group' && subject.name.startsWith('system:serviceaccounts:') && ${isTeams("subject.name.substring(23)")}`;
  return {
    name: "guard-rights",
    environment,
    reach: "cluster",
    resources: [
      {
        group: "rbac.authorization.k8s.io",
        version: "v1",
        names: ["clusterrolebindings", "rolebindings"],
        operations: ["CREATE", "UPDATE"],
      },
    ],
    conditions: [],
    variables: [],
    validations: [
      {
        expression: `!has(object.subjects) || object.subjects.all(subject, !(${account}) && !(${user}) && !(${group}))`,
        message: `it gives rights at the API server to accounts of strategies in ${environment}, which have none`,
      },
    ],
    denies: true,
  };
}

function isOneOf(kinds: readonly GroupKind[]): string {
  return `(request.kind.group + '/' + request.kind.kind) in ${celSet(kinds.map(({ group, kind }) => `${group}/${kind}`))}`;
}
