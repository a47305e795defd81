import type { Chart } from "cdk8s";
import type { NetworkPolicyEgressRule } from "cdk8s-plus-28/lib/imports/k8s.js";
import type { EnvironmentDocument } from "#core/environment.ts";
import { platformNamespace } from "#core/identity.ts";
import { argoNamespace } from "./argo.ts";
import { commonLabels, componentLabel, environmentLabel } from "./labels.ts";
import { egressToAddresses, egressToDns, egressToExchanges, networkPolicy, port, toNamespace } from "./network.ts";
import { buildProcess } from "./platform-process.ts";
import { type ContainerPort, secretVolume } from "./pod.ts";

const webhooks: ContainerPort = { name: "webhooks", port: 8787 };
const folder = "/etc/slipway/server";
/**
 * Of the Secret's keys those that are no secrets are its environment. The secret ones are read from its files: an environment is also written to the
 * node's disk, and what the process starts could inherit it.
 */
const keys = ["SLIPWAY_GITHUB_APP_ID", "SLIPWAY_GITHUB_INSTALLATION_ID"];
const files: readonly (readonly [variable: string, key: string])[] = [
  ["SLIPWAY_FORGE_TOKEN_FILE", "SLIPWAY_FORGE_TOKEN"],
  ["SLIPWAY_GITHUB_APP_KEY_FILE", "app.pem"],
  ["SLIPWAY_WEBHOOK_SECRET_FILE", "SLIPWAY_WEBHOOK_SECRET"],
];
const argoFiles: typeof files = [
  ["SLIPWAY_ARGOCD_WEBHOOK_SECRET_FILE", "SLIPWAY_ARGOCD_WEBHOOK_SECRET"],
  ["SLIPWAY_ARGOCD_CERTIFICATE_FILE", "argocd.crt"],
];

/**
 * Adds `slipway server`, which judges and renders what Argo CD then syncs, itself included. The Secret holds the forge's address beside the token that
 * goes there: nothing that is merged can send the token elsewhere.
 */
export function buildServer(chart: Chart, { metadata: { name: environment }, spec }: EnvironmentDocument): void {
  const { cluster, images } = spec;
  if (cluster?.server === undefined || images.server === undefined) return;
  const { secret, forge, argocd } = cluster.server;
  buildProcess(chart, environment, {
    name: "server",
    component: "server",
    image: images.server,
    resources: { cpu: "500m", memory: "1Gi" },
    // The copy of the repository.
    state: "2Gi",
    ports: [webhooks],
    usesBus: false,
    readsCluster: "status",
    env: [
      ...(argocd === undefined ? [] : [["SLIPWAY_ARGOCD_WEBHOOK", argocd.webhook] as const]),
      ...[...files, ...(argocd === undefined ? [] : argoFiles)].map(
        ([variable, key]) => [variable, `${folder}/${key}`] as const,
      ),
    ],
    secretEnv: { secret, keys },
    files: [{ volume: secretVolume("server", secret), mountPath: folder }],
    podAnnotations: {},
  });
  const name = "server";
  networkPolicy(chart, "server-network", {
    name,
    namespace: platformNamespace(environment),
    labels: { ...commonLabels(name), ...componentLabel(name), ...environmentLabel(environment) },
    selector: { "app.kubernetes.io/name": name },
    // Whoever speaks TLS stands in front, wherever that runs; a delivery counts only with its signature.
    ingress: [{ ports: [port(webhooks.port)] }],
    egress: [
      ...egressToAddresses(cluster.apiServers),
      egressToDns(),
      ...(forge === undefined ? [egressToExchanges()] : egressToAddresses(forge)),
      ...(argocd === undefined ? [] : egressToArgo(argocd.addresses)),
    ],
  });
}

/** Its server's own port in its own pods, as its installation has both. */
function egressToArgo(addresses: readonly string[] | undefined): readonly NetworkPolicyEgressRule[] {
  if (addresses !== undefined) return egressToAddresses(addresses);
  const pods = toNamespace(argoNamespace, { "app.kubernetes.io/name": "argocd-server" });
  return [{ to: [pods], ports: [port(8080)] }];
}
