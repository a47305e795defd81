import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rmdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { signal } from "./processes.ts";

export type Resource = "memory" | "cpu" | "processes";

/** What a container may use. */
export interface Limits {
  readonly memoryBytes?: number;
  readonly cpuMillicores?: number;
  /** Processes and threads together. */
  readonly processes: number;
}

/** The groups of one container. */
export interface Cage {
  /** Files that a process writes its own pid to before it becomes the program. */
  readonly joins: readonly string[];
  /** The processes inside, or `undefined` where no group knows them. */
  pids(): Promise<readonly number[] | undefined>;
  /** How often the kernel killed for want of memory in here. */
  oomKills(): Promise<number>;
  /** Kills what is inside and removes the groups. */
  remove(): Promise<void>;
}

/** One hierarchy that can be written: cgroup v2 carries all controllers, v1 has a tree for each. */
export interface Hierarchy {
  readonly version: 1 | 2;
  readonly resources: readonly Resource[];
  /** Our own folder; its children are the containers'. */
  readonly directory: string;
}

const controllers: Readonly<Record<Resource, string>> = { memory: "memory", cpu: "cpu", processes: "pids" };
const periodUs = 100_000;

/** The settings of a container's group in one hierarchy: file name and text. Swap would only make a leak slow, so it is off. */
export function settings(
  hierarchy: Hierarchy,
  limits: Limits,
): readonly { readonly file: string; readonly text: string; readonly optional?: true }[] {
  const v2 = hierarchy.version === 2;
  const quotaUs =
    limits.cpuMillicores === undefined
      ? undefined
      : Math.max(1000, Math.round((limits.cpuMillicores / 1000) * periodUs));
  const list: { file: string; text: string; optional?: true }[] = [];
  for (const resource of hierarchy.resources) {
    if (resource === "memory" && limits.memoryBytes !== undefined) {
      const bytes = String(limits.memoryBytes);
      list.push({ file: v2 ? "memory.max" : "memory.limit_in_bytes", text: bytes });
      list.push({
        file: v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
        text: v2 ? "0" : bytes,
        optional: true,
      });
      if (v2) list.push({ file: "memory.oom.group", text: "1", optional: true });
    }
    if (resource === "cpu" && quotaUs !== undefined) {
      if (v2) list.push({ file: "cpu.max", text: `${quotaUs} ${periodUs}` });
      else
        list.push(
          { file: "cpu.cfs_period_us", text: String(periodUs) },
          { file: "cpu.cfs_quota_us", text: String(quotaUs) },
        );
    }
    if (resource === "processes") list.push({ file: "pids.max", text: String(limits.processes) });
  }
  return list;
}

export async function makeCage(hierarchies: readonly Hierarchy[], id: string, limits: Limits): Promise<Cage> {
  const directories = hierarchies.map((hierarchy) => join(hierarchy.directory, id));
  for (const [index, hierarchy] of hierarchies.entries()) {
    const directory = directories[index] ?? hierarchy.directory;
    await removeGroup(directory);
    await mkdir(directory, { recursive: true });
    for (const { file, text, optional } of settings(hierarchy, limits)) {
      const written = writeFile(join(directory, file), text);
      await (optional === true ? written.catch(() => undefined) : written);
    }
  }
  const memory = hierarchies.findIndex(({ resources }) => resources.includes("memory"));
  return {
    joins: directories.map((directory) => join(directory, "cgroup.procs")),
    pids: async () => (directories[0] === undefined ? undefined : pidsIn(directories[0])),
    oomKills: async () => {
      const [directory, hierarchy] = [directories[memory], hierarchies[memory]];
      if (directory === undefined || hierarchy === undefined) return 0;
      const text = await readFile(
        join(directory, hierarchy.version === 2 ? "memory.events" : "memory.oom_control"),
        "utf8",
      ).catch(() => "");
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
    },
    remove: async () => {
      for (const directory of directories) await removeGroup(directory);
    },
  };
}

async function pidsIn(directory: string): Promise<readonly number[]> {
  const text = await readFile(join(directory, "cgroup.procs"), "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
}

/** Kills everything in a group, with its children first, and removes it. Bounded: a process that cannot be killed leaves the group behind. */
export async function removeGroup(directory: string): Promise<readonly number[]> {
  const children = await readdir(directory, { withFileTypes: true }).catch(() => undefined);
  if (children === undefined) return [];
  const killed: number[] = [];
  for (const child of children)
    if (child.isDirectory()) killed.push(...(await removeGroup(join(directory, child.name))));
  for (let attempt = 0; attempt < 200; attempt += 1) {
    for (const pid of await pidsIn(directory)) {
      if (pid > 1 && signal(pid, "SIGKILL")) killed.push(pid);
    }
    const removed = await rmdir(directory).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code === "ENOENT",
    );
    if (removed) return killed;
    await delay(10);
  }
  return killed;
}

/** Proves that a group can be joined: permissions alone do not show the rules of v2 for threads, domains and delegation. */
async function canJoin(directory: string): Promise<boolean> {
  const probe = join(directory, "probe");
  try {
    await mkdir(probe);
    await promisify(execFile)("/bin/sh", ["-c", 'echo $$ >"$0"', join(probe, "cgroup.procs")], { env: {} });
    return true;
  } catch {
    return false;
  } finally {
    await removeGroup(probe);
  }
}

async function own(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

/** The path of this process in a hierarchy, from `/proc/self/cgroup`. */
export function ownPath(text: string, controller: string): string {
  for (const line of text.split("\n")) {
    const [, names, ...path] = line.split(":");
    if (names?.split(",").includes(controller) === true) return path.join(":");
  }
  return "/";
}

/** The mount points of cgroup hierarchies: v1 by controller, v2 under `""`. */
export function cgroupMounts(mounts: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of mounts.split("\n")) {
    const [, directory, type, options] = line.split(" ");
    if (directory === undefined) continue;
    if (type === "cgroup2") found.set("", directory);
    if (type === "cgroup") for (const option of options?.split(",") ?? []) found.set(option, directory);
  }
  return found;
}

/**
 * Finds where this process may limit its children: v2 beside its own group (a group with processes cannot have limited children), else v1.
 * A limit that this process stands under is never left: its children then stay below it.
 */
export async function findHierarchies(name: string): Promise<readonly Hierarchy[]> {
  const mounts = cgroupMounts(await own("/proc/self/mounts"));
  const self = await own("/proc/self/cgroup");
  const unified = mounts.get("");
  if (unified !== undefined) {
    const found = await openV2(unified, ownPath(self, ""), name);
    if (found !== undefined) return [found];
  }
  const list: Hierarchy[] = [];
  for (const resource of ["memory", "cpu", "processes"] as const) {
    const mount = mounts.get(controllers[resource]);
    if (mount === undefined) continue;
    const found = await openV1(mount, ownPath(self, controllers[resource]), name, resource);
    if (found === undefined) continue;
    const same = list.findIndex(({ directory }) => directory === found.directory);
    if (same < 0) list.push(found);
    else list[same] = { ...found, resources: [...(list[same]?.resources ?? []), resource] };
  }
  return list;
}

async function openV2(mount: string, path: string, name: string): Promise<Hierarchy | undefined> {
  const base = path === "/" ? mount : join(mount, dirname(path));
  const offered = (await own(join(base, "cgroup.subtree_control"))).split(/\s+/);
  const resources = (["memory", "cpu", "processes"] as const).filter((resource) =>
    offered.includes(controllers[resource]),
  );
  if (resources.length === 0) return undefined;
  const directory = join(base, name);
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(
      join(directory, "cgroup.subtree_control"),
      resources.map((resource) => `+${controllers[resource]}`).join(" "),
    );
    if (await canJoin(directory)) return { version: 2, resources, directory };
  } catch {
    // Not delegated to this user: the caller says so in the status.
  }
  await rmdir(directory).catch(() => undefined);
  return undefined;
}

const limitFiles: Readonly<Record<Resource, { readonly file: string; readonly free: (text: string) => boolean }>> = {
  memory: { file: "memory.limit_in_bytes", free: (text) => Number(text) > 2 ** 60 },
  cpu: { file: "cpu.cfs_quota_us", free: (text) => Number(text) <= 0 },
  processes: { file: "pids.max", free: (text) => text === "max" },
};

async function openV1(mount: string, path: string, name: string, resource: Resource): Promise<Hierarchy | undefined> {
  const { file, free } = limitFiles[resource];
  const at = join(mount, path);
  // In a container the path is the host's and does not exist below the mount: the mount's root is then ours.
  const text = (await stat(at).catch(() => undefined)) === undefined ? "" : (await own(join(at, file))).trim();
  const directory = join(text === "" || free(text) ? mount : at, name);
  try {
    await mkdir(directory, { recursive: true });
    if (await canJoin(directory)) return { version: 1, resources: [resource], directory };
  } catch {
    return undefined; // Read-only, or not ours: the caller says so in the status.
  }
  await rmdir(directory).catch(() => undefined);
  return undefined;
}
