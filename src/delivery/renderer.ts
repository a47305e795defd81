import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Fault } from "#core/result.ts";

/**
 * What the `Renderer` trailer says: `slipway 0.1.0`, and in a checkout the digest of its lock file, since that decides what the charts are
 * made with. The packed package pins its dependencies by its version.
 *
 * @param module the URL of a module inside the package
 */
export async function readRenderer(module: string = import.meta.url): Promise<string> {
  let directory = dirname(fileURLToPath(module));
  for (;;) {
    const manifest = await readIfThere(join(directory, "package.json"));
    if (manifest !== undefined) {
      const { name, version } = JSON.parse(manifest.toString("utf8")) as {
        readonly name: unknown;
        readonly version: unknown;
      };
      if (name === "slipway") return withLock(`slipway ${String(version)}`, join(directory, "package-lock.json"));
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

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new Fault("package-unreadable", `cannot read ${path}`, { cause });
  }
}
