import { join } from "node:path";
import { assert, err, Fault, ok, type Result } from "#core/result.ts";
import { certificateAdvice } from "./certificate.ts";
import { objectId, parseRefName } from "./names.ts";
import type { CommitSha, Mirror, RefMoved, RefName, Repository } from "./port.ts";
import { findGit, type Git, type Output, type RunOptions, run } from "./process.ts";

export interface RemoteOptions {
  /** `https://host/owner/name.git`; plain `http` is for this machine only. */
  readonly url: string;
  /** The value of the header `Authorization`, asked for each call: an installation's token lives for an hour. */
  readonly authorization?: () => Promise<string>;
  /** A PEM file with the authorities that may have signed the remote's certificate; no other may. Default: those that the machine's Git believes. */
  readonly authorityFile?: string;
}

const fetchTimeoutMs = 600_000;
const fetchTries = 3;

/**
 * A repository whose refs live elsewhere: reads are answered by the bare mirror on this machine, and a ref is moved by a push that the remote
 * takes only if it stands where it was expected. The token is handed to Git by its environment, for this one host; nobody sees it in a list of
 * processes, and no redirect carries it elsewhere.
 *
 * @throws Fault `git-remote-failed` when the remote does not answer, `git-push-refused` when it has rules against a push
 */
export async function mirrorOf(mirror: Repository, remote: RemoteOptions): Promise<Mirror> {
  const git = await findGit(mirror.directory);
  const url = checkUrl(remote.url);
  const call: Call = (args, options = {}) => callRemote(git, url, remote, args, options);
  const fetch = oneAtATime((stopped) => fetchBranches(call, url, stopped));
  return {
    ...mirror,
    fetch,
    fetchRef: (ref) => fetchRefs(call, url, [`+${checkRef(ref)}:${checkRef(ref)}`]),
    updateRef: (ref, next, expected) => pushRef({ mirror, call, fetch, url }, ref, next, expected),
  };
}

type CallOptions = Pick<RunOptions, "codes" | "signal">;
type Call = (args: readonly string[], options?: CallOptions) => Promise<Output>;

function checkRef(ref: RefName): RefName {
  assert(parseRefName(ref).ok, `not a ref name: ${JSON.stringify(ref)}`);
  return ref;
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const local = url !== undefined && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  const allowed = url?.protocol === "https:" || (url?.protocol === "http:" && local);
  if (url === undefined || !allowed || url.username !== "" || url.password !== "" || url.search !== "")
    throw new Fault(
      "git-remote-malformed",
      "the address of a remote is https://host/owner/name.git, without a name or password in it",
    );
  return url.href;
}

async function callRemote(
  git: Git,
  url: string,
  { authorization, authorityFile }: RemoteOptions,
  args: readonly string[],
  options: CallOptions,
): Promise<Output> {
  const header = await authorization?.();
  assert(header === undefined || /^[\x20-\x7e]+$/.test(header), "an Authorization header of other characters");
  try {
    return await run(git, args, {
      ...options,
      timeoutMs: fetchTimeoutMs,
      configuration: [
        ["protocol.allow", "never"],
        [`protocol.${new URL(url).protocol.slice(0, -1)}.allow`, "always"],
        ["http.followRedirects", "false"],
        ...(authorityFile === undefined ? [] : believing(git, authorityFile)),
        ...(header === undefined ? [] : [[`http.${url}.extraHeader`, `Authorization: ${header}`] as const]),
      ],
    });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new Fault("git-remote-failed", `${new URL(url).host} did not do it: ${detail}${certificateAdvice(detail)}`, {
      cause,
    });
  }
}

/**
 * These authorities and no others, as the forge's interface does it. Some builds of Git (Debian's, by GnuTLS) believe the system's folder of
 * authorities beside the file that they are given; in its place they get one that holds no certificate, and that each repository has.
 */
function believing({ directory }: Git, authorityFile: string): readonly (readonly [string, string])[] {
  return [
    ["http.sslCAInfo", authorityFile],
    ["http.sslCAPath", join(directory, "refs")],
  ];
}

/** What starts while one is under way waits for the next one: a fetch that began before a push may not have seen it. */
function oneAtATime(work: (stopped?: AbortSignal) => Promise<void>): (stopped?: AbortSignal) => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (stopped?: AbortSignal): Promise<void> => {
    running = work(stopped).finally(() => {
      running = undefined;
    });
    return running;
  };
  return (stopped) => {
    // Another's, which several may wait for, is nobody's to end.
    if (running === undefined) return begin(stopped);
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return begin();
      });
    return next;
  };
}

function fetchBranches(call: Call, url: string, stopped: AbortSignal | undefined): Promise<void> {
  const specs = ["+refs/heads/*:refs/heads/*", "+refs/slipway/*:refs/slipway/*"];
  return fetchRefs(call, url, specs, { options: ["--prune"], stopped });
}

async function fetchRefs(
  call: Call,
  url: string,
  specs: readonly string[],
  { options = [], stopped }: { readonly options?: readonly string[]; readonly stopped?: AbortSignal | undefined } = {},
): Promise<void> {
  const args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", ...options];
  for (let tries = 1; ; tries += 1) {
    try {
      await call([...args, "--", url, ...specs], { signal: stopped });
      return;
    } catch (cause) {
      // Another process that fetches into the same mirror moved the ref first.
      const contended = cause instanceof Fault && /cannot lock ref|unable to update local ref/.test(cause.message);
      if (!contended || tries === fetchTries) throw cause;
    }
  }
}

interface PushContext {
  readonly mirror: Repository;
  readonly call: Call;
  readonly fetch: () => Promise<void>;
  readonly url: string;
}

async function pushRef(
  { mirror, call, fetch, url }: PushContext,
  ref: RefName,
  next: CommitSha | null,
  expected: CommitSha | null,
): Promise<Result<void, RefMoved>> {
  checkRef(ref);
  const old = expected === null ? "" : objectId(expected);
  const args = ["push", "--porcelain", "--no-verify", `--force-with-lease=${ref}:${old}`, "--", url];
  const pushed = await call([...args, `${next === null ? "" : objectId(next)}:${ref}`], { codes: [1] });
  if (pushed.code === 0) {
    const known = (await mirror.resolve(ref)) ?? null;
    const moved = known === next ? ok(undefined) : await mirror.updateRef(ref, next, known);
    if (!moved.ok) await fetch();
    return ok(undefined);
  }
  await fetch();
  const found = (await mirror.resolve(ref)) ?? null;
  if (found !== expected) return err({ code: "ref-moved", ref, expected, found });
  throw new Fault("git-push-refused", `${new URL(url).host} refuses the push to ${ref}: ${refusalOf(pushed)}`);
}

/** `!\t<from>:<to>\t[remote rejected] (protected branch hook declined)`, and what the remote says beside it. */
function refusalOf({ stdout, stderr }: Output): string {
  const line = /^!\t[^\t]*\t(.*)$/m.exec(stdout.toString("utf8"))?.[1] ?? "";
  const said = [...stderr.matchAll(/^remote: (.+)$/gm)]
    .map(([, text = ""]) => text.trim())
    .filter((text) => text !== "");
  return [line, ...said].join("; ").slice(0, 500);
}
