import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Fault } from "#core/result.ts";
import { readLockFile } from "./lock-file.ts";
import { digest } from "./memo.ts";
import { shortIntegrity } from "./pinned.ts";

interface Package {
  readonly directory: string;
  readonly version: string;
}

/**
 * What the `Renderer` trailer says: `slipway 0.1.0`, and in a checkout the digest of its lock file, since that decides what the charts are
 * made with. The packed package pins its dependencies by its version; where npm has installed it, the content that npm knows it by stands behind.
 *
 * @param module the URL of a module inside the package
 */
export async function readRenderer(module: string = import.meta.url): Promise<string> {
  const { directory, version } = await findPackage(module);
  const integrity = await installedIntegrity(directory);
  if (integrity !== undefined) return `slipway ${version} integrity ${integrity}`;
  return withLock(`slipway ${version}`, join(directory, "package-lock.json"));
}

/** What npm wrote down when it put the package where it is. */
async function installedIntegrity(directory: string): Promise<string | undefined> {
  const modules = dirname(directory);
  if (basename(modules) !== "node_modules") return undefined;
  const lock = await readIfThere(join(modules, ".package-lock.json"));
  const read = lock === undefined ? undefined : readLockFile(lock.toString("utf8"));
  return shortIntegrity(read?.packages.get(basename(directory))?.integrity);
}

/** A digest of the code that reads specs and holds them to policies: what other code worked out is not taken over. */
export async function readTool(module: string = import.meta.url): Promise<string> {
  const { directory } = await findPackage(module);
  // A checkout runs its sources, the packed package what was built of them.
  const folders = ["src/core", "src/delivery", "schemas", "dist"];
  const paths = (await Promise.all(folders.map((folder) => filesBelow(directory, folder)))).flat();
  const files = [...paths, "package-lock.json", "package.json"];
  const contents = await Promise.all(files.map((path) => readIfThere(join(directory, path))));
  return digest(...files.flatMap((path, index) => [path, contents[index] ?? ""]));
}

/** Paths of modules and schemas, sorted. */
async function filesBelow(directory: string, folder: string): Promise<readonly string[]> {
  const names = await ifThere(`cannot read ${folder}`, () => readdir(join(directory, folder), { recursive: true }));
  return (names ?? [])
    .filter((name) => /\.(?:ts|js|json)$/.test(name))
    .map((name) => `${folder}/${name}`)
    .sort();
}

async function findPackage(module: string): Promise<Package> {
  let directory = dirname(fileURLToPath(module));
  for (;;) {
    const manifest = await readIfThere(join(directory, "package.json"));
    if (manifest !== undefined) {
      const { name, version } = JSON.parse(manifest.toString("utf8")) as {
        readonly name: unknown;
        readonly version: unknown;
      };
      if (name === "slipway") return { directory, version: String(version) };
    }
    const parent = dirname(directory);
    if (parent === directory)
      throw new Fault("package-broken", "slipway's own package.json was not found; install the package again");
    directory = parent;
  }
}

async function withLock(renderer: string, path: string): Promise<string> {
  const lock = await readIfThere(path);
  if (lock === undefined) return renderer;
  return `${renderer} lock sha256:${createHash("sha256").update(lock).digest("hex").slice(0, 16)}`;
}

function readIfThere(path: string): Promise<Buffer | undefined> {
  return ifThere(`cannot read ${path}`, () => readFile(path));
}

async function ifThere<Value>(message: string, read: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new Fault("package-unreadable", message, { cause });
  }
}
