// The way of an upgrade: proposed, approved, merged; the old version goes on, the new one renders the fleet anew in a commit of its own.
import { beforeEach, describe, expect, test } from "vitest";
import { renderBranch } from "#delivery/render.ts";
import { trailerValues } from "#delivery/trailers.ts";
import type { CommitSha, TreePath } from "#git/port.ts";
import { type ControlPlane, createControlPlane } from "#server/control-plane.ts";
import { deploy, edit, paper, push, randomTs, sma, spec, value } from "./fixture.ts";
import { installed, ToolScene } from "./tool-scene.ts";

const scene = new ToolScene();
const [first, next] = ["slipway 0.1.0", "slipway 0.2.0"];
const upgraded = installed({ slipway: { version: "0.2.0" } });
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

const serverOf = (renderer: string): ControlPlane =>
  createControlPlane({ ...scene.at, log: silent, memo: scene.memo, renderer });

function render(renderer: string): ReturnType<typeof renderBranch> {
  const { repository, memo } = scene.at;
  return renderBranch({ repository, environment: "paper", renderer, memo });
}

async function mergeUpgrade(): Promise<CommitSha> {
  const number = await scene.propose(upgraded);
  for (const by of ["dave", "erin"]) await scene.approve(number, by);
  return value(await scene.merge(number)).commit;
}

/** Puts something on the branch that this version would render otherwise, as if another one had made it. */
async function asIfRenderedOtherwise(): Promise<void> {
  const { repository } = scene.at;
  const tip = await repository.resolve(paper);
  if (tip === undefined) throw new Error("nothing was rendered");
  const commit = await repository.commit(tip);
  const path = "strategies/seed/random-ts/statefulset-random-ts.yaml" as TreePath;
  const [bytes] = await repository.readPaths([{ tree: tip, path }]);
  const old = new TextDecoder().decode(bytes).replace("GracePeriodSeconds: ", "GracePeriodSeconds: 9");
  const tree = await repository.writeTree(commit.tree, new Map([[path, old]]));
  value(await repository.updateRef(paper, await repository.writeCommit({ ...commit, tree }), tip));
}

const log = (): readonly string[] => scene.at.git("log", "--format=%s", "env/paper").trim().split("\n");

describe("another version of Slipway", () => {
  beforeEach(async () => {
    await deploy(scene.at, scene.tree, [sma, randomTs]);
    await render(first);
    await asIfRenderedOtherwise();
  });

  test("renders what is there anew, in a commit of its own, under the proposal that brought it", async () => {
    const tool = await mergeUpgrade();
    const later = await deploy(scene.at, edit(scene.tree, spec(sma), "fast: 10", "fast: 12"), [sma]);
    const rendered = await render(next);
    expect(rendered.map(({ dry, title, strategies, outcome }) => ({ dry, title, strategies, outcome }))).toEqual([
      { dry: tool, title: `${first} → ${next}`, strategies: [randomTs], outcome: "committed" },
      expect.objectContaining({ dry: tool, outcome: "unchanged" }),
      expect.objectContaining({ dry: later, strategies: [sma], outcome: "committed" }),
    ]);
    const message = scene.at.git("show", "-s", "--format=%B", "env/paper~1");
    expect(trailerValues(message, "Tool-Commit")).toEqual([tool]);
    expect(trailerValues(message, "Renderer")).toEqual([next]);
    expect(trailerValues(message, "Approved-by")).toEqual(["dave", "erin"]);
    expect(trailerValues(message, "Proposal")).toEqual(["2"]);
    // What a strategist merged holds what they proposed, and nothing of the upgrade.
    expect(scene.at.git("diff", "--stat", "env/paper~1", "env/paper")).not.toContain("random-ts");
    expect(await render(next)).toEqual([]);
  });

  test("makes the same commit wherever it is killed, and whoever runs it", async () => {
    await mergeUpgrade();
    const { repository } = scene.at;
    const before = (await repository.resolve(paper)) as CommitSha;
    await render(next);
    const made = await repository.resolve(paper);
    value(await repository.updateRef(paper, before, made ?? null));
    await Promise.all([render(next), render(next)]);
    expect(await repository.resolve(paper)).toBe(made);
  });

  test("that nobody merged renders nothing, and says what to do", async () => {
    const tip = await scene.at.repository.resolve(paper);
    await deploy(scene.at, edit(scene.tree, spec(sma), "fast: 10", "fast: 12"), [sma]);
    await expect(render(next)).rejects.toThrow(
      "main asks for slipway 0.1.0, and this is slipway 0.2.0: it renders nothing to env/paper, which slipway 0.1.0 has rendered",
    );
    expect(await scene.at.repository.resolve(paper)).toBe(tip);
    const { raised } = await serverOf(next).reconcile();
    expect(raised.map(({ code, environment }) => ({ code, environment }))).toEqual([
      { code: "renderer-unpinned", environment: "paper" },
    ]);
  });

  test("is waited for: the old one goes on, so that a stop gets through, and says that it should be started anew", async () => {
    await mergeUpgrade();
    await deploy(scene.at, edit(scene.tree, spec(sma), "running: true", "running: false"), [sma]);
    const { raised, rendered } = await serverOf(first).reconcile();
    expect(rendered.at(-1)).toMatchObject({ outcome: "committed", strategies: expect.arrayContaining([sma]) });
    expect(raised).toEqual([
      {
        code: "version-behind",
        message:
          "main asks for slipway 0.2.0, and this server is slipway 0.1.0: it judges and renders on as it is; start it anew from main's package-lock.json (npm ci)",
      },
    ]);
    await asIfRenderedOtherwise();
    expect((await serverOf(next).reconcile()).raised).toEqual([]);
    expect(log()[0]).toBe(`${first} → ${next}`);
  });

  test("goes back by a proposal like any other", async () => {
    await mergeUpgrade();
    await render(next);
    await expect(render(first)).rejects.toThrow("main asks for slipway 0.2.0");
  });

  test("that main no longer pins is whoever's who starts it", async () => {
    await push(scene.at, "main", { "package-lock.json": null });
    await render(next);
    expect(log()[0]).toBe(`${first} → ${next}`);
  });
});

test("one that renders the same leaves no commit, and is not asked again", async () => {
  await deploy(scene.at, scene.tree, [sma]);
  await render(first);
  const tip = await scene.at.repository.resolve(paper);
  const tool = await mergeUpgrade();
  expect((await render(next)).map(({ dry, outcome }) => [dry, outcome])).toEqual([[tool, "unchanged"]]);
  expect(await render(next)).toEqual([]);
  expect(await scene.at.repository.resolve(paper)).toBe(tip);
});

test("a first environment is rendered by what main asks for, and by nothing else", async () => {
  await deploy(scene.at, scene.tree, [sma]);
  await expect(render(next)).rejects.toThrow("it renders nothing to env/paper; start the server");
  expect((await render(first)).at(-1)?.outcome).toBe("committed");
});
