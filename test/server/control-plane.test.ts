import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Fault } from "#core/result.ts";
import { createMemo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { localForge } from "#forge/local.ts";
import { openRepository } from "#git/open.ts";
import type { Repository } from "#git/port.ts";
import { createControlPlane, type ReconcileReport, type ServerLog } from "#server/control-plane.ts";
import { startControlLoop } from "#server/loop.ts";
import { seedForge } from "#server/seed.ts";
import {
  alice,
  checkout,
  deploy,
  main,
  openSite,
  paper,
  paperPolicy,
  push,
  randomTs,
  renderer,
  type Site,
  site,
  sma,
  spec,
  value,
  withFiles,
} from "../delivery/fixture.ts";

let at: Site;
let workspace: SourceTree;
const memo = createMemo();
beforeEach(async () => {
  workspace = await checkout();
  at = await openSite({ memo });
});
afterEach(() => at.close());

interface Heard extends ServerLog {
  readonly lines: string[];
}
function listen(): Heard {
  const lines: string[] = [];
  const add = (level: string) => (_fields: object, message: string) => void lines.push(`${level} ${message}`);
  return { lines, info: add("info"), warn: add("warn"), error: add("error") };
}
const plane = (from: Site, log: ServerLog = listen()) =>
  createControlPlane({
    repository: from.repository,
    forge: from.forge,
    clock: from.clock,
    steady: from.steady,
    log,
    renderer,
  });
const propose = async (from: Site, tree: SourceTree, id: typeof sma) =>
  value(await proposeDeploy({ ...from, workspace: tree, strategies: [id], author: alice })).proposal.number;

describe("reconcile", () => {
  test("judges what is open, renders what is merged, and does nothing twice", async () => {
    const log = listen();
    const control = plane(at, log);
    const number = await propose(at, workspace, sma);
    const first = await control.reconcile();
    expect(first.judged.map((verdict) => [verdict.number, verdict.state])).toEqual([[number, "passed"]]);
    expect(first.rendered.map(({ outcome }) => outcome)).toEqual(["committed"]);
    expect(log.lines).toEqual(["info rendered", "info judged"]);
    const refs = at.git("for-each-ref");
    expect(await control.reconcile()).toEqual({
      expired: [],
      nextSeconds: undefined,
      judged: [],
      rendered: [],
      raised: [],
    });
    expect(at.git("for-each-ref")).toBe(refs);
  });

  test("judges again what stands on a main that has moved", async () => {
    const control = plane(at);
    const number = await propose(at, workspace, sma);
    await control.reconcile();
    await deploy(at, workspace, [randomTs]);
    const second = await control.reconcile();
    expect(second.judged.map((verdict) => verdict.number)).toEqual([number]);
    expect(second.judged[0]?.base).toBe(await at.repository.resolve(main));
  });

  test("tells of an approval that came after the comment was written", async () => {
    const control = plane(at);
    const number = await propose(at, workspace, sma);
    await control.reconcile();
    expect((await control.reconcile()).judged).toEqual([]);
    const { head } = value(await at.forge.get(number));
    value(await at.forge.approve(number, { by: "bob", head, digest: "sha256:0", timeSeconds: 1_700_000_000 }));
    expect((await control.reconcile()).judged.map((verdict) => verdict.number)).toEqual([number]);
    expect(value(await at.forge.get(number)).comment).toContain("bob's approval was given to other objects");
    expect((await control.reconcile()).judged).toEqual([]);
  });

  test("renders each environment of main, and says what is wrong with one while the other goes on", async () => {
    const text = new TextDecoder().decode(workspace.get(paperPolicy)?.bytes);
    await push(at, "main", { "policies/environments/live.yaml": text.replace("name: paper", "name: live") });
    expect((await plane(at).reconcile()).rendered.map(({ environment }) => environment)).toEqual([
      "live",
      "paper",
      "paper",
    ]);
    await push(at, "env/live", { "x.yaml": "a: b\n" }, "by hand\n");
    await deploy(at, workspace, [sma]);
    const report = await plane(at).reconcile();
    expect(report.raised).toMatchObject([{ code: "branch-edited", environment: "live" }]);
    expect(report.rendered.map(({ environment, outcome }) => [environment, outcome])).toEqual([["paper", "committed"]]);
  });

  test("raises what stands on main and is refused", async () => {
    await push(at, "main", { [spec(sma)]: "kind: nonsense\n" }, "oops\n");
    const report = await plane(at).reconcile();
    expect(report.raised).toMatchObject([{ code: "main-refused", environment: "paper" }]);
    expect(report.raised[0]?.message).toMatch(/^commit [0-9a-f]{7} \(oops\) is on main and is not rendered to paper: /);
  });

  test("killed after any write, the next one ends where one alone would have", async () => {
    await propose(at, workspace, sma);
    await deploy(at, workspace, [randomTs]);
    const folders: string[] = [];
    const copy = async (): Promise<Site> => {
      const folder = await mkdtemp(join(tmpdir(), "slipway-plane-"));
      folders.push(folder);
      await cp(at.repository.directory, join(folder, "forge.git"), { recursive: true });
      return site(folder, await openRepository(join(folder, "forge.git")), () => 1_700_000_100_000, memo);
    };
    const dying = (from: Site, kill: number): { readonly site: Site; updates(): number } => {
      let updates = 0;
      const repository: Repository = {
        ...from.repository,
        updateRef: async (...args) => {
          const answer = await from.repository.updateRef(...args);
          updates += 1;
          // A bug's error on purpose: faults of one branch are raised and do not end the round.
          if (updates === kill) throw new Error("killed");
          return answer;
        },
      };
      return {
        site: { ...from, repository, forge: localForge({ repository, clock: from.clock }) },
        updates: () => updates,
      };
    };
    try {
      const calm = await copy();
      const counted = dying(calm, 0);
      await plane(counted.site).reconcile();
      const expected = [
        await calm.repository.refs("refs/heads/"),
        (await calm.forge.list()).map(({ number, state, gate, comment }) => ({ number, state, gate, comment })),
      ];
      for (let kill = 1; kill <= counted.updates(); kill += 1) {
        const again = await copy();
        await expect(plane(dying(again, kill).site).reconcile()).rejects.toThrow("killed");
        await plane(again).reconcile();
        expect(
          [
            await again.repository.refs("refs/heads/"),
            (await again.forge.list()).map(({ number, state, gate, comment }) => ({ number, state, gate, comment })),
          ],
          `kill at ${kill}`,
        ).toEqual(expected);
      }
    } finally {
      for (const folder of folders) await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("the loop", () => {
  test("runs when refs change, also by others, and stops", async () => {
    const reports: ReconcileReport[] = [];
    let rounds: (() => void)[] = [];
    const loop = startControlLoop({
      controlPlane: plane(at),
      repository: at.repository,
      log: listen(),
      clock: at.clock,
      // Nothing comes by asking in this test.
      pollMs: 600_000,
      onReport: (report) => {
        reports.push(report);
        for (const tell of rounds.splice(0)) tell();
      },
    });
    try {
      await loop.settled();
      expect(reports.flatMap(({ rendered }) => rendered)).toHaveLength(1);
      await propose(at, workspace, sma);
      while (!reports.some(({ judged }) => judged.length === 1))
        await new Promise<void>((resolve) => void rounds.push(resolve));
    } finally {
      rounds = [];
      await loop.stop();
    }
    const count = reports.length;
    await loop.settled();
    loop.nudge();
    expect(reports.length).toBe(count);
  });

  test("wakes up by itself when something on main is due", async () => {
    const rounds: number[] = [];
    const second = Promise.withResolvers<void>();
    const loop = startControlLoop({
      controlPlane: {
        reconcile: async () => {
          rounds.push(Date.now());
          if (rounds.length === 2) second.resolve();
          const nextSeconds = rounds.length === 1 ? Date.now() / 1_000 + 0.2 : undefined;
          return { expired: [], nextSeconds, judged: [], rendered: [], raised: [] };
        },
      },
      repository: at.repository,
      log: listen(),
      clock: Date.now,
      // Nothing moves in this test, and nothing comes by asking.
      pollMs: 600_000,
    });
    try {
      await second.promise;
      expect((rounds[1] ?? 0) - (rounds[0] ?? 0)).toBeGreaterThanOrEqual(200);
    } finally {
      await loop.stop();
    }
  });

  test("tries again after a fault, one round at a time", async () => {
    const log = listen();
    let rounds = 0;
    let under = 0;
    const loop = startControlLoop({
      controlPlane: {
        reconcile: async () => {
          under += 1;
          expect(under).toBe(1);
          rounds += 1;
          await at.repository.resolve(main);
          under -= 1;
          if (rounds < 3) throw new Fault("git-failed", "the disk is away");
          return { expired: [], nextSeconds: undefined, judged: [], rendered: [], raised: [] };
        },
      },
      repository: at.repository,
      log,
      clock: at.clock,
      debounceMs: 1,
      backoffMsMax: 2,
    });
    try {
      while (rounds < 3) await loop.settled();
      expect(log.lines.slice(0, 2)).toEqual([
        "error the control plane failed; it tries again",
        "error the control plane failed; it tries again",
      ]);
    } finally {
      await loop.stop();
    }
  });
});

test("seeding is done once, whoever comes second", async () => {
  const again = await seedForge(at.repository, withFiles(workspace, { [paperPolicy]: "x" }), {
    author: alice,
    clock: at.clock,
  });
  expect(again).toEqual({ commit: await at.repository.resolve(main), created: false });
  expect(at.git("ls-tree", "-r", "--name-only", "main").trim().split("\n")).toEqual([
    "README.md",
    ...[...workspace.keys()].filter((path) => path.startsWith("policies/")),
  ]);
  expect(at.git("log", "--format=%an %s", "main").trim()).toBe("alice policies: the first ones");
  expect(await at.repository.resolve(paper)).toBeUndefined();
});
