import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { closeProposal } from "#delivery/close.ts";
import { createMemo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { alice, bob, checkout, deploy, edit, openSite, refusal, type Site, sma, spec, value } from "./fixture.ts";

let at: Site;
let workspace: SourceTree;
const memo = createMemo();
const mallory = { name: "mallory", email: "mallory@example.test" };
/** Not alice, though it looks so. */
const lookAlike = { name: "a1ice", email: "a1ice@example.test" };

beforeAll(async () => {
  workspace = await checkout();
  at = await openSite({ memo });
  await deploy(at, workspace, [sma]);
});
afterAll(() => at.close());

const fast = (to: number): SourceTree => edit(workspace, spec(sma), "fast: 10", `fast: ${to}`);
const propose = (author: typeof alice, tree: SourceTree, takesOver = false) =>
  proposeDeploy({ ...at, author, workspace: tree, strategies: [sma], memo, takesOver });
const open = async (author = alice, tree = fast(11)): Promise<number> =>
  value(await propose(author, tree)).proposal.number;
const close = (number: number, by: typeof alice, reason = "") => closeProposal({ ...at, number, by, reason });

describe("closing", () => {
  test("its author, without a reason; said again it is the same, and a deploy opens a new one", async () => {
    const number = await open();
    const closed = value(await close(number, alice));
    expect(closed).toMatchObject({ state: "closed", closed: { by: "alice", reason: "" } });
    expect(value(await close(number, bob, "again"))).toEqual(closed);
    const next = await open();
    expect(next).toBeGreaterThan(number);
    value(await close(next, alice));
  });

  test.each([
    { who: "a member of its team without a reason", by: bob, reason: " ", refused: "reason-missing" },
    { who: "a member of its team with one", by: bob, reason: "the desk closes", refused: undefined },
    { who: "somebody else", by: mallory, reason: "because", refused: "close-forbidden" },
    { who: "one whose name looks like the author's", by: lookAlike, reason: "because", refused: "close-forbidden" },
  ])("$who: $refused", async ({ by, reason, refused }) => {
    const number = await open();
    const result = await close(number, by, reason);
    expect(result.ok ? undefined : result.error.code).toBe(refused);
    const { state, closed } = value(await at.forge.get(number));
    expect([state, closed?.by, closed?.reason]).toEqual(
      refused === undefined ? ["closed", by.name, reason] : ["open", undefined, undefined],
    );
    if (refused !== undefined) value(await close(number, alice));
  });

  test("policies are everyone's who is in a group, and a merged one is nobody's", async () => {
    const tree = edit(workspace, "policies/environments/paper.yaml", "approvals: 0", "approvals: 1");
    const request = { ...at, author: alice, workspace: tree, strategies: [], policies: true, memo };
    const { number } = value(await proposeDeploy(request)).proposal;
    expect(refusal(await close(number, mallory, "because")).code).toBe("close-forbidden");
    value(await close(number, { name: "erin", email: "erin@example.test" }, "not before the audit"));
    expect(refusal(await close(1, alice))).toMatchObject({
      code: "forge-refused",
      refusal: { code: "proposal-not-open", state: "merged" },
    });
    expect(refusal(await close(999, alice)).refusal?.code).toBe("proposal-missing");
  });
});

describe("a proposal that somebody else has open", () => {
  let number: number;
  beforeEach(async () => {
    number = await open(alice, fast(11));
  });

  test("is left alone by other content, and the refusal says whose it is", async () => {
    const before = at.git("for-each-ref");
    const refused = refusal(await propose(bob, fast(12)));
    expect(refused.code).toBe("proposal-held");
    expect(refused.message).toContain(`proposal #${number} by alice is open for the same, with other content`);
    expect(refused.fix).toContain("--take-over");
    expect(at.git("for-each-ref")).toBe(before);
    value(await close(number, alice));
  });

  test("is the same with the same content, and its author's own newer content moves it", async () => {
    expect(value(await propose(bob, fast(11)))).toMatchObject({ outcome: "unchanged", proposal: { number } });
    const shouting = { name: "Alice", email: "other@example.test" };
    expect(value(await propose(shouting, fast(12)))).toMatchObject({ outcome: "moved", proposal: { number } });
    value(await close(number, alice));
  });

  test("is taken over by its team on demand: closed in that name, and the new one is theirs", async () => {
    const taken = value(await propose(bob, fast(12), true));
    expect(taken).toMatchObject({ outcome: "opened", tookOver: { number, author: "alice" } });
    expect(taken.proposal).toMatchObject({ author: "bob", state: "open" });
    expect(value(await at.forge.get(number))).toMatchObject({
      state: "closed",
      closed: { by: "bob", reason: "bob proposes other content in its place" },
    });
    expect(at.git("log", "--format=%s", `refs/slipway/proposals/${number}`)).toContain("closed by bob: bob proposes");
    value(await close(taken.proposal.number, bob));
  });

  test("is not taken over by somebody who does not answer for it", async () => {
    expect(refusal(await propose(mallory, fast(12), true)).code).toBe("take-over-refused");
    expect(value(await at.forge.get(number)).state).toBe("open");
    value(await close(number, alice));
  });
});
