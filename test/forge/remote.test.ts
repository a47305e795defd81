// What the adapter of forges on the network makes of any of them, without a network: the contract, how often it asks, and whom it believes. The real
// ones are in test/forge-servers.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Fault } from "#core/result.ts";
import { closeProposal } from "#delivery/close.ts";
import type { Forge } from "#forge/port.ts";
import type { ForgeApi, Pull } from "#forge/remote/api.ts";
import { contentBudget } from "#forge/remote/budget.ts";
import { remoteForge } from "#forge/remote/forge.ts";
import { commentMark } from "#forge/text.ts";
import { branchRef } from "#git/open.ts";
import type { CommitSha, Mirror } from "#git/port.ts";
import {
  alice,
  forgeContract,
  judged,
  main,
  mergeRequest,
  push,
  request,
  start,
  topic,
  value,
} from "../contract/forge-contract.ts";
import { judgementContract } from "../contract/forge-judgement-contract.ts";
import { type MemoryFixture, openMemory, pause } from "./memory-fixture.ts";

describe("any forge on the network", () => {
  forgeContract(openMemory);
  judgementContract(openMemory);
});

let fixture: MemoryFixture;

/** How many requests an operation of Slipway's makes. */
async function requests(work: (forge: Forge) => Promise<unknown>): Promise<number> {
  const { api, calls } = fixture.memory.as("slipway");
  const budget = contentBudget({ steady: () => 0, pause });
  await work(remoteForge({ api, repository: fixture.repository, writer: "slipway", budget, pause }));
  return calls();
}

/** The same forge, whose pull requests are told differently. */
function retold(change: (pull: Pull) => Pull): Forge {
  const { api } = fixture.memory.as("slipway");
  const told: ForgeApi = { ...api, pulls: async (filter) => (await api.pulls(filter)).map(change) };
  const budget = contentBudget({ steady: () => 0, pause });
  const repository: Mirror = {
    ...fixture.repository,
    fetchRef: () => Promise.reject(new Fault("git-remote-failed", "there is no such ref")),
  };
  return remoteForge({ api: told, repository, writer: "slipway", budget, pause });
}

describe("in particular", () => {
  beforeEach(async () => {
    fixture = await openMemory();
    await start(fixture.repository);
  });
  afterEach(() => fixture.close());

  describe("how often it asks", () => {
    test("each operation has a bound, and a list takes three requests a proposal and one", async () => {
      const proposal = value(await fixture.as("alice").open(request(topic)));
      const { number } = proposal;
      const comment = `${commentMark}\nhello\n`;
      const base = (await fixture.repository.resolve(main))!;
      const gate = { state: "passed", summary: "14 checks", base, head: proposal.head } as const;
      expect(await requests((forge) => forge.get(number))).toBe(4);
      expect(await requests((forge) => forge.setGate(number, gate))).toBe(6);
      expect(await requests((forge) => forge.setComment(number, comment))).toBe(7);
      for (let index = 1; index <= 3; index += 1) {
        const branch = branchRef(`many/${index}`);
        await push(fixture.repository, branch, { [`b/${index}`]: "1\n" }, { from: main });
        value(await fixture.as("alice").open(request(branch)));
      }
      expect(await requests((forge) => forge.list({ state: "open" }))).toBe(1 + 3 * 4);
    });

    test("what is said again is not written again", async () => {
      const proposal = value(await fixture.as("alice").open(request(topic)));
      await judged(fixture, proposal);
      const { api } = fixture.memory.as("slipway");
      await judged(fixture, proposal);
      expect(await api.statuses(proposal.head, "slipway/gate")).toHaveLength(1);
      const stage = { name: "approvals", state: "pending", summary: "waits" } as const;
      await fixture.forge.setStage?.(proposal.head, stage);
      await fixture.forge.setStage?.(proposal.head, stage);
      expect(await api.statuses(proposal.head, "slipway/approvals")).toHaveLength(1);
    });
  });

  test.each(["at once", "one after the other"])(
    "two servers that both see no comment of theirs, and then write %s, leave one",
    async (order) => {
      const { number } = value(await fixture.as("alice").open(request(topic)));
      const budget = contentBudget({ steady: () => 0, pause });
      const { api } = fixture.memory.as("slipway");
      let looks = 0;
      let bothLooked = (): void => undefined;
      const looked = new Promise<void>((resolve) => {
        bothLooked = resolve;
      });
      /** Each looks before either has written. */
      const server = (waitsFor: Promise<unknown>): Forge => {
        let first = true;
        const told: ForgeApi = {
          ...api,
          async comments(about) {
            const seen = [...(await api.comments(about))];
            if (!first) return seen;
            first = false;
            looks += 1;
            if (looks === 2) bothLooked();
            await looked;
            await waitsFor;
            return seen;
          },
        };
        return remoteForge({ api: told, repository: fixture.repository, writer: "slipway", budget, pause });
      };
      const comment = `${commentMark}\nready\n`;
      const one = server(Promise.resolve()).setComment(number, comment);
      const other = server(order === "at once" ? Promise.resolve() : one).setComment(number, comment);
      for (const done of await Promise.all([one, other])) value(done);
      expect(await api.comments(number)).toHaveLength(1);
    },
  );

  describe("one that is out of order stops no other", () => {
    test.each([
      { name: "a target with a name that we do not take", change: { target: "env\u200b/paper" }, seen: 1 },
      { name: "commits that cannot be fetched", change: { head: "0".repeat(40) as CommitSha }, seen: 2 },
      { name: "a branch with a name that we do not take", change: { branch: "a\u202eb" }, seen: 2 },
    ])("$name", async ({ change, seen }) => {
      const other = branchRef("bob/other");
      await push(fixture.repository, other, { "b/file": "1\n" }, { from: main });
      const { number } = value(await fixture.as("alice").open(request(topic)));
      value(await fixture.as("alice").open(request(other)));
      const forge = retold((pull) => (pull.number === number ? { ...pull, ...change } : pull));
      const listed = await forge.list({ state: "open" });
      expect(listed).toHaveLength(seen);
      expect(listed[0]?.branch).toBe(other);
    });
  });

  describe("whom it believes", () => {
    test("a gate of another writer is none, on the newest status and for a merge", async () => {
      const proposal = value(await fixture.as("alice").open(request(topic)));
      const base = (await fixture.repository.resolve(main))!;
      const { api } = fixture.memory.as("alice");
      const targetUrl = api.compareUrl(base, proposal.head);
      await api.writeStatus(proposal.head, {
        context: "slipway/gate",
        state: "success",
        description: "fine",
        targetUrl,
      });
      expect(value(await fixture.forge.get(proposal.number)).gate).toBeUndefined();
      const pair = { base, head: proposal.head };
      expect(await fixture.as("bob").merge(proposal.number, mergeRequest(pair))).toMatchObject({
        error: { code: "gate-not-passed", gate: "missing" },
      });
    });

    test("whose token it is, and no name that Git was told", async () => {
      const { number } = value(await fixture.as("alice").open(request(topic)));
      const { repository } = fixture;
      const byBob = { repository, forge: fixture.as("bob"), number, by: alice, reason: "" };
      expect(await closeProposal(byBob)).toMatchObject({ error: { code: "reason-missing" } });
      const closed = { by: "bob", reason: "the desk closes" };
      expect(await closeProposal({ ...byBob, reason: closed.reason })).toMatchObject({ value: { closed } });
    });

    test("an approval counts for what its commit was judged to do when it was given", async () => {
      const proposal = value(await fixture.as("alice").open(request(topic)));
      const { number, head } = proposal;
      const bobs = fixture.memory.as("bob").api;
      await bobs.approve(number, head, "");
      await judged(fixture, proposal, "passed", "sha256:1");
      await bobs.approve(number, head, "");
      await judged(fixture, proposal, "refused");
      await bobs.approve(number, head, "");
      const digests = value(await fixture.forge.get(number)).approvals.map(({ digest }) => digest);
      expect(digests).toEqual(["", "sha256:1"]);
    });
  });
});

test("the budget of content writes: sixty a minute, then a wait, then a fault that says when", async () => {
  let now = 0;
  const waits: number[] = [];
  const budget = contentBudget({
    steady: () => now,
    pause: async (ms) => {
      waits.push(ms);
      now += ms;
    },
  });
  for (let count = 0; count < 60; count += 1) await budget.take();
  expect(waits).toEqual([]);
  await expect(budget.take()).rejects.toMatchObject({
    code: "forge-budget-spent",
    message: expect.stringContaining("in 60 s"),
  });
  now = 45_000;
  await budget.take();
  expect(waits).toEqual([15_000]);
  for (let minute = 2; minute <= 7; minute += 1) {
    now = minute * 60_000 + 30_000;
    for (let count = 0; count < 60 && minute < 7; count += 1) await budget.take();
  }
  // 400 an hour: 361 are taken.
  for (let count = 0; count < 39; count += 1) await budget.take();
  now += 60_000;
  await expect(budget.take()).rejects.toThrow(/in 3\d\d\d s/);
});
