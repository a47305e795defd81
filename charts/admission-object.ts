import { ApiObject } from "cdk8s";
import type { Construct } from "constructs";
import type { CelVariable } from "./cel.ts";
import { commonLabels, environmentLabel, metadata } from "./labels.ts";

export interface Validation {
  /** True where all is well. It must not fail: what fails is denied, without saying why. */
  readonly expression: string;
  /** What is said when there is no `messageExpression`, or when that one fails. */
  readonly message: string;
  readonly messageExpression?: string;
}

export interface Resources {
  readonly group: string;
  readonly version: string;
  /** Plural, in lower case; subresources as `pods/resize`. */
  readonly names: readonly string[];
  readonly operations: readonly ("CREATE" | "UPDATE" | "DELETE")[];
}

export interface Condition {
  readonly name: string;
  readonly expression: string;
}

/** Where a policy holds: in the teams' namespaces of the environment, in the platform's, or for objects that are in none. */
export type Reach = "teams" | "platform" | "cluster";

export interface AdmissionPolicy {
  /** Behind `slipway-<environment>-`. */
  readonly name: string;
  readonly environment: string;
  readonly reach: Reach;
  readonly resources: readonly Resources[];
  /** All must be true for the policy to judge a request at all. */
  readonly conditions: readonly Condition[];
  readonly variables: readonly CelVariable[];
  readonly validations: readonly Validation[];
  /** Whether it denies, or only warns and leaves a note in the audit log. */
  readonly denies: boolean;
}

/**
 * A ValidatingAdmissionPolicy and its binding. What cannot be evaluated is denied; there are no parameters, so that nothing has to be looked
 * up and the pair can also be loaded from the API server's disk (KEP-5793). Every field that the API server would default stands here.
 */
export function admissionPolicy(scope: Construct, policy: AdmissionPolicy): void {
  const name = `slipway-${policy.environment}-${policy.name}`;
  const labels = { ...commonLabels("platform"), ...environmentLabel(policy.environment) };
  new ApiObject(scope, policy.name, {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: metadata(name, undefined, labels),
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        matchPolicy: "Equivalent",
        namespaceSelector: {},
        objectSelector: {},
        resourceRules: policy.resources.map(({ group, version, names, operations }) => ({
          apiGroups: [group],
          apiVersions: [version],
          operations,
          resources: names,
          scope: "*",
        })),
      },
      ...(policy.conditions.length === 0 ? {} : { matchConditions: policy.conditions }),
      ...(policy.variables.length === 0 ? {} : { variables: policy.variables }),
      validations: policy.validations,
    },
  });
  new ApiObject(scope, `${policy.name}-binding`, {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: metadata(name, undefined, labels),
    spec: {
      matchResources: {
        matchPolicy: "Equivalent",
        namespaceSelector: namespaceSelector(policy),
        objectSelector: {},
      },
      policyName: name,
      validationActions: policy.denies ? ["Deny"] : ["Warn", "Audit"],
    },
  });
}

/** The labels of a namespace are guarded by a policy of their own: they follow from its name. */
function namespaceSelector({ environment, reach }: AdmissionPolicy): object {
  if (reach === "cluster") return {};
  return {
    matchExpressions: [{ key: "slipway.dev/team", operator: reach === "teams" ? "Exists" : "DoesNotExist" }],
    matchLabels: { ...environmentLabel(environment) },
  };
}

/**
 * Judges what changes: an object that is on its way out, or of which a controller only touches the metadata, must not be held back by a policy
 * that became tighter since, or nobody could ever finish with it.
 */
export const whenSpecChanges: Condition = {
  name: "changed",
  expression: "request.operation == 'CREATE' || object.spec != oldObject.spec",
};

export const whenDataChanges: Condition = {
  name: "changed",
  expression:
    "request.operation == 'CREATE' || has(object.binaryData) || (has(object.data) ? object.data : {}) != (has(oldObject.data) ? oldObject.data : {})",
};
