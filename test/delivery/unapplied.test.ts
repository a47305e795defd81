import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { ApplicationStatus, ClusterStatus } from "#core/status.ts";
import { heldToGit } from "#delivery/unapplied.ts";
import { branchRef, initBareRepository } from "#git/open.ts";
import type { CommitSha } from "#git/port.ts";

const sma = "momentum/sma-cross";
const directory = await mkdtemp(join(tmpdir(), "slipway-unapplied-"));
const repository = await initBareRepository(join(directory, "forge.git"));
let tip: CommitSha | null = null;
const first = await commit("fast: 10", sma);
const changed = await commit("fast: 7", sma);
const other = await commit("fast: 7", "seed/random-ts");
afterAll(() => rm(directory, { recursive: true, force: true }));

/** One more on the environment's branch: what a strategy's folder holds, and which strategy the trailer names. */
async function commit(
  content: string,
  strategy: string,
  path = `strategies/${sma}/configmap.yaml`,
): Promise<CommitSha> {
  const base = tip === null ? null : (await repository.commit(tip)).tree;
  const person = { name: "alice", email: "alice@example.com", timeSeconds: 1_700_000_000 };
  const sha = await repository.writeCommit({
    tree: await repository.writeTree(base, new Map([[path as never, content]])),
    parents: tip === null ? [] : [tip],
    author: person,
    committer: person,
    message: `${content}\n\nStrategy: ${strategy}\n`,
  });
  await repository.updateRef(branchRef("env/paper"), sha, tip);
  tip = sha;
  return sha;
}

const running: ApplicationStatus = {
  ...{ application: "paper-momentum-sma-cross", strategy: sma, sync: "Synced", health: "Healthy", pods: [] },
};

async function seen(said: Partial<ApplicationStatus>): Promise<ApplicationStatus | undefined> {
  const cluster: ClusterStatus = { environment: "paper", applications: [{ ...running, ...said }], isolation: [] };
  return (await heldToGit(repository, cluster)).applications[0];
}

test("synced at a commit that no sync was of, with a change between: it is not, and what to do is said", async () => {
  const told = await seen({ revision: other, applied: first });
  expect(told).toMatchObject({ sync: "OutOfSync", health: "Healthy" });
  expect(told?.message).toBe(
    `Argo CD calls it synced at ${other.slice(0, 7)}, but its last sync was of ${first.slice(0, 7)}, and the strategy has changed since: it forgets a comparison that was refused. Let it look again: kubectl -n argocd annotate application paper-momentum-sma-cross --overwrite argocd.argoproj.io/refresh=normal`,
  );
});

test.each([
  ["the last sync was of its last change; others changed since", { revision: other, applied: changed }],
  ["the last sync was of this very commit", { revision: first, applied: first }],
  ["a sync is going on", { sync: "OutOfSync", revision: other, applied: first }],
  ["nothing is said of syncs", { revision: other }],
  ["it is to go", { revision: other, applied: first, ending: true }],
] satisfies readonly (readonly [string, Partial<ApplicationStatus>])[])("believed: %s", async (_why, said) => {
  expect(await seen(said)).toEqual({ ...running, ...said });
});

test.each(["apps", "platform", "teams/seed"])("what follows %s is held to its own folder", async (path) => {
  const [before, then] = [
    await commit("cpu: 1", "", `${path}/object.yaml`),
    await commit("cpu: 2", "", `${path}/object.yaml`),
  ];
  const elsewhere = await commit("fast: 3", sma);
  const { strategy: _, ...apart } = { ...running, application: "paper-other", path };
  const look = async (said: Partial<ApplicationStatus>) => {
    const cluster: ClusterStatus = { environment: "paper", applications: [{ ...apart, ...said }], isolation: [] };
    return (await heldToGit(repository, cluster)).applications[0];
  };
  const told = await look({ revision: elsewhere, applied: before });
  expect(told?.sync).toBe("OutOfSync");
  expect(told?.message).toContain(`${path}/ of the branch has changed since`);
  expect(told?.message).toContain("annotate application paper-other --overwrite");
  expect(await look({ revision: elsewhere, applied: then })).toMatchObject({ sync: "Synced" });
  expect(await look({ path: "../main", revision: elsewhere, applied: before })).toMatchObject({ sync: "Synced" });
});

test("believed: a change that was taken back before Argo CD looked", async () => {
  const back = await commit("fast: 10", sma);
  expect(await seen({ revision: back, applied: first })).toMatchObject({ sync: "Synced" });
  expect(await seen({ revision: back, applied: changed })).toMatchObject({ sync: "OutOfSync" });
});

test("a sync of a commit that is not known any more counts for none", async () => {
  const said = { revision: other, applied: "0".repeat(40) };
  expect(await seen(said)).toMatchObject({ sync: "OutOfSync" });
});
