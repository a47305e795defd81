// Builds all images into one OCI layout, without a registry: from the lock file's Node, this machine's Debian packages and our own bundles.
//
//   npx node images/build.ts --output <folder> [--prefix registry.example/slipway] [--environment policies/environments/paper.yaml]...
//
// The same sources, packages and Node give the same bytes. With --environment the digests are written to where that file names images.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { natsArtifact } from "../test/brokers/programs.ts";
import { natsContents } from "./contents.ts";
import { type Image, layer, machineArchitecture, type WrittenImage, writeLayout } from "./layout.ts";
import { nameImages } from "./name-images.ts";
import { billOf, ownEntries, readBases, readRecipes } from "./recipes.ts";

export async function buildImages(folder: string, prefix = "slipway"): Promise<readonly WrittenImage[]> {
  const bases = readBases();
  const layers = { node: layer(bases.node.entries), python: layer(bases.python.entries) };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "sbom"), { recursive: true });
  const images: Image[] = [];
  for (const recipe of await readRecipes(builtNats())) {
    writeFileSync(join(folder, "sbom", `${recipe.name}.spdx.json`), billOf(recipe, bases));
    images.push({
      name: `${prefix}/${recipe.name}`,
      layers: [layers[recipe.base], layer(ownEntries(recipe, bases))],
      config: recipe.config,
    });
  }
  return writeLayout(folder, images, machineArchitecture());
}

function builtNats() {
  const nats = natsArtifact();
  const program = join(nats.folder, nats.name);
  if (!existsSync(program)) throw new Error("nats-server is not built; run npx node test/brokers/install.ts");
  return natsContents(program, nats.version);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      output: { type: "string" },
      prefix: { type: "string" },
      environment: { type: "string", multiple: true },
    },
  });
  if (values.output === undefined)
    throw new Error(
      "usage: npx node images/build.ts --output <folder> [--prefix <registry>/<path>] [--environment <file>]...",
    );
  const missing = (values.environment ?? []).filter((file) => !existsSync(file));
  if (missing.length > 0) throw new Error(`there is no ${missing.join(", ")}; nothing was built`);
  const images = await buildImages(resolve(values.output), values.prefix);
  for (const { name, digest, size } of images) console.log(`${name}@${digest}  ${(size / 1e6).toFixed(1)} MB`);
  for (const file of values.environment ?? []) {
    writeFileSync(file, nameImages(readFileSync(file, "utf8"), images));
    console.log(`${file}: names these images`);
  }
}
