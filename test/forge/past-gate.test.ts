// A pull request that somebody merged by the forge's own button, over what Slipway said of it, with files of the tool.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createPastGateWatch, describePastGate } from "#delivery/past-gate.ts";
import type { Proposal } from "#forge/port.ts";
import { branchRef } from "#git/open.ts";
import { judged, main, push, request, start, value } from "../contract/forge-contract.ts";
import { type MemoryFixture, openMemory } from "./memory-fixture.ts";

let fixture: MemoryFixture;
beforeEach(async () => {
  fixture = await openMemory();
  await start(fixture.repository);
  // The first one that passes: from then on there is a gate to pass.
  const { number } = await passed(await opened("first", { "tool.mjs": "1\n" }));
  await press(number);
});
afterEach(() => fixture.close());

async function opened(branch: string, files: { readonly [path: string]: string }): Promise<Proposal> {
  const ref = branchRef(`bob/${branch}`);
  await push(fixture.repository, ref, files, { from: main, timeSeconds: 1_700_000_000 });
  return value(await fixture.as("bob").open(request(ref, { title: branch })));
}

async function passed(proposal: Proposal): Promise<Proposal> {
  await judged(fixture, proposal);
  await fixture.forge.setStage?.(proposal.head, { name: "approvals", state: "passed", summary: "all are there" });
  return proposal;
}

/** The forge's button, in bob's hand: it asks for nothing, as where an administrator passes by its rules. */
async function press(number: number): Promise<void> {
  const { api } = fixture.memory.as("bob");
  const pull = await api.pull(number);
  if (pull === undefined) throw new Error(`there is no pull request ${number}`);
  expect(await api.merge(number, { head: pull.head, title: pull.title, body: "" })).toEqual({ end: "merged" });
}

/** What is told of: each commit's title, and its files. */
async function told(): Promise<readonly (readonly [string, readonly string[]])[]> {
  const { repository, forge } = fixture;
  const watch = createPastGateWatch({ repository, forge, clock: () => 1_700_000_100_000 });
  const found = await watch.current();
  for (const one of found) expect(describePastGate(one)[0]).toContain("without the approval of their owners: ");
  return found.map(({ commit, files }) => [commit.message.split("\n")[0] ?? "", files]);
}

test("one that has passed, with its approvals, is nothing to tell of", async () => {
  await press((await passed(await opened("second", { "forge.yaml": "mine\n" }))).number);
  expect(await told()).toEqual([]);
});

describe("is told of when", () => {
  const gate = async (
    proposal: Proposal,
    writer: "alice" | "slipway",
    context: string,
    state: "success" | "pending",
  ) => {
    const { api } = fixture.memory.as(writer);
    const base = (await fixture.repository.resolve(main)) ?? proposal.head;
    const targetUrl = api.compareUrl(base, proposal.head);
    await api.writeStatus(proposal.head, { context, state, description: "fine", targetUrl });
  };

  test.each<readonly [string, (proposal: Proposal) => Promise<unknown>]>([
    ["nobody has judged it", async () => undefined],
    ["the gate has refused it", (proposal) => judged(fixture, proposal, "refused")],
    ["the gate's word is somebody else's", (proposal) => gate(proposal, "alice", "slipway/gate", "success")],
    [
      "the gate has passed another commit of it",
      async (proposal) => {
        await passed(proposal);
        await push(fixture.repository, branchRef("bob/second"), { "forge.yaml": "other\n" });
      },
    ],
    [
      "its approvals are not there",
      async (proposal) => {
        await judged(fixture, proposal);
        await gate(proposal, "slipway", "slipway/approvals", "pending");
      },
    ],
    [
      "the word on its approvals is somebody else's",
      async (proposal) => {
        await judged(fixture, proposal);
        await gate(proposal, "slipway", "slipway/approvals", "pending");
        await gate(proposal, "alice", "slipway/approvals", "success");
      },
    ],
  ])("%s", async (_why, before) => {
    const proposal = await opened("second", { "forge.yaml": "mine\n", "strategies/a/b/strategy.yaml": "x\n" });
    await before(proposal);
    await press(proposal.number);
    expect(await told()).toEqual([["second", ["forge.yaml"]]]);
    // As it should be, by a proposal that passes.
    await press((await passed(await opened("third", { "forge.yaml": "as it should be\n" }))).number);
    expect(await told()).toEqual([]);
  });
});
