import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { EnvironmentName } from "#core/identity.ts";
import type { ApplicationStatus } from "#core/status.ts";
import { openRepository } from "#git/open.ts";
import type { CommitSha, RefName, Repository, TreePath, TreeSha } from "#git/port.ts";
import { createLocalCluster, type LocalCluster, type LocalClusterOptions, type LocalProgram } from "#local/cluster.ts";

export const node = process.execPath;
const programs = fileURLToPath(new URL("programs/", import.meta.url));
export const secondMs = 100;

export function program(name: string, extra: Partial<LocalProgram> = {}): LocalProgram {
  return { argv: [node, join(programs, name)], readable: [programs], ...extra };
}

export const images: ReadonlyMap<string, LocalProgram> = new Map([
  ["test/server", program("server.mjs")],
  ["test/confined", program("server.mjs", { sandbox: "node-permission" })],
  ["test/caller", program("caller.mjs")],
  ["test/hog", program("hog.mjs")],
  ["test/helper", program("helper.mjs")],
  ["test/main", program("main.mjs")],
  ["test/shell", { argv: ["/bin/sh", "-c"] }],
]);

export type Json = { readonly [key: string]: unknown };

export interface PodOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly replicas?: number;
  readonly containers: readonly Json[];
  readonly volumes?: readonly Json[];
  readonly graceSeconds?: number;
  readonly annotations?: Json;
}

export function statefulSet(options: PodOptions): Json {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: options.name, namespace: options.namespace ?? "team-paper" },
    spec: {
      replicas: options.replicas ?? 1,
      template: {
        metadata: { labels: { app: options.name }, annotations: options.annotations ?? {} },
        spec: {
          serviceAccountName: options.name,
          // What ends by itself has ten seconds of this machine for it, however busy that is.
          terminationGracePeriodSeconds: options.graceSeconds ?? 100,
          containers: options.containers,
          volumes: options.volumes ?? [],
        },
      },
    },
  };
}

export function probes(startupFailures = 100): Json {
  const get = (path: string) => ({ httpGet: { path, port: "probe" }, periodSeconds: 1, timeoutSeconds: 100 });
  return {
    startupProbe: { ...get("/startup"), failureThreshold: startupFailures },
    readinessProbe: { ...get("/ready"), failureThreshold: 1 },
    livenessProbe: { ...get("/live"), failureThreshold: 2 },
  };
}

export function server(env: Json = {}, extra: Json = {}): Json {
  return {
    name: "main",
    image: "test/server@sha256:0",
    env: Object.entries({ STATE: "/state", CONFIG: "/config", ...env }).map(([name, value]) => ({ name, value })),
    ports: [{ name: "probe", containerPort: 8081 }],
    volumeMounts: [
      { name: "state", mountPath: "/state" },
      { name: "config", mountPath: "/config" },
    ],
    ...probes(),
    ...extra,
  };
}

export const serverVolumes = (configMap = "settings"): readonly Json[] => [
  { name: "state", persistentVolumeClaim: { claimName: "state" } },
  { name: "config", configMap: { name: configMap } },
];

export function configMap(name: string, data: Json): Json {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "team-paper" }, data };
}

/** A strategy's folder and Application: path → object, or text as it is. */
export function strategy(
  name: string,
  objects: readonly (Json | string)[],
  folder = `strategies/team/${name}`,
): ReadonlyMap<string, Json | string> {
  const files = new Map<string, Json | string>();
  files.set(`apps/application-paper-${name}.yaml`, {
    kind: "Application",
    metadata: { name: `paper-${name}` },
    spec: { source: { path: folder }, destination: { namespace: "team-paper" } },
  });
  for (const [index, object] of objects.entries()) files.set(`${folder}/object-${index}.yaml`, object);
  return files;
}

export interface Bench {
  readonly directory: string;
  readonly state: string;
  readonly repository: Repository;
  readonly cluster: LocalCluster;
  readonly logs: string[];
  commit(...parts: readonly ReadonlyMap<string, Json | string>[]): Promise<CommitSha>;
  application(name: string): ApplicationStatus | undefined;
  log(pod: string, container?: string): string;
  close(): Promise<void>;
}

export async function commitTo(
  repository: Repository,
  parts: readonly ReadonlyMap<string, Json | string>[],
): Promise<CommitSha> {
  const files = new Map<TreePath, string>();
  for (const part of parts) {
    for (const [path, content] of part)
      files.set(path as TreePath, typeof content === "string" ? content : JSON.stringify(content, null, 2));
  }
  const ref = "refs/heads/env/paper" as RefName;
  const before = await repository.resolve(ref);
  const tree: TreeSha = await repository.writeTree(null, files);
  const who = { name: "Test", email: "test@example.com", timeSeconds: 1_700_000_000 };
  const parents = before === undefined ? [] : [before];
  const sha = await repository.writeCommit({ tree, parents, author: who, committer: who, message: "test" });
  const moved = await repository.updateRef(ref, sha, before ?? null);
  if (!moved.ok) throw new Error("the branch moved under the test");
  return sha;
}

export async function openBench(options: Partial<LocalClusterOptions> = {}): Promise<Bench> {
  const directory = mkdtempSync(join(tmpdir(), "local-"));
  const git = join(directory, "repo.git");
  execFileSync("git", ["init", "-q", "--bare", git]);
  const repository = await openRepository(git);
  const state = join(directory, "state");
  const logs: string[] = [];
  const cluster = createLocalCluster({
    repository,
    environment: "paper" as EnvironmentName,
    directory: state,
    images,
    log: (line) => void logs.push(`${line.level} ${line.message} ${JSON.stringify(line.fields ?? {})}`),
    clock: Date.now,
    secondMs,
    ...options,
  });
  return {
    directory,
    state,
    repository,
    cluster,
    logs,
    commit: (...parts) => commitTo(repository, parts),
    application: (name) => cluster.status().applications.find(({ application }) => application === `paper-${name}`),
    log: (pod, container = "main") => {
      const path = cluster.logFile("team-paper", pod, container);
      return existsSync(path) ? readFileSync(path, "utf8") : "";
    },
    close: async () => {
      await cluster.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Polls until the condition holds; fails with what was last seen. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  seen: () => unknown = () => "",
  deadlineMs = 60_000,
): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not in time: ${what}; last seen ${JSON.stringify(seen(), null, 1)}`);
    await delay(20);
  }
}

export async function health(bench: Bench, name: string, wanted: string): Promise<void> {
  const now = () => bench.application(name);
  await until(
    `${name} is ${wanted}`,
    () => now()?.health === wanted,
    () => [now(), bench.logs, bench.log(`${name}-0`)],
  );
}

/** Processes of containers whose environment names this folder (a zombie has none). */
export function processesOf(directory: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        // A `git` that the repository just started is not a container's.
        if (readFileSync(`/proc/${name}/comm`, "utf8").trim() === "git") return false;
        return readFileSync(`/proc/${name}/environ`, "utf8").includes(directory);
      } catch {
        return false;
      }
    })
    .map(Number);
}
