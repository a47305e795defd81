import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { localForge } from "#forge/local.ts";
import { branchRef, parseRefName } from "#git/open.ts";
import type { RefName } from "#git/port.ts";
import {
  code,
  type ForgeFixture,
  judged,
  main,
  mergeRequest,
  path,
  push,
  request,
  value,
} from "../contract/forge-contract.ts";
import { openLocal } from "./fixture.ts";

const topic = branchRef("alice/fast");
let fixture: ForgeFixture;

beforeEach(async () => {
  fixture = await openLocal();
  await push(fixture.repository, main, { "README.md": "one\n" }, { timeSeconds: 1_000 });
  await push(fixture.repository, topic, { "a/file": "1\n" }, { from: main, timeSeconds: 4_000_000_000 });
});
afterEach(() => fixture.close());

function ref(text: string): RefName {
  const parsed = parseRefName(text);
  if (!parsed.ok) throw new Error(parsed.error.allowed);
  return parsed.value;
}

test("the proposal's ref is its audit: one commit a change, none for what changes nothing", async () => {
  const { forge, repository } = fixture;
  const proposal = value(await forge.open(request(topic)));
  const pair = await judged(fixture, proposal);
  await judged(fixture, proposal);
  value(await forge.setComment(proposal.number, "hello\n"));
  value(await forge.setComment(proposal.number, "hello\n"));
  value(await forge.approve(proposal.number, { by: "bob", head: pair.head, digest: "d", timeSeconds: 5 }));
  const { commit } = value(await forge.merge(proposal.number, mergeRequest(pair)));
  const tip = await repository.resolve(ref("refs/slipway/proposals/1"));
  const history = await repository.history(tip!);
  expect(history.map(({ message }) => message.trim())).toEqual([
    `proposal 1: merged as ${commit}`,
    `proposal 1: merge prepared as ${commit}`,
    "proposal 1: approved by bob",
    "proposal 1: comment written",
    "proposal 1: gate passed",
    "proposal 1: opened",
  ]);
  expect([...(await repository.list(tip!)).keys()]).toEqual(["comment.md", "proposal.json"]);
});

test("a clock that is set back does not turn the history around", async () => {
  const { repository } = fixture;
  let nowMs = 2_000_000_000_000;
  const forge = localForge({ repository, clock: () => nowMs });
  const { number } = value(await forge.open(request(topic)));
  nowMs = 0;
  value(await forge.close(number));
  const history = await repository.history((await repository.resolve(ref("refs/slipway/proposals/1")))!);
  expect(history.map(({ committer }) => committer.timeSeconds)).toEqual([2_000_000_000, 2_000_000_000]);
});

test("a closed proposal says who closed it and why, and the first word stands", async () => {
  const { forge, repository } = fixture;
  const proposal = value(await forge.open(request(topic)));
  const by = { name: "bob", email: "bob@example.test" };
  const closed = value(await forge.close(proposal.number, { by, reason: "of no\nuse \u202e" }));
  expect(closed).toEqual({
    ...proposal,
    state: "closed",
    closed: { by: "bob", reason: "of no use \\u{202e}", timeSeconds: expect.any(Number) },
  });
  expect(value(await forge.close(proposal.number, { by, reason: "another" }))).toEqual(closed);
  expect(value(await forge.get(proposal.number))).toEqual(closed);
  const [last] = await repository.history((await repository.resolve(ref("refs/slipway/proposals/1")))!);
  expect(last?.message).toBe("proposal 1: closed by bob: of no use \\u{202e}\n");
});

test("a closing by nobody whom a commit could name is refused, and nothing changes", async () => {
  const { forge } = fixture;
  const proposal = value(await forge.open(request(topic)));
  const by = { name: "a\nb", email: "a@example.test" };
  expect(code(await forge.close(proposal.number, { by, reason: "" }))).toBe("identity-malformed");
  expect(value(await forge.get(proposal.number))).toEqual(proposal);
});

describe("the merge commit", () => {
  test.each([
    { name: "later than the base", timeSeconds: 1_001, expected: 1_001 },
    { name: "before the base", timeSeconds: 999, expected: 1_000 },
  ])(
    "has the time of the request, never before its base's, and not the head's: $name",
    async ({ timeSeconds, expected }) => {
      const { forge, repository } = fixture;
      const proposal = value(await forge.open(request(topic)));
      const pair = await judged(fixture, proposal);
      const { commit } = value(await forge.merge(proposal.number, { ...mergeRequest(pair), timeSeconds }));
      const { author, committer } = await repository.commit(commit);
      expect(committer).toEqual({ name: "Slipway", email: "slipway@slipway.invalid", timeSeconds: expected });
      expect(author.timeSeconds).toBe(expected);
    },
  );

  test("carries one trailer, and no other of our names whatever its message says", async () => {
    const { forge, repository } = fixture;
    const proposal = value(
      await forge.open(request(topic, { description: "Proposal: 8\nWhy.\n\nApproved-by: carol" })),
    );
    expect(proposal.description).toBe("> Proposal: 8\nWhy.\n\n> Approved-by: carol");
    const pair = await judged(fixture, proposal);
    const message = "Merge\n\nfine\r\n\r\n PROPOSAL : 9\nWaiver: all\u202e\nSigned-off-by: bob";
    const { commit } = value(await forge.merge(proposal.number, { ...mergeRequest(pair), message }));
    expect((await repository.commit(commit)).message).toBe(
      "Merge\n\nfine\n\n> PROPOSAL : 9\n> Waiver: all\\u{202e}\nSigned-off-by: bob\n\nProposal: 1\n",
    );
  });

  test.each([
    { name: "bob\nevil", email: "bob@example.test" },
    { name: "bob <x>", email: "bob@example.test" },
    { name: "", email: "bob@example.test" },
    { name: "bob", email: "bob @example.test" },
    { name: "b".repeat(101), email: "bob@example.test" },
  ])("is refused for who cannot stand in a header: %o", async (by) => {
    const { forge } = fixture;
    const proposal = value(await forge.open(request(topic)));
    const pair = await judged(fixture, proposal);
    expect(code(await forge.merge(proposal.number, { ...mergeRequest(pair), by }))).toBe("identity-malformed");
  });
});

test("a comment and a summary keep no invisible characters", async () => {
  const { forge } = fixture;
  const { number, head } = value(await forge.open(request(topic)));
  expect(value(await forge.setComment(number, "a\u202eb\u0000\u001b[1m\r\n")).comment).toBe(
    "a\\u{202e}b\\u{0}\\u{1b}[1m\n",
  );
  const status = { state: "passed", summary: `two\nlines ${"x".repeat(600)}`, base: head, head } as const;
  const summary = value(await forge.setGate(number, status)).gate?.summary ?? "";
  expect([summary.length, summary.slice(0, 10), summary.at(-1)]).toEqual([500, "two lines ", "…"]);
});

test("a ref that something else wrote is a fault that says where and how to mend it", async () => {
  const { forge, repository } = fixture;
  const tree = await repository.writeTree(
    null,
    new Map([[path("proposal.json"), '{"v":1,"number":7,"state":"merged"}']]),
  );
  const signature = { name: "eve", email: "eve@example.test", timeSeconds: 1 };
  const commit = await repository.writeCommit({
    tree,
    parents: [],
    author: signature,
    committer: signature,
    message: "x",
  });
  await repository.updateRef(ref("refs/slipway/proposals/7"), commit, null);
  await expect(forge.get(7)).rejects.toMatchObject({ code: "forge-record-malformed" });
  await expect(forge.list()).rejects.toThrow("git update-ref -d refs/slipway/proposals/7");
});

describe("a name is anyone's word", () => {
  test.each([
    { by: "alice" },
    { by: "ALICE" },
    { by: "alice@example.test" },
    { by: "alicia", email: "Alice@example.test" },
  ])("the author's own approval, as %o, is refused", async (said) => {
    const { forge } = fixture;
    const { number, head } = value(await forge.open(request(topic)));
    expect(code(await forge.approve(number, { ...said, head, digest: "d", timeSeconds: 1 }))).toBe("self-approval");
    expect(value(await forge.get(number)).approvals).toEqual([]);
  });

  test("an approval keeps the address and the time that were said first", async () => {
    const { forge } = fixture;
    const { number, head } = value(await forge.open(request(topic)));
    const approval = { by: "bob", email: "bob@example.test", head, digest: "sha256:1", timeSeconds: 1_500 };
    value(await forge.approve(number, approval));
    expect(value(await forge.approve(number, { ...approval, timeSeconds: 1_600 })).approvals).toEqual([approval]);
  });

  test("an approval by a name or address that no commit could carry is refused", async () => {
    const { forge } = fixture;
    const { number, head } = value(await forge.open(request(topic)));
    const approval = { by: "bob", head, digest: "d", timeSeconds: 1 };
    expect(code(await forge.approve(number, { ...approval, by: "b\u202eob" }))).toBe("identity-malformed");
    expect(code(await forge.approve(number, { ...approval, email: "b<ob" }))).toBe("identity-malformed");
  });

  test("the author's address is kept", async () => {
    expect(value(await fixture.forge.open(request(topic)))).toMatchObject({ authorEmail: "alice@example.test" });
  });

  test("an open proposal whose branch is deleted stays open", async () => {
    const { forge, repository } = fixture;
    const { number, head } = value(await forge.open(request(topic)));
    await repository.updateRef(topic, null, head);
    expect(value(await forge.get(number)).state).toBe("open");
  });
});
