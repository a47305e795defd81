import { afterAll, beforeAll, expect, test } from "vitest";
import { followMerge } from "#cli/follow.ts";
import { createOverview, type Overview } from "#console/overview.ts";
import type { ApplicationStatus } from "#core/status.ts";
import { mergeProposal } from "#delivery/gate.ts";
import { proposeRunning } from "#delivery/propose.ts";
import type { CommitSha } from "#git/port.ts";
import { application, emptyGit } from "../console/fixtures.ts";
import { alice, checkout, deploy, openSite, paper, randomTs, render, type Site, value } from "../delivery/fixture.ts";

let at: Site;
beforeAll(async () => {
  at = await openSite();
  await deploy(at, await checkout(), [randomTs]);
  await render(at);
});
afterAll(() => at.close());

/** Merges a stop or a start; what the environment branch held before and holds after it. */
async function set(
  running: boolean,
): Promise<{ readonly merged: CommitSha; readonly before: CommitSha; readonly after: CommitSha }> {
  const before = (await at.repository.resolve(paper))!;
  const opened = value(
    await proposeRunning({ ...at, author: alice, strategy: randomTs, environment: "paper", running }),
  );
  const merged = value(await mergeProposal({ ...at, number: opened.proposal.number, by: alice })).commit;
  await render(at);
  return { merged, before, after: (await at.repository.resolve(paper))! };
}

/** What the server shows when the cluster has applied `revision` and Git was last read at `head`. */
function shows(revision: CommitSha, head: CommitSha, replicas: number, status: Partial<ApplicationStatus>): Overview {
  const git = { ...emptyGit, environmentHead: head, rendered: new Map([[randomTs, { replicas }]]) };
  const cluster = {
    environment: "paper",
    revision,
    applications: [{ ...application(randomTs, "Synced", "Healthy"), ...status }],
    isolation: [],
  };
  return createOverview({ environment: "paper", git, cluster, telemetry: undefined, nowMs: 0 });
}

/** The steps that are said, each with how many looks it took. */
async function follow(merged: CommitSha, looks: readonly Overview[]): Promise<readonly string[]> {
  const steps: string[] = [];
  let looked = 0;
  let now = 0;
  await followMerge({
    site: { ...at, checkout: "", state: "" },
    environment: "paper",
    merged,
    strategies: [randomTs],
    look: async () => {
      looked += 1;
      return looks[looked - 1] ?? looks.at(-1);
    },
    steady: () => now,
    pause: async (ms) => {
      now += ms;
    },
    aborted: () => false,
    deadlineMs: 10_000,
    onStep: ({ name }) => steps.push(`${name} ${looked}`),
  });
  return steps;
}

test("stopped is said when the process is gone, and running of no older look at Git", async () => {
  const stop = await set(false);
  const stopping = [
    shows(stop.before, stop.after, 0, {}),
    shows(stop.after, stop.after, 0, { sync: "OutOfSync", health: "Progressing", ending: true }),
    shows(stop.after, stop.after, 0, { sync: "Synced", health: "Suspended", pods: [] }),
  ];
  expect(await follow(stop.merged, stopping)).toEqual(["rendered 0", "synced 2", "stopped 3"]);
  const start = await set(true);
  const starting = [
    // The cluster has it, and what is shown of Git is older: it says that nothing should run.
    shows(start.after, start.before, 0, { sync: "Synced", health: "Progressing" }),
    shows(start.after, start.after, 1, { sync: "Synced", health: "Progressing" }),
    shows(start.after, start.after, 1, { sync: "Synced", health: "Healthy" }),
  ];
  expect(await follow(start.merged, starting)).toEqual(["rendered 0", "synced 2", "running 3"]);
});
