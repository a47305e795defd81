import { execFile } from "node:child_process";
import { access, constants, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  type Cage,
  findHierarchies,
  type Hierarchy,
  type Limits,
  makeCage,
  type Resource,
  removeGroup,
} from "./cgroup.ts";

/** Programs of the system that help to confine another; absolute paths. */
export interface Tools {
  readonly env: string;
  readonly nice: string | undefined;
  readonly setpriv: string | undefined;
  /** What starts a program without any network, and what reaches into there for a probe; `undefined` when this user may not. */
  readonly networkless:
    | { readonly unshare: string; readonly ip: string; readonly nsenter: string; readonly bash: string }
    | undefined;
}

/** What this machine can hold containers to. */
export interface Isolation {
  readonly tools: Tools;
  /** One sentence a resource, for people. */
  readonly notes: readonly string[];
  limits(resource: Resource): boolean;
  cage(id: string, limits: Limits): Promise<Cage>;
  /** Ends everything an earlier run left in our groups. */
  reap(): Promise<readonly number[]>;
  close(): Promise<void>;
}

const folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"];

async function find(name: string): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/** A machine that is busy takes seconds; one that cannot says so at once. */
const worksMsMax = 30_000;

async function works(argv: readonly [string, ...string[]]): Promise<boolean> {
  const [program, ...args] = argv;
  return promisify(execFile)(program, args, { env: {}, timeout: worksMsMax }).then(
    () => true,
    () => false,
  );
}

async function findTools(): Promise<Tools> {
  const [env, nice, setpriv, unshare, ip, nsenter, bash] = await Promise.all(
    ["env", "nice", "setpriv", "unshare", "ip", "nsenter", "bash"].map(find),
  );
  const pdeath =
    setpriv !== undefined &&
    (await works([setpriv, "--pdeathsig", "KILL", "--no-new-privs", "--", "/bin/sh", "-c", ":"]));
  let networkless: Tools["networkless"];
  if (unshare !== undefined && ip !== undefined && nsenter !== undefined && bash !== undefined) {
    const up = [unshare, "--user", "--map-root-user", "--net", "--", ip, "link", "set", "lo", "up"] as const;
    if (await works(up)) networkless = { unshare, ip, nsenter, bash };
  }
  return { env: env ?? "/usr/bin/env", nice, setpriv: pdeath ? setpriv : undefined, networkless };
}

const words: Readonly<Record<Resource, { readonly limited: string; readonly missing: string }>> = {
  memory: {
    limited: "memory",
    missing: "memory: watched, not enforced by the kernel; a container above its limit is killed within a second",
  },
  cpu: { limited: "cpu", missing: "cpu: not limited here, containers run at a lower priority (nice 5)" },
  processes: {
    limited: "processes",
    missing: "processes: watched; a container with too many is killed within a second",
  },
};

function describe(hierarchies: readonly Hierarchy[], tools: Tools): readonly string[] {
  const why =
    process.platform === "linux"
      ? "because no cgroup is delegated to this user"
      : `because ${process.platform} has no cgroups`;
  const notes = (["memory", "cpu", "processes"] as const).map((resource) => {
    const hierarchy = hierarchies.find(({ resources }) => resources.includes(resource));
    const { limited, missing } = words[resource];
    return hierarchy === undefined ? `${missing}, ${why}` : `${limited}: cgroup v${hierarchy.version}`;
  });
  notes.push(
    "files: Node's permission model for executors (own volumes and program only); other programs see what this user sees",
  );
  notes.push(
    tools.networkless === undefined
      ? "network: not restricted, because user namespaces cannot be made here"
      : "network: none for algorithm containers (own network namespace); not restricted for the others",
  );
  return notes;
}

/**
 * Looks once what this machine offers.
 *
 * @param name folder of our groups, unique for a state directory, for example `slipway-1a2b3c4d`
 * @param use `watch` leaves cgroups alone, as on a machine that has none
 */
export async function openIsolation(name: string, use: "best" | "watch"): Promise<Isolation> {
  const [tools, hierarchies] = await Promise.all([
    findTools(),
    use === "best" ? findHierarchies(name) : Promise.resolve([]),
  ]);
  return {
    tools,
    notes: describe(hierarchies, tools),
    limits: (resource) => hierarchies.some(({ resources }) => resources.includes(resource)),
    cage: (id, limits) => makeCage(hierarchies, id, limits),
    reap: async () => {
      const killed: number[] = [];
      for (const { directory } of hierarchies) {
        const groups = await readdir(directory, { withFileTypes: true });
        for (const group of groups)
          if (group.isDirectory()) killed.push(...(await removeGroup(join(directory, group.name))));
      }
      return [...new Set(killed)];
    },
    close: async () => {
      for (const { directory } of hierarchies) await removeGroup(directory);
    },
  };
}
