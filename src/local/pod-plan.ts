import { createHash } from "node:crypto";
import { join } from "node:path";
import { canonicalJson, type JsonValue } from "#core/json.ts";
import { err, ok, type Result } from "#core/result.ts";
import {
  expand,
  type Placed,
  portName,
  portVariable,
  type Resolve,
  rewriteAddresses,
  rewritePaths,
} from "./addresses.ts";
import type { Limits } from "./cgroup.ts";
import type { LocalProgram } from "./cluster.ts";
import type { Launch } from "./launch.ts";
import type { ContainerManifest, PodManifest, ProbeManifest, StatefulSetManifest } from "./manifests.ts";
import type { Probe } from "./probe.ts";
import { parseQuantity } from "./quantity.ts";
import { planVolumes, type VolumeContext, type VolumePlan } from "./volumes.ts";

export interface ContainerPlan {
  readonly name: string;
  readonly launch: Launch;
  readonly limits: Limits;
  readonly startup: Probe | undefined;
  readonly liveness: Probe | undefined;
  readonly readiness: Probe | undefined;
}

/** A pod with everything resolved for this machine. An equal digest means that it need not restart. */
export interface PodPlan {
  readonly namespace: string;
  readonly statefulSet: string;
  readonly pod: string;
  readonly digest: string;
  readonly graceSeconds: number;
  readonly directory: string;
  /** A short path, for sockets. */
  readonly runtimeDirectory: string;
  readonly volumes: readonly VolumePlan[];
  readonly containers: readonly ContainerPlan[];
}

export interface PodContext extends VolumeContext {
  readonly podsDirectory: string;
  readonly images: ReadonlyMap<string, LocalProgram>;
  readonly resolve: Resolve;
  readonly hostPort: (namespace: string, statefulSet: string, port: string) => number | undefined;
  /** Variables that this machine adds for a pod, for example where the bus finds its passwords; paths in it may be read. */
  readonly extra: (namespace: string, statefulSet: string) => Readonly<Record<string, string>>;
  readonly canIsolateNetwork: boolean;
  readonly lowPriority: boolean;
}

/** Linux keeps 108 bytes for a socket's path with its end (unix(7)); macOS 104. */
const socketPathBytesMax = process.platform === "darwin" ? 103 : 107;
const processesMax = 256;
/** Hooks are not run here: what a pod with one has beyond this is the time that its hook may take. */
const hookedGraceSecondsMax = 10;

/** Turns a StatefulSet into what this machine runs, or a sentence why it cannot. Decides only: nothing is written. */
export function planPod(placed: Placed<StatefulSetManifest>, context: PodContext): Result<PodPlan, string> {
  const { namespace, manifest } = placed;
  const name = manifest.metadata.name;
  const { template } = manifest.spec;
  const pod = `${name}-0`;
  const directory = join(context.podsDirectory, namespace, pod);
  const runtimeDirectory = join(
    context.runtimeDirectory,
    createHash("sha256").update(`${namespace}/${pod}`).digest("hex").slice(0, 8),
  );
  const account = template.spec.serviceAccountName ?? "default";
  const volumes = planVolumes(
    template.spec.volumes ?? [],
    { namespace, account, directory, runtimeDirectory },
    context,
  );
  if (!volumes.ok) return volumes;
  const identity = { namespace, name, pod, account, directory };
  const containers: ContainerPlan[] = [];
  for (const [index, container] of template.spec.containers.entries()) {
    const plan = planContainer(container, index, identity, manifest, volumes.value, context);
    if (!plan.ok) return err(`container ${container.name} of ${namespace}/${pod}: ${plan.error}`);
    containers.push(plan.value);
  }
  const started = containers.map(({ launch }) => ({ argv: launch.argv, env: launch.env }));
  const digest = createHash("sha256")
    .update(canonicalJson({ template, started } as unknown as JsonValue))
    .digest("hex");
  const seconds = template.spec.terminationGracePeriodSeconds ?? 30;
  const hooked = template.spec.containers.some(({ lifecycle }) => lifecycle !== undefined);
  const graceSeconds = hooked ? Math.min(seconds, hookedGraceSecondsMax) : seconds;
  return ok({
    namespace,
    statefulSet: name,
    pod,
    digest,
    graceSeconds,
    directory,
    runtimeDirectory,
    volumes: volumes.value,
    containers,
  });
}

interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly pod: string;
  readonly account: string;
  readonly directory: string;
}

function planContainer(
  container: ContainerManifest,
  index: number,
  pod: PodIdentity,
  owner: StatefulSetManifest,
  volumes: readonly VolumePlan[],
  context: PodContext,
): Result<ContainerPlan, string> {
  const repository = container.image.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  const program = context.images.get(repository);
  if (program === undefined)
    return err(
      `this machine has no program for the image ${repository}; it knows ${[...context.images.keys()].sort().join(", ")}`,
    );
  const mounts = planMounts(container, volumes);
  if (!mounts.ok) return mounts;
  const env = planEnv(container, pod, owner, program, mounts.value, context);
  if (!env.ok) return env;
  const limits = planLimits(container);
  if (!limits.ok) return limits;
  const args: string[] = [];
  for (const arg of container.args ?? []) {
    const rewritten = rewriteAddresses(expand(arg, env.value), context.resolve);
    if (!rewritten.ok) return rewritten;
    args.push(rewritePaths(rewritten.value, mounts.value));
  }
  const writable = [join(pod.directory, "home"), join(pod.directory, "tmp")];
  const readable = [...(program.readable ?? []), ...writable, ...Object.values(context.extra(pod.namespace, pod.name))];
  for (const mount of container.volumeMounts ?? []) {
    const volume = volumes.find(({ name }) => name === mount.name);
    if (volume === undefined) continue;
    readable.push(volume.host);
    if (volume.kind !== "files" && mount.readOnly !== true) writable.push(volume.host);
  }
  const launch: Launch = {
    argv: [...program.argv, ...args],
    env: env.value,
    cwd: pod.directory,
    memoryBytes: limits.value.memoryBytes,
    permission: program.sandbox === "node-permission" ? { read: [...new Set(readable)], write: writable } : undefined,
    networkless: context.canIsolateNetwork && needsNoNetwork(container, index, volumes),
    lowPriority: context.lowPriority,
  };
  const probe = (one: ProbeManifest | undefined): Result<Probe | undefined, string> =>
    planProbe(one, container, pod, context);
  const [startup, liveness, readiness] = [
    probe(container.startupProbe),
    probe(container.livenessProbe),
    probe(container.readinessProbe),
  ];
  if (!startup.ok) return startup;
  if (!liveness.ok) return liveness;
  if (!readiness.ok) return readiness;
  return ok({
    name: container.name,
    launch,
    limits: limits.value,
    startup: startup.value,
    liveness: liveness.value,
    readiness: readiness.value,
  });
}

function planMounts(
  container: ContainerManifest,
  volumes: readonly VolumePlan[],
): Result<ReadonlyMap<string, string>, string> {
  const mounts = new Map<string, string>();
  for (const { name, mountPath, subPath } of container.volumeMounts ?? []) {
    const volume = volumes.find((one) => one.name === name);
    if (volume === undefined) return err(`it mounts the volume ${name}, which the pod does not have`);
    mounts.set(mountPath.replace(/(?<=.)\/+$/, ""), subPath === undefined ? volume.host : join(volume.host, subPath));
  }
  return ok(mounts);
}

function planEnv(
  container: ContainerManifest,
  pod: PodIdentity,
  owner: StatefulSetManifest,
  program: LocalProgram,
  mounts: ReadonlyMap<string, string>,
  context: PodContext,
): Result<Readonly<Record<string, string>>, string> {
  const env: Record<string, string> = {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    HOME: join(pod.directory, "home"),
    TMPDIR: mounts.get("/tmp") ?? join(pod.directory, "tmp"),
    ...program.env,
  };
  const raw: Record<string, string> = {};
  for (const { name, value, valueFrom } of container.env ?? []) {
    const field = valueFrom === undefined ? ok(value ?? "") : fieldValue(valueFrom.fieldRef.fieldPath, pod, owner);
    if (!field.ok) return field;
    const text = expand(field.value, raw);
    raw[name] = text;
    const rewritten = rewriteAddresses(text, context.resolve);
    if (!rewritten.ok) return rewritten;
    const final = rewritePaths(rewritten.value, mounts);
    const tooLong =
      final !== text &&
      /\.sock$/.test(final) &&
      Buffer.byteLength(final.replace(/^unix:\/\//, "")) > socketPathBytesMax;
    if (tooLong)
      return err(`the socket's path ${final} is longer than ${socketPathBytesMax} bytes; start with a shorter TMPDIR`);
    env[name] = final;
  }
  for (const port of container.ports ?? []) {
    const host = context.hostPort(pod.namespace, pod.name, portName(port));
    if (port.name !== undefined && host !== undefined) env[portVariable(port.name)] = String(host);
  }
  return ok({ ...env, ...context.extra(pod.namespace, pod.name) });
}

function fieldValue(path: string, pod: PodIdentity, owner: StatefulSetManifest): Result<string, string> {
  const metadata = owner.spec.template.metadata;
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed?.[2] !== undefined)
    return ok((keyed[1] === "labels" ? metadata?.labels : metadata?.annotations)?.[keyed[2]] ?? "");
  const fields: Readonly<Record<string, string>> = {
    "metadata.name": pod.pod,
    "metadata.namespace": pod.namespace,
    "metadata.uid": createHash("sha256").update(`${pod.namespace}/${pod.pod}`).digest("hex").slice(0, 32),
    "spec.nodeName": "local",
    "spec.serviceAccountName": pod.account,
    "status.hostIP": "127.0.0.1",
    "status.podIP": "127.0.0.1",
  };
  const value = fields[path];
  return value === undefined ? err(`the field ${path} is not known to the embedded cluster`) : ok(value);
}

function planLimits(container: ContainerManifest): Result<Limits, string> {
  const found: { memory?: number; cpu?: number } = {};
  for (const resource of ["memory", "cpu"] as const) {
    const text = container.resources?.limits?.[resource];
    if (text === undefined) continue;
    const value = parseQuantity(String(text));
    if (value === undefined || value <= 0)
      return err(`its ${resource} limit ${text} is no quantity, for example 128Mi or 100m`);
    found[resource] = value;
  }
  return ok({
    ...(found.memory === undefined ? {} : { memoryBytes: Math.floor(found.memory) }),
    ...(found.cpu === undefined ? {} : { cpuMillicores: Math.round(found.cpu * 1000) }),
    processes: processesMax,
  });
}

function planProbe(
  probe: ProbeManifest | undefined,
  container: ContainerManifest,
  pod: PodIdentity,
  context: PodContext,
): Result<Probe | undefined, string> {
  if (probe === undefined) return ok(undefined);
  const wanted = (probe.httpGet ?? probe.tcpSocket)?.port;
  const port = container.ports?.find((one) => one.name === wanted || one.containerPort === wanted);
  const host = port === undefined ? undefined : context.hostPort(pod.namespace, pod.name, portName(port));
  if (host === undefined) return err(`a probe asks the port ${wanted}, which the container does not name`);
  return ok({
    kind: probe.httpGet === undefined ? "tcp" : "http",
    path: probe.httpGet?.path ?? "/",
    port: host,
    initialDelaySeconds: probe.initialDelaySeconds ?? 0,
    periodSeconds: probe.periodSeconds ?? 10,
    timeoutSeconds: probe.timeoutSeconds ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
    successThreshold: probe.successThreshold ?? 1,
  });
}

/** A container beside the pod's first that has neither a token nor an address to call has no use for a network. */
function needsNoNetwork(container: ContainerManifest, index: number, volumes: readonly VolumePlan[]): boolean {
  if (index === 0) return false;
  const mounted = (container.volumeMounts ?? []).some(({ name }) =>
    volumes.some((volume) => volume.name === name && volume.secret),
  );
  const calls = (container.env ?? []).some(
    ({ value }) => value !== undefined && /^(?!unix:|file:)[a-z][a-z0-9+.-]*:\/\//.test(value),
  );
  return !mounted && !calls;
}

export type { PodManifest };
