// The images that the cluster runs: ours, and the two that every cluster needs.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildImages } from "../../images/build.ts";
import { type Image, layer, machineArchitecture, type WrittenImage, writeLayout } from "../../images/layout.ts";
import type { Artifact, Artifacts } from "../kubernetes/artifacts.ts";

export interface ClusterImages {
  /** Folders with OCI layouts. */
  readonly layouts: readonly string[];
  readonly own: readonly WrittenImage[];
  readonly pause: string;
  readonly coreDns: string;
}

export async function makeImages(folder: string, programs: Artifacts): Promise<ClusterImages> {
  const ours = join(folder, "slipway");
  const own = await buildImages(ours);
  const { layout, pause, coreDns } = makeSystemImages(folder, programs);
  return { layouts: [ours, layout], own, pause, coreDns };
}

/** Those two alone. */
export function makeSystemImages(
  folder: string,
  { pause, coreDns }: Artifacts,
): { readonly layout: string; readonly pause: string; readonly coreDns: string } {
  const layout = join(folder, "system");
  const [pauseImage, dnsImage] = writeLayout(layout, [program(pause), program(coreDns)], machineArchitecture());
  if (pauseImage === undefined || dnsImage === undefined) throw new Error("two images were to be written");
  const named = ({ name, digest }: WrittenImage): string => `docker.io/${name}@${digest}`;
  return { layout, pause: named(pauseImage), coreDns: named(dnsImage) };
}

/** One static program and nothing else. */
function program({ name, folder, version }: Artifact): Image {
  const short = name === "coredns" ? name : "pause";
  return {
    name: `slipway/${short}`,
    layers: [layer([{ path: short, mode: 0o755, content: readFileSync(join(folder, name)) }])],
    config: { entrypoint: [`/${short}`], env: {}, workingDir: "/", ports: [], labels: { version } },
  };
}
