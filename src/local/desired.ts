import { createHash } from "node:crypto";
import { busIdentity } from "#core/identity.ts";
import { Fault } from "#core/result.ts";
import type { BlobSha, CommitSha, Repository } from "#git/port.ts";
import {
  type ConfigMapManifest,
  type Manifest,
  type ManifestReader,
  manifestReader,
  type ServiceManifest,
  type StatefulSetManifest,
} from "./manifests.ts";

/** One object of the environment branch, with the digest of its file. */
export interface DesiredObject {
  readonly path: string;
  readonly digest: string;
  readonly namespace: string;
  readonly manifest: Manifest;
}

export interface DesiredApplication {
  readonly name: string;
  readonly path: string;
  readonly strategy: string | undefined;
  readonly objects: readonly DesiredObject[];
  /** Over all files of its path and the Application itself. */
  readonly digest: string;
  /** Why it cannot be applied; empty when it can. */
  readonly problems: readonly string[];
}

/** What the environment branch says at one commit, in the order of a sync: platform, teams, strategies. */
export interface Desired {
  readonly revision: CommitSha;
  readonly applications: readonly DesiredApplication[];
}

export function key(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** The objects of one kind over all applications, by `<namespace>/<name>`; of two with one name the first counts. */
export function objectsOf<Kind extends Manifest["kind"]>(
  desired: readonly DesiredApplication[],
  kind: Kind,
): ReadonlyMap<string, DesiredObject & { readonly manifest: Extract<Manifest, { kind: Kind }> }> {
  const found = new Map<string, DesiredObject & { readonly manifest: Extract<Manifest, { kind: Kind }> }>();
  for (const { objects } of desired) {
    for (const object of objects) {
      const id = key(object.namespace, object.manifest.metadata.name);
      if (isKind(object, kind) && !found.has(id)) found.set(id, object);
    }
  }
  return found;
}

/** The identities of all ServiceAccounts, whether or not a pod has them. */
export function serviceAccounts(desired: readonly DesiredApplication[]): readonly string[] {
  return desired.flatMap(({ objects }) =>
    objects.flatMap(({ namespace, manifest }) =>
      manifest.kind === "Other" && manifest.type === "ServiceAccount"
        ? [busIdentity(namespace, manifest.metadata.name)]
        : [],
    ),
  );
}

function isKind<Kind extends Manifest["kind"]>(
  object: DesiredObject,
  kind: Kind,
): object is DesiredObject & { readonly manifest: Extract<Manifest, { kind: Kind }> } {
  return object.manifest.kind === kind;
}

export type { ConfigMapManifest, ServiceManifest, StatefulSetManifest };

type ReadManifest = ReturnType<ManifestReader>;

/** Reads environment branches; a file that did not change is not parsed again. */
export class DesiredReader {
  readonly #repository: Repository;
  readonly #read = manifestReader();
  #parsed: ReadonlyMap<BlobSha, ReadManifest> = new Map();

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  /** Faults of Git are thrown; what a manifest does wrong stands in its application. */
  async read(revision: CommitSha): Promise<Desired> {
    const files = await this.#repository.list(revision);
    const manifests = [...files].filter(([path, { mode }]) => /\.ya?ml$/.test(path) && mode.startsWith("100"));
    const missing = manifests.map(([, { blob }]) => blob).filter((blob) => !this.#parsed.has(blob));
    const texts =
      missing.length === 0 ? new Map<BlobSha, Uint8Array>() : await this.#repository.read([...new Set(missing)]);
    const parsed = new Map<BlobSha, ReadManifest>();
    const byPath = new Map<string, { readonly blob: BlobSha; readonly result: ReadManifest }>();
    for (const [path, { blob }] of manifests) {
      const text = texts.get(blob);
      const result =
        this.#parsed.get(blob) ??
        parsed.get(blob) ??
        (text === undefined ? undefined : this.#read(path, new TextDecoder().decode(text)));
      if (result === undefined)
        throw new Fault("git-failed", `the blob ${blob} of ${path} is listed and cannot be read`);
      parsed.set(blob, result);
      byPath.set(path, { blob, result });
    }
    this.#parsed = parsed;
    return { revision, applications: group(byPath) };
  }
}

function group(
  files: ReadonlyMap<string, { readonly blob: string; readonly result: ReadManifest }>,
): readonly DesiredApplication[] {
  const applications: DesiredApplication[] = [];
  const names = new Set<string>();
  for (const [path, { blob, result }] of files) {
    if (!/^apps\/[^/]+$/.test(path)) continue;
    if (!result.ok) {
      const name = path.slice("apps/".length).replace(/^application-|\.ya?ml$/g, "");
      applications.push({ name, path, strategy: undefined, objects: [], digest: blob, problems: [result.error] });
      continue;
    }
    const manifest = result.value;
    if (manifest.kind !== "Application" || names.has(manifest.metadata.name)) continue;
    names.add(manifest.metadata.name);
    const folder = manifest.spec.source.path.replace(/^\.?\/+|\/+$/g, "");
    const own = [...files].filter(
      ([file]) => file.startsWith(`${folder}/`) && !file.slice(folder.length + 1).includes("/"),
    );
    const hash = createHash("sha256").update(blob);
    const objects: DesiredObject[] = [];
    const problems: string[] =
      own.length === 0 && folder !== "apps" ? [`the folder ${folder} of the environment branch is empty`] : [];
    for (const [file, entry] of own) {
      hash.update(`\0${file}\0${entry.blob}`);
      if (!entry.result.ok) problems.push(entry.result.error);
      else {
        const namespace = entry.result.value.metadata.namespace ?? manifest.spec.destination?.namespace ?? "default";
        objects.push({ path: file, digest: entry.blob, namespace, manifest: entry.result.value });
      }
    }
    const strategy = /^strategies\/([^/]+\/[^/]+)$/.exec(folder)?.[1];
    applications.push({
      name: manifest.metadata.name,
      path: folder,
      strategy,
      objects,
      digest: hash.digest("hex"),
      problems,
    });
  }
  return applications.sort((a, b) => rank(a.path) - rank(b.path) || (a.name < b.name ? -1 : 1));
}

function rank(path: string): number {
  const at = ["apps", "platform", "teams", "strategies"].indexOf(path.split("/")[0] ?? "");
  return at < 0 ? 4 : at;
}
