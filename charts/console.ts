import type { Chart } from "cdk8s";
import type { EnvironmentDocument } from "#core/environment.ts";
import { consolePort } from "#core/identity.ts";
import { ingressFromApiServers } from "./network.ts";
import { buildProcess, busClientPolicy } from "./platform-process.ts";
import type { ContainerPort } from "./pod.ts";

const telemetry: ContainerPort = { name: consolePort, port: 8083 };

/** Adds what hears the bus of a cluster for people. `slipway up` hears it itself. */
export function buildConsole(chart: Chart, { metadata: { name }, spec }: EnvironmentDocument): void {
  const { cluster, images } = spec;
  if (cluster === undefined || images.console === undefined) return;
  buildProcess(chart, name, {
    name: "console",
    component: "console",
    image: images.console,
    resources: { cpu: "100m", memory: "192Mi" },
    state: "16Mi",
    ports: [telemetry],
    usesBus: true,
    readsCluster: "nothing",
    env: [["SLIPWAY_PORT_TELEMETRY", String(telemetry.port)]],
    files: [],
    podAnnotations: {},
  });
  // Who may ask it is whom the API server lets through: `get` on services/proxy.
  busClientPolicy(chart, "console", "console", name, [], [ingressFromApiServers(cluster.apiServers, telemetry.port)]);
}
