import { boundNames } from "#core/bounds.ts";
import type { ActiveRule, EnvironmentPolicy, WaivedScope } from "#core/environment-policy.ts";
import { assert } from "#core/result.ts";
import type { RuleDocument } from "#core/rule.ts";
import { boundVariables } from "./admission-bounds.ts";
import {
  type AdmissionPolicy,
  type Condition,
  type Resources,
  type Validation,
  whenDataChanges,
  whenSpecChanges,
} from "./admission-object.ts";
import { type Kind, notExempt, type OwnedKind, ownerVariables } from "./admission-owners.ts";
import { subject, subjectVariables } from "./admission-spec.ts";
import { rewriteSpecRule } from "./admission-spec-rules.ts";
import { type CelVariable, celString, celTyped } from "./cel.ts";
import { type CelPath, celFields, rewriteCel, variableName } from "./cel-rewrite.ts";

const resourcesOf: Readonly<Record<Kind, Omit<Resources, "operations">>> = {
  ConfigMap: { group: "", version: "v1", names: ["configmaps"] },
  LimitRange: { group: "", version: "v1", names: ["limitranges"] },
  // Labels can be written by these two doors as well.
  Namespace: { group: "", version: "v1", names: ["namespaces", "namespaces/finalize", "namespaces/status"] },
  NetworkPolicy: { group: "networking.k8s.io", version: "v1", names: ["networkpolicies"] },
  PersistentVolumeClaim: { group: "", version: "v1", names: ["persistentvolumeclaims"] },
  ResourceQuota: { group: "", version: "v1", names: ["resourcequotas"] },
  Service: { group: "", version: "v1", names: ["services"] },
  ServiceAccount: { group: "", version: "v1", names: ["serviceaccounts"] },
  StatefulSet: { group: "apps", version: "v1", names: ["statefulsets"] },
};

/** What Kubernetes itself puts into each namespace, of kinds that we render too. */
const byKubernetes: readonly (readonly [kind: Kind, name: string])[] = [
  ["ConfigMap", "kube-root-ca.crt"],
  ["ServiceAccount", "default"],
];

/** Fields that are quantities, or maps of them: Kubernetes' type checker does not know that type and warns. */
const quantities = ["default", "defaultRequest", "hard", "limits", "max", "min", "requests", "sizeLimit"];

/** How a rule reaches the API server. */
export type RuleFence =
  | {
      readonly fence: "admission";
      /** Whether pods that no StatefulSet made are judged, too. */
      readonly pods: boolean;
    }
  | { readonly fence: "gate"; readonly reason: string };

/** Whether the API server can judge by this rule, and why not. It depends on the rule's text alone. */
export function fenceOf({ spec }: RuleDocument): RuleFence {
  if (spec.over === "fleet") return { fence: "gate", reason: "the API server sees one object at a time" };
  if (spec.over === "spec") {
    const rewritten = rewriteSpecRule(spec.expression);
    return "reason" in rewritten ? { fence: "gate", ...rewritten } : { fence: "admission", pods: false };
  }
  const rewritten = rewriteObjectRule(spec.expression, objectRoot(spec));
  if ("reason" in rewritten) return { fence: "gate", ...rewritten };
  return { fence: "admission", pods: !("reason" in rewritePodRule(spec)) };
}

/** The policies of a rule: none where only the gate can judge. */
export function rulePolicies(
  rule: ActiveRule,
  policy: EnvironmentPolicy,
  held: readonly WaivedScope[],
): readonly AdmissionPolicy[] {
  const { over } = rule.document.spec;
  if (over === "fleet") return [];
  return over === "spec" ? specRulePolicies(rule, policy, held) : objectRulePolicies(rule, policy, held);
}

function specRulePolicies(
  { document, waived }: ActiveRule,
  policy: EnvironmentPolicy,
  held: readonly WaivedScope[],
): readonly AdmissionPolicy[] {
  const { metadata, spec } = document;
  const environment = policy.document.metadata.name;
  const expression = rewriteSpecRule(spec.expression);
  if ("reason" in expression) return [];
  const message = rewriteSpecRule(spec.message);
  const used = [...expression.uses, ...("reason" in message ? [] : message.uses)];
  const variables = used.flatMap(({ variables: make }) => make(policy));
  return [
    {
      name: `rule-${metadata.name}`,
      environment,
      reach: "teams",
      resources: [{ ...resourcesOf.ConfigMap, operations: ["CREATE", "UPDATE"] }],
      conditions: [
        { name: "spec", expression: "object.metadata.name.endsWith('-spec')" },
        whenDataChanges,
        ...notExempt(["ConfigMap"], [...waived, ...held], environment),
      ],
      variables: [
        ...subjectVariables(environment, "object.metadata.name.substring(0, object.metadata.name.size() - 5)"),
        { name: "data", expression: "has(object.data) ? object.data : {}" },
        ...unique(variables),
      ],
      validations: [validation(document, expression.text, "reason" in message ? undefined : message.text)],
      denies: spec.enforcement === "forbid",
    },
  ];
}

function objectRulePolicies(
  { document, waived }: ActiveRule,
  policy: EnvironmentPolicy,
  held: readonly WaivedScope[],
): readonly AdmissionPolicy[] {
  const { metadata, spec } = document;
  const environment = policy.document.metadata.name;
  const kinds = spec.match?.kinds ?? [];
  const root = objectRoot(spec);
  const expression = rewriteObjectRule(spec.expression, root);
  if ("reason" in expression) return [];
  const message = rewriteObjectRule(spec.message, root);
  type Part = Rewritten | { readonly reason: string };
  const variablesOf = (owned: readonly OwnedKind[], ...parts: readonly Part[]): readonly CelVariable[] => {
    const paths = parts.flatMap((part) => ("reason" in part ? [] : part.paths));
    return unique([
      ...(root === "object" ? [] : [{ name: "object", expression: "dyn(object)" }]),
      ...(paths.some(isBound) ? ownerVariables(owned, environment) : []),
      ...paths.flatMap((path) => environmentVariables(path, policy)),
    ]);
  };
  const textOf = (part: Rewritten | { readonly reason: string }) => ("reason" in part ? undefined : part.text);
  const base = { environment, reach: "teams", denies: spec.enforcement === "forbid" } as const;
  const policies: AdmissionPolicy[] = [
    {
      ...base,
      name: `rule-${metadata.name}`,
      resources: kinds.map((kind) => ({ ...resourcesOf[kind], operations: ["CREATE", "UPDATE"] as const })),
      conditions: [
        leaving(kinds),
        ...byKubernetes
          .filter(([kind]) => kinds.includes(kind))
          .map(([kind, name]) => ({
            name: `not-${name.replace(/[^a-z-]/g, "-")}`,
            expression: `object.kind != ${celString(kind)} || object.metadata.name != ${celString(name)}`,
          })),
        ...notExempt(kinds, [...waived, ...held], environment),
      ],
      variables: variablesOf(kinds, expression, message),
      validations: [validation(document, expression.text, textOf(message))],
    },
  ];
  const pod = rewritePodRule(spec);
  // A warning about a pod would reach a controller, which reads none.
  if ("reason" in pod || !base.denies) return policies;
  policies.push({
    ...base,
    name: `rule-${metadata.name}-pods`,
    resources: [
      {
        group: "",
        version: "v1",
        names: ["pods", "pods/ephemeralcontainers", "pods/resize"],
        operations: ["CREATE", "UPDATE"],
      },
    ],
    conditions: [whenSpecChanges, ...notExempt(["Pod"], waived, environment)],
    variables: variablesOf(["Pod"], pod.expression, pod.message),
    validations: [validation(document, pod.expression.text, textOf(pod.message))],
  });
  return policies;
}

function validation({ metadata, spec }: RuleDocument, expression: string, message: string | undefined): Validation {
  const title = metadata.title ?? "it does not hold";
  return {
    expression,
    message: `${metadata.name}: ${title}; ${spec.fix}`.replace(/\s+/g, " "),
    ...(message === undefined ? {} : { messageExpression: `${celString(`${metadata.name}: `)} + (${message})` }),
  };
}

interface Rewritten {
  readonly text: string;
  /** The fields of `environment` that it needs. */
  readonly paths: readonly CelPath[];
}

type Spec = RuleDocument["spec"];

/** Where Kubernetes must not look at types: kinds have different fields, and quantities seem to be none. */
function objectRoot({ match, expression, message }: Spec): string {
  const fields = new Set([...celFields(expression), ...celFields(message)]);
  const untyped = (match?.kinds.length ?? 0) > 1 || quantities.some((field) => fields.has(field));
  return untyped ? "variables.object" : "object";
}

function rewriteObjectRule(text: string, root: string): Rewritten | { readonly reason: string } {
  const paths: CelPath[] = [];
  const rewritten = rewriteCel(text, ({ path, asks }) => {
    if (path?.[0] === "object") return path.length === 1 ? root : undefined;
    return environmentPart(path, asks, paths);
  });
  return "reason" in rewritten ? rewritten : { ...rewritten, paths };
}

/** The same rule over a pod, if it asks for nothing of a StatefulSet but its template. */
function rewritePodRule(
  spec: Spec,
):
  | { readonly expression: Rewritten; readonly message: Rewritten | { readonly reason: string } }
  | { readonly reason: string } {
  if (spec.match?.kinds.includes("StatefulSet") !== true) return { reason: "it is about no StatefulSet" };
  const root = objectRoot({ ...spec, match: { kinds: ["StatefulSet"] } });
  const rewrite = (text: string): Rewritten | { readonly reason: string } => {
    const paths: CelPath[] = [];
    const rewritten = rewriteCel(text, ({ path, asks }) => {
      if (path?.[0] !== "object") return environmentPart(path, asks, paths);
      if (path.length === 3 && path[1] === "spec" && path[2] === "template" && !asks) return root;
      return path.length <= 3 ? { reason: `it asks for ${path.join(".")} of the StatefulSet itself` } : undefined;
    });
    return "reason" in rewritten ? rewritten : { ...rewritten, paths };
  };
  const expression = rewrite(spec.expression);
  return "reason" in expression ? expression : { expression, message: rewrite(spec.message) };
}

/** A field of `environment` becomes a variable of its own; the environment as a whole has no type in Kubernetes. */
function environmentPart(
  path: CelPath | undefined,
  asks: boolean,
  paths: CelPath[],
): string | { readonly reason: string } | undefined {
  if (path?.[0] !== "environment") return undefined;
  if (asks) return "true";
  const [, group, name] = path;
  const isLeaf = path.length === 2 ? group === "name" || group === "embedded" : path.length === 3 && group === "bounds";
  if (!isLeaf) return path.length < 3 ? { reason: `it uses ${path.join(".")} as a whole` } : undefined;
  assert(group !== undefined && (name !== undefined || path.length === 2), "a leaf has a name");
  paths.push(path);
  return `variables.${variableName(path)}`;
}

function isBound(path: CelPath): boolean {
  return path[1] === "bounds";
}

/** A bound as it holds for whom the object is of: narrowed by the team, lifted by waivers. */
function environmentVariables(path: CelPath, { document, bounds }: EnvironmentPolicy): readonly CelVariable[] {
  const name = variableName(path);
  if (isBound(path)) {
    const bound = boundNames.find((known) => known === path[2]);
    assert(bound !== undefined, `${path.join(".")} is no bound`);
    return boundVariables(bounds, bound, name, subject);
  }
  const value = path[1] === "embedded" ? document.spec.embedded === true : document.metadata.name;
  return [{ name, expression: celTyped(value) }];
}

function unique(variables: readonly CelVariable[]): readonly CelVariable[] {
  return [...new Map(variables.map((variable) => [variable.name, variable])).values()];
}

/** What is on its way out and changes nothing else is not judged any more, or a controller could never finish with it. */
function leaving(kinds: readonly Kind[]): Condition {
  const same = kinds.map((kind) => {
    const equal = sameContent(kind);
    return kinds.length === 1 ? equal : `(object.kind == ${celString(kind)} && ${equal})`;
  });
  return {
    name: "not-leaving",
    expression: `request.operation == 'CREATE' || !has(object.metadata.deletionTimestamp) || !(${same.join(" || ")})`,
  };
}

function sameContent(kind: Kind): string {
  switch (kind) {
    case "ConfigMap":
      return `!(${whenDataChanges.expression})`;
    case "ServiceAccount":
    case "Namespace":
      return "true";
    default:
      return "object.spec == oldObject.spec";
  }
}
