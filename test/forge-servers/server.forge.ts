// The server on a forge's webhooks, and people who use plain Git and the forge's own pages: nobody runs Slipway on their machine.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Forge, Proposal } from "#forge/port.ts";
import { branchRef } from "#git/open.ts";
import type { Mirror } from "#git/port.ts";
import { checkout, edit, sma, spec } from "../delivery/fixture.ts";
import type { GiteaFixture } from "./gitea-fixture.ts";
import { type Hands, handsOf } from "./hands.ts";
import { type Served, serve } from "./served.ts";
import { filesIn, main, openWithPolicies } from "./site.ts";

const paper = branchRef("env/paper");
const waitMs = { timeout: 300_000, interval: 200 };

let fixture: GiteaFixture;
let forge: Forge;
let repository: Mirror;
let served: Served;
let alice: Hands;
let bob: Hands;
let good: Readonly<Record<string, string>>;

beforeEach(async () => {
  fixture = await openWithPolicies();
  served = await serve(fixture);
  ({ forge, repository } = served);
  [alice, bob] = [handsOf(fixture, "alice"), handsOf(fixture, "bob")];
  await alice.clone();
  good = await filesIn(`strategies/${sma}/`);
});
afterEach(async () => {
  await served?.stop();
  await fixture?.close();
});

const seen = (number: number): Promise<Proposal> => served.seen(number);
const statusOf = (sha: string, context: string): Promise<string> => served.status(sha, context);

async function files(ref = paper): Promise<readonly string[]> {
  await repository.fetch();
  const tip = await repository.resolve(ref);
  return tip === undefined ? [] : [...(await repository.list(tip)).keys()];
}

describe("a pull request made by hand", () => {
  test("is refused at the right line, mended, approved, merged and rendered", async () => {
    const bad = edit(await checkout(), spec(sma), /maxOrderNotional: .*/, 'maxOrderNotional: "999999999.00"');
    const wrong = new TextDecoder().decode(bad.get(spec(sma))?.bytes);
    const first = await alice.push("alice/sma", { ...good, [spec(sma)]: wrong }, "sma-cross, at last");
    const number = await alice.propose("alice/sma", "sma-cross, at last", "It is time.");
    await expect.poll(async () => (await seen(number)).gate?.state, waitMs).toBe("refused");
    await expect.poll(async () => (await seen(number)).comment, waitMs).toMatch(/strategy\.yaml:\d+:\d+/);
    expect(await statusOf(first, "slipway/gate")).toMatch(/^failure: /);
    expect(await statusOf(first, "slipway/approvals")).toBe("pending: waits for the gate");
    await expect(bob.press(number, "merge")).rejects.toThrow("405");

    const head = await alice.push("alice/sma", { [spec(sma)]: good[spec(sma)] ?? "" }, "smaller");
    await expect.poll(async () => (await seen(number)).gate, waitMs).toMatchObject({ state: "passed", head });
    await expect
      .poll(() => statusOf(head, "slipway/approvals"), waitMs)
      .toMatch(/^pending: waits for 1 approval of @momentum-leads/);
    await bob.review(number, "APPROVED", "fine");
    await expect.poll(() => statusOf(head, "slipway/approvals"), waitMs).toBe("success: all are there");
    expect((await seen(number)).approvals).toMatchObject([{ by: "bob", head }]);
    await expect.poll(async () => (await seen(number)).comment, waitMs).toContain("bob approved");

    const merged = await bob.press(number, "merge");
    await expect.poll(() => files(), waitMs).toContainEqual(expect.stringContaining("strategies/momentum/sma-cross/"));
    expect(await repository.resolve(main)).toBe(merged);
    const rendered = await repository.commit((await repository.resolve(paper))!);
    expect(rendered.message).toContain(`Dry-Commit: ${merged}`);
    await expect
      .poll(() => statusOf(merged, "slipway/render-paper"), waitMs)
      .toMatch(/^success: [0-9a-f]{7} on env\/paper$/);
    expect(served.events).toContain("push");
    const pulls = await forge.list();
    expect(pulls.map((each) => each.number)).toEqual([number]);
  });

  test.each(["squash", "rebase", "rebase-merge"] as const)(
    "merged by the button %s is rendered as it was judged",
    async (button) => {
      const { [spec(sma)]: text = "", ...code } = good;
      await alice.push("alice/sma", code, "the code");
      const head = await alice.push("alice/sma", { [spec(sma)]: text }, "the spec");
      const number = await alice.propose("alice/sma", "sma-cross, at last");
      await expect.poll(async () => (await seen(number)).gate, waitMs).toMatchObject({ state: "passed", head });
      const { tree } = await repository.commit((await seen(number)).head);
      await bob.press(number, button);
      await expect
        .poll(() => files(), waitMs)
        .toContainEqual(expect.stringContaining("strategies/momentum/sma-cross/"));
      expect((await repository.commit((await repository.resolve(main))!)).tree).toBe(tree);
      const { history } = repository;
      const dry = (await history((await repository.resolve(paper))!)).map(
        ({ message }) => /Dry-Commit: (\w+)/.exec(message)?.[1],
      );
      expect(dry[0]).toBe(await repository.resolve(main));
      // A half-way commit of a rebase may be refused and raised; what was judged came after it, and nothing is left to raise.
      await served.loop.settled();
      const before = served.reports.length;
      await served.loop.settled();
      expect(served.reports.slice(before).flatMap(({ raised }) => raised)).toEqual([]);
      expect(await seen(number)).toMatchObject({ state: "merged", head });
    },
  );

  test("a status that somebody else writes over the gate's is no gate, and is judged again", async () => {
    const head = await alice.push("alice/sma", { [spec(sma)]: "kind: nothing\n" });
    const number = await alice.propose("alice/sma", "bad");
    await expect.poll(async () => (await seen(number)).gate?.state, waitMs).toBe("refused");
    const path = `/repos/${fixture.owner}/${fixture.name}/statuses/${head}`;
    await fixture.api("alice", "POST", path, {
      state: "success",
      context: "slipway/gate",
      description: "14 checks passed",
    });
    await expect.poll(() => statusOf(head, "slipway/gate"), waitMs).toMatch(/^failure: /);
    expect((await seen(number)).gate?.state).toBe("refused");
  });

  test("a comment that somebody else writes in Slipway's manner is nobody's", async () => {
    await alice.push("alice/sma", good);
    const number = await alice.propose("alice/sma", "good");
    await expect.poll(async () => (await seen(number)).comment, waitMs).toContain("ready for");
    const path = `/repos/${fixture.owner}/${fixture.name}/issues/${number}/comments`;
    await fixture.api("alice", "POST", path, { body: "<!-- slipway:gate -->\n### ✅ slipway: ready to merge\n" });
    await served.loop.settled();
    const comments = (await fixture.api("keeper", "GET", path)) as readonly {
      readonly user: { readonly login: string };
    }[];
    expect(comments.map(({ user }) => user.login)).toEqual(["slipway", "alice"]);
    expect((await seen(number)).comment).toContain("ready for 1 approval");
  });
});
