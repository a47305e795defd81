import { createHash } from "node:crypto";
import type { Chart } from "cdk8s";
import type { Container, Volume, VolumeMount } from "cdk8s-plus-28/lib/imports/k8s.js";
import type { AlgorithmBundle } from "#core/bundle.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentDocument, EnvironmentPart } from "#core/environment.ts";
import { teamNamespace } from "#core/identity.ts";
import { canonicalJson, type JsonObject } from "#core/json.ts";
import { assert } from "#core/result.ts";
import { application, teamProject } from "./argo.ts";
import { componentLabel, type Labels, priorityClassOf, strategyLabels, strategySelector } from "./labels.ts";
import { egressToBus, egressToDns, egressToRpc, networkPolicy } from "./network.ts";
import {
  busEnv,
  busTokenMount,
  busTokenVolume,
  type ContainerPort,
  type ContainerProps,
  claimVolume,
  configMapVolume,
  container,
  httpProbe,
  identityEnv,
  podSpec,
  probe,
  processProbes,
  scratchVolume,
  stateAndProbeEnv,
  stateMount,
} from "./pod.ts";
import { executorOverhead } from "./resources.ts";
import { limitTexts } from "./shards.ts";
import { claim, configMap, service, serviceAccount, statefulSet } from "./workload.ts";

/** What of its environment a strategy's objects are made of. What it is held to is not: another bound is no other strategy. */
export type StrategyEnvironment = EnvironmentPart<"cluster" | "defaults" | "images" | "isolation" | "runtimes">;

/** That part, and nothing else. */
export function strategyEnvironment({ metadata, spec }: EnvironmentDocument): StrategyEnvironment {
  const { cluster, defaults, images, isolation, runtimes } = spec;
  const optional = { ...(cluster === undefined ? {} : { cluster }), ...(isolation === undefined ? {} : { isolation }) };
  return { metadata, spec: { defaults, images, runtimes, ...optional } };
}

/** Everything a strategy's objects are made of. */
export interface StrategyProps {
  readonly effective: EffectiveStrategy;
  readonly bundle: AlgorithmBundle;
  readonly environment: StrategyEnvironment;
  readonly repoUrl: string;
}

/**
 * Four quarters of a fleet, each of which has a minute to come back (`src/gateway/turns.ts`). Also how long an executor that hangs at this very moment
 * keeps its successor waiting.
 */
const leaveSecondsMax = 240;
const socketPath = "/run/slipway/algorithm.sock";
const health: ContainerPort = { name: "health", port: 8082 };
const specMount: VolumeMount = { name: "spec", mountPath: "/etc/slipway/spec", readOnly: true };
const algorithmMount: VolumeMount = { name: "algorithm", mountPath: "/opt/algorithm", readOnly: true };
/** Where the executor finds an algorithm of this repository. */
export const localAlgorithms = {
  module: `module:${algorithmMount.mountPath}/algorithm.mjs`,
  zip: `unix://${socketPath}`,
} as const;
const runMount: VolumeMount = { name: "run", mountPath: "/run/slipway" };
const tmpMount: VolumeMount = { name: "tmp", mountPath: "/tmp" };

/** Adds the objects of design section 5 to the chart: one namespace, and the Argo CD Application that syncs them. */
export function buildStrategy(chart: Chart, props: StrategyProps): void {
  const { team, name, environment } = props.effective;
  const selector = strategySelector(team, name, environment);
  const identity = {
    name,
    namespace: teamNamespace(team, environment),
    labels: { ...strategyLabels(team, name, environment), ...componentLabel("executor") },
  };
  const spec = { ...specData(props.effective), ...mapData(props.bundle) };
  serviceAccount(chart, "service-account", identity);
  claim(chart, "state", {
    ...{ ...identity, size: props.effective.resources.state },
    // Whose end was said before, and judged, ends without a question.
    asksBeforeDeletion: props.effective.retire === undefined,
  });
  configMap(chart, "spec", { ...identity, name: `${name}-spec`, data: spec });
  buildBundle(chart, identity, props);
  service(chart, "service", { ...identity, selector, ports: [probe], headless: true });
  buildNetworkPolicy(chart, identity, props.effective);
  statefulSet(chart, "executor", {
    ...identity,
    selector,
    running: props.effective.running,
    podAnnotations: { "slipway.dev/spec-digest": restartDigest(props.effective) },
    pod: podSpec({
      serviceAccount: name,
      priorityClass: priorityClassOf(environment),
      spreadOver: { "slipway.dev/team": team },
      graceSeconds: leaveSecondsMax,
      containers: containers(props),
      volumes: volumes(props),
    }),
  });
  application(chart, "application", {
    name: `${environment}-${team}-${name}`,
    labels: strategyLabels(team, name, environment),
    project: teamProject(environment, team),
    repoUrl: props.repoUrl,
    environment,
    path: strategyFolder(team, name),
    namespace: identity.namespace,
    wave: 2,
    cascades: true,
  });
}

export function strategyFolder(team: string, name: string): string {
  return `strategies/${team}/${name}`;
}

interface Identity {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
}

/** `<name>-algorithm-<first 10 hex digits of the bundle's SHA-256>`: other code is another object, so an old pod never sees new code. */
function bundleName(name: string, bundle: { readonly sha256: string }): string {
  assert(/^[0-9a-f]{64}$/.test(bundle.sha256), `the bundle's digest is not SHA-256 in hex: ${bundle.sha256}`);
  return `${name}-algorithm-${bundle.sha256.slice(0, 10)}`;
}

function buildBundle(chart: Chart, identity: Identity, { bundle }: StrategyProps): void {
  if (bundle.kind === "none") return;
  const content =
    bundle.kind === "module"
      ? { data: { "algorithm.mjs": bundle.text } }
      : { binaryData: { "algorithm.zip": bundle.base64 } };
  const name = bundleName(identity.name, bundle);
  configMap(chart, "algorithm", { ...identity, name, ...content, immutable: true });
}

/** Nobody reaches the pod but the kubelet; it reaches the bus, the resolver, and its one RPC address. */
function buildNetworkPolicy(chart: Chart, identity: Identity, effective: EffectiveStrategy): void {
  const rpc = effective.algorithm.kind === "rpc" ? egressToRpc(effective.algorithm.rpc) : undefined;
  networkPolicy(chart, "network", {
    ...identity,
    selector: strategySelector(effective.team, effective.name, effective.environment),
    egress: [egressToBus(effective.environment), egressToDns(), ...(rpc === undefined ? [] : [rpc])],
  });
}

/** `spec.json`, and each field that a bound or a rule may ask for as a text of its own: admission reads no JSON. */
function specData(effective: EffectiveStrategy): { readonly [key: string]: string } {
  const { algorithm, portfolio, resources } = effective;
  return {
    "spec.json": canonicalJson(specJson(effective)),
    ...limitTexts(effective.limits),
    ...prefixed("algorithm", algorithm.kind === "rpc" ? { rpc: algorithm.rpc } : entryOf(algorithm)),
    ...prefixed("portfolio.sizing", { ...portfolio.sizing }),
    ...prefixed("portfolio.guard", { ...portfolio.guard }),
    "portfolio.startingCash": portfolio.startingCash,
    ...prefixed("resources", { ...resources }),
    channels: effective.channels.join(","),
    onError: effective.errorPolicy,
    owner: effective.owner,
    publishes: effective.publishes.join(","),
    running: String(effective.running),
  };
}

function entryOf({ entry, runtime }: { readonly entry: string; readonly runtime: string }) {
  return { entry, runtime };
}

function prefixed(prefix: string, values: { readonly [key: string]: string }): { readonly [key: string]: string } {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [`${prefix}.${key}`, value]));
}

/**
 * The module's source map, which the executor reads when an algorithm throws. Not beside the module: that object never changes, and a comment
 * more, which moves lines only, would be another one and a restart.
 */
function mapData(bundle: AlgorithmBundle): { readonly [key: string]: string } {
  return bundle.kind === "module" && bundle.map !== undefined ? { "algorithm.mjs.map": bundle.map } : {};
}

/** Of what the executor reads at its start: a change of it means a restart. A new owner does not. */
function restartDigest(effective: EffectiveStrategy): string {
  const { owner: _owner, ...spec } = specJson(effective);
  return createHash("sha256").update(canonicalJson(spec)).digest("hex").slice(0, 16);
}

/** The effective strategy without what only Kubernetes and the gateway act on. */
function specJson(effective: EffectiveStrategy): JsonObject {
  const { resources: _resources, running: _running, retire: _retire, ...spec } = effective;
  const { startingCash, sizing, guard } = spec.portfolio;
  return {
    ...spec,
    algorithm: { ...spec.algorithm },
    limits: { ...spec.limits },
    portfolio: { startingCash, sizing: { ...sizing }, ...(guard === undefined ? {} : { guard: { ...guard } }) },
  };
}

/**
 * The executor, and for Python the algorithm beside it, without bus and token. The spec's limits are the algorithm's: in TypeScript it runs
 * inside the executor, which gets them; in Python its own container does, and the executor gets the environment's defaults on top.
 */
function containers(props: StrategyProps): readonly Container[] {
  const { effective, bundle, environment } = props;
  const beside = bundle.kind === "zip";
  const executor = container({
    name: "executor",
    image: environment.spec.images.executor,
    env: [
      ["SLIPWAY_STRATEGY", `${effective.team}/${effective.name}`],
      ...identityEnv({
        environment: effective.environment,
        namespace: teamNamespace(effective.team, effective.environment),
        serviceAccount: effective.name,
      }),
      ["SLIPWAY_SPEC_DIR", specMount.mountPath],
      ["SLIPWAY_ALGORITHM", algorithmAddress(props)],
      ...busEnv(effective.environment),
      ...stateAndProbeEnv(),
    ],
    ports: [probe],
    resources: beside ? executorOverhead(environment) : effective.resources,
    mounts: [
      specMount,
      ...(bundle.kind === "module" ? [algorithmMount] : []),
      busTokenMount,
      stateMount,
      runMount,
      tmpMount,
    ],
    probes: processProbes(),
    leavesInTurn: true,
    ...seccompOf(environment, "typescript"),
  });
  return beside ? [executor, algorithmContainer(props)] : [executor];
}

function algorithmContainer({ effective, environment }: StrategyProps): Container {
  const { algorithm } = effective;
  assert(algorithm.kind === "entry", "only an algorithm of the repository has a bundle");
  const runtime = environment.spec.runtimes[algorithm.runtime];
  assert(runtime !== undefined, `runtime ${algorithm.runtime} is not one of the environment's`);
  return container({
    name: "algorithm",
    image: runtime.image,
    env: [
      ["SLIPWAY_ALGORITHM_BUNDLE", `${algorithmMount.mountPath}/algorithm.zip`],
      ["SLIPWAY_ALGORITHM_ENTRY", algorithm.entry],
      ["SLIPWAY_RPC_SOCKET", socketPath],
      ["SLIPWAY_PORT_HEALTH", String(health.port)],
    ],
    ports: [health],
    resources: effective.resources,
    mounts: [algorithmMount, runMount, { name: "algorithm-tmp", mountPath: "/tmp" }],
    // The executor's own probes wait for the algorithm; here only a process that hangs is to be found.
    probes: {
      startupProbe: httpProbe("/live", health.name, { periodSeconds: 1, failureThreshold: 30, timeoutSeconds: 1 }),
      livenessProbe: httpProbe("/live", health.name, { periodSeconds: 5, failureThreshold: 3 }),
    },
    leavesInTurn: true,
    ...seccompOf(environment, runtime.language),
  });
}

/** The profiles of images/seccomp, where docs/operations.md has them put on the nodes. */
export const seccompFiles = { typescript: "slipway/node.json", python: "slipway/python.json" } as const;

function seccompOf(
  { spec }: StrategyEnvironment,
  language: keyof typeof seccompFiles,
): Pick<ContainerProps, "seccompFile"> {
  return spec.isolation?.seccomp === "Localhost" ? { seccompFile: seccompFiles[language] } : {};
}

function algorithmAddress({ effective, bundle }: StrategyProps): string {
  if (effective.algorithm.kind === "rpc") return effective.algorithm.rpc;
  assert(bundle.kind !== "none", `${effective.team}/${effective.name} has an entry and no bundle`);
  return localAlgorithms[bundle.kind];
}

function volumes({ effective, bundle }: StrategyProps): readonly Volume[] {
  const own = bundle.kind === "none" ? [] : [configMapVolume("algorithm", bundleName(effective.name, bundle))];
  return [
    configMapVolume("spec", `${effective.name}-spec`),
    ...own,
    busTokenVolume(),
    claimVolume("state", effective.name),
    scratchVolume("run", "1Mi"),
    scratchVolume("tmp", "16Mi"),
    ...(bundle.kind === "zip" ? [scratchVolume("algorithm-tmp", "16Mi")] : []),
  ];
}
