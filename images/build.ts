// Builds all images into one OCI layout, without a registry: from the lock file's Node, this machine's Debian packages and our own bundles.
//
//   node images/build.ts --output <folder> [--prefix registry.example/slipway] [--environment policies/environments/paper.yaml]...
//
// The same sources, packages and Node give the same bytes. With --environment the digests are written to where that file names images.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { natsArtifact } from "../test/brokers/programs.ts";
import { type Contents, gitContents, goProgram, nodeContents, pythonContents } from "./contents.ts";
import { type Image, type ImageConfig, layer, machineArchitecture, type WrittenImage, writeLayout } from "./layout.ts";
import { nameImages } from "./name-images.ts";
import { programTrees } from "./programs.ts";
import { spdx } from "./sbom.ts";
import { nodeEntrypoint, serverEntrypoint } from "./sources.ts";

interface Recipe {
  readonly name: string;
  readonly base: "node" | "python";
  readonly contents: readonly Contents[];
  readonly entrypoint: readonly string[];
  readonly env: { readonly [name: string]: string };
  readonly ports: readonly number[];
  /** Default: the root. */
  readonly workingDir?: string;
}

const root = join(import.meta.dirname, "..");
/** The kubelet asks a pod's own address; on a laptop, where processes share one, they listen on loopback alone. */
const listen = { SLIPWAY_LISTEN_HOST: "0.0.0.0" };
const probe = 8081;
const morePorts: { readonly [image: string]: readonly number[] } = { bus: [1883], console: [8083] };

export async function buildImages(folder: string, prefix = "slipway"): Promise<readonly WrittenImage[]> {
  const bases = { node: nodeContents(), python: pythonContents() };
  const layers = { node: layer(bases.node.entries), python: layer(bases.python.entries) };
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "sbom"), { recursive: true });
  const images: Image[] = [];
  for (const recipe of await recipes()) {
    const components = [bases[recipe.base], ...recipe.contents].flatMap((contents) => contents.components);
    const bill = spdx(`slipway-${recipe.name}`, version, components);
    writeFileSync(join(folder, "sbom", `${recipe.name}.spdx.json`), bill);
    const own = layer([
      ...recipe.contents.flatMap(({ entries }) => entries),
      { path: `usr/share/sbom/${recipe.name}.spdx.json`, mode: 0o644, content: Buffer.from(bill) },
    ]);
    images.push({
      name: `${prefix}/${recipe.name}`,
      layers: [layers[recipe.base], own],
      config: configOf(recipe, version),
    });
  }
  return writeLayout(folder, images, machineArchitecture());
}

function configOf({ name, entrypoint, env, ports, workingDir = "/" }: Recipe, version: string): ImageConfig {
  return {
    entrypoint,
    env: { PATH: "/usr/local/bin:/usr/bin", ...env },
    workingDir,
    ports,
    labels: {
      "org.opencontainers.image.title": `slipway ${name}`,
      "org.opencontainers.image.version": version,
      "org.opencontainers.image.licenses": "Apache-2.0",
    },
  };
}

async function recipes(): Promise<readonly Recipe[]> {
  const nats = natsArtifact();
  const program = join(nats.folder, nats.name);
  if (!existsSync(program)) throw new Error("nats-server is not built; run node test/brokers/install.ts");
  const { python = [], server: control = [], ...trees } = await programTrees();
  const broker = goProgram(nats.name, program, "github.com/nats-io/nats-server/v2", nats.version);
  const node = Object.entries(trees).map(([name, contents]): Recipe => {
    const isBus = name === "bus";
    return {
      name,
      base: "node",
      contents: isBus ? [...contents, broker] : contents,
      entrypoint: nodeEntrypoint(name),
      env: { NODE_ENV: "production", ...listen },
      ports: [...(morePorts[name] ?? []), probe],
    };
  });
  return [
    ...node,
    {
      name: "server",
      base: "node",
      contents: [gitContents(), ...control],
      entrypoint: serverEntrypoint,
      // Nothing is kept of a pod's compiled code.
      env: { NODE_ENV: "production", NODE_DISABLE_COMPILE_CACHE: "1" },
      workingDir: "/srv/site",
      ports: [8787, probe],
    },
    {
      name: "python",
      base: "python",
      contents: python,
      entrypoint: ["/usr/bin/python3", "-m", "slipway"],
      env: { PYTHONPATH: "/opt/slipway", PYTHONDONTWRITEBYTECODE: "1", PYTHONUNBUFFERED: "1", ...listen },
      ports: [8082],
    },
  ];
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
      "usage: node images/build.ts --output <folder> [--prefix <registry>/<path>] [--environment <file>]...",
    );
  const images = await buildImages(resolve(values.output), values.prefix);
  for (const { name, digest, size } of images) console.log(`${name}@${digest}  ${(size / 1e6).toFixed(1)} MB`);
  for (const file of values.environment ?? []) {
    writeFileSync(file, nameImages(readFileSync(file, "utf8"), images));
    console.log(`${file}: names these images`);
  }
}
