import { createHash } from "node:crypto";
import { type FSWatcher, readdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import type { Access } from "#core/access.ts";
import type { Log } from "./process.ts";

/** The access rules of all identities, as the mounted ConfigMaps say now. */
export interface AccessDirectory {
  current(): ReadonlyMap<string, Access>;
  close(): void;
}

/** Kubernetes and the embedded cluster swap files in several steps; one reading after the last is enough. */
const settleMs = 50;
const pollMs = 2_000;

/**
 * Reads `<namespace>.<service account>` files of `{identity, publish, subscribe}` and reads them again when the directory changes. A file
 * that is no rule denies its identity everything and is said; the others hold.
 */
export function watchAccess(directory: string, log: Log): AccessDirectory {
  let current: ReadonlyMap<string, Access> = new Map();
  let texts: ReadonlyMap<string, string> = new Map();
  const read = (): void => {
    const found = readTexts(directory, log);
    if (found === undefined || sameTexts(found, texts)) return;
    const before = new Map([...current.values()].map((access) => [JSON.stringify(access), access]));
    const next = new Map<string, Access>();
    for (const [file, text] of found) {
      const access = parseAccess(text);
      if (access === undefined || `${access.identity.replace("/", ".")}` !== file) {
        log("error", "not an access rule, its identity is denied everything", { file });
        continue;
      }
      // Unchanged rules keep their object, which tells the broker that what it decided still holds.
      next.set(access.identity, before.get(JSON.stringify(access)) ?? access);
    }
    texts = found;
    current = next;
    log("info", "access rules read", { identities: next.size });
  };
  read();
  let timer: NodeJS.Timeout | undefined;
  const later = (): void => {
    clearTimeout(timer);
    timer = setTimeout(read, settleMs);
  };
  const watcher = watchIfThere(directory, later);
  // Watching misses changes on some file systems.
  const poll = setInterval(read, pollMs);
  return {
    current: () => current,
    close() {
      clearTimeout(timer);
      clearInterval(poll);
      watcher?.close();
    },
  };
}

function watchIfThere(directory: string, changed: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, changed);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    // Not there yet, or no watches left: the poll sees it.
    return undefined;
  }
}

function readTexts(directory: string, log: Log): ReadonlyMap<string, string> | undefined {
  try {
    // `..data` and the like are Kubernetes' own links.
    const names = readdirSync(directory).filter((name) => !name.startsWith("."));
    return new Map(names.sort().map((name) => [name, readFileSync(join(directory, name), "utf8")]));
  } catch (cause) {
    log("warn", "the access rules cannot be read, the last ones hold", { directory, error: String(cause) });
    return undefined;
  }
}

function sameTexts(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, text]) => b.get(name) === text);
}

/** Undefined if the text is no access rule. */
export function parseAccess(text: string): Access | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { identity, publish, subscribe } = value as { [key: string]: unknown };
  if (typeof identity !== "string" || !/^[a-z0-9-]+\/[a-z0-9.-]+$/.test(identity)) return undefined;
  if (!isTexts(publish) || !isTexts(subscribe)) return undefined;
  return { identity, publish, subscribe };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** Checks passwords against digests in a file, which is read again when a password is not in what was read last. */
export function fileVerifier(file: string, log: Log): (identity: string, password: string) => boolean {
  let digests: { readonly [identity: string]: unknown } = {};
  const read = (): void => {
    try {
      const value: unknown = JSON.parse(readFileSync(file, "utf8"));
      digests = typeof value === "object" && value !== null ? { ...value } : {};
    } catch (cause) {
      log("warn", "the passwords' digests cannot be read, the last ones hold", { error: String(cause) });
    }
  };
  read();
  return (identity, password) => {
    const digest = createHash("sha256").update(password).digest("hex");
    if (Object.hasOwn(digests, identity) && digests[identity] === digest) return true;
    read();
    return Object.hasOwn(digests, identity) && digests[identity] === digest;
  };
}
