import { createHash } from "node:crypto";
import type { Commit, CommitSha, Repository } from "#git/port.ts";
import { lockFile } from "./dependencies.ts";
import { readLockFile } from "./lock-file.ts";
import type { Memo } from "./memo.ts";
import { treePath } from "./names.ts";

/**
 * What main's lock file asks to be rendered with: a version of the package and the content that npm knows it by, or in a repository that is Slipway's own source the digest of the lock
 * file. Absent where main has no such file, or takes Slipway from a folder: then whoever starts it decides.
 */
export type Pin = { readonly version: string; readonly integrity?: string } | { readonly lock: string };

const path = treePath(lockFile);
const searchMax = 50;

export function pinAt(repository: Repository, commit: CommitSha, memo: Memo): Promise<Pin | undefined> {
  return memo.of("pin", commit, async () => pinOf((await repository.readPaths([{ tree: commit, path }]))[0]));
}

function pinOf(bytes: Uint8Array | undefined): Pin | undefined {
  if (bytes === undefined) return undefined;
  const read = readLockFile(new TextDecoder().decode(bytes));
  if (read?.name === "slipway") return { lock: createHash("sha256").update(bytes).digest("hex").slice(0, 16) };
  const { version, integrity } = read?.packages.get("slipway") ?? {};
  if (version === undefined || !/^\d/.test(version)) return undefined;
  const short = shortIntegrity(integrity);
  return { version, ...(short === undefined ? {} : { integrity: short }) };
}

/** The beginning of a package's SHA-512 as npm's lock files have it; undefined where there is none. */
export function shortIntegrity(integrity: string | undefined): string | undefined {
  return /(?:^|\s)(sha512-[A-Za-z0-9+/]{22})/.exec(integrity ?? "")?.[1];
}

/**
 * A renderer that does not know by which content npm has installed it (an image, a checkout) is known by its version alone.
 *
 * @param renderer as the trailer has it: `slipway 0.1.0`, `slipway 0.1.0 integrity sha512-…`, `slipway 0.1.0 lock sha256:0123456789abcdef`
 */
export function isPinned(pin: Pin, renderer: string): boolean {
  if ("lock" in pin) return renderer.endsWith(` lock sha256:${pin.lock}`);
  const version = `slipway ${pin.version}`;
  if (renderer.startsWith(`${version} integrity `))
    return pin.integrity === undefined || renderer === `${version} integrity ${pin.integrity}`;
  return renderer === version || renderer.startsWith(`${version} lock `);
}

export function describePin(pin: Pin): string {
  if ("lock" in pin) return `the lock file sha256:${pin.lock}`;
  return `slipway ${pin.version}${pin.integrity === undefined ? "" : ` integrity ${pin.integrity}`}`;
}

/** The commit of main with which it came to ask for what it asks for now. */
export async function pinnedSince(repository: Repository, main: CommitSha): Promise<Commit | undefined> {
  const commits = await repository.history(main, { path, limit: searchMax });
  const held = await repository.readPaths(commits.map(({ sha }) => ({ tree: sha, path })));
  const now = JSON.stringify(pinOf(held[0]));
  let since: Commit | undefined;
  for (const [index, commit] of commits.entries()) {
    if (now === undefined || JSON.stringify(pinOf(held[index])) !== now) break;
    since = commit;
  }
  return since;
}
