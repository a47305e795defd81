// Five of the shipped rules over objects, and the same five in Rego for conftest.
export const rules = [
  "forbid-privileged",
  "forbid-token-automount",
  "require-dropped-capabilities",
  "require-image-digest",
  "require-readonly-root",
] as const;

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
