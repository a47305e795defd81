// The server on a forge's webhooks, and people who use plain Git and the forge's own pages: nobody runs Slipway on their machine.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Forge, Proposal } from "#forge/port.ts";
import { branchRef } from "#git/open.ts";
import type { Mirror } from "#git/port.ts";
import { createControlPlane, type ReconcileReport } from "#server/control-plane.ts";
import { type ControlLoop, startControlLoop } from "#server/loop.ts";
import { startWebhooks, type Webhooks } from "#server/webhooks.ts";
import { value } from "../contract/forge-contract.ts";
import { checkout, edit, sma, spec } from "../delivery/fixture.ts";
import type { GiteaFixture } from "./gitea-fixture.ts";
import { type Hands, handsOf } from "./hands.ts";
import { filesIn, main, openWithPolicies } from "./site.ts";

const paper = branchRef("env/paper");
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const secret = "of the webhooks, long enough";
const waitMs = { timeout: 60_000, interval: 200 };

let fixture: GiteaFixture;
let forge: Forge;
let repository: Mirror;
let webhooks: Webhooks;
let loop: ControlLoop;
let alice: Hands;
let bob: Hands;
let events: string[];
let reports: ReconcileReport[];
let good: Readonly<Record<string, string>>;

beforeEach(async () => {
  [events, reports] = [[], []];
  fixture = await openWithPolicies();
  ({ forge, repository } = await fixture.open("slipway"));
  webhooks = await startWebhooks({
    secret,
    log: quiet,
    onDelivery: (event) => {
      events.push(event);
      loop.nudge();
    },
  });
  await fixture.api("keeper", "POST", `/repos/${fixture.owner}/${fixture.name}/hooks`, {
    ...{ type: "gitea", active: true, branch_filter: "*" },
    config: { url: webhooks.url, content_type: "json", secret },
    events: [
      ...["push", "create", "delete", "status", "issue_comment", "pull_request_comment"],
      ...["pull_request", "pull_request_sync", "pull_request_review_approved", "pull_request_review_rejected"],
    ],
  });
  const controlPlane = createControlPlane({
    ...{ repository, forge, renderer: "slipway test", clock: Date.now, log: quiet },
    refresh: () => repository.fetch(),
  });
  loop = startControlLoop({
    ...{ controlPlane, repository, log: quiet, clock: Date.now, remote: true },
    // Only webhooks start a round.
    pollMs: 3_600_000,
    onReport: (report) => reports.push(report),
  });
  await loop.settled();
  [alice, bob] = [handsOf(fixture, "alice"), handsOf(fixture, "bob")];
  await alice.clone();
  good = await filesIn(`strategies/${sma}/`);
});
afterEach(async () => {
  await loop?.stop();
  await webhooks?.stop();
  await fixture?.close();
});

async function seen(number: number): Promise<Proposal> {
  return value(await forge.get(number));
}

async function statusOf(sha: string, context: string): Promise<string> {
  const path = `/repos/${fixture.owner}/${fixture.name}/statuses/${sha}`;
  const all = (await fixture.api("keeper", "GET", `${path}?sort=leastindex`)) as readonly {
    readonly id: number;
    readonly context: string;
    readonly status: string;
    readonly description: string;
  }[];
  const [newest] = all.filter((each) => each.context === context).sort((a, b) => b.id - a.id);
  return newest === undefined ? "" : `${newest.status}: ${newest.description}`;
}

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
    const { approvals, comment } = await seen(number);
    expect(approvals).toMatchObject([{ by: "bob", head }]);
    expect(comment).toContain("bob approved");

    const merged = await bob.press(number, "merge");
    await expect.poll(() => files(), waitMs).toContainEqual(expect.stringContaining("strategies/momentum/sma-cross/"));
    expect(await repository.resolve(main)).toBe(merged);
    const rendered = await repository.commit((await repository.resolve(paper))!);
    expect(rendered.message).toContain(`Dry-Commit: ${merged}`);
    await expect
      .poll(() => statusOf(merged, "slipway/render-paper"), waitMs)
      .toMatch(/^success: [0-9a-f]{7} on env\/paper$/);
    expect(events).toContain("push");
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
      await loop.settled();
      const before = reports.length;
      await loop.settled();
      expect(reports.slice(before).flatMap(({ raised }) => raised)).toEqual([]);
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
    await loop.settled();
    const comments = (await fixture.api("keeper", "GET", path)) as readonly {
      readonly user: { readonly login: string };
    }[];
    expect(comments.map(({ user }) => user.login)).toEqual(["slipway", "alice"]);
    expect((await seen(number)).comment).toContain("ready for 1 approval");
  });
});
