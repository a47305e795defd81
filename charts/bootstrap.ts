import { ApiObject } from "cdk8s";
import { platformNamespace } from "#core/identity.ts";
import { assert } from "#core/result.ts";
import { commonLabels, environmentLabel, metadata } from "./labels.ts";
import { emitUnit, synthObjects } from "./synth.ts";

const rbac = "rbac.authorization.k8s.io";

/**
 * What an administrator applies once, so that Argo CD has a beginning: the root's project and Application, which bring everything else, themselves
 * included; and the one right that no Application may give, the bus's to ask whose token it was shown.
 *
 * @param files the rendered environment
 */
export function renderBootstrap(environment: string, files: ReadonlyMap<string, string>): string {
  const own = ["appproject", "application"].map((kind) => {
    const text = files.get(`apps/${kind}-${environment}-root.yaml`);
    assert(text !== undefined, `the platform has a root ${kind}`);
    return text;
  });
  const rights = emitUnit(
    synthObjects("rights", (chart) => {
      const name = `slipway-${environment}-token-review`;
      const shared = metadata(name, undefined, { ...commonLabels("bus"), ...environmentLabel(environment) });
      new ApiObject(chart, "role", {
        apiVersion: `${rbac}/v1`,
        kind: "ClusterRole",
        metadata: shared,
        rules: [{ apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] }],
      });
      new ApiObject(chart, "binding", {
        apiVersion: `${rbac}/v1`,
        kind: "ClusterRoleBinding",
        metadata: shared,
        roleRef: { apiGroup: rbac, kind: "ClusterRole", name },
        subjects: [{ kind: "ServiceAccount", name: "bus", namespace: platformNamespace(environment) }],
      });
    }),
  );
  return [...rights.values(), ...own].join("---\n");
}
