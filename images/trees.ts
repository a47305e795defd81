// Writes the files of all images for images/Containerfile: what they share to `<folder>/node` and `<folder>/python-base`, the rest to `<folder>/<image>`.
//
//   node images/trees.ts <folder> <nats-server>
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { natsContents } from "./contents.ts";
import { ownEntries, readBases, readRecipes } from "./recipes.ts";
import type { Entry } from "./tar.ts";

export function writeTree(folder: string, entries: readonly Entry[]): void {
  for (const { path, mode, content, link } of entries) {
    const at = join(folder, path);
    mkdirSync(dirname(at), { recursive: true });
    if (link !== undefined) {
      symlinkSync(link, at);
      continue;
    }
    if (content === undefined) mkdirSync(at, { recursive: true });
    else writeFileSync(at, content);
    // Whatever the umask is.
    chmodSync(at, mode);
  }
}

async function writeTrees(folder: string, nats: string): Promise<void> {
  const version = /v(\d+\.\d+\.\d+)/.exec(execFileSync(nats, ["--version"], { encoding: "utf8" }))?.[1];
  if (version === undefined) throw new Error(`${nats} says no version of itself`);
  const bases = readBases();
  writeTree(join(folder, "node"), bases.node.entries);
  writeTree(join(folder, "python-base"), bases.python.entries);
  for (const recipe of await readRecipes(natsContents(nats, version)))
    writeTree(join(folder, recipe.name), ownEntries(recipe, bases));
}

if (import.meta.main) {
  const [folder, nats] = process.argv.slice(2);
  if (folder === undefined || nats === undefined) throw new Error("usage: node images/trees.ts <folder> <nats-server>");
  await writeTrees(resolve(folder), resolve(nats));
}
