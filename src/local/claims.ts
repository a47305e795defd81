import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { DesiredApplication } from "./desired.ts";

/** The claims that the branch holds or that a pod of it mounts, as `<namespace>/<claim>`. */
export function claimsOf(applications: readonly DesiredApplication[]): ReadonlySet<string> {
  const claims = new Set<string>();
  for (const { namespace, manifest } of applications.flatMap(({ objects }) => objects)) {
    if (manifest.kind === "Other" && manifest.type === "PersistentVolumeClaim")
      claims.add(`${namespace}/${manifest.metadata.name}`);
    if (manifest.kind !== "StatefulSet") continue;
    for (const { persistentVolumeClaim: claim } of manifest.spec.template.spec.volumes ?? []) {
      if (claim !== undefined) claims.add(`${namespace}/${claim.claimName}`);
    }
  }
  return claims;
}

/**
 * Moves the folders of claims that left the branch from `volumes` to `released`, never deleting: a strategy of the same name starts afresh, and
 * nothing is lost (a reclaim policy of Retain).
 *
 * @param settled waits until the pods of a namespace that should end have ended
 * @param nowMs names the kept folder
 */
export async function releaseClaims(
  directory: string,
  claims: ReadonlySet<string>,
  settled: (namespace: string) => Promise<unknown>,
  nowMs: number,
): Promise<readonly { readonly claim: string; readonly folder: string }[]> {
  const released: { claim: string; folder: string }[] = [];
  const root = join(directory, "volumes");
  for (const namespace of await readdir(root).catch(() => [])) {
    for (const claim of await readdir(join(root, namespace)).catch(() => [])) {
      if (claims.has(`${namespace}/${claim}`)) continue;
      await settled(namespace);
      const home = join(directory, "released", namespace);
      const folder = join(home, `${claim}-${new Date(nowMs).toISOString().replaceAll(":", "")}`);
      await mkdir(home, { recursive: true, mode: 0o700 });
      await rename(join(root, namespace, claim), folder);
      released.push({ claim, folder });
    }
  }
  return released;
}
