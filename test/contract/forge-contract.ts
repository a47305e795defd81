import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Forge, ForgeRefusal, GateState, OpenProposal, Proposal } from "#forge/port.ts";
import { branchRef, parseTreePath } from "#git/open.ts";
import type { CommitSha, RefName, Repository, TreePath } from "#git/port.ts";

/** What an adapter gives its contract: a forge, the repository behind it, and an end. `main` need not exist yet. */
export interface ForgeFixture {
  /** As Slipway itself uses it: it judges and comments. */
  readonly forge: Forge;
  /** The same forge in the hands of a person. */
  as(person: Someone): Forge;
  /** What is written here is pushed. */
  readonly repository: Repository;
  /** Lets `repository` see what the forge did by itself. */
  look(): Promise<void>;
  /** Of a proposal, on a forge that has them. */
  marks?(number: number): Promise<{ readonly labels: readonly string[]; readonly asked: readonly string[] }>;
  close(): Promise<void>;
}

export type Someone = "alice" | "bob" | "carol";

export const main = branchRef("main");
export const alice = { name: "alice", email: "alice@example.test" };
export const bob = { name: "bob", email: "bob@example.test" };
export const absent = "0123456789012345678901234567890123456789" as CommitSha;

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
  approvalDigest?: string,
): Promise<{ readonly base: CommitSha; readonly head: CommitSha }> {
  const base = (await repository.resolve(main)) ?? absent;
  const digests = approvalDigest === undefined ? {} : { approvalDigest };
  value(await forge.setGate(proposal.number, { state, summary: "14 checks", base, head: proposal.head, ...digests }));
  return { base, head: proposal.head };
}

export function mergeRequest(pair: { readonly base: CommitSha; readonly head: CommitSha }) {
  return { ...pair, by: bob, message: "Merge: fast 10 → 12\n\nWhy not.", timeSeconds: 2_000 };
}

export const topic = branchRef("alice/fast");

/** A main to propose to, and a branch to propose. */
export async function start(repository: Repository): Promise<void> {
  if ((await repository.resolve(main)) === undefined)
    await push(repository, main, { "README.md": "one\n", "a/file": "1\n" });
  await push(repository, topic, { "a/file": "2\n" }, { from: main });
}

/** A forge on the network needs a moment to see a push. */
export async function arrived(forge: Forge, number: number, head: CommitSha): Promise<void> {
  await expect.poll(async () => value(await forge.get(number)).head, { timeout: 20_000 }).toBe(head);
}

/** What every forge must do, whatever it is made of. */
export function forgeContract(open: () => Promise<ForgeFixture>): void {
  describe("proposals", () => {
    let fixture: ForgeFixture;
    let forge: Forge;
    let alices: Forge;
    let repository: Repository;

    beforeEach(async () => {
      fixture = await open();
      ({ forge, repository } = fixture);
      alices = fixture.as("alice");
      await start(repository);
    });
    afterEach(() => fixture.close());

    async function opened(branch = topic): Promise<Proposal> {
      return value(await alices.open(request(branch)));
    }

    describe("open", () => {
      test("gives a number, and everything that was said", async () => {
        const proposal = await opened();
        expect(proposal).toMatchObject({
          title: "sma-cross: fast 10 → 12",
          description: "Why: it is faster.",
          author: "alice",
          branch: topic,
          target: main,
          state: "open",
          head: await repository.resolve(topic),
          approvals: [],
        });
        expect([proposal.gate, proposal.comment, proposal.mergedAs]).toEqual([undefined, undefined, undefined]);
        // Not every forge tells addresses.
        expect([undefined, "alice@example.test"]).toContain(proposal.authorEmail);
        expect(value(await forge.get(proposal.number))).toEqual(proposal);
      });

      test("again for the same branch: the same proposal, with the new head", async () => {
        const first = await opened();
        const head = await push(repository, topic, { "a/file": "3\n" });
        await arrived(forge, first.number, head);
        expect(await opened()).toEqual({ ...first, head });
        expect(value(await fixture.as("bob").open(request(topic, { author: bob })))).toEqual({ ...first, head });
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
        expect(await alices.open(request(missing))).toEqual({
          ok: false,
          error: { code: "branch-missing", branch: missing },
        });
        expect(code(await alices.open(request(topic, { target: missing })))).toBe("branch-missing");
      });

      test.each([
        { name: "200 characters", title: "a".repeat(200), refused: "ok" },
        { name: "201 characters", title: "a".repeat(201), refused: "title-malformed" },
        { name: "empty", title: " ", refused: "title-malformed" },
        { name: "two lines", title: "a\nb", refused: "title-malformed" },
        { name: "a bidi override", title: "a\u202eb", refused: "title-malformed" },
        { name: "an escape", title: "a\u001b[31m", refused: "title-malformed" },
      ])("a title of $name: $refused", async ({ title, refused }) => {
        expect(code(await alices.open(request(topic, { title })))).toBe(refused);
      });

      test.each([
        "<img src=x onerror=alert(1)> **b** [x](javascript:alert(1)) `",
        "--upload-pack=touch /tmp/x; $(id) `id` | x && y",
        "@bob closes #1, fixes GH-2 :rocket: \\u202e %0a %s $x {{x}}",
        "\"quoted\" 'text' \\ / ../.. 名前 é 🚀",
        "-",
      ])("hostile words stay what they are: %s", async (words) => {
        const { number } = value(
          await alices.open(request(topic, { title: words, description: `${words}\n\n${words}` })),
        );
        expect(value(await forge.get(number))).toMatchObject({ title: words, description: `${words}\n\n${words}` });
        expect(value(await alices.reword(number, { title: `${words} again` })).title).toBe(`${words} again`);
      });

      test("a description that claims our trailers is quoted", async () => {
        const description = "Proposal: 8\nWhy.\n\nApproved-by: carol";
        expect(value(await alices.open(request(topic, { description }))).description).toBe(
          "> Proposal: 8\nWhy.\n\n> Approved-by: carol",
        );
      });

      test.each(["x-é/名前", "-x", "a--upload-pack=x", "x/refs/heads/main", "x&y=z%20#1"])(
        "a branch called %s",
        async (name) => {
          const branch = branchRef(name);
          const head = await push(repository, branch, { "b/file": "1\n" }, { from: main });
          const { number } = await opened(branch);
          expect(value(await forge.get(number))).toMatchObject({ branch, head });
          expect((await forge.list({ branch, state: "open" })).map((each) => each.number)).toEqual([number]);
        },
      );

      test.each([
        { name: "at the bound", description: "a".repeat(30_000), refused: "ok" },
        { name: "one above", description: "a".repeat(30_001), refused: "description-malformed" },
      ])("a description $name: $refused", async ({ description, refused }) => {
        expect(code(await alices.open(request(topic, { description })))).toBe(refused);
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
        value(await alices.close(first.number));
        const numbers = async (filter?: Parameters<Forge["list"]>[0]) =>
          (await forge.list(filter)).map(({ number }) => number);
        expect(await numbers()).toEqual([second.number, first.number]);
        expect(await numbers({ state: "open" })).toEqual([second.number]);
        expect(await numbers({ state: "closed" })).toEqual([first.number]);
        expect(await numbers({ branch: topic })).toEqual([first.number]);
        expect(await numbers({ branch: topic, state: "open" })).toEqual([]);
      });

      test("more than a page of them", async () => {
        const numbers: number[] = [];
        for (let index = 1; index <= 5; index += 1) {
          const branch = branchRef(`many/${index}`);
          await push(repository, branch, { [`b/${index}`]: "1\n" }, { from: main });
          numbers.push((await opened(branch)).number);
        }
        expect((await forge.list()).map(({ number }) => number)).toEqual(numbers.toReversed());
        for (const number of numbers) value(await alices.close(number));
        expect((await forge.list({ state: "closed" })).map(({ number }) => number)).toEqual(numbers.toReversed());
        expect(await forge.list({ state: "open" })).toEqual([]);
      });

      test("the head of an open proposal follows its branch, and something is still told when that is deleted", async () => {
        const { number, head: first } = await opened();
        const head = await push(repository, topic, { "a/file": "3\n" });
        await arrived(forge, number, head);
        expect((await forge.list())[0]?.head).toBe(head);
        await repository.updateRef(topic, null, head);
        expect([first, head]).toContain(value(await forge.get(number)).head);
      });
    });

    test("close: ends a proposal for good; the branch may be proposed again", async () => {
      const proposal = await opened();
      expect(value(await alices.close(proposal.number))).toEqual({ ...proposal, state: "closed" });
      expect(value(await alices.close(proposal.number)).state).toBe("closed");
      const status = { state: "passed", summary: "", base: proposal.head, head: proposal.head } as const;
      expect(code(await forge.setGate(proposal.number, status))).toBe("proposal-not-open");
      expect(
        code(
          await fixture
            .as("bob")
            .approve(proposal.number, { by: "bob", head: proposal.head, digest: "d", timeSeconds: 1 }),
        ),
      ).toBe("proposal-not-open");
      expect(code(await fixture.as("bob").merge(proposal.number, mergeRequest(status)))).toBe("proposal-not-open");
      expect((await opened()).number).toBeGreaterThan(proposal.number);
    });

    test("close: says who and why, and the first word stands", async () => {
      const proposal = await opened();
      const hostile = "replaced by #45 <!-- x --> **now** @carol\nApproved-by: dave";
      const closing = { by: bob, reason: hostile };
      const closed = value(await fixture.as("bob").close(proposal.number, closing));
      const said = { by: "bob", reason: hostile.replace("\n", " "), timeSeconds: expect.any(Number) };
      expect(closed).toMatchObject({ state: "closed", closed: said });
      expect(value(await alices.close(proposal.number, { by: alice, reason: "another" })).closed).toEqual(
        closed.closed,
      );
      expect(value(await forge.get(proposal.number))).toEqual(closed);
    });

    test("close: what is merged stays merged", async () => {
      const proposal = await opened();
      value(await fixture.as("bob").merge(proposal.number, mergeRequest(await judged(fixture, proposal))));
      expect(await alices.close(proposal.number)).toMatchObject({
        error: { code: "proposal-not-open", state: "merged" },
      });
    });
  });
}
