// OCI image layouts without a registry [github.com/opencontainers/image-spec, image-layout].
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Entry, tar } from "./tar.ts";

/** Files that one or more images share: the same layer is stored, sent and unpacked once. */
export interface Layer {
  readonly blob: Buffer;
  readonly digest: string;
  /** Of the archive before it was compressed. */
  readonly diffId: string;
}

export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly env: { readonly [name: string]: string };
  readonly workingDir: string;
  readonly ports: readonly number[];
  readonly labels: { readonly [name: string]: string };
}

export interface Image {
  /** Without a tag: `slipway/executor`. */
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly config: ImageConfig;
}

export interface WrittenImage {
  readonly name: string;
  /** `sha256:…` of the manifest: what a pod's image names. */
  readonly digest: string;
  /** Bytes of its compressed layers. */
  readonly size: number;
}

/** `nonroot` of the distroless images; charts/pod.ts names the same. */
export const userId = 65_532;

/** What images and Go call this machine's processor. */
export function machineArchitecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}

export function layer(entries: readonly Entry[]): Layer {
  const archive = tar(entries);
  const blob = gzipSync(archive, { level: 6 });
  return { blob, digest: digestOf(blob), diffId: digestOf(archive) };
}

/**
 * Writes a layout with all images. Each entry of its index has the name that containerd gives the image when it imports it, with the digest, as the
 * manifests of pods say it.
 */
export function writeLayout(folder: string, images: readonly Image[], architecture: string): readonly WrittenImage[] {
  mkdirSync(join(folder, "blobs", "sha256"), { recursive: true });
  const put = (blob: Uint8Array): { readonly digest: string; readonly size: number } => {
    const digest = digestOf(blob);
    writeFileSync(join(folder, "blobs", "sha256", digest.slice("sha256:".length)), blob);
    return { digest, size: blob.length };
  };
  const manifests = images.map((image) => {
    const config = put(json(configOf(image, architecture)));
    const layers = image.layers.map(({ blob }) => ({
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      ...put(blob),
    }));
    const manifest = put(
      json({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
        layers,
        annotations: image.config.labels,
      }),
    );
    return { image, manifest, size: layers.reduce((sum, { size }) => sum + size, 0) };
  });
  const index = manifests.map(({ image, manifest }) => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    ...manifest,
    platform: { architecture, os: "linux" },
    annotations: { "io.containerd.image.name": `${qualified(image.name)}@${manifest.digest}` },
  }));
  writeFileSync(
    join(folder, "index.json"),
    json({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: index }),
  );
  writeFileSync(join(folder, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  return manifests.map(({ image, manifest, size }) => ({ name: image.name, digest: manifest.digest, size }));
}

/** A name without a registry is one of Docker Hub's, whether anything is there or not. */
function qualified(name: string): string {
  const [first = ""] = name.split("/");
  return first.includes(".") || first.includes(":") || first === "localhost" ? name : `docker.io/${name}`;
}

function configOf({ layers, config }: Image, architecture: string): object {
  const { entrypoint, env, workingDir, ports, labels } = config;
  return {
    created: "1970-01-01T00:00:00Z",
    architecture,
    os: "linux",
    config: {
      // A number: the kubelet cannot hold a name against runAsNonRoot.
      User: `${userId}:${userId}`,
      ...(ports.length === 0 ? {} : { ExposedPorts: Object.fromEntries(ports.map((port) => [`${port}/tcp`, {}])) }),
      Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      Entrypoint: entrypoint,
      WorkingDir: workingDir,
      Labels: labels,
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created: "1970-01-01T00:00:00Z", created_by: "slipway images/build.ts" })),
  };
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
