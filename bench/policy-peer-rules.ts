// Five of the shipped rules over objects, and the same five as the peers have them: Rego for conftest, CEL for gator and Kyverno, and of kube-linter
// its own checks, which know four of them.
export const rules = [
  "forbid-privileged",
  "forbid-token-automount",
  "require-dropped-capabilities",
  "require-image-digest",
  "require-readonly-root",
] as const;

export type RuleName = (typeof rules)[number];

/** A missing field denies, as it does in CEL: `not` of an undefined comparison is true. */
export const rego = `package main

import rego.v1

containers := input.spec.template.spec.containers

deny contains "forbid-privileged" if {
  some c in containers
  not unprivileged(c)
}

unprivileged(c) if {
  c.securityContext.privileged == false
  c.securityContext.allowPrivilegeEscalation == false
}

deny contains "forbid-token-automount" if not input.spec.template.spec.automountServiceAccountToken == false

deny contains "require-dropped-capabilities" if {
  some c in containers
  not dropped(c)
}

dropped(c) if {
  "ALL" in c.securityContext.capabilities.drop
  not c.securityContext.capabilities.add
}

deny contains "require-image-digest" if {
  some c in containers
  not regex.match("@sha256:[0-9a-f]{64}$", c.image)
}

deny contains "require-readonly-root" if {
  some c in containers
  not c.securityContext.readOnlyRootFilesystem == true
}
`;

const everyContainer = (holds: string): string => `object.spec.template.spec.containers.all(c, ${holds})`;

/** What cannot be evaluated is no violation to every peer, so that what may be missing is asked for. */
export const cel: Readonly<Record<RuleName, string>> = {
  "forbid-privileged": everyContainer(
    "has(c.securityContext) && c.securityContext.privileged == false && c.securityContext.allowPrivilegeEscalation == false",
  ),
  "forbid-token-automount":
    "has(object.spec.template.spec.automountServiceAccountToken) && object.spec.template.spec.automountServiceAccountToken == false",
  "require-dropped-capabilities": everyContainer(
    "has(c.securityContext) && has(c.securityContext.capabilities) && has(c.securityContext.capabilities.drop) && 'ALL' in c.securityContext.capabilities.drop && !has(c.securityContext.capabilities.add)",
  ),
  "require-image-digest": everyContainer("c.image.matches('@sha256:[0-9a-f]{64}$')"),
  "require-readonly-root": everyContainer("has(c.securityContext) && c.securityContext.readOnlyRootFilesystem == true"),
};

const kind = (rule: RuleName): string => rule.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** A template and its constraint for each rule, evaluated by Gatekeeper's CEL engine. */
export function gatekeeper(): readonly object[] {
  return rules.flatMap((rule) => [
    {
      apiVersion: "templates.gatekeeper.sh/v1",
      kind: "ConstraintTemplate",
      metadata: { name: kind(rule).toLowerCase() },
      spec: {
        crd: { spec: { names: { kind: kind(rule) } } },
        targets: [
          {
            target: "admission.k8s.gatekeeper.sh",
            code: [
              {
                engine: "K8sNativeValidation",
                source: { validations: [{ expression: cel[rule], message: rule }] },
              },
            ],
          },
        ],
      },
    },
    {
      apiVersion: "constraints.gatekeeper.sh/v1beta1",
      kind: kind(rule),
      metadata: { name: rule },
      spec: { match: { kinds: [{ apiGroups: ["apps"], kinds: ["StatefulSet"] }] } },
    },
  ]);
}

export function kyverno(): readonly object[] {
  const resources = { apiGroups: ["apps"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["statefulsets"] };
  return rules.map((rule) => ({
    apiVersion: "policies.kyverno.io/v1",
    kind: "ValidatingPolicy",
    metadata: { name: rule },
    spec: {
      validationActions: ["Deny"],
      matchConstraints: { resourceRules: [resources] },
      validations: [{ expression: cel[rule], message: rule }],
    },
  }));
}

/** Its checks that are the same rule over the objects of the bench. Of tokens it knows nothing, and its CEL costs the square of the objects. */
export const linterChecks: readonly (readonly [RuleName, { readonly template: string; readonly params: object }])[] = [
  ["forbid-privileged", { template: "privileged", params: {} }],
  [
    "require-dropped-capabilities",
    { template: "verify-container-capabilities", params: { forbiddenCapabilities: ["all"] } },
  ],
  ["require-image-digest", { template: "latest-tag", params: { AllowList: ["@sha256:[0-9a-f]{64}$"] } }],
  ["require-readonly-root", { template: "read-only-root-fs", params: {} }],
];
