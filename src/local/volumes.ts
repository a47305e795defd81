import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { busIdentity } from "#core/identity.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { Placed } from "./addresses.ts";
import type { ConfigMapManifest, ConfigMapSource, VolumeManifest } from "./manifests.ts";

/** A volume and the folder of this machine that stands for it. */
export type VolumePlan =
  | {
      readonly name: string;
      readonly kind: "files";
      readonly host: string;
      readonly secret: boolean;
      readonly files: ReadonlyMap<string, Uint8Array>;
    }
  | { readonly name: string; readonly kind: "empty" | "claim"; readonly host: string; readonly secret: false };

export interface VolumeContext {
  readonly claimsDirectory: string;
  readonly runtimeDirectory: string;
  readonly configMaps: ReadonlyMap<string, Placed<ConfigMapManifest>>;
  readonly password: (identity: string) => string | undefined;
}

interface VolumePlace {
  readonly namespace: string;
  readonly account: string;
  readonly directory: string;
  readonly runtimeDirectory: string;
}

/** What each volume of a pod holds and where. A missing ConfigMap that is not optional is a sentence, as the kubelet waits for it. */
export function planVolumes(
  volumes: readonly VolumeManifest[],
  place: VolumePlace,
  context: VolumeContext,
): Result<readonly VolumePlan[], string> {
  const plans: VolumePlan[] = [];
  for (const volume of volumes) {
    const { name } = volume;
    if (volume.emptyDir !== undefined) {
      plans.push({ name, kind: "empty", host: join(place.runtimeDirectory, name), secret: false });
    } else if (volume.persistentVolumeClaim !== undefined) {
      plans.push({
        name,
        kind: "claim",
        host: join(context.claimsDirectory, place.namespace, volume.persistentVolumeClaim.claimName),
        secret: false,
      });
    } else if ("secret" in volume) {
      return err(
        `volume ${name} holds venue keys, which the embedded cluster refuses: run this environment in a real one`,
      );
    } else {
      const files = planFiles(volume, place, context);
      if (!files.ok) return err(`volume ${name}: ${files.error}`);
      const secret =
        volume.projected?.sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined) === true;
      plans.push({ name, kind: "files", host: join(place.directory, "volumes", name), secret, files: files.value });
    }
  }
  return ok(plans);
}

function planFiles(
  volume: VolumeManifest,
  place: VolumePlace,
  context: VolumeContext,
): Result<ReadonlyMap<string, Uint8Array>, string> {
  const files = new Map<string, Uint8Array>();
  const sources =
    volume.configMap === undefined ? (volume.projected?.sources ?? []) : [{ configMap: volume.configMap }];
  if (volume.configMap === undefined && volume.projected === undefined) return err("it is of no kind");
  for (const source of sources) {
    if (source.configMap !== undefined) {
      const problem = addConfigMap(files, source.configMap, place.namespace, context);
      if (problem !== undefined) return err(problem);
    }
    if ("serviceAccountToken" in source && source.serviceAccountToken !== undefined) {
      const identity = busIdentity(place.namespace, place.account);
      const password = context.password(identity);
      if (password === undefined) return err(`there is no password for ${identity}`);
      files.set(source.serviceAccountToken.path, Buffer.from(password));
    }
  }
  return ok(files);
}

function addConfigMap(
  files: Map<string, Uint8Array>,
  source: ConfigMapSource,
  namespace: string,
  context: VolumeContext,
): string | undefined {
  const manifest = context.configMaps.get(`${namespace}/${source.name}`)?.manifest;
  if (manifest === undefined) {
    return source.optional === true
      ? undefined
      : `the ConfigMap ${source.name} in namespace ${namespace} is not in the environment branch`;
  }
  const content = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(manifest.data ?? {})) content.set(key, Buffer.from(text));
  for (const [key, base64] of Object.entries(manifest.binaryData ?? {}))
    content.set(key, Buffer.from(base64, "base64"));
  if (source.items === undefined) {
    for (const [key, bytes] of content) files.set(key, bytes);
    return undefined;
  }
  for (const { key, path } of source.items) {
    const bytes = content.get(key);
    if (bytes !== undefined) files.set(path, bytes);
    else if (source.optional !== true)
      return `the ConfigMap ${source.name} in namespace ${namespace} has no key ${key}`;
  }
  return undefined;
}

/** Files of ConfigMaps and tokens: each is replaced by a rename, so a reader sees the old or the new one and never a half. */
export class FileVolume {
  readonly #host: string;
  readonly #staging: string;
  readonly #written = new Map<string, string>();

  /** @param staging a folder of the same file system, outside the volume: readers list the volume */
  constructor(host: string, staging: string) {
    this.#host = host;
    this.#staging = staging;
  }

  /** Makes the folder hold exactly these files; equal ones are not touched. */
  async write(files: ReadonlyMap<string, Uint8Array>, secret: boolean): Promise<void> {
    await mkdir(this.#host, { recursive: true });
    await mkdir(this.#staging, { recursive: true, mode: 0o700 });
    for (const [path, bytes] of files) {
      const digest = createHash("sha256").update(bytes).digest("hex");
      if (this.#written.get(path) === digest) continue;
      const fresh = join(this.#staging, randomBytes(8).toString("hex"));
      await writeFile(fresh, bytes, { mode: secret ? 0o600 : 0o444 });
      await chmod(fresh, secret ? 0o600 : 0o444); // The umask may have taken more.
      await mkdir(dirname(join(this.#host, path)), { recursive: true });
      await rename(fresh, join(this.#host, path));
      this.#written.set(path, digest);
    }
    for (const path of [...this.#written.keys()]) {
      if (files.has(path)) continue;
      await rm(join(this.#host, path), { force: true });
      this.#written.delete(path);
    }
  }
}
