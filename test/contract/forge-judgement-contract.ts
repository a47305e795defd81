import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Approval, Forge, Proposal } from "#forge/port.ts";
import { commentMark } from "#forge/text.ts";
import { branchRef } from "#git/open.ts";
import type { CommitSha, Repository } from "#git/port.ts";
import {
  absent,
  arrived,
  code,
  type ForgeFixture,
  judged,
  main,
  mergeRequest,
  push,
  request,
  type Someone,
  start,
  topic,
  value,
} from "./forge-contract.ts";

/** What every forge must do with what it is told about a proposal: gate, comment, approvals, merge. */
export function judgementContract(open: () => Promise<ForgeFixture>): void {
  describe("what is said of proposals", () => {
    let fixture: ForgeFixture;
    let forge: Forge;
    let alices: Forge;
    let bobs: Forge;
    let repository: Repository;

    beforeEach(async () => {
      fixture = await open();
      ({ forge, repository } = fixture);
      [alices, bobs] = [fixture.as("alice"), fixture.as("bob")];
      await start(repository);
    });
    afterEach(() => fixture.close());

    async function opened(branch = topic): Promise<Proposal> {
      return value(await alices.open(request(branch)));
    }

    function approve(
      who: Someone,
      number: number,
      approval: Omit<Approval, "timeSeconds">,
    ): ReturnType<Forge["approve"]> {
      return fixture.as(who).approve(number, { ...approval, timeSeconds: 1_500 });
    }

    /** Forges on the network count in seconds. */
    function pause(): Promise<void> {
      return forge.kind === "local" ? Promise.resolve() : delay(1_100);
    }

    describe("gate, comment, approval", () => {
      test("the gate is shown for its head only, and replaced", async () => {
        const proposal = await opened();
        const pair = await judged(fixture, proposal, "refused");
        expect(value(await forge.get(proposal.number)).gate).toEqual({
          state: "refused",
          summary: "14 checks",
          ...pair,
        });
        await judged(fixture, proposal, "passed");
        expect(value(await forge.get(proposal.number)).gate?.state).toBe("passed");
        await arrived(forge, proposal.number, await push(repository, topic, { "a/file": "3\n" }));
        expect(value(await forge.get(proposal.number)).gate).toBeUndefined();
      });

      test("a gate about a stale head is refused", async () => {
        const { number, head } = await opened();
        const found = await push(repository, topic, { "a/file": "3\n" });
        await arrived(forge, number, found);
        const status = { state: "passed", summary: "", base: head, head } as const;
        expect(await forge.setGate(number, status)).toEqual({
          ok: false,
          error: { code: "head-moved", number, expected: head, found },
        });
      });

      test("the comment is one, written again it is replaced", async () => {
        const { number } = await opened();
        value(await forge.setComment(number, `${commentMark}\n# first\n`));
        const second = `${commentMark}\n# second\n\tline <b>&amp;\n`;
        expect(value(await forge.setComment(number, second)).comment).toBe(second);
        expect(value(await forge.get(number)).comment).toBe(second);
      });

      test("comments of up to 60,000 characters, written by many at once, are one", async () => {
        const { number } = await opened();
        const long = `${commentMark}\n${"ä 🚀 <|> ".repeat(6_650)}.\n`;
        await Promise.all(Array.from({ length: 3 }, () => forge.setComment(number, long)));
        expect(value(await forge.get(number)).comment).toBe(long);
      });

      test("the words of an open proposal are replaced, and those that are not given stay", async () => {
        const proposal = await opened();
        const { number, description } = proposal;
        expect(value(await alices.reword(number, { title: "another title" }))).toEqual({
          ...proposal,
          title: "another title",
        });
        value(await alices.reword(number, { description: "more\n" }));
        const [listed] = await forge.list({ state: "open" });
        expect(listed).toMatchObject({ number, title: "another title", description: "more\n" });
        expect(code(await alices.reword(number, { title: " " }))).toBe("title-malformed");
        value(await alices.close(number));
        expect(code(await alices.reword(number, { description }))).toBe("proposal-not-open");
      });

      test("labels of ours are what they should be, people's stay, and each review is asked for once", async () => {
        const { number, head } = await opened();
        if (forge.mark === undefined) return expect(forge.kind).toBe("local");
        const marks = { labels: ["slipway/needs-approval", "slipway/loosens"], reviewers: ["bob", "alice", "nobody"] };
        for (const _ of [1, 2]) value(await forge.mark(number, marks));
        expect(await fixture.marks?.(number)).toEqual({ labels: [...marks.labels].sort(), asked: ["bob"] });
        const base = (await repository.resolve(main))!;
        value(await forge.setGate(number, { state: "passed", summary: "ok", base, head, approvalDigest: "sha256:1" }));
        value(await approve("bob", number, { by: "bob", head, digest: "sha256:1" }));
        value(await forge.mark(number, { labels: ["slipway/ready"], reviewers: ["bob"] }));
        const after = await fixture.marks?.(number);
        expect(after?.labels).toEqual(["slipway/ready"]);
        // Gitea goes on showing whom it asked.
        expect([[], ["bob"]]).toContainEqual(after?.asked);
      });

      test("an approval keeps who, what and where, and said twice it is one", async () => {
        const proposal = await opened();
        const { number } = proposal;
        const { head } = await judged(fixture, proposal, "passed", "sha256:1");
        const bobs = { by: "bob", head, digest: "sha256:1" };
        value(await approve("bob", number, bobs));
        expect(value(await approve("bob", number, bobs)).approvals).toMatchObject([bobs]);
        const carols = { ...bobs, by: "carol" };
        expect(value(await approve("carol", number, carols)).approvals).toMatchObject([bobs, carols]);
        const [listed] = await forge.list({ state: "open" });
        expect(listed?.approvals).toMatchObject([bobs, carols]);
        expect(listed?.approvals).toEqual(value(await forge.get(number)).approvals);
      });

      test("what is judged anew on the same branch is approved anew", async () => {
        const proposal = await opened();
        const { number } = proposal;
        const { head } = await judged(fixture, proposal, "passed", "sha256:1");
        const first = { by: "bob", head, digest: "sha256:1" };
        value(await approve("bob", number, first));
        await pause();
        await judged(fixture, proposal, "refused");
        await judged(fixture, proposal, "passed", "sha256:2");
        await pause();
        const second = { ...first, digest: "sha256:2" };
        // Some forges show the last review of a person alone.
        expect(value(await approve("bob", number, second)).approvals.at(-1)).toMatchObject(second);
      });

      test("an approval of a branch that moved is refused; those that were given stay to be judged by their digest", async () => {
        const proposal = await opened();
        const { number } = proposal;
        const { head } = await judged(fixture, proposal, "passed", "sha256:1");
        const approval = { by: "bob", head, digest: "sha256:1" };
        value(await approve("bob", number, approval));
        const next = await push(repository, topic, { "a/file": "3\n" });
        await arrived(forge, number, next);
        expect(await approve("bob", number, approval)).toMatchObject({
          error: { code: "head-moved", expected: head, found: next },
        });
        expect(value(await forge.get(number)).approvals).toMatchObject([approval]);
        await judged(fixture, { ...proposal, head: next }, "passed", "sha256:1");
        const again = { ...approval, head: next };
        expect(value(await approve("bob", number, again)).approvals.at(-1)).toMatchObject(again);
      });

      test("the author's own approval is refused", async () => {
        const proposal = await opened();
        const { head } = await judged(fixture, proposal, "passed", "sha256:1");
        expect(code(await approve("alice", proposal.number, { by: "alice", head, digest: "sha256:1" }))).toBe(
          "self-approval",
        );
        expect(value(await forge.get(proposal.number)).approvals).toEqual([]);
      });
    });

    describe("merge", () => {
      async function tip(): Promise<CommitSha | undefined> {
        await fixture.look();
        return repository.resolve(main);
      }

      test("makes a commit of base and head, moves the target and says who", async () => {
        const proposal = await opened();
        await push(repository, main, { "README.md": "two\n" });
        const pair = await judged(fixture, proposal);
        const merged = value(await bobs.merge(proposal.number, mergeRequest(pair)));
        expect(merged.proposal).toMatchObject({ state: "merged", head: pair.head, mergedAs: merged.commit });
        expect(await tip()).toBe(merged.commit);
        const commit = await repository.commit(merged.commit);
        expect(commit.parents).toEqual([pair.base, pair.head]);
        expect(commit.author).toMatchObject({ name: "bob", email: "bob@example.test" });
        expect(commit.message).toContain("Merge: fast 10 → 12");
        const files = [...(await repository.list(merged.commit)).values()].map(({ blob }) => blob);
        const texts = [...(await repository.read(files)).values()].map((bytes) => new TextDecoder().decode(bytes));
        expect(texts.sort()).toEqual(["2\n", "two\n"]);
      });

      test("its proposal is known by the commit, and what became of it is said there", async () => {
        const proposal = await opened();
        const { commit } = value(await bobs.merge(proposal.number, mergeRequest(await judged(fixture, proposal))));
        expect(await forge.passedGate(commit, main)).toBe(proposal.number);
        expect(await forge.passedGate(commit, branchRef("other"))).toBeUndefined();
        await fixture.look();
        const past = await push(repository, main, { "README.md": "past the gate\n" });
        expect(await forge.passedGate(past, main)).toBeUndefined();
        if (forge.mergedWith === undefined) return expect(forge.kind).toBe("local");
        expect(await forge.mergedWith(commit)).toMatchObject({ number: proposal.number, mergedAs: commit });
        expect(await forge.mergedWith(proposal.head)).toBeUndefined();
        const arrival = { environment: "paper", commit, summary: "synced and healthy", failed: [] } as const;
        for (const state of ["pending", "passed", "passed"] as const)
          await forge.setArrival?.(commit, { ...arrival, state });
      });

      test("again it answers with the same commit; with another head it does not", async () => {
        const proposal = await opened();
        const pair = await judged(fixture, proposal);
        const first = value(await bobs.merge(proposal.number, mergeRequest(pair)));
        expect(value(await bobs.merge(proposal.number, { ...mergeRequest(pair), timeSeconds: 9_000 }))).toEqual(first);
        expect(value(await bobs.merge(proposal.number, mergeRequest({ ...pair, base: first.commit }))).commit).toBe(
          first.commit,
        );
        expect(code(await bobs.merge(proposal.number, mergeRequest({ ...pair, head: pair.base })))).toBe("head-moved");
        expect(await tip()).toBe(first.commit);
      });

      test.each(["missing", "pending", "refused"] as const)("with the gate %s is refused", async (gate) => {
        const { number, head } = await opened();
        const base = (await repository.resolve(main)) ?? absent;
        if (gate !== "missing") value(await forge.setGate(number, { state: gate, summary: "", base, head }));
        const result = await bobs.merge(number, mergeRequest({ base, head }));
        expect(result).toEqual({ ok: false, error: { code: "gate-not-passed", number, gate } });
        expect(await tip()).toBe(base);
      });

      test("with a gate that passed for another base is refused", async () => {
        const proposal = await opened();
        const { head } = await judged(fixture, proposal);
        const base = await push(repository, main, { "README.md": "two\n" });
        const result = await bobs.merge(proposal.number, mergeRequest({ base, head }));
        expect(result).toMatchObject({ error: { code: "gate-not-passed", gate: "missing" } });
      });

      test("after the base moved, or the head, is refused with what stands there now", async () => {
        const proposal = await opened();
        const pair = await judged(fixture, proposal);
        const base = await push(repository, main, { "README.md": "two\n" });
        expect(await bobs.merge(proposal.number, mergeRequest(pair))).toMatchObject({
          error: { code: "base-moved", expected: pair.base, found: base },
        });
        const head = await push(repository, topic, { "a/file": "3\n" });
        await arrived(forge, proposal.number, head);
        expect(await bobs.merge(proposal.number, mergeRequest(pair))).toMatchObject({
          error: { code: "head-moved", expected: pair.head, found: head },
        });
      });

      test("of what conflicts is refused with the paths", async () => {
        await push(repository, main, { "a/file": "other\n" });
        const proposal = await opened();
        const pair = await judged(fixture, proposal);
        const result = await bobs.merge(proposal.number, mergeRequest(pair));
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
          proposals.map(({ number }, index) => bobs.merge(number, mergeRequest(pairs[index]!))),
        );
        expect(results.map(code).sort()).toEqual(["base-moved", "ok"]);
      });

      test("of one proposal many times at once: one commit", async () => {
        const proposal = await opened();
        const pair = await judged(fixture, proposal);
        const requests = [2_000, 2_001, 2_002].map((timeSeconds) => ({ ...mergeRequest(pair), timeSeconds }));
        const results = await Promise.all(requests.map((each) => bobs.merge(proposal.number, each)));
        const commits = new Set(results.map((result) => value(result).commit));
        expect([...commits]).toEqual([await tip()]);
        expect(await repository.history([...commits][0]!)).toHaveLength(2);
      });
    });
  });
}
