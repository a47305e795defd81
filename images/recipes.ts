// What each image is: for the build without an engine (build.ts), and for the Containerfile (trees.ts).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Contents,
  gitContents,
  marketData,
  nodeContents,
  programContents,
  pythonContents,
  pythonSdkContents,
  serverContents,
} from "./contents.ts";
import type { ImageConfig } from "./layout.ts";
import { spdx } from "./sbom.ts";
import { nodeEntrypoint, programSources, serverEntrypoint } from "./sources.ts";
import type { Entry } from "./tar.ts";

export interface Recipe {
  readonly name: string;
  readonly base: "node" | "python";
  /** What stands above the base. */
  readonly contents: readonly Contents[];
  readonly config: ImageConfig;
}

export type ImageName = keyof typeof programSources | "server" | "python";

/** What images share: a layer of its own each. */
export type Bases = { readonly [base in Recipe["base"]]: Contents };

/** The kubelet asks a pod's own address; on a laptop, where processes share one, they listen on loopback alone. */
const listen = { SLIPWAY_LISTEN_HOST: "0.0.0.0" };
const probe = 8081;
const programNames = ["executor", "gateway", "feed", "bus", "console"] as const;

export function readBases(): Bases {
  return { node: nodeContents(), python: pythonContents() };
}

/** @param nats nats-server, for the bus */
export async function readRecipes(nats: Contents): Promise<readonly Recipe[]> {
  const configs = imageConfigs(packageVersion());
  const beside: { readonly [image: string]: readonly Contents[] } = { feed: [marketData()], bus: [nats] };
  const programs = programNames.map(async (name): Promise<Recipe> => {
    const own = await programContents(name, programSources[name]);
    return { name, base: "node", contents: [own, ...(beside[name] ?? [])], config: configs[name] };
  });
  return [
    ...(await Promise.all(programs)),
    { name: "server", base: "node", contents: [gitContents(), await serverContents()], config: configs.server },
    { name: "python", base: "python", contents: [pythonSdkContents()], config: configs.python },
  ];
}

/** The files of an image above its base, its bill of materials among them. */
export function ownEntries(recipe: Recipe, bases: Bases): readonly Entry[] {
  const bill = Buffer.from(billOf(recipe, bases));
  return [
    ...recipe.contents.flatMap(({ entries }) => entries),
    { path: `usr/share/sbom/${recipe.name}.spdx.json`, mode: 0o644, content: bill },
  ];
}

export function billOf({ name, base, contents }: Recipe, bases: Bases): string {
  const components = [bases[base], ...contents].flatMap((part) => part.components);
  return spdx(`slipway-${name}`, packageVersion(), components);
}

/** How each image is started. @param version of Slipway */
export function imageConfigs(version: string): Readonly<Record<ImageName, ImageConfig>> {
  const config = (name: ImageName, own: Omit<ImageConfig, "labels">): ImageConfig => ({
    ...own,
    env: { PATH: "/usr/local/bin:/usr/bin", ...own.env },
    labels: {
      "org.opencontainers.image.title": `slipway ${name}`,
      "org.opencontainers.image.version": version,
      "org.opencontainers.image.licenses": "Apache-2.0",
    },
  });
  const program = (name: keyof typeof programSources, ...ports: readonly number[]): ImageConfig =>
    config(name, {
      entrypoint: nodeEntrypoint(name),
      env: { NODE_ENV: "production", ...listen },
      workingDir: "/",
      ports: [...ports, probe],
    });
  return {
    executor: program("executor"),
    gateway: program("gateway"),
    feed: program("feed"),
    bus: program("bus", 1883),
    console: program("console", 8083),
    server: config("server", {
      entrypoint: serverEntrypoint,
      // Nothing is kept of a pod's compiled code.
      env: { NODE_ENV: "production", NODE_DISABLE_COMPILE_CACHE: "1" },
      workingDir: "/srv/site",
      ports: [8787, probe],
    }),
    python: config("python", {
      entrypoint: ["/usr/bin/python3", "-m", "slipway"],
      env: { PYTHONPATH: "/opt/slipway", PYTHONDONTWRITEBYTECODE: "1", PYTHONUNBUFFERED: "1", ...listen },
      workingDir: "/",
      ports: [8082],
    }),
  };
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8")) as {
    version: string;
  };
  return version;
}
