import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Forge, ForgeRefusal, GateState, OpenProposal, Proposal } from "#forge/port.ts";
import { branchRef, parseTreePath } from "#git/open.ts";
import type { CommitSha, RefName, Repository, TreePath } from "#git/port.ts";

/** What an adapter gives its contract: a forge, the repository behind it, and an end. `main` need not exist yet. */
export interface ForgeFixture {
  readonly forge: Forge;
  readonly repository: Repository;
  close(): Promise<void>;
}

export const main = branchRef("main");
const alice = { name: "alice", email: "alice@example.test" };
const bob = { name: "bob", email: "bob@example.test" };
const absent = "0123456789012345678901234567890123456789" as CommitSha;

export function path(text: string): TreePath {
  const parsed = parseTreePath(text);
  if (!parsed.ok) throw new Error(parsed.error.allowed);
  return parsed.value;
}

/** Writes files on top of a branch (or of `from`, for a new one) as one commit. */
export async function push(
  repository: Repository,
  branch: RefName,
  files: { readonly [path: string]: string | null },
  options: { readonly from?: RefName; readonly timeSeconds?: number } = {},
): Promise<CommitSha> {
  const tip = await repository.resolve(branch);
  const parent = tip ?? (options.from === undefined ? undefined : await repository.resolve(options.from));
  const base = parent === undefined ? null : (await repository.commit(parent)).tree;
  const changes = new Map(Object.entries(files).map(([name, text]) => [path(name), text]));
  const signature = { ...alice, timeSeconds: options.timeSeconds ?? 1_000 };
  const commit = await repository.writeCommit({
    tree: await repository.writeTree(base, changes),
    parents: parent === undefined ? [] : [parent],
    author: signature,
    committer: signature,
    message: "change\n",
  });
  const moved = await repository.updateRef(branch, commit, tip ?? null);
  if (!moved.ok) throw new Error("the branch moved under the test");
  return commit;
}

export function request(branch: RefName, more: Partial<OpenProposal> = {}): OpenProposal {
  return {
    title: "sma-cross: fast 10 → 12",
    description: "Why: it is faster.",
    author: alice,
    branch,
    target: main,
    ...more,
  };
}

export function value<Value>(
  result: { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: ForgeRefusal },
): Value {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.error)}`);
  return result.value;
}

export function code(result: { readonly ok: boolean; readonly error?: ForgeRefusal }): string {
  return result.ok ? "ok" : (result.error?.code ?? "");
}

export async function judged(
  { forge, repository }: Pick<ForgeFixture, "forge" | "repository">,
  proposal: Proposal,
  state: GateState = "passed",
): Promise<{ readonly base: CommitSha; readonly head: CommitSha }> {
  const base = (await repository.resolve(main)) ?? absent;
  value(await forge.setGate(proposal.number, { state, summary: "14 checks", base, head: proposal.head }));
  return { base, head: proposal.head };
}

export function mergeRequest(pair: { readonly base: CommitSha; readonly head: CommitSha }) {
  return { ...pair, by: bob, message: "Merge: fast 10 → 12\n\nWhy not.", timeSeconds: 2_000 };
}

/** What every forge must do, whatever it is made of. */
export function forgeContract(open: () => Promise<ForgeFixture>): void {
  let fixture: ForgeFixture;
  let forge: Forge;
  let repository: Repository;
  const topic = branchRef("alice/fast");

  beforeEach(async () => {
    fixture = await open();
    ({ forge, repository } = fixture);
    if ((await repository.resolve(main)) === undefined)
      await push(repository, main, { "README.md": "one\n", "a/file": "1\n" });
    await push(repository, topic, { "a/file": "2\n" }, { from: main });
  });
  afterEach(() => fixture.close());

  async function opened(branch = topic): Promise<Proposal> {
    return value(await forge.open(request(branch)));
  }

  describe("open", () => {
    test("gives a number, and everything that was said", async () => {
      const proposal = await opened();
      expect(proposal).toMatchObject({
        title: "sma-cross: fast 10 → 12",
        description: "Why: it is faster.",
        author: "alice",
        authorEmail: "alice@example.test",
        branch: topic,
        target: main,
        state: "open",
        head: await repository.resolve(topic),
        approvals: [],
      });
      expect([proposal.gate, proposal.comment, proposal.mergedAs]).toEqual([undefined, undefined, undefined]);
      expect(value(await forge.get(proposal.number))).toEqual(proposal);
    });

    test("again for the same branch: the same proposal, with the new head", async () => {
      const first = await opened();
      const head = await push(repository, topic, { "a/file": "3\n" });
      expect(await opened()).toEqual({ ...first, head });
      expect(await forge.list()).toHaveLength(1);
    });

    test("many at once for one branch: one proposal", async () => {
      const proposals = await Promise.all(Array.from({ length: 4 }, () => opened()));
      expect(new Set(proposals.map(({ number }) => number)).size).toBe(1);
    });

    test("many at once for as many branches: as many numbers", async () => {
      const branches = ["x/1", "x/2", "x/3"].map(branchRef);
      for (const branch of branches) await push(repository, branch, { [`x${branch}`]: "1\n" }, { from: main });
      const proposals = await Promise.all(branches.map((branch) => opened(branch)));
      expect(new Set(proposals.map(({ number }) => number)).size).toBe(3);
    });

    test("of a branch, or for a target, that is not there is refused", async () => {
      const missing = branchRef("nobody/nothing");
      expect(await forge.open(request(missing))).toEqual({
        ok: false,
        error: { code: "branch-missing", branch: missing },
      });
      expect(code(await forge.open(request(topic, { target: missing })))).toBe("branch-missing");
    });

    test.each([
      { name: "200 characters", title: "a".repeat(200), refused: "ok" },
      { name: "201 characters", title: "a".repeat(201), refused: "title-malformed" },
      { name: "empty", title: " ", refused: "title-malformed" },
      { name: "two lines", title: "a\nb", refused: "title-malformed" },
      { name: "a bidi override", title: "a\u202eb", refused: "title-malformed" },
      { name: "an escape", title: "a\u001b[31m", refused: "title-malformed" },
    ])("a title of $name: $refused", async ({ title, refused }) => {
      expect(code(await forge.open(request(topic, { title })))).toBe(refused);
    });

    test.each([
      { name: "at the bound", description: "a".repeat(30_000), refused: "ok" },
      { name: "one above", description: "a".repeat(30_001), refused: "description-malformed" },
    ])("a description $name: $refused", async ({ description, refused }) => {
      expect(code(await forge.open(request(topic, { description })))).toBe(refused);
    });
  });

  describe("get and list", () => {
    test.each([0, -1, 1.5, 99])("number %s is missing", async (number) => {
      expect(await forge.get(number)).toEqual({ ok: false, error: { code: "proposal-missing", number } });
    });

    test("newest first, by state and by branch", async () => {
      const other = branchRef("bob/other");
      await push(repository, other, { "b/file": "1\n" }, { from: main });
      const first = await opened();
      const second = await opened(other);
      value(await forge.close(first.number));
      const numbers = async (filter?: Parameters<Forge["list"]>[0]) =>
        (await forge.list(filter)).map(({ number }) => number);
      expect(await numbers()).toEqual([second.number, first.number]);
      expect(await numbers({ state: "open" })).toEqual([second.number]);
      expect(await numbers({ state: "closed" })).toEqual([first.number]);
      expect(await numbers({ branch: topic })).toEqual([first.number]);
      expect(await numbers({ branch: topic, state: "open" })).toEqual([]);
    });

    test("the head of an open proposal follows its branch, and stays when that is deleted", async () => {
      const { number } = await opened();
      const head = await push(repository, topic, { "a/file": "3\n" });
      expect(value(await forge.get(number)).head).toBe(head);
      expect((await forge.list())[0]?.head).toBe(head);
      await repository.updateRef(topic, null, head);
      expect(value(await forge.get(number)).state).toBe("open");
    });
  });

  describe("gate, comment, approval", () => {
    test("the gate is shown for its head only, and replaced", async () => {
      const proposal = await opened();
      const pair = await judged(fixture, proposal, "refused");
      expect(value(await forge.get(proposal.number)).gate).toEqual({ state: "refused", summary: "14 checks", ...pair });
      await judged(fixture, proposal, "passed");
      expect(value(await forge.get(proposal.number)).gate?.state).toBe("passed");
      await push(repository, topic, { "a/file": "3\n" });
      expect(value(await forge.get(proposal.number)).gate).toBeUndefined();
    });

    test("a gate about a stale head is refused", async () => {
      const { number, head } = await opened();
      const found = await push(repository, topic, { "a/file": "3\n" });
      const status = { state: "passed", summary: "", base: head, head } as const;
      expect(await forge.setGate(number, status)).toEqual({
        ok: false,
        error: { code: "head-moved", number, expected: head, found },
      });
    });

    test("the comment is one, written again it is replaced", async () => {
      const { number } = await opened();
      value(await forge.setComment(number, "# first\n"));
      expect(value(await forge.setComment(number, "# second\n\tline\n")).comment).toBe("# second\n\tline\n");
      expect(value(await forge.get(number)).comment).toBe("# second\n\tline\n");
    });

    test("the words of an open proposal are replaced, and those that are not given stay", async () => {
      const proposal = await opened();
      const { number, description } = proposal;
      expect(value(await forge.reword(number, { title: "another title" }))).toEqual({
        ...proposal,
        title: "another title",
      });
      value(await forge.reword(number, { description: "more\n" }));
      const [listed] = await forge.list({ state: "open" });
      expect(listed).toMatchObject({ number, title: "another title", description: "more\n" });
      expect(code(await forge.reword(number, { title: " " }))).toBe("title-malformed");
      value(await forge.close(number));
      expect(code(await forge.reword(number, { description }))).toBe("proposal-not-open");
    });

    test("an approval keeps who, what and where, and said twice it is one", async () => {
      const { number, head } = await opened();
      const approval = { by: "bob", email: "bob@example.test", head, digest: "sha256:1", timeSeconds: 1_500 };
      value(await forge.approve(number, approval));
      expect(value(await forge.approve(number, { ...approval, timeSeconds: 1_600 })).approvals).toEqual([approval]);
      const other = { by: "carol", head, digest: "sha256:1", timeSeconds: 1_600 };
      value(await forge.approve(number, other));
      const more = { ...approval, digest: "sha256:2", timeSeconds: 1_700 };
      expect(value(await forge.approve(number, more)).approvals).toEqual([approval, other, more]);
      const [listed] = await forge.list({ state: "open" });
      expect(listed?.approvals).toEqual([approval, other, more]);
    });

    test("an approval of a branch that moved is refused; those that were given stay to be judged by their digest", async () => {
      const { number, head } = await opened();
      const approval = { by: "bob", head, digest: "sha256:1", timeSeconds: 1_500 };
      value(await forge.approve(number, approval));
      const next = await push(repository, topic, { "a/file": "3\n" });
      expect(await forge.approve(number, approval)).toMatchObject({
        error: { code: "head-moved", expected: head, found: next },
      });
      const again = { by: "bob", head: next, digest: "sha256:1", timeSeconds: 1_700 };
      expect(value(await forge.approve(number, again)).approvals).toEqual([approval, again]);
    });

    test.each(["alice", "ALICE", "alice@example.test"])("the author's own approval, as %s, is refused", async (by) => {
      const { number, head } = await opened();
      expect(code(await forge.approve(number, { by, head, digest: "d", timeSeconds: 1 }))).toBe("self-approval");
    });

    test("the author's own approval by another name with their address is refused", async () => {
      const { number, head } = await opened();
      const approval = { by: "alicia", email: "Alice@example.test", head, digest: "d", timeSeconds: 1 };
      expect(code(await forge.approve(number, approval))).toBe("self-approval");
      expect(value(await forge.get(number)).approvals).toEqual([]);
    });

    test("an approval by a name or address that no commit could carry is refused", async () => {
      const { number, head } = await opened();
      const approval = { by: "bob", head, digest: "d", timeSeconds: 1 };
      expect(code(await forge.approve(number, { ...approval, by: "b\u202eob" }))).toBe("identity-malformed");
      expect(code(await forge.approve(number, { ...approval, email: "b<ob" }))).toBe("identity-malformed");
    });
  });

  describe("merge", () => {
    test("makes a commit of base and head, moves the target and says who", async () => {
      const proposal = await opened();
      await push(repository, main, { "README.md": "two\n" });
      const pair = await judged(fixture, proposal);
      const merged = value(await forge.merge(proposal.number, mergeRequest(pair)));
      expect(merged.proposal).toMatchObject({ state: "merged", head: pair.head, mergedAs: merged.commit });
      expect(await repository.resolve(main)).toBe(merged.commit);
      const commit = await repository.commit(merged.commit);
      expect(commit.parents).toEqual([pair.base, pair.head]);
      expect(commit.author).toMatchObject({ name: "bob", email: "bob@example.test" });
      expect(commit.message).toContain("Merge: fast 10 → 12");
      const files = [...(await repository.list(merged.commit)).values()].map(({ blob }) => blob);
      const texts = [...(await repository.read(files)).values()].map((bytes) => new TextDecoder().decode(bytes));
      expect(texts.sort()).toEqual(["2\n", "two\n"]);
    });

    test("again it answers with the same commit; with another head it does not", async () => {
      const proposal = await opened();
      const pair = await judged(fixture, proposal);
      const first = value(await forge.merge(proposal.number, mergeRequest(pair)));
      expect(value(await forge.merge(proposal.number, { ...mergeRequest(pair), timeSeconds: 9_000 }))).toEqual(first);
      expect(value(await forge.merge(proposal.number, mergeRequest({ ...pair, base: first.commit }))).commit).toBe(
        first.commit,
      );
      expect(code(await forge.merge(proposal.number, mergeRequest({ ...pair, head: pair.base })))).toBe("head-moved");
      expect(await repository.resolve(main)).toBe(first.commit);
    });

    test.each(["missing", "pending", "refused"] as const)("with the gate %s is refused", async (gate) => {
      const { number, head } = await opened();
      const base = (await repository.resolve(main)) ?? absent;
      if (gate !== "missing") value(await forge.setGate(number, { state: gate, summary: "", base, head }));
      const result = await forge.merge(number, mergeRequest({ base, head }));
      expect(result).toEqual({ ok: false, error: { code: "gate-not-passed", number, gate } });
      expect(await repository.resolve(main)).toBe(base);
    });

    test("with a gate that passed for another base is refused", async () => {
      const proposal = await opened();
      const { head } = await judged(fixture, proposal);
      const base = await push(repository, main, { "README.md": "two\n" });
      const result = await forge.merge(proposal.number, mergeRequest({ base, head }));
      expect(result).toMatchObject({ error: { code: "gate-not-passed", gate: "missing" } });
    });

    test("after the base moved, or the head, is refused with what stands there now", async () => {
      const proposal = await opened();
      const pair = await judged(fixture, proposal);
      const base = await push(repository, main, { "README.md": "two\n" });
      expect(await forge.merge(proposal.number, mergeRequest(pair))).toMatchObject({
        error: { code: "base-moved", expected: pair.base, found: base },
      });
      const head = await push(repository, topic, { "a/file": "3\n" });
      expect(await forge.merge(proposal.number, mergeRequest(pair))).toMatchObject({
        error: { code: "head-moved", expected: pair.head, found: head },
      });
    });

    test("of what conflicts is refused with the paths", async () => {
      await push(repository, main, { "a/file": "other\n" });
      const proposal = await opened();
      const pair = await judged(fixture, proposal);
      const result = await forge.merge(proposal.number, mergeRequest(pair));
      expect(result).toEqual({
        ok: false,
        error: { code: "merge-conflict", number: proposal.number, paths: ["a/file"] },
      });
    });

    test("of two proposals at once: one wins, the other's base moved", async () => {
      const other = branchRef("bob/other");
      await push(repository, other, { "b/file": "1\n" }, { from: main });
      const proposals = [await opened(), await opened(other)];
      const pairs: Awaited<ReturnType<typeof judged>>[] = [];
      for (const proposal of proposals) pairs.push(await judged(fixture, proposal));
      const results = await Promise.all(
        proposals.map(({ number }, index) => forge.merge(number, mergeRequest(pairs[index]!))),
      );
      expect(results.map(code).sort()).toEqual(["base-moved", "ok"]);
    });

    test("of one proposal many times at once: one commit", async () => {
      const proposal = await opened();
      const pair = await judged(fixture, proposal);
      const requests = [2_000, 2_001, 2_002].map((timeSeconds) => ({ ...mergeRequest(pair), timeSeconds }));
      const results = await Promise.all(requests.map((each) => forge.merge(proposal.number, each)));
      const commits = new Set(results.map((result) => value(result).commit));
      expect([...commits]).toEqual([await repository.resolve(main)]);
      expect(await repository.history([...commits][0]!)).toHaveLength(2);
    });
  });

  test("close: ends a proposal for good; the branch may be proposed again", async () => {
    const proposal = await opened();
    expect(value(await forge.close(proposal.number))).toEqual({ ...proposal, state: "closed" });
    expect(value(await forge.close(proposal.number)).state).toBe("closed");
    const status = { state: "passed", summary: "", base: proposal.head, head: proposal.head } as const;
    expect(code(await forge.setGate(proposal.number, status))).toBe("proposal-not-open");
    expect(
      code(await forge.approve(proposal.number, { by: "bob", head: proposal.head, digest: "d", timeSeconds: 1 })),
    ).toBe("proposal-not-open");
    expect(code(await forge.merge(proposal.number, mergeRequest(status)))).toBe("proposal-not-open");
    expect((await opened()).number).toBeGreaterThan(proposal.number);
  });

  test("close: what is merged stays merged", async () => {
    const proposal = await opened();
    value(await forge.merge(proposal.number, mergeRequest(await judged(fixture, proposal))));
    expect(await forge.close(proposal.number)).toMatchObject({ error: { code: "proposal-not-open", state: "merged" } });
  });
}
