import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Fault } from "#core/result.ts";
import { localForge } from "#forge/local.ts";
import type { Forge } from "#forge/port.ts";
import { proposalRef } from "#forge/record.ts";
import { branchRef } from "#git/open.ts";
import type { CommitSha, Repository } from "#git/port.ts";
import { type ForgeFixture, judged, main, mergeRequest, push, request, value } from "../contract/forge-contract.ts";
import { openLocal } from "./fixture.ts";

/** What a kill at call `at` looks like from outside: the call was not made, or it was made and nobody heard the answer. */
type When = "before" | "after";

function failing(repository: Repository, at: number, when: When): { readonly repository: Repository; calls(): number } {
  let calls = 0;
  const wrapped = new Proxy(repository, {
    get(target, key, receiver) {
      const member: unknown = Reflect.get(target, key, receiver);
      if (typeof member !== "function") return member;
      return async (...args: readonly unknown[]) => {
        calls += 1;
        const isLast = calls === at;
        if (isLast && when === "before") throw new Fault("git-failed", "killed");
        const answer: unknown = await member(...args);
        if (isLast) throw new Fault("git-failed", "killed");
        return answer;
      };
    },
  });
  return { repository: wrapped, calls: () => calls };
}

const clock = (): number => 1_700_000_000_000;
const topic = branchRef("alice/fast");
let fixture: ForgeFixture;

beforeEach(async () => {
  fixture = await openLocal();
  await push(fixture.repository, main, { "README.md": "one\n" });
  await push(fixture.repository, topic, { "a/file": "1\n" }, { from: main });
});
afterEach(() => fixture.close());

/** How many calls of the repository an operation makes when nothing fails. */
async function countCalls(operation: (forge: Forge) => Promise<unknown>): Promise<number> {
  const counted = failing(fixture.repository, 0, "before");
  await operation(localForge({ repository: counted.repository, clock }));
  return counted.calls();
}

function forgeFailingAt(at: number, when: When): Forge {
  return localForge({ repository: failing(fixture.repository, at, when).repository, clock });
}

describe.each<When>(["before", "after"])("killed %s the answer of each call in turn", (when) => {
  test("open converges on one proposal", async () => {
    const { forge, repository } = fixture;
    const count = await countCalls((each) => each.open(request(topic)));
    expect(count).toBeGreaterThan(5);
    for (let at = 1; at <= count; at += 1) {
      const branch = branchRef(`alice/open-${at}`);
      await push(repository, branch, { "a/file": `${at}\n` }, { from: main });
      await expect(forgeFailingAt(at, when).open(request(branch))).rejects.toThrow("killed");
      const again = value(await forge.open(request(branch)));
      expect((await forge.list({ branch })).map(({ number }) => number)).toEqual([again.number]);
    }
  });

  test("merge converges on one merge commit and a merged proposal", async () => {
    const { forge, repository } = fixture;
    const first = value(await forge.open(request(topic)));
    const pair = await judged(fixture, first);
    const count = await countCalls((each) => each.merge(first.number, mergeRequest(pair)));
    expect(count).toBeGreaterThan(10);
    for (let at = 1; at <= count; at += 1) {
      const branch = branchRef(`alice/merge-${at}`);
      await push(repository, branch, { "a/file": `${at}\n` }, { from: main });
      // The branch starts at main, so its merge never conflicts, and main grows by exactly one commit a round.
      const proposal = value(await forge.open(request(branch)));
      const each = await judged(fixture, proposal);
      await expect(forgeFailingAt(at, when).merge(proposal.number, mergeRequest(each))).rejects.toThrow("killed");
      const retried = { ...mergeRequest(each), timeSeconds: 5_000 + at };
      const { commit, proposal: merged } = value(await forge.merge(proposal.number, retried));
      expect(merged).toMatchObject({ state: "merged", mergedAs: commit });
      const tip = await repository.resolve(main);
      expect(tip).toBe(commit);
      expect(await repository.history(commit, { stop: each.base })).toHaveLength(1);
    }
  });
});

/** Every process that merges with this is killed before it moves main. */
function neverMoving(repository: Repository): Repository {
  return new Proxy(repository, {
    get(target, key, receiver) {
      const member: unknown = Reflect.get(target, key, receiver);
      if (key !== "updateRef" || typeof member !== "function") return member;
      return async (...args: readonly unknown[]) => {
        if (args[0] === main) throw new Fault("git-failed", "killed");
        return member(...args);
      };
    },
  });
}

test("of two merges of one proposal, of two heads, the one that did happen counts, though the other was prepared later", async () => {
  const { forge, repository } = fixture;
  const { number, head } = value(await forge.open(request(topic)));
  const killed = localForge({ repository: neverMoving(repository), clock });
  const pair = await judged(fixture, value(await forge.get(number)));
  await expect(killed.merge(number, mergeRequest(pair))).rejects.toThrow("killed");
  const [prepared] = await repository.history((await repository.resolve(proposalRef(number)))!, { limit: 1 });
  const first = /prepared as (\w+)/.exec(prepared?.message ?? "")?.[1] as CommitSha;
  await push(repository, topic, { "a/file": "2\n" });
  const next = await judged(fixture, value(await forge.get(number)));
  await expect(killed.merge(number, mergeRequest(next))).rejects.toThrow("killed");
  // The first one was only slow.
  expect(await repository.updateRef(main, first, pair.base)).toMatchObject({ ok: true });
  expect(await forge.merge(number, mergeRequest(next))).toMatchObject({ error: { code: "head-moved", found: head } });
  expect(value(await forge.get(number))).toMatchObject({ state: "merged", head, mergedAs: first });
});

test("a read finishes what a kill between the merge and its marking left", async () => {
  const { forge, repository } = fixture;
  const proposal = value(await forge.open(request(topic)));
  const pair = await judged(fixture, proposal);
  const moveOfMain = failing(repository, 0, "before");
  const calls: string[] = [];
  const watching = new Proxy(moveOfMain.repository, {
    get(target, key, receiver) {
      const member: unknown = Reflect.get(target, key, receiver);
      if (key !== "updateRef" || typeof member !== "function") return member;
      return async (...args: readonly unknown[]) => {
        const answer: unknown = await member(...args);
        calls.push(String(args[0]));
        if (args[0] === main) throw new Fault("git-failed", "killed");
        return answer;
      };
    },
  });
  await expect(localForge({ repository: watching, clock }).merge(proposal.number, mergeRequest(pair))).rejects.toThrow(
    "killed",
  );
  expect(calls.at(-1)).toBe(main);
  // Others have gone on meanwhile.
  const commit = await repository.resolve(main);
  await push(repository, main, { "README.md": "later\n" });
  expect((await forge.list({ state: "open" })).length).toBe(0);
  expect(value(await forge.get(proposal.number))).toMatchObject({ state: "merged", head: pair.head, mergedAs: commit });
  expect(value(await forge.merge(proposal.number, mergeRequest(pair))).commit).toBe(commit);
});

test("a close that came between is overtaken by the merge that did happen", async () => {
  const { forge, repository } = fixture;
  const proposal = value(await forge.open(request(topic)));
  const pair = await judged(fixture, proposal);
  const killedAtMain = neverMoving(repository);
  await expect(
    localForge({ repository: killedAtMain, clock }).merge(proposal.number, mergeRequest(pair)),
  ).rejects.toThrow("killed");
  expect(value(await forge.get(proposal.number)).state).toBe("open");
  expect(value(await forge.close(proposal.number)).state).toBe("closed");
  expect(await repository.resolve(main)).toBe(pair.base);
  expect(value(await forge.open(request(topic))).number).toBe(proposal.number + 1);
});
