// What the cluster's tests take for a forge is held to the same contract as a real one.
import { describe } from "vitest";
import type { Forge } from "#forge/port.ts";
import { type ForgeFixture, forgeContract, type Someone } from "../contract/forge-contract.ts";
import { judgementContract } from "../contract/forge-judgement-contract.ts";
import { startStandIn } from "../forge/stand-in-place.ts";

async function open(): Promise<ForgeFixture> {
  const place = await startStandIn();
  const trust = await place.trust();
  const { forge, repository } = await place.open("slipway", trust);
  await repository.fetch();
  const forges = new Map<Someone, Forge>();
  for (const someone of ["alice", "bob", "carol"] as const)
    forges.set(someone, (await place.open(someone, trust)).forge);
  return {
    ...{ forge, repository, look: () => repository.fetch(), as: (person) => forges.get(person) ?? forge },
    async marks(number) {
      const { labels, requested_reviewers: asked } = await place.pull(number);
      return { labels: labels.map(({ name }) => name).sort(), asked: asked.map(({ login }) => login) };
    },
    close: () => place.close(),
  };
}

describe("gitea's adapter before a stand-in, behind a private authority", () => {
  forgeContract(open);
  judgementContract(open);
});
