// What an image in an OCI layout holds: its files as they are unpacked, and how it is started.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

export interface ImageStart {
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Env: readonly string[];
  readonly WorkingDir: string;
  readonly ExposedPorts?: { readonly [port: string]: object };
  readonly Labels: { readonly [name: string]: string };
}

/** Unpacks one image's layers, each over the one before. @param index of the image in the layout */
export function unpack(layout: string, index: number, folder: string): ImageStart {
  const blob = (digest: string): string => join(layout, "blobs/sha256", digest.replace("sha256:", ""));
  const read = (path: string) => JSON.parse(readFileSync(path, "utf8"));
  const manifest = read(blob(read(join(layout, "index.json")).manifests[index].digest));
  mkdirSync(folder, { recursive: true });
  for (const { digest } of manifest.layers)
    execFileSync("tar", ["-xpf", blob(digest), "--same-owner", "-C", folder], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  return read(blob(manifest.config.digest)).config;
}

/** A line a file: kind, mode, owner, content or target. */
export function filesIn(folder: string): { readonly [path: string]: string } {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const path = join(folder, name);
      const stat = lstatSync(path);
      const owner = `${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}`;
      if (stat.isSymbolicLink()) return [name, `link ${readlinkSync(path)}`];
      if (stat.isDirectory()) return [name, `folder ${owner}`];
      return [name, `file ${owner} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`];
    }),
  );
}
