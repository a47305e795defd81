import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { judge, mergeProposal } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import { listDeploys, proposeDeploy, proposeRollback, proposeRunning } from "#delivery/propose.ts";
import type { SourceTree } from "#delivery/tree.ts";
import {
  alice,
  bob,
  checkout,
  deploy,
  edit,
  main,
  openSite,
  paper,
  randomPy,
  randomTs,
  refusal,
  render,
  type Site,
  sma,
  spec,
  value,
  withFiles,
} from "./fixture.ts";

let at: Site;
let workspace: SourceTree;
const memo = createMemo();

beforeAll(async () => {
  workspace = await checkout();
  at = await openSite({ memo });
});
afterAll(() => at.close());

/** One story in one repository: each test goes on where the last one ended. */
describe("three strategies go live, one is changed, rolled back and stopped", () => {
  test("main starts with the policies alone, and env/paper with the platform", async () => {
    const [first] = await render(at);
    expect(first).toMatchObject({ outcome: "committed", strategies: [] });
    expect(at.git("ls-tree", "--name-only", "env/paper").trim().split("\n")).toEqual(["apps", "platform"]);
    expect(await render(at)).toEqual([]);
  });

  test("three proposals are judged, merged and rendered, one commit each", async () => {
    for (const id of [randomTs, randomPy, sma]) {
      const { repository, forge, clock } = at;
      const opened = value(
        await proposeDeploy({ repository, forge, clock, memo, workspace, strategies: [id], author: alice }),
      );
      expect(opened).toMatchObject({ outcome: "opened", proposal: { title: `${id}: new strategy`, state: "open" } });
      const verdict = await judge({ repository, forge, number: opened.proposal.number, memo });
      expect(verdict).toMatchObject({ state: "passed", findings: [], needs: [] });
      expect(verdict.strategies).toMatchObject([
        { id, kind: "new", environments: [{ environment: "paper", effect: "starts" }] },
      ]);
      const merged = value(
        await mergeProposal({ repository, forge, number: opened.proposal.number, by: bob, clock, memo }),
      );
      expect(merged.proposal.state).toBe("merged");
      const [rendered] = await render(at);
      expect(rendered).toMatchObject({ outcome: "committed", dry: merged.commit, strategies: [id] });
    }
    expect(
      at
        .git("ls-tree", "--name-only", "env/paper", "strategies/momentum/sma-cross/")
        .trim()
        .split("\n")
        .map((path) =>
          path
            .split("/")
            .at(-1)
            ?.replace(/-[0-9a-f]{10}\./, "-DIGEST."),
        ),
    ).toEqual([
      "configmap-sma-cross-algorithm-DIGEST.yaml",
      "configmap-sma-cross-spec.yaml",
      "networkpolicy-sma-cross.yaml",
      "persistentvolumeclaim-sma-cross.yaml",
      "service-sma-cross.yaml",
      "serviceaccount-sma-cross.yaml",
      "statefulset-sma-cross.yaml",
    ]);
  });

  test("a changed parameter is one proposal, also when it is said twice, and moves with newer content", async () => {
    const { repository, forge, clock } = at;
    const faster = edit(workspace, spec(sma), "fast: 10", "fast: 12");
    const request = { repository, forge, clock, memo, strategies: [sma], author: alice };
    const opened = value(await proposeDeploy({ ...request, workspace: faster }));
    expect(opened.proposal.title).toBe("momentum/sma-cross: params.fast 10 → 12");
    expect(value(await proposeDeploy({ ...request, workspace: faster }))).toMatchObject({
      outcome: "unchanged",
      proposal: { number: opened.proposal.number, head: opened.proposal.head },
    });
    const lower = edit(faster, spec(sma), 'maxOrderNotional: "2000"', 'maxOrderNotional: "1500"');
    const moved = value(await proposeDeploy({ ...request, workspace: lower }));
    expect(moved).toMatchObject({ outcome: "moved", proposal: { number: opened.proposal.number } });
    const verdict = await judge({ repository, forge, number: moved.proposal.number, memo });
    expect(verdict).toMatchObject({
      state: "passed",
      title: "momentum/sma-cross: params.fast 10 → 12, limits.maxOrderNotional 2000 → 1500",
      strategies: [
        {
          id: sma,
          kind: "changed",
          environments: [
            {
              environment: "paper",
              objects: { added: 0, changed: 2, removed: 0 },
              effect: "restarts",
              stateless: true,
              limits: [{ text: "maxOrderNotional 2000 → 1500", direction: "tighter" }],
            },
          ],
        },
      ],
    });
    value(await mergeProposal({ repository, forge, number: moved.proposal.number, by: alice, clock, memo }));
    const [rendered] = await render(at);
    expect(rendered?.strategies).toEqual([sma]);
    const names = at.git("diff-tree", "-r", "--name-only", "env/paper~1", "env/paper").trim().split("\n");
    expect(
      names.every(
        (name) =>
          name.startsWith("strategies/momentum/sma-cross/") || name.startsWith("platform/configmap-gateway-limits-"),
      ),
    ).toBe(true);
  });

  test("what main has already is not proposed again", async () => {
    const { repository, forge, clock } = at;
    const refused = refusal(
      await proposeDeploy({ repository, forge, clock, memo, workspace, strategies: [randomTs], author: alice }),
    );
    expect(refused).toMatchObject({
      code: "nothing-to-deploy",
      message: "nothing to propose: seed/random-ts on main is what this folder holds",
    });
  });

  test("rolling back restores the folder of a deploy by a forward commit that says so", async () => {
    const { repository, forge, clock } = at;
    const deploys = await listDeploys(repository, sma);
    expect(deploys.map(({ number, title }) => [number, title])).toEqual([
      [1, "momentum/sma-cross: new strategy"],
      [2, "momentum/sma-cross: params.fast 10 → 12, limits.maxOrderNotional 2000 → 1500"],
    ]);
    const opened = value(await proposeRollback({ repository, forge, clock, memo, strategy: sma, author: bob }));
    value(await mergeProposal({ repository, forge, number: opened.proposal.number, by: bob, clock, memo }));
    await render(at);
    const [, , third] = await listDeploys(repository, sma);
    expect(third).toMatchObject({
      number: 3,
      title: "momentum/sma-cross: rolled back to deploy 1",
      rollbackOf: deploys[0]?.commit,
      proposal: opened.proposal.number,
    });
    expect(at.git("show", "-s", "--format=%(trailers:key=Rollback-of,valueonly)", "env/paper").trim()).toBe(
      deploys[0]?.commit,
    );
    expect(
      refusal(await proposeRollback({ repository, forge, clock, strategy: sma, to: 9, author: bob })),
    ).toMatchObject({ code: "deploy-unknown", message: "momentum/sma-cross has no deploy 9; it has 1 to 3" });
    expect(refusal(await proposeRollback({ repository, forge, clock, strategy: sma, to: 1, author: bob })).code).toBe(
      "nothing-to-deploy",
    );
  });

  test("stopping changes one value, and starting it again another", async () => {
    const { repository, forge, clock } = at;
    for (const running of [false, true]) {
      const opened = value(
        await proposeRunning({
          repository,
          forge,
          clock,
          memo,
          strategy: randomPy,
          environment: "paper",
          running,
          author: alice,
        }),
      );
      const verdict = await judge({ repository, forge, number: opened.proposal.number, memo });
      expect(verdict.strategies).toMatchObject([
        {
          changes: [running ? "started in paper" : "stopped in paper"],
          environments: [{ effect: running ? "starts" : "stops" }],
        },
      ]);
      value(await mergeProposal({ repository, forge, number: opened.proposal.number, by: alice, clock, memo }));
      await render(at);
      const replicas = at
        .git("show", "env/paper:strategies/seed/random-py/statefulset-random-py.yaml")
        .match(/replicas: \d/)?.[0];
      expect(replicas).toBe(running ? "replicas: 1" : "replicas: 0");
    }
    const refused = refusal(
      await proposeRunning({
        repository,
        forge,
        clock,
        strategy: randomPy,
        environment: "paper",
        running: true,
        author: alice,
      }),
    );
    expect(refused).toMatchObject({
      code: "nothing-to-deploy",
      message: "nothing to propose: seed/random-py is running in paper on main already",
    });
    expect(
      refusal(
        await proposeRunning({
          repository,
          forge,
          clock,
          strategy: randomPy,
          environment: "live",
          running: true,
          author: alice,
        }),
      ).code,
    ).toBe("environment-missing");
  });

  test("a strategy is deleted once its spec says what becomes of its positions", async () => {
    const { repository, forge, clock } = at;
    const gone = withFiles(workspace, { [spec(randomTs)]: null, "strategies/seed/random-ts/algorithm.ts": null });
    const opened = value(
      await proposeDeploy({ repository, forge, clock, memo, workspace: gone, strategies: [randomTs], author: alice }),
    );
    const refused = refusal(
      await mergeProposal({ repository, forge, number: opened.proposal.number, by: alice, clock, memo }),
    );
    expect(refused.findings.map(({ code }) => code)).toEqual(["retire-missing"]);
    value(await forge.close(opened.proposal.number));
    await deploy(at, edit(workspace, spec(randomTs), "spec:\n", "spec:\n  retire: flatten\n"), [randomTs]);
    await deploy(at, gone, [randomTs]);
    await render(at);
    expect(at.git("ls-tree", "-r", "--name-only", "env/paper")).not.toContain("random-ts");
    expect(at.git("ls-tree", "-r", "--name-only", "env/paper")).toContain("random-py");
  });

  test("git log env/paper tells the story", async () => {
    const log = at.git(
      "log",
      "--reverse",
      "--format=%an | %cn | %s | %(trailers:key=Strategy,valueonly,separator=%x2C) | %(trailers:key=Proposal,valueonly,separator=%x2C)",
      "env/paper",
    );
    expect(log.trim().split("\n")).toEqual([
      "alice | Slipway | policies: the first ones |  | ",
      "bob | Slipway | seed/random-ts: new strategy | seed/random-ts | 1",
      "bob | Slipway | seed/random-py: new strategy | seed/random-py | 2",
      "bob | Slipway | momentum/sma-cross: new strategy | momentum/sma-cross | 3",
      "alice | Slipway | momentum/sma-cross: params.fast 10 → 12, limits.maxOrderNotional 2000 → 1500 | momentum/sma-cross | 4",
      "bob | Slipway | momentum/sma-cross: rolled back to deploy 1 | momentum/sma-cross | 5",
      "alice | Slipway | seed/random-py: stopped in paper | seed/random-py | 6",
      "alice | Slipway | seed/random-py: started in paper | seed/random-py | 7",
      // The gateway is told what becomes of its orders and positions.
      "alice | Slipway | seed/random-ts: retire = flatten | seed/random-ts | 9",
      "alice | Slipway | seed/random-ts: deleted | seed/random-ts | 10",
    ]);
    const message = at.git("show", "-s", "--format=%B", "env/paper");
    const dry = await at.repository.resolve(main);
    const tree = at.git("rev-parse", "env/paper^{tree}").trim();
    expect(message).toBe(
      `seed/random-ts: deleted\n\nDry-Commit: ${dry}\nStrategy: seed/random-ts\nPolicy-Digest: ${/sha256:[0-9a-f]{64}/.exec(message)?.[0]}\nRenderer: slipway test\nRendered-Tree: ${tree}\nProposal: 10\n\n`,
    );
    expect((await at.repository.commit((await at.repository.resolve(paper))!)).committer.timeSeconds).toBe(
      (await at.repository.commit(dry!)).committer.timeSeconds,
    );
  });

  test("what changed nothing is not rendered again", async () => {
    const before = at.git("for-each-ref");
    expect(await render(at)).toEqual([]);
    expect(at.git("for-each-ref")).toBe(before);
  });
});
