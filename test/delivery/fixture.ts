import { execFileSync } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StrategyId } from "#core/identity.ts";
import type { Result } from "#core/result.ts";
import { judge, mergeProposal } from "#delivery/gate.ts";
import { createMemo, type Memo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import { renderBranch } from "#delivery/render.ts";
import { readWorkspace, type SourceFile, type SourceTree } from "#delivery/tree.ts";
import { localForge } from "#forge/local.ts";
import type { Forge } from "#forge/port.ts";
import { branchRef, initBareRepository, openRepository } from "#git/open.ts";
import type { CommitSha, Repository, TreePath } from "#git/port.ts";
import { seedForge } from "#server/seed.ts";

export const root = join(import.meta.dirname, "..", "..");
export const main = branchRef("main");
export const paper = branchRef("env/paper");
export const renderer = "slipway test";
export const alice = { name: "alice", email: "alice@example.test" };
export const bob = { name: "bob", email: "bob@example.test" };
export const sma = "momentum/sma-cross" as StrategyId;
export const randomTs = "seed/random-ts" as StrategyId;
export const randomPy = "seed/random-py" as StrategyId;

/** 2023-11-14 and on: a second later at each look, so that no two things happen at once. */
export function tickingClock(): () => number {
  let now = 1_700_000_000_000;
  return () => {
    now += 1_000;
    return now;
  };
}

export interface Site {
  readonly directory: string;
  readonly repository: Repository;
  readonly forge: Forge;
  readonly clock: () => number;
  readonly steady: () => number;
  readonly memo: Memo;
  /** What the gate said of pairs of commits. */
  readonly judged: Memo;
  git(...args: readonly string[]): string;
  close(): Promise<void>;
}

/** A real bare repository with the policies of this checkout on main. */
export async function openSite(options: { readonly tree?: SourceTree; readonly memo?: Memo } = {}): Promise<Site> {
  const directory = await mkdtemp(join(tmpdir(), "slipway-delivery-"));
  const repository = await initBareRepository(join(directory, "forge.git"));
  const clock = tickingClock();
  await seedForge(repository, options.tree ?? (await checkout()), { author: alice, clock });
  return site(directory, repository, clock, options.memo ?? createMemo());
}

export function site(directory: string, repository: Repository, clock: () => number, memo: Memo): Site {
  return {
    directory,
    repository,
    forge: localForge({ repository, clock }),
    clock,
    steady: () => performance.now(),
    memo,
    judged: createMemo({ entriesMax: 20 }),
    git: (...args) => execFileSync("git", ["-C", repository.directory, ...args], { encoding: "utf8" }),
    close: () => rm(directory, { recursive: true, force: true }),
  };
}

export async function reopen(from: Site): Promise<Site> {
  return site(from.directory, await openRepository(from.repository.directory), tickingClock(), createMemo());
}

/** The same repository once more, for one test; later than whatever happened there. */
export async function copySite(from: Site): Promise<Site> {
  const directory = await mkdtemp(join(tmpdir(), "slipway-delivery-"));
  await cp(from.repository.directory, join(directory, "forge.git"), { recursive: true });
  const clock = tickingClock();
  for (let looks = 0; looks < 10; looks += 1) clock();
  return site(directory, await openRepository(join(directory, "forge.git")), clock, from.memo);
}

/** The strategies and policies of this checkout. */
export function checkout(): Promise<SourceTree> {
  return readWorkspace(root);
}

export function file(text: string, mode = "100644"): SourceFile {
  return { mode, bytes: new TextEncoder().encode(text) };
}

/** A tree with some files replaced, added, or (`null`) removed. */
export function withFiles(tree: SourceTree, files: Readonly<Record<string, string | null>>): SourceTree {
  const changed = new Map(tree);
  for (const [path, text] of Object.entries(files)) {
    if (text === null) changed.delete(path);
    else changed.set(path, file(text));
  }
  return new Map([...changed].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A tree whose only policies are bounds, for tests of something else than this repository's rules. */
export function withoutRules(tree: SourceTree): SourceTree {
  return new Map([...tree].filter(([path]) => !path.startsWith("policies/rules/")));
}

/** A tree with a text of one file replaced; it must occur. */
export function edit(tree: SourceTree, path: string, from: string | RegExp, to: string): SourceTree {
  const text = new TextDecoder().decode(tree.get(path)?.bytes);
  const next = text.replace(from, to);
  if (next === text) throw new Error(`${path} does not hold ${from}`);
  return withFiles(tree, { [path]: next });
}

export const spec = (id: string): string => `strategies/${id}/strategy.yaml`;
export const paperPolicy = "policies/environments/paper.yaml";

export function value<Value>(result: Result<Value, unknown>): Value {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.error)}`);
  return result.value;
}

export function refusal<Refused>(result: Result<unknown, Refused>): Refused {
  if (result.ok) throw new Error("it was not refused");
  return result.error;
}

/** Proposes, judges and merges in one go. */
export async function deploy(
  at: Site,
  workspace: SourceTree,
  strategies: readonly StrategyId[],
  policies = false,
): Promise<CommitSha> {
  const { repository, forge, clock, memo } = at;
  const opened = value(
    await proposeDeploy({ repository, forge, clock, memo, workspace, strategies, policies, author: alice }),
  );
  return value(await mergeProposal({ repository, forge, number: opened.proposal.number, by: alice, clock, memo }))
    .commit;
}

/** Someone's approval of what the proposal is now, as `slipway approve` gives it. */
export async function approve(at: Site, number: number, by: string, email?: string): Promise<void> {
  const { repository, forge, clock, memo, judged } = at;
  const { head, approvalDigest } = await judge({ repository, forge, number, memo, judged });
  if (approvalDigest === undefined) throw new Error("the gate refuses it");
  const timeSeconds = Math.floor(clock() / 1_000);
  value(
    await forge.approve(number, {
      by,
      head,
      digest: approvalDigest,
      timeSeconds,
      ...(email === undefined ? {} : { email }),
    }),
  );
}

export function render(at: Site, environment = "paper"): ReturnType<typeof renderBranch> {
  return renderBranch({ repository: at.repository, environment, renderer, memo: at.memo });
}

/** A commit on a branch that did not come through a proposal. */
export async function push(
  at: Site,
  branch: string,
  files: Readonly<Record<string, string | null>>,
  message = "pushed\n",
): Promise<CommitSha> {
  const ref = branchRef(branch);
  const tip = await at.repository.resolve(ref);
  const from = tip ?? (await at.repository.resolve(main));
  const base = from === undefined ? undefined : await at.repository.commit(from);
  const changes = new Map(Object.entries(files).map(([path, text]) => [path as TreePath, text]));
  const signature = { ...bob, timeSeconds: Math.floor(at.clock() / 1_000) };
  const commit = await at.repository.writeCommit({
    tree: await at.repository.writeTree(base?.tree ?? null, changes),
    parents: from === undefined ? [] : [from],
    author: signature,
    committer: signature,
    message,
  });
  value(await at.repository.updateRef(ref, commit, tip ?? null));
  return commit;
}
