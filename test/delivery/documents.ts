/** Policy documents of tests, in the words that a person would write. */
export function waiver(
  name: string,
  spec: { readonly waives: string; readonly scope?: string; readonly until: string; readonly reason?: string },
): Readonly<Record<string, string>> {
  const {
    waives,
    scope = "{ environment: paper, strategy: momentum/sma-cross }",
    until,
    reason = "it is being mended",
  } = spec;
  return {
    [`policies/waivers/${name}.yaml`]: `apiVersion: slipway.dev/v1
kind: Waiver
metadata: { name: ${name} }
spec:
  waives: ${waives}
  scope: ${scope}
  owner: risk
  reason: ${reason}
  until: "${until}"
`,
  };
}

export function freeze(
  name: string,
  spec: { readonly from: string; readonly until: string; readonly timeZone?: string; readonly environments?: string },
): Readonly<Record<string, string>> {
  const { from, until, timeZone = "UTC", environments = "[paper]" } = spec;
  return {
    [`policies/freezes/${name}.yaml`]: `apiVersion: slipway.dev/v1
kind: Freeze
metadata: { name: ${name} }
spec:
  from: "${from}"
  until: "${until}"
  timeZone: ${timeZone}
  environments: ${environments}
  owner: risk
  reason: nobody watches
`,
  };
}

/** `policies/teams.yaml` of a test; what stands in `spec` is YAML, indented by two. */
export function teams(spec: string): Readonly<Record<string, string>> {
  return {
    "policies/teams.yaml": `apiVersion: slipway.dev/v1\nkind: Teams\nmetadata: { name: teams }\nspec:\n${spec}`,
  };
}

/** A rule that one value of maxOrderNotional breaks. */
export function rule(
  name: string,
  spec: { readonly denies: string; readonly enforcement: string; readonly owner?: string },
): Readonly<Record<string, string>> {
  const { denies, enforcement, owner = "risk" } = spec;
  return {
    [`policies/rules/${name}.yaml`]: `apiVersion: slipway.dev/v1
kind: Rule
metadata: { name: ${name}, owner: ${owner}, severity: high }
spec:
  over: spec
  expression: spec.limits.maxOrderNotional != "${denies}"
  message: "'it does not hold'"
  fix: ask
  enforcement: ${enforcement}
  samples:
    allow: [{ limits: { maxOrderNotional: "1" } }]
    deny: [{ limits: { maxOrderNotional: "${denies}" } }]
`,
  };
}
