import { ApiObject, type Chart } from "cdk8s";
import type { ObjectMeta } from "cdk8s-plus-28/lib/imports/k8s.js";
import { consoleService, platformNamespace } from "#core/identity.ts";
import { assert } from "#core/result.ts";
import { busNodesName, busRoutesSecret } from "./bus.ts";
import { commonLabels, environmentLabel, type Labels, metadata } from "./labels.ts";
import { emitUnit, synthObjects } from "./synth.ts";

const rbac = "rbac.authorization.k8s.io";

/**
 * What an administrator applies once, so that Argo CD has a beginning: the platform's namespace, the root's project and Application, which bring
 * everything else, themselves included; and the rights that no Application may give: the bus's to ask whose token it was shown, and of bus and
 * gateway to read the ConfigMaps of their own namespace, of which none is secret. For a bus of several nodes also the Secret that they fill at their
 * first start with what proves that one is of them, and the bus's right to that Secret alone. The roles without a binding are for people: what
 * `slipway status` and `slipway logs` take.
 *
 * @param files the rendered environment
 */
export function renderBootstrap(environment: string, files: ReadonlyMap<string, string>): string {
  const namespace = platformNamespace(environment);
  const own = [
    `platform/namespace-${namespace}.yaml`,
    ...["appproject", "application"].map((kind) => `apps/${kind}-${environment}-root.yaml`),
  ].map((path) => {
    const text = files.get(path);
    assert(text !== undefined, `the environment has a file ${path}`);
    return text;
  });
  const [home = "", ...root] = own;
  const rights = emitUnit(
    synthObjects("rights", (chart) => {
      const shared = { ...commonLabels("platform"), ...environmentLabel(environment) };
      buildRight(chart, {
        id: "token-review",
        metadata: metadata(`slipway-${environment}-token-review`, undefined, shared),
        rules: [{ apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] }],
        accounts: ["bus"],
        namespace,
      });
      buildRight(chart, {
        id: "read-config",
        metadata: metadata("read-config", namespace, shared),
        rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list", "watch"] }],
        accounts: ["bus", "gateway"],
        namespace,
      });
      buildLookers(chart, environment, shared, files.has("platform/serviceaccount-server.yaml") ? ["server"] : []);
      if (files.has(`platform/statefulset-${busNodesName}.yaml`)) buildRoutesSecret(chart, namespace, shared);
    }),
  );
  return [home, ...rights.values(), ...root].join("---\n");
}

/** Without data, and so that applying it again leaves what the nodes have put there. */
function buildRoutesSecret(chart: Chart, namespace: string, labels: Labels): void {
  const secret = metadata(busRoutesSecret, namespace, labels);
  new ApiObject(chart, "routes-secret", { apiVersion: "v1", kind: "Secret", metadata: secret, type: "Opaque" });
  const resources = { apiGroups: [""], resources: ["secrets"], resourceNames: [busRoutesSecret] };
  buildRight(chart, {
    id: "routes",
    metadata: secret,
    rules: [{ ...resources, verbs: ["get", "update"] }],
    accounts: ["bus"],
    namespace,
  });
}

/** What a person needs who only looks. @param accounts of the platform that look, too */
function buildLookers(chart: Chart, environment: string, labels: Labels, accounts: readonly string[]): void {
  const namespace = platformNamespace(environment);
  const nobody = { accounts: [], namespace };
  buildRight(chart, {
    ...{ accounts, namespace, id: "status", metadata: metadata(`slipway-${environment}-status`, undefined, labels) },
    rules: [
      { apiGroups: ["argoproj.io"], resources: ["applications"], verbs: ["list"] },
      { apiGroups: [""], resources: ["events", "pods"], verbs: ["list"] },
    ],
  });
  buildRight(chart, {
    ...{ ...nobody, id: "logs", metadata: metadata(`slipway-${environment}-logs`, undefined, labels) },
    rules: [{ apiGroups: [""], resources: ["pods", "pods/log"], verbs: ["get"] }],
  });
  buildRight(chart, {
    ...{ accounts, namespace, id: "read-console", metadata: metadata("read-console", namespace, labels) },
    rules: [{ apiGroups: [""], resources: ["services/proxy"], resourceNames: [consoleService], verbs: ["get"] }],
  });
}

interface Right {
  readonly id: string;
  /** Without a namespace it is the whole cluster's. */
  readonly metadata: ObjectMeta;
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
    readonly verbs: readonly string[];
  }[];
  /** ServiceAccounts of the platform; none: whom an administrator binds. */
  readonly accounts: readonly string[];
  readonly namespace: string;
}

function buildRight(chart: Chart, { id, metadata: shared, rules, accounts, namespace }: Right): void {
  const kind = shared.namespace === undefined ? "ClusterRole" : "Role";
  const role = { apiVersion: `${rbac}/v1`, metadata: shared };
  new ApiObject(chart, `${id}-role`, { ...role, kind, rules });
  if (accounts.length === 0) return;
  new ApiObject(chart, `${id}-binding`, {
    ...role,
    kind: `${kind}Binding`,
    roleRef: { apiGroup: rbac, kind, name: shared.name },
    subjects: accounts.map((name) => ({ kind: "ServiceAccount", name, namespace })),
  });
}
