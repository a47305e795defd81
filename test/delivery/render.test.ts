import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fault } from "#core/result.ts";
import { mergeProposal } from "#delivery/gate.ts";
import { createMemo, type Memo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import { renderBranch, renderTree, renderWorkspace } from "#delivery/render.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { localForge } from "#forge/local.ts";
import { initBareRepository, openRepository } from "#git/open.ts";
import type { Repository } from "#git/port.ts";
import { seedForge } from "#server/seed.ts";
import {
  alice,
  bob,
  checkout,
  deploy,
  edit,
  main,
  openSite,
  paper,
  paperPolicy,
  push,
  randomPy,
  randomTs,
  refusal,
  render,
  renderer,
  root,
  type Site,
  site,
  sma,
  spec,
  value,
} from "./fixture.ts";

const atSeconds = Date.parse("2026-03-02T12:00:00Z") / 1000;

const memo = createMemo();
let workspace: SourceTree;
beforeAll(async () => {
  workspace = await checkout();
});
const textOf = (path: string): string => new TextDecoder().decode(workspace.get(path)?.bytes);

describe("renderTree", () => {
  test("gives what the working tree gives, twice the same bytes", async () => {
    const first = await renderWorkspace(root, "paper", atSeconds);
    const second = await renderTree(workspace, "paper", atSeconds, memo);
    expect(first.findings).toEqual([]);
    expect([...first.files]).toEqual([...second.files]);
    expect([...first.files.keys()]).toEqual([...first.files.keys()].sort());
  });

  test("makes again only what a change touches: no strategy for a rule or a bound, no platform for a param", async () => {
    const made: string[] = [];
    const kept = createMemo();
    const counting: Memo = {
      ...kept,
      of: (kind, key, make) =>
        kept.of(kind, key, () => {
          made.push(kind);
          return make();
        }),
    };
    const unitsOf = async (tree: SourceTree): Promise<readonly string[]> => {
      made.length = 0;
      await renderTree(tree, "paper", atSeconds, counting);
      return [...new Set(made.filter((kind) => ["admission", "platform", "team", "render"].includes(kind)))].sort();
    };
    expect(await unitsOf(workspace)).toEqual(["admission", "platform", "render", "team"]);
    const rule = "policies/rules/max-one-replica.yaml";
    expect(await unitsOf(edit(workspace, rule, "fix: ", "fix: please "))).toEqual(["admission"]);
    expect(await unitsOf(workspace)).toEqual([]);
    const bounds = edit(workspace, paperPolicy, 'maxDrawdown: "0.6"', 'maxDrawdown: "0.7"');
    expect(await unitsOf(bounds)).toEqual(["admission", "platform", "team"]);
    const image = edit(workspace, paperPolicy, "slipway/executor@", "other/executor@");
    expect(await unitsOf(image)).toContain("render");
    const param = edit(workspace, `strategies/${sma}/strategy.yaml`, "fast: 10", "fast: 11");
    expect(await unitsOf(param)).toEqual(["render", "team"]);
    const limit = edit(workspace, `strategies/${sma}/strategy.yaml`, 'maxDrawdown: "0.6"', 'maxDrawdown: "0.5"');
    expect(await unitsOf(limit)).toEqual(["platform", "render", "team"]);
  });

  test("leaves out what is refused and says so; names the environments it knows", async () => {
    const bad = edit(workspace, spec(sma), 'maxOrderNotional: "2000"', 'maxOrderNotional: "9000"');
    const rendered = await renderTree(bad, "paper", atSeconds, memo);
    expect(rendered.findings.some(({ code }) => code === "above-bound")).toBe(true);
    expect([...rendered.files.keys()].some((path) => path.includes("sma-cross"))).toBe(false);
    expect([...rendered.files.keys()].some((path) => path.includes("random-py"))).toBe(true);
    const none = await renderTree(workspace, "live", atSeconds, memo);
    expect(none.files.size).toBe(0);
    expect(none.findings).toMatchObject([
      { code: "environment-unknown", message: "there is no environment live; there is paper" },
    ]);
  });
});

describe("what reached main past the gate", () => {
  let at: Site;
  beforeAll(async () => {
    at = await openSite({ memo });
    for (const id of [sma, randomPy]) await deploy(at, workspace, [id]);
    await render(at);
  });
  afterAll(() => at.close());

  test("is not rendered when it is refused, and is said again until a later commit is carried", async () => {
    const before = await at.repository.resolve(paper);
    await push(at, "main", { [spec(sma)]: textOf(spec(sma)).replace('"2000"', '"9000"') }, "quick fix\n");
    for (let times = 0; times < 2; times += 1) {
      const [only, ...others] = await render(at);
      expect(only).toMatchObject({ outcome: "refused", title: "quick fix", findings: [{ code: "above-bound" }] });
      expect(others).toEqual([]);
    }
    expect(await at.repository.resolve(paper)).toBe(before);
  });

  test("is behind a later commit that takes it back, though that changes nothing that is rendered", async () => {
    const before = await at.repository.resolve(paper);
    await push(at, "main", { [spec(sma)]: textOf(spec(sma)) }, "taken back\n");
    expect((await render(at)).map(({ outcome }) => outcome)).toEqual(["refused", "unchanged"]);
    expect(await render(at)).toEqual([]);
    expect(await at.repository.resolve(paper)).toBe(before);
    await push(at, "main", { [spec(sma)]: textOf(spec(sma)).replace('"2000"', '"9000"') }, "quick fix again\n");
  });

  test("then blocks nobody else: the strategy is rendered as stopped, as it last passed", async () => {
    await deploy(at, workspace, [randomTs]);
    const rendered = await render(at);
    expect(rendered.at(-1)).toMatchObject({ outcome: "committed", stopped: [sma], strategies: [sma, randomTs] });
    const statefulSet = at.git("show", `env/paper:strategies/${sma}/statefulset-sma-cross.yaml`);
    expect(statefulSet).toContain("replicas: 0");
    expect(at.git("show", `env/paper:strategies/${sma}/configmap-sma-cross-spec.yaml`)).toContain(
      'limits.maxOrderNotional: "2000"',
    );
    // The API server must take it so, and must not let it start.
    const admission = "env/paper:platform/validatingadmissionpolicy-slipway-paper-bounds-statefulset.yaml";
    expect(at.git("show", admission)).toContain(`{'${sma}': true}`);
    expect(await render(at)).toEqual([]);
  });

  test("a policy that refuses a strategy stops it and leaves the others running", async () => {
    await deploy(at, workspace, [sma]);
    await render(at);
    await push(at, "main", { [paperPolicy]: textOf(paperPolicy).replace(/ {4}python:.*\n/, "") }, "no more Python\n");
    const [rendered] = await render(at);
    expect(rendered).toMatchObject({ outcome: "committed", stopped: [randomPy] });
    expect(at.git("show", `env/paper:strategies/${randomPy}/statefulset-random-py.yaml`)).toContain("replicas: 0");
    expect(at.git("show", `env/paper:strategies/${sma}/statefulset-sma-cross.yaml`)).toContain("replicas: 1");
  });

  test("commits that change no manifest give no commit, and are not looked at again", async () => {
    const before = await at.repository.resolve(paper);
    await push(at, "main", { "README.md": "words\n" }, "words\n");
    expect(await render(at)).toMatchObject([{ outcome: "unchanged", title: "words" }]);
    expect(await at.repository.resolve(paper)).toBe(before);
    expect(await render(at)).toEqual([]);
    await push(at, "main", { "README.md": "more words\n" }, "more words\n");
    expect(await render(at)).toMatchObject([{ outcome: "unchanged", title: "more words" }]);
  });

  test("a branch that someone edited, or a main that was rewritten, is a fault that says what to do", async () => {
    const tip = await at.repository.resolve(paper);
    await push(at, "env/paper", { "apps/x.yaml": "a: b\n" }, "by hand\n");
    await expect(render(at)).rejects.toMatchObject({ code: "branch-edited" });
    at.git("update-ref", "refs/heads/env/paper", tip!);
    const mainTip = await at.repository.resolve(main);
    at.git("update-ref", "-d", "refs/heads/slipway/rendered/paper");
    at.git("update-ref", "refs/heads/main", `${mainTip}~6`);
    await expect(render(at)).rejects.toBeInstanceOf(Fault);
    await expect(render(at)).rejects.toMatchObject({ code: "main-rewritten" });
  });
});

/** The same inputs and the same clock. */
async function play(directory: string): Promise<Repository> {
  const repository = await initBareRepository(join(directory, "forge.git"));
  const at = site(directory, repository, () => 1_700_000_000_000, createMemo());
  await seedForge(repository, workspace, { author: alice, clock: at.clock });
  for (const id of [randomTs, sma]) await deploy(at, workspace, [id]);
  await render(at);
  return repository;
}

test("two fresh repositories with the same inputs and clock have the same commits", async () => {
  const folders = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), "slipway-same-"))));
  try {
    const [one, two] = await Promise.all(folders.map(play));
    expect(await one!.resolve(paper)).toBeDefined();
    expect(await one!.refs("refs/heads/")).toEqual(await two!.refs("refs/heads/"));
  } finally {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  }
});

describe("races and kills", () => {
  const clock = (): number => 1_700_000_000_000;
  let template: string;
  const folders: string[] = [];
  const changed = (): SourceTree => edit(workspace, spec(sma), "fast: 10", "fast: 11");

  beforeAll(async () => {
    template = await mkdtemp(join(tmpdir(), "slipway-template-"));
    folders.push(template);
    const repository = await initBareRepository(join(template, "forge.git"));
    await seedForge(repository, workspace, { author: alice, clock });
    const at = site(template, repository, clock, memo);
    await deploy(at, workspace, [sma]);
    await render(at);
  });
  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });

  async function copy(): Promise<Repository> {
    const folder = await mkdtemp(join(tmpdir(), "slipway-copy-"));
    folders.push(folder);
    await cp(join(template, "forge.git"), join(folder, "forge.git"), { recursive: true });
    return openRepository(join(folder, "forge.git"));
  }

  async function propose(repository: Repository, tree: SourceTree, id: typeof sma): Promise<number> {
    const forge = localForge({ repository, clock });
    return value(
      await proposeDeploy({ repository, forge, clock, memo, workspace: tree, strategies: [id], author: alice }),
    ).proposal.number;
  }

  /** Proposes, merges and renders: what a person does with `deploy --merge`. */
  async function whole(repository: Repository): Promise<void> {
    const forge = localForge({ repository, clock });
    const [merged] = await forge.list({ state: "merged" });
    const number =
      merged?.title === "momentum/sma-cross: params.fast 10 → 11"
        ? merged.number
        : await propose(repository, changed(), sma);
    value(await mergeProposal({ repository, forge, number, by: bob, clock, memo }));
    await renderBranch({ repository, environment: "paper", renderer, memo });
  }

  test("two merges at once both arrive, each judged on what the other left", async () => {
    const repository = await copy();
    const numbers = [await propose(repository, changed(), sma), await propose(repository, workspace, randomTs)];
    const forge = localForge({ repository, clock });
    const merged = await Promise.all(
      numbers.map((number) => mergeProposal({ repository, forge, number, by: bob, clock, memo })),
    );
    const commits = merged.map((result) => value(result).commit);
    const history = await repository.history((await repository.resolve(main))!);
    expect(new Set(history.slice(0, 2).map(({ sha }) => sha))).toEqual(new Set(commits));
    const tree = await repository.list(history[0]!.tree, "strategies");
    expect([...tree.keys()].filter((path) => path.endsWith("strategy.yaml"))).toEqual([spec(sma), spec(randomTs)]);
    const renders = await Promise.all(
      [1, 2].map(() => renderBranch({ repository, environment: "paper", renderer, memo })),
    );
    expect(renders.flat().every(({ outcome }) => outcome === "committed")).toBe(true);
    expect(
      (await repository.history((await repository.resolve(paper))!)).map(
        ({ message }) => /Proposal: (\d+)/.exec(message)?.[1],
      ),
    ).toHaveLength(4);
  });

  test("content that took another's place is not merged in its name, before the merge and after it", async () => {
    const at = await openSite({ memo });
    try {
      const open = async (fast: string) =>
        value(
          await proposeDeploy({
            ...at,
            author: alice,
            workspace: edit(workspace, spec(sma), "fast: 10", `fast: ${fast}`),
            strategies: [sma],
          }),
        );
      const first = await open("11");
      const second = await open("12");
      expect([second.outcome, second.proposal.number]).toEqual(["moved", first.proposal.number]);
      const { number } = first.proposal;
      const lost = refusal(await mergeProposal({ ...at, number, by: alice, head: first.head }));
      expect([lost.code, lost.message]).toEqual(["content-replaced", expect.stringContaining("and holds it now")]);
      value(await mergeProposal({ ...at, number, by: bob, head: second.head }));
      const late = refusal(await mergeProposal({ ...at, number, by: alice, head: first.head }));
      expect([late.code, late.message]).toEqual(["content-replaced", expect.stringContaining("was merged with it")]);
    } finally {
      await at.close();
    }
  });

  test("merging one proposal twice at once makes one commit", async () => {
    const repository = await copy();
    const number = await propose(repository, changed(), sma);
    const forge = localForge({ repository, clock });
    const merged = await Promise.all(
      [1, 2].map(() => mergeProposal({ repository, forge, number, by: bob, clock, memo })),
    );
    expect(new Set(merged.map((result) => value(result).commit)).size).toBe(1);
  });

  /** Dies right after ref update number `at`: what was written before is there, nobody heard the answer. */
  function dying(repository: Repository, at: number): { readonly repository: Repository; updates(): number } {
    let updates = 0;
    return {
      updates: () => updates,
      repository: {
        ...repository,
        updateRef: async (...args) => {
          const answer = await repository.updateRef(...args);
          updates += 1;
          if (updates === at) throw new Fault("git-failed", "killed");
          return answer;
        },
      },
    };
  }

  test("killed after any write and run again, a deploy ends as if nothing had been", async () => {
    const calm = await copy();
    const counted = dying(calm, 0);
    await whole(counted.repository);
    const branches = await calm.refs("refs/heads/");
    expect(counted.updates()).toBeGreaterThan(6);
    for (let at = 1; at <= counted.updates(); at += 1) {
      const repository = await copy();
      await expect(whole(dying(repository, at).repository), `kill at ${at}`).rejects.toThrow("killed");
      await whole(repository);
      expect(await repository.refs("refs/heads/"), `kill at ${at}`).toEqual(branches);
      const proposals = await localForge({ repository, clock }).list();
      expect(
        proposals.map(({ number, state }) => [number, state]),
        `kill at ${at}`,
      ).toEqual([
        [2, "merged"],
        [1, "merged"],
      ]);
    }
  });
});
