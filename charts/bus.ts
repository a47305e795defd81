import type { Chart } from "cdk8s";
import type { EnvironmentDocument } from "#core/environment.ts";
import { platformNamespace } from "#core/identity.ts";
import { platformAccessMap, shardNames } from "#core/shards.ts";
import { commonLabels, componentLabel, environmentLabel } from "./labels.ts";
import { egressToAddresses, egressToDns, networkPolicy, port } from "./network.ts";
import { buildProcess, type Nodes } from "./platform-process.ts";
import { type ContainerPort, configMapsVolume } from "./pod.ts";

const mqtt: ContainerPort = { name: "mqtt", port: 1883 };
const route: ContainerPort = { name: "route", port: 6222 };

/** Where the nodes of a bus keep, and an administrator never sees, what proves that one is of them. `slipway bootstrap` makes it, empty. */
export const busRoutesSecret = "bus-routes";

/** By another name than the one that is alone: it has its claim, and neither name of Service nor claims of a StatefulSet ever change. */
export const busNodesName = "bus-node";

/** A node lets its clients go one after the other, for 30 s at most. */
const nodes: Nodes = { name: busNodesName, count: 3, peerPort: route, graceSeconds: 45 };

/** The bus: one pod, or three that keep everything of QoS 1 thrice. Clients find either by the Service `bus`. */
export function buildBus(chart: Chart, environment: EnvironmentDocument): void {
  const name = environment.metadata.name;
  const { cluster } = environment.spec;
  const settings = cluster?.bus;
  const several = settings?.nodes === nodes.count;
  const shards = [...shardNames("bus-access"), platformAccessMap];
  buildProcess(chart, name, {
    name: "bus",
    component: "bus",
    image: environment.spec.images.bus,
    resources: { cpu: settings?.cpu ?? "500m", memory: settings?.memory ?? "256Mi" },
    state: "256Mi",
    ports: [mqtt],
    usesBus: false,
    readsCluster: cluster === undefined ? "nothing" : "config-maps",
    env: [
      ["SLIPWAY_PORT_MQTT", String(mqtt.port)],
      ["SLIPWAY_BUS_ACCESS_DIR", "/etc/slipway/access"],
      ...(several ? [["SLIPWAY_BUS_NODES", addresses(name).join(",")] as const] : []),
    ],
    files: [{ volume: configMapsVolume("access", shards), mountPath: "/etc/slipway/access" }],
    podAnnotations: {},
    ...(several ? { nodes } : {}),
  });
  const peers = { podSelector: { matchLabels: { ...componentLabel("bus") } } };
  const toPeers = { to: [peers], ports: [port(route.port)] };
  networkPolicy(chart, "bus-network", {
    name: "bus",
    namespace: platformNamespace(name),
    labels: { ...commonLabels("bus"), ...componentLabel("bus"), ...environmentLabel(name) },
    selector: componentLabel("bus"),
    ingress: [
      {
        from: [
          {
            namespaceSelector: { matchLabels: { ...environmentLabel(name) } },
            podSelector: { matchLabels: { ...componentLabel("executor") } },
          },
          {
            podSelector: {
              matchExpressions: [
                {
                  key: "app.kubernetes.io/component",
                  operator: "In",
                  values: ["console", "feed", "gateway", "operator"],
                },
              ],
            },
          },
        ],
        ports: [port(mqtt.port)],
      },
      ...(several ? [{ from: [peers], ports: [port(route.port)] }] : []),
    ],
    // Embedded, it asks nobody.
    ...(cluster === undefined
      ? {}
      : { egress: [...egressToAddresses(cluster.apiServers), egressToDns(), ...(several ? [toPeers] : [])] }),
  });
}

/** What each node is told of all. */
function addresses(environment: string): readonly string[] {
  const service = `${nodes.name}.${platformNamespace(environment)}.svc:${route.port}`;
  return Array.from({ length: nodes.count }, (_, index) => `${nodes.name}-${index}.${service}`);
}
