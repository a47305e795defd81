// Fifty deploys at once on this machine's forge, beside a server that judges and renders as they come.
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { StrategyId } from "#core/identity.ts";
import { mergeProposal } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { localForge } from "#forge/local.ts";
import { openRepository } from "#git/open.ts";
import { createControlPlane } from "#server/control-plane.ts";
import { type ControlLoop, startControlLoop } from "#server/loop.ts";
import { turnFor } from "../../src/cli/merge-turn.ts";
import { expectLinear } from "../delivery/deploys-at-once.ts";
import { alice, main, openSite, paper, renderer, type Site, value } from "../delivery/fixture.ts";
import { fleet } from "../delivery/fleet.ts";

const deploys = 50;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
let at: Site;
let workspace: SourceTree;
let strategies: readonly StrategyId[];
let loop: ControlLoop;

beforeEach(async () => {
  ({ workspace, strategies } = await fleet(deploys));
  at = await openSite({ tree: workspace });
  const { repository, forge, clock, memo } = at;
  const controlPlane = createControlPlane({
    repository,
    forge,
    clock,
    steady: () => performance.now(),
    log,
    renderer,
    memo,
  });
  loop = startControlLoop({ controlPlane, repository, log, clock: Date.now });
});
afterEach(async () => {
  await loop?.stop();
  await at?.close();
});

test("all land, each once, one after the other, and hardly one has to be judged again", {
  timeout: 600_000,
}, async () => {
  let attempts = 0;
  const said: string[] = [];
  const merges = await Promise.all(
    strategies.map(async (strategy) => {
      // As a command has them: of its own, but for what was worked out before.
      const repository = await openRepository(at.repository.directory);
      const forge = localForge({ repository, clock: at.clock });
      const request = { repository, forge, clock: at.clock, memo: at.memo };
      const opened = value(await proposeDeploy({ ...request, workspace, strategies: [strategy], author: alice }));
      const { number } = opened.proposal;
      const counted = {
        ...forge,
        merge: (...given: Parameters<typeof forge.merge>) => {
          attempts += 1;
          return forge.merge(...given);
        },
      };
      const waiting = {
        now: Date.now,
        steady: () => performance.now(),
        pause: (ms: number) => delay(ms),
        out: { error: (text: string) => void said.push(text) },
      };
      const turn = await turnFor(waiting, { forge, state: at.directory }, { number, by: alice });
      return value(
        await mergeProposal({
          ...request,
          forge: counted,
          number,
          by: alice,
          turn,
          judged: createMemo({ entriesMax: 1 }),
        }),
      );
    }),
  );
  expect(new Set(merges.map(({ proposal }) => proposal.number)).size).toBe(deploys);
  expect((attempts - deploys) / deploys).toBeLessThanOrEqual(1);
  await loop.settled();
  await expectLinear(at.repository, { main, deploys });
  const rendered = [...(await at.repository.list((await at.repository.resolve(paper))!)).keys()];
  for (const id of strategies)
    expect(rendered.filter((path) => path.startsWith(`strategies/${id}/statefulset-`))).toHaveLength(1);
  expect((await at.forge.list()).map(({ state }) => state)).toEqual(Array.from({ length: deploys }, () => "merged"));
});
