// Two servers on one repository, each with a mirror of its own, as two pods or a pod and a laptop would be: wasteful, and nothing worse.
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { StrategyId } from "#core/identity.ts";
import { createMemo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import { trailerValues } from "#delivery/trailers.ts";
import type { SourceTree } from "#delivery/tree.ts";
import type { Connected } from "#forge/remote/connect.ts";
import { createControlPlane, type ReconcileReport } from "#server/control-plane.ts";
import { type ControlLoop, startControlLoop } from "#server/loop.ts";
import { seedForge } from "#server/seed.ts";
import { mergeRequest } from "../contract/forge-contract.ts";
import { alice, main, paper, renderer, tickingClock, value } from "../delivery/fixture.ts";
import { fleet } from "../delivery/fleet.ts";
import { type StandInPlace, startStandIn } from "../forge/stand-in-place.ts";

const deploys = 4;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const waitMs = { timeout: 120_000, interval: 100 };
let place: StandInPlace;
let workspace: SourceTree;
let strategies: readonly StrategyId[];
let person: Connected;
let loops: readonly ControlLoop[];
let reports: ReconcileReport[];

beforeEach(async () => {
  ({ workspace, strategies } = await fleet(deploys));
  place = await startStandIn();
  await seedForge(place.bare, workspace, { author: alice, clock: tickingClock() });
  const trust = await place.trust();
  person = await place.open("alice", trust);
  reports = [];
  loops = await Promise.all(
    ["first", "second"].map(async (name) => {
      const { forge, repository } = await place.open("slipway", trust, name);
      const refresh = (): Promise<void> => repository.fetch();
      const controlPlane = createControlPlane({
        repository,
        forge,
        refresh,
        clock: Date.now,
        steady: () => performance.now(),
        log,
        renderer,
      });
      return startControlLoop({
        ...{ controlPlane, repository, log, clock: Date.now, remote: true, pollMs: 50 },
        onReport: (report) => void reports.push(report),
      });
    }),
  );
});
afterEach(async () => {
  await Promise.all(loops.map((loop) => loop.stop()));
  await place?.close();
});

test("each merge is rendered by one commit, each proposal has one verdict and one comment, and neither raises anything", {
  timeout: 240_000,
}, async () => {
  const { forge, repository } = person;
  const merged: string[] = [];
  for (const strategy of strategies) {
    await repository.fetch();
    const request = { repository, forge, clock: Date.now, memo: createMemo() };
    const opened = value(await proposeDeploy({ ...request, workspace, strategies: [strategy], author: alice }));
    const { number, head } = opened.proposal;
    const seen = async () => value(await forge.get(number));
    await expect.poll(async () => (await seen()).gate?.state, waitMs).toBe("passed");
    const base = (await place.bare.resolve(main))!;
    expect((await seen()).gate).toMatchObject({ head, base });
    merged.push(value(await forge.merge(number, mergeRequest({ base, head }))).commit);
  }
  const branch = async () => {
    const tip = await place.bare.resolve(paper);
    return tip === undefined ? [] : place.bare.history(tip);
  };
  const dry = async () => (await branch()).flatMap(({ message }) => trailerValues(message, "Dry-Commit"));
  await expect.poll(async () => (await dry())[0], waitMs).toBe(merged.at(-1));
  await Promise.all(loops.map((loop) => loop.settled()));
  // Time for the slower one to do anything that is left.
  await delay(500);
  await Promise.all(loops.map((loop) => loop.settled()));
  const rendered = await dry();
  expect(new Set(rendered).size).toBe(rendered.length);
  expect(rendered.slice(0, deploys).toReversed()).toEqual(merged);
  for (const { number, head } of await forge.list()) {
    expect(await place.comments(number)).toHaveLength(1);
    const verdicts = await place.statuses(head, "slipway/gate");
    // Both may say the same of it; what was said is one.
    expect(new Set(verdicts.map(({ description, target_url }) => `${description} ${target_url}`)).size).toBe(1);
  }
  for (const commit of merged) {
    const said = await place.statuses(commit, "slipway/render-paper");
    expect(new Set(said.map(({ description }) => description)).size).toBe(1);
  }
  expect(reports.flatMap(({ raised }) => raised)).toEqual([]);
  const both = reports.filter(({ judged }) => judged.length > 0).length;
  expect(both).toBeGreaterThanOrEqual(deploys);
});
