import { createHash } from "node:crypto";
import type { Chart } from "cdk8s";
import { KubeNamespace, KubePriorityClass } from "cdk8s-plus-28/lib/imports/k8s.js";
import { operatorAccount } from "#core/access.ts";
import type { BoundTable } from "#core/bound-table.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import type { Halt } from "#core/halt.ts";
import { platformNamespace } from "#core/identity.ts";
import { canonicalJson } from "#core/json.ts";
import type { Operators } from "#core/operators.ts";
import type { StrategyName } from "#core/policies.ts";
import { boundsMap, platformAccessMap, shardNames, standingMap } from "#core/shards.ts";
import {
  application,
  appProject,
  argoNamespace,
  confirmedDeletion,
  rootClusterKinds,
  rootNamespacedKinds,
  rootProject,
} from "./argo.ts";
import { buildBus } from "./bus.ts";
import { buildConsole } from "./console.ts";
import {
  commonLabels,
  componentLabel,
  environmentLabel,
  type Labels,
  metadata,
  priorityClassOf,
  vitalPriorityClassOf,
} from "./labels.ts";
import { egressToAddresses, egressToExchanges, networkPolicy } from "./network.ts";
import { buildProcess, busClientPolicy } from "./platform-process.ts";
import { configMapsVolume, configMapVolume, probe, secretVolume } from "./pod.ts";
import { buildServer } from "./server.ts";
import { accessShards, limitBounds, limitShards, platformAccess, type SharedFacts, standing } from "./shards.ts";
import { podSecurityLabels } from "./team.ts";
import { configMap, serviceAccount } from "./workload.ts";

export interface PlatformProps {
  readonly environment: EnvironmentDocument;
  readonly bounds: BoundTable;
  /** All of the environment, stopped ones too: the gateway must know their limits to close what they hold. */
  readonly strategies: readonly SharedFacts[];
  /** Those of them that today's policies refuse. */
  readonly held: readonly StrategyName[];
  readonly halts: readonly Halt[];
  /** Who may stop strategies; undefined: the account `operator`, all. */
  readonly operators: readonly Operators[] | undefined;
  readonly repoUrl: string;
}

/** Adds what every team shares: bus, gateway, feeds, what they may and must, and the root that syncs it all. */
export function buildPlatform(chart: Chart, props: PlatformProps): void {
  const environment = props.environment.metadata.name;
  const namespace = platformNamespace(environment);
  const labels = { ...commonLabels("platform"), ...environmentLabel(environment) };
  new KubeNamespace(chart, "namespace", {
    metadata: metadata(namespace, undefined, { ...labels, ...podSecurityLabels() }, confirmedDeletion),
  });
  priorityClass(chart, "priority", labels, priorityClassOf(environment), 100_000, `Pods of Slipway in ${environment}`);
  const vital = `What every strategy in ${environment} needs: bus, feeds and gateway`;
  priorityClass(chart, "vital-priority", labels, vitalPriorityClassOf(environment), 200_000, vital);
  networkPolicy(chart, "default-deny", { name: "default-deny", namespace, labels, selector: {} });
  buildShards(chart, namespace, labels, props);
  buildBus(chart, props.environment);
  buildGateway(chart, props);
  buildConsole(chart, props.environment);
  buildServer(chart, props.environment);
  for (const feed of Object.keys(props.environment.spec.feeds).sort()) buildFeed(chart, props, feed);
  buildRoot(chart, labels, props);
}

/** @param value that of an object that is there can never be changed */
function priorityClass(
  chart: Chart,
  id: string,
  labels: Labels,
  name: string,
  value: number,
  description: string,
): void {
  const preemptionPolicy = "PreemptLowerPriority";
  new KubePriorityClass(chart, id, {
    metadata: metadata(name, undefined, labels),
    description,
    preemptionPolicy,
    value,
  });
}

/** One ConfigMap a shard, so that one strategy's change is one small object's. An empty shard is no object. */
function buildShards(
  chart: Chart,
  namespace: string,
  labels: Labels,
  { environment, bounds, strategies, held, halts, operators }: PlatformProps,
): void {
  const shared = { namespace, labels };
  for (const [name, data] of [...accessShards(strategies), ...limitShards(strategies)]) {
    configMap(chart, name, { name, ...shared, data });
  }
  configMap(chart, platformAccessMap, {
    name: platformAccessMap,
    ...shared,
    data: platformAccess(environment, operators),
  });
  // Clients without a pod: whoever may make a token of such an account may stop strategies, and nothing else.
  for (const group of operators === undefined ? [undefined] : operators.map((own) => own.group)) {
    const name = operatorAccount(group);
    serviceAccount(chart, `${name}-account`, { name, ...shared });
  }
  configMap(chart, boundsMap, { name: boundsMap, ...shared, data: limitBounds(bounds) });
  configMap(chart, standingMap, {
    name: standingMap,
    ...shared,
    data: standing(halts, strategies, held, operators),
  });
  const venues = { "venues.json": venuesJson(environment) };
  configMap(chart, "venues", { name: "venues", ...shared, data: venues });
}

function buildGateway(chart: Chart, { environment }: PlatformProps): void {
  const name = environment.metadata.name;
  const live = liveVenues(environment);
  const { cluster } = environment.spec;
  buildProcess(chart, name, {
    name: "gateway",
    component: "gateway",
    image: environment.spec.images.gateway,
    resources: { cpu: "500m", memory: "256Mi" },
    state: "1Gi",
    ports: [probe],
    usesBus: true,
    readsCluster: cluster === undefined ? "nothing" : "config-maps",
    env: [
      ["SLIPWAY_GATEWAY_LIMITS_DIR", "/etc/slipway/limits"],
      ["SLIPWAY_GATEWAY_BOUNDS_FILE", "/etc/slipway/bounds/bounds.json"],
      ["SLIPWAY_GATEWAY_STANDING_FILE", "/etc/slipway/standing/standing.json"],
      ["SLIPWAY_GATEWAY_VENUES_FILE", "/etc/slipway/venues/venues.json"],
      ...(live.length === 0 ? [] : [["SLIPWAY_GATEWAY_KEYS_DIR", keysFolder] as const]),
    ],
    files: [
      { volume: configMapsVolume("limits", shardNames("gateway-limits")), mountPath: "/etc/slipway/limits" },
      { volume: configMapVolume("bounds", boundsMap), mountPath: "/etc/slipway/bounds" },
      { volume: configMapVolume("standing", standingMap), mountPath: "/etc/slipway/standing" },
      { volume: configMapVolume("venues", "venues"), mountPath: "/etc/slipway/venues" },
      ...live.map(({ venue, secret }) => ({
        volume: secretVolume(`keys-${venue}`, secret),
        mountPath: `${keysFolder}/${venue}`,
      })),
    ],
    // Limits and their bounds are read again when they change; venues only at the start.
    podAnnotations: { "slipway.dev/config-digest": digest(venuesJson(environment)) },
  });
  busClientPolicy(chart, "gateway", "gateway", name, [
    ...(cluster === undefined ? [] : egressToAddresses(cluster.apiServers)),
    ...(live.length === 0 ? [] : [egressToExchanges()]),
  ]);
}

const keysFolder = "/etc/slipway/keys";

/** Venues with real orders, and where an operator puts their keys. */
function liveVenues(environment: EnvironmentDocument): readonly { readonly venue: string; readonly secret: string }[] {
  return Object.entries(environment.spec.venues)
    .flatMap(([venue, settings]) => (settings.kind === "ccxt" ? [{ venue, secret: settings.secret }] : []))
    .sort((a, b) => (a.venue < b.venue ? -1 : 1));
}

function buildFeed(chart: Chart, { environment }: PlatformProps, feed: string): void {
  const environmentName = environment.metadata.name;
  const settings = environment.spec.feeds[feed];
  const name = `feed-${feed}`;
  const text = canonicalJson({ name: feed, ...settings });
  configMap(chart, `${name}-config`, {
    name,
    namespace: platformNamespace(environmentName),
    labels: { ...commonLabels(name), ...componentLabel("feed"), ...environmentLabel(environmentName) },
    data: { "feed.json": text },
  });
  buildProcess(chart, environmentName, {
    name,
    component: "feed",
    image: environment.spec.images.feed,
    resources: { cpu: "250m", memory: "256Mi" },
    state: "64Mi",
    ports: [probe],
    usesBus: true,
    readsCluster: "nothing",
    env: [["SLIPWAY_FEED_FILE", "/etc/slipway/feed/feed.json"]],
    files: [{ volume: configMapVolume("feed", name), mountPath: "/etc/slipway/feed" }],
    podAnnotations: { "slipway.dev/config-digest": digest(text) },
  });
  busClientPolicy(chart, name, "feed", environmentName);
}

function venuesJson(environment: EnvironmentDocument): string {
  const venues = Object.entries(environment.spec.venues).map(([name, settings]) => [name, { ...settings }]);
  return canonicalJson(Object.fromEntries(venues));
}

/** The root follows `apps/`, itself included; an operator applies it once. Applications of other folders than strategies are in its project. */
function buildRoot(chart: Chart, labels: Labels, { environment, repoUrl }: PlatformProps): void {
  const name = environment.metadata.name;
  const shared = { labels, repoUrl };
  const project = rootProject(name);
  appProject(chart, "root-project", {
    ...shared,
    name: project,
    description: `What holds ${name} together: the only project that may touch Applications, namespaces and admission`,
    // The environment's name has no hyphen, so the pattern means the teams of this environment (and its platform) and no others.
    namespaces: [argoNamespace, `*-${name}`],
    clusterKinds: rootClusterKinds,
    namespacedKinds: rootNamespacedKinds,
    staysForApplications: false,
  });
  const follow = { ...shared, project, environment: name };
  application(chart, "root", {
    ...follow,
    name: project,
    path: "apps",
    namespace: argoNamespace,
    wave: 0,
    cascades: false,
  });
  application(chart, "platform", {
    ...follow,
    name: `${name}-platform`,
    path: "platform",
    namespace: platformNamespace(name),
    wave: 0,
    cascades: true,
  });
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
