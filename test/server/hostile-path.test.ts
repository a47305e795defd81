// A proposal whose commit holds a path that no checkout should get is refused, and keeps nobody else from being judged, shown or closed.
import { afterEach, beforeEach, expect, test } from "vitest";
import { readGitView } from "#console/git-view.ts";
import { closeProposal } from "#delivery/close.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import { branchRef } from "#git/open.ts";
import { createControlPlane } from "#server/control-plane.ts";
import {
  alice,
  bob,
  checkout,
  main,
  openSite,
  randomTs,
  renderer,
  type Site,
  sma,
  value,
} from "../delivery/fixture.ts";

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
let at: Site;
beforeEach(async () => {
  at = await openSite();
});
afterEach(() => at.close());

/** A branch with one file more than main, under a name that this program would never write. */
async function hostile(branch: string): Promise<number> {
  const blob = at.git("hash-object", "-w", "--stdin", "/dev/null").trim().split("\n")[0] ?? "";
  const index = `GIT_INDEX_FILE=${at.directory}/index git`;
  at.git("-c", `alias.begin=!${index} read-tree main`, "begin");
  const path = "strategies/momentum/sma-cross/notes\u202Est.ts";
  at.git("-c", `alias.put=!${index} update-index --add --cacheinfo`, "put", `100644,${blob},${path}`);
  const tree = at.git("-c", `alias.end=!${index} write-tree`, "end").trim();
  const by = ["-c", "user.name=mallory", "-c", "user.email=mallory@example.test"];
  const commit = at.git(...by, "commit-tree", "-m", "harmless", "-p", "main", tree).trim();
  at.git("update-ref", `refs/heads/${branch}`, commit);
  const words = { title: "harmless", description: "", author: bob };
  return value(await at.forge.open({ ...words, branch: branchRef(branch), target: main })).number;
}

test("it is refused, and what comes before and after it is judged", async () => {
  const { repository, forge, clock, memo } = at;
  const workspace = await checkout();
  const good = async (id: typeof sma): Promise<number> =>
    value(await proposeDeploy({ repository, forge, clock, memo, workspace, strategies: [id], author: alice })).proposal
      .number;
  const numbers = [await good(sma), await hostile("mallory/one"), await hostile("mallory/two"), await good(randomTs)];
  const { raised, judged } = await createControlPlane({
    repository,
    forge,
    clock,
    steady: clock,
    log,
    renderer,
    memo,
  }).reconcile();
  expect(raised).toEqual([]);
  expect(judged.map(({ number, state }) => [number, state])).toEqual(
    numbers.map((number, index) => [number, index === 1 || index === 2 ? "refused" : "passed"]),
  );
  const [, first = 0] = numbers;
  expect(value(await forge.get(first)).comment).toMatch(/notes.st\.ts/);
  const view = await readGitView(repository, forge, "paper");
  expect(view.proposals.map(({ strategies }) => strategies)).toEqual([[randomTs], [], [], [sma]]);
  const closed = await closeProposal({ repository, forge, number: first, by: bob, reason: "no" });
  expect(value(closed).state).toBe("closed");
});
