// Writes what stands above the system in each image to `<folder>/<image>/`, for images/Containerfile: `node images/programs.ts <folder>`.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Contents, marketData, programContents, pythonSdkContents, serverContents } from "./contents.ts";
import { programSources } from "./sources.ts";

/** By image. nats-server is not in it: it comes from its own image. */
export async function programTrees(): Promise<{ readonly [image: string]: readonly Contents[] }> {
  const programs = Object.entries(programSources).map(async ([name, source]) => {
    const own = await programContents(name, source);
    return [name, name === "feed" ? [own, marketData()] : [own]] as const;
  });
  const server = [await serverContents()];
  return { ...Object.fromEntries(await Promise.all(programs)), server, python: [pythonSdkContents()] };
}

export function writeTree(folder: string, contents: readonly Contents[]): void {
  for (const { path, mode, content, link } of contents.flatMap(({ entries }) => entries)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    if (content !== undefined) writeFileSync(join(folder, path), content, { mode });
    else if (link !== undefined) symlinkSync(link, join(folder, path));
    else mkdirSync(join(folder, path), { recursive: true, mode });
  }
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error("usage: node images/programs.ts <folder>");
  for (const [image, contents] of Object.entries(await programTrees()))
    writeTree(join(resolve(folder), image), contents);
}
