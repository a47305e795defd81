import { slipwayIdentity } from "#core/committer.ts";
import { freezeWindow } from "#core/freeze.ts";
import { formatInstant } from "#core/instant.ts";
import type { Policies } from "#core/policies.ts";
import { Fault } from "#core/result.ts";
import { waiverEnd } from "#core/waiver.ts";
import type { Commit, CommitSha, Repository, TreePath } from "#git/port.ts";
import { readFleet } from "./fleet.ts";
import { createMemo, type Memo } from "./memo.ts";
import { mainRef, treePath } from "./names.ts";
import { formatMessage } from "./trailers.ts";
import { fileBytesMax, type SourceFile } from "./tree.ts";

// Time in Git is the committer date of main's tip. So that waivers end and freezes start and end while nobody merges, Slipway commits them: at each
// such instant one commit, dated by it, that takes away what is over. It is a function of main's history and the documents, so two that make it at
// once make the same one.

/** An instant at which a document on main says that something changes. */
export interface TimedChange {
  readonly atSeconds: number;
  readonly kind: "waiver-end" | "freeze-start" | "freeze-end";
  /** Of the waiver or freeze. */
  readonly name: string;
  /** Its file, which goes at an end. */
  readonly path: string;
}

/** A commit of Slipway on main, and what it made true. */
export interface Expiry {
  readonly commit: CommitSha;
  readonly changes: readonly TimedChange[];
  /** How long after the instant it was made: seconds of the clock that the caller gave. */
  readonly delaySeconds: number;
}

export interface ExpiryRequest {
  readonly repository: Repository;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly memo?: Memo;
}

const commitsMax = 1_000;
const triesMax = 10;

/** Everything timed in the policies, in the order of time. A document that is refused holds for nobody, and has no end. */
export function timedChanges(policies: Policies): readonly TimedChange[] {
  const changes: TimedChange[] = [];
  for (const [name, { document }] of policies.waivers) {
    const path = `policies/waivers/${name}.yaml`;
    if (document !== undefined) changes.push({ atSeconds: waiverEnd(document), kind: "waiver-end", name, path });
  }
  for (const [name, { document }] of policies.freezes) {
    if (document === undefined) continue;
    const path = `policies/freezes/${name}.yaml`;
    const { fromSeconds, untilSeconds } = freezeWindow(document);
    changes.push({ atSeconds: fromSeconds, kind: "freeze-start", name, path });
    changes.push({ atSeconds: untilSeconds, kind: "freeze-end", name, path });
  }
  return changes.sort((a, b) => a.atSeconds - b.atSeconds || (a.path < b.path ? -1 : 1));
}

/**
 * What is still to be committed: an end as long as its file is there, a start as long as main's time lies before it.
 *
 * @param mainSeconds committer date of main's tip
 */
export function pendingChanges(changes: readonly TimedChange[], mainSeconds: number): readonly TimedChange[] {
  return changes.filter(({ kind, atSeconds }) => kind !== "freeze-start" || mainSeconds < atSeconds);
}

/**
 * Commits on main what time has brought until now, an instant a commit, oldest first. Killed anywhere and run again it goes on; when nothing is due
 * it writes nothing.
 *
 * @returns what was committed, and when the next thing is due (seconds since the epoch)
 * @throws Fault `expiry-contended` when main keeps moving
 */
export async function applyExpiries(
  request: ExpiryRequest,
): Promise<{ readonly done: readonly Expiry[]; readonly nextSeconds: number | undefined }> {
  const { repository, clock, memo = createMemo() } = request;
  const done: Expiry[] = [];
  let lost = 0;
  while (done.length < commitsMax) {
    const tip = await repository.resolve(mainRef);
    if (tip === undefined) return { done, nextSeconds: undefined };
    const timed = await memo.of("timed-changes", tip, async () =>
      timedChanges(await readTimedPolicies(repository, tip, memo)),
    );
    if (timed.length === 0) return { done, nextSeconds: undefined };
    const base = await repository.commit(tip);
    const pending = pendingChanges(timed, base.committer.timeSeconds);
    const [first] = pending;
    const nowSeconds = Math.max(Math.floor(clock() / 1_000), base.committer.timeSeconds);
    if (first === undefined || first.atSeconds > nowSeconds) return { done, nextSeconds: first?.atSeconds };
    const due = pending.filter(({ atSeconds }) => atSeconds === first.atSeconds);
    const commit = await writeExpiry(repository, base, due);
    const moved = await repository.updateRef(mainRef, commit, tip);
    // Another one that made the same commit was faster: it is done all the same, and theirs to tell.
    if (moved.ok) done.push({ commit, changes: due, delaySeconds: nowSeconds - first.atSeconds });
    else lost += 1;
    if (lost >= triesMax) throw new Fault("expiry-contended", `main was moved by others ${triesMax} times; try again`);
  }
  return { done, nextSeconds: 0 };
}

/** The waivers, freezes and halts of a commit, and nothing else: this is asked at each turn, however many strategies there are. */
export async function readTimedPolicies(repository: Repository, tip: CommitSha, memo: Memo): Promise<Policies> {
  const entries = [...(await listPolicies(repository, tip))].filter(
    ([path, { mode, sizeBytes }]) =>
      /^policies\/(?:waivers|freezes|halts)\/[^/]+\.yaml$/.test(path) &&
      mode.startsWith("100") &&
      sizeBytes <= fileBytesMax,
  );
  const blobs = await repository.read(entries.map(([, { blob }]) => blob));
  const files = new Map<string, SourceFile>();
  for (const [path, { mode, blob }] of entries) {
    const bytes = blobs.get(blob);
    if (bytes !== undefined) files.set(path, { mode, bytes });
  }
  return readFleet(files, memo).policies;
}

/** A main that holds a path which no checkout should get is raised by whoever renders it. */
async function listPolicies(repository: Repository, tip: CommitSha): ReturnType<Repository["list"]> {
  try {
    return await repository.list(tip, "policies");
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.code !== "git-path-malformed") throw cause;
    return new Map();
  }
}

async function writeExpiry(repository: Repository, base: Commit, due: readonly TimedChange[]): Promise<CommitSha> {
  const gone = due
    .filter(({ kind }) => kind !== "freeze-start")
    .map(({ path }): [TreePath, null] => [treePath(path), null]);
  const timeSeconds = Math.max(base.committer.timeSeconds, due[0]?.atSeconds ?? 0);
  const signature = { ...slipwayIdentity, timeSeconds };
  return repository.writeCommit({
    tree: gone.length === 0 ? base.tree : await repository.writeTree(base.tree, new Map(gone)),
    parents: [base.sha],
    author: signature,
    committer: signature,
    message: messageOf(due),
  });
}

const subjectMax = 5;

/** `waiver sma-cross-until-friday ended`: what happened, for whoever reads main's history. */
function messageOf(due: readonly TimedChange[]): string {
  const lines = due.map(({ kind, name }) => {
    const [what, verb] = kind.split("-");
    return `${what} ${name} ${verb === "start" ? "starts" : "ended"}`;
  });
  const more = due.length > subjectMax ? ` and ${due.length - subjectMax} more` : "";
  const body = due.map(({ kind, path, atSeconds }) => {
    const when = formatInstant(atSeconds);
    return kind === "freeze-start" ? `${path} holds from ${when}.` : `${path} said until ${when}, so it goes.`;
  });
  return `${formatMessage(lines.slice(0, subjectMax).join(", ") + more, []).trimEnd()}\n\n${body.join("\n")}\n`;
}
