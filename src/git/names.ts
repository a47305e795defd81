import { assert, type Brand, err, ok, type Result } from "#core/result.ts";
import type { CommitSha, RefName, TreePath } from "./port.ts";

export interface RefMalformed {
  readonly code: "ref-malformed";
  readonly text: string;
  readonly allowed: string;
}

export interface PathMalformed {
  readonly code: "path-malformed";
  readonly text: string;
  readonly allowed: string;
}

export interface ShaMalformed {
  readonly code: "sha-malformed";
  readonly text: string;
  readonly allowed: string;
}

/** Control characters, all invisible format characters (bidi, zero width), line separators, and what was not UTF-8. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\uFFFD]/u;
/** What nearly all paths are: nothing of it is refused in a part that is short enough. */
const plain = /^[\w-]+(?:\.[\w-]+)*(?:\/[\w-]+(?:\.[\w-]+)*)*$/;
const partBytesMax = 255;
const refBytesMax = 1024;
const pathBytesMax = 4096;

/**
 * Checks a full ref name, for example `refs/heads/main`, by the rules of `git check-ref-format` and three of our own: it starts with
 * `refs/`, it holds no invisible characters, and a part leaves room for Git's `.lock` (250 bytes).
 */
export function parseRefName(text: string): Result<RefName, RefMalformed> {
  const refuse = (allowed: string): Result<RefName, RefMalformed> => err({ code: "ref-malformed", text, allowed });
  if (!text.startsWith("refs/")) return refuse("a full name that starts with refs/, for example refs/heads/main");
  if (Buffer.byteLength(text) > refBytesMax) return refuse(`at most ${refBytesMax} bytes`);
  if (unseen.test(text)) return refuse("no control, bidi or invisible characters");
  if (/[ ~^:?*[\\]/.test(text)) return refuse("no space and none of ~ ^ : ? * [ \\");
  if (text.includes("..") || text.includes("@{")) return refuse('no ".." and no "@{"');
  if (text.endsWith(".")) return refuse("no dot at the end");
  for (const part of text.split("/")) {
    if (part === "") return refuse("no empty part between, before or after slashes");
    if (part.startsWith(".")) return refuse("no part that starts with a dot");
    if (part.endsWith(".lock")) return refuse('no part that ends with ".lock"');
    if (Buffer.byteLength(part) > partBytesMax - ".lock".length) return refuse("at most 250 bytes a part");
  }
  return ok(text as RefName);
}

/** The ref of a branch whose name the program itself makes (`main`, `env/paper`). Text from outside goes through `parseRefName`. */
export function branchRef(name: string): RefName {
  const parsed = parseRefName(`refs/heads/${name}`);
  assert(parsed.ok, `not a branch name: ${JSON.stringify(name)}`);
  return parsed.value;
}

/**
 * `.git` as some file system would take it: any case; NTFS' short name `git~1`, its streams (`.git::$INDEX_ALLOCATION`) and the trailing
 * dots and spaces it drops. HFS+ also ignores invisible characters, and those are refused everywhere.
 */
function looksLikeGitDirectory(part: string): boolean {
  return /^(?:\.git|git~\d+)[ .]*(?:$|:)/i.test(part);
}

/**
 * Checks a path inside a tree: relative, `/` between parts, at most 255 bytes a part and 4,096 in all.
 * Refused are `.`, `..`, `.git` and what file systems take for it, backslashes, invisible characters, and a dot or space at a part's end.
 */
export function parseTreePath(text: string): Result<TreePath, PathMalformed> {
  if (text.length <= partBytesMax && plain.test(text)) return ok(text as TreePath);
  const refuse = (allowed: string): Result<TreePath, PathMalformed> => err({ code: "path-malformed", text, allowed });
  if (text === "" || text.startsWith("/")) return refuse("a relative path, for example strategies/momentum/README.md");
  if (Buffer.byteLength(text) > pathBytesMax) return refuse(`at most ${pathBytesMax} bytes`);
  if (unseen.test(text)) return refuse("UTF-8 without control, bidi or invisible characters");
  if (text.includes("\\")) return refuse("no backslash");
  for (const part of text.split("/")) {
    if (part === "") return refuse("no empty part between slashes or at the end");
    if (part === "." || part === "..") return refuse('no "." and no ".."');
    if (looksLikeGitDirectory(part)) return refuse("no .git, and nothing that a file system takes for it");
    if (/[. ]$/.test(part)) return refuse("no dot or space at the end of a part");
    if (Buffer.byteLength(part) > partBytesMax) return refuse(`at most ${partBytesMax} bytes a part`);
  }
  return ok(text as TreePath);
}

/** Checks a full object id: 40 hex digits, or 64 in a SHA-256 repository. */
export function parseCommitSha(text: string): Result<CommitSha, ShaMalformed> {
  if (isObjectId(text)) return ok(text as CommitSha);
  return err({ code: "sha-malformed", text, allowed: "a full object id of 40 lower-case hex digits" });
}

export function isObjectId(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

/** Proof, before an id is put in front of Git, that it is one; the brand alone could have been claimed by a cast. */
export function objectId(
  sha: Brand<string, "CommitSha"> | Brand<string, "TreeSha"> | Brand<string, "BlobSha">,
): string {
  assert(isObjectId(sha), `not an object id: ${JSON.stringify(sha)}`);
  return sha;
}
