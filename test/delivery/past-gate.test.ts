import { describe, expect, test } from "vitest";
import { createPastGateWatch, describePastGate } from "#delivery/past-gate.ts";
import { createControlPlane } from "#server/control-plane.ts";
import { bob, deploy, edit, main, push, renderer, sma, spec, value } from "./fixture.ts";
import { installed, ToolScene } from "./tool-scene.ts";

const scene = new ToolScene();
const day = 86_400_000;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** What is told of, as the seven first digits of the commit and the files. */
async function told(laterMs = 0): Promise<readonly (readonly [string, readonly string[]])[]> {
  const { repository, forge, clock } = scene.at;
  const found = await createPastGateWatch({ repository, forge, clock: () => clock() + laterMs }).current();
  return found.map(({ commit, files }) => [commit.sha, files]);
}

async function throughTheGate(files: Readonly<Record<string, string>>, branch: string): Promise<void> {
  const number = await scene.propose(files, branch);
  await scene.approve(number, "dave");
  await scene.approve(number, "frank");
  value(await scene.merge(number));
}

describe("files of the tool that came to main past the gate", () => {
  test("are told of: which, by whom, when, and what to do", async () => {
    await throughTheGate({ "tool.mjs": "1\n" }, "first");
    expect(await told()).toEqual([]);
    const commit = await push(
      scene.at,
      "main",
      { "forge.yaml": "mine\n", "b.mjs": "b\n", [spec(sma)]: "x" },
      "quick\n",
    );
    expect(await told()).toEqual([[commit, ["b.mjs", "forge.yaml"]]]);
    const { repository, forge, clock, memo } = scene.at;
    const [one] = await createPastGateWatch({ repository, forge, clock }).current();
    const [what, mend] = one === undefined ? [] : describePastGate(one);
    expect(what).toMatch(
      new RegExp(`^${commit.slice(0, 7)} by ${bob.name}, 2023-11-1.* \\(quick\\) came .* owners: b.mjs, forge.yaml$`),
    );
    expect(mend).toContain(`git show ${commit.slice(0, 7)}`);
    const { raised } = await createControlPlane({
      repository,
      forge,
      clock,
      steady: clock,
      memo,
      log,
      renderer,
    }).reconcile();
    expect(raised.filter(({ code }) => code === "tool-past-gate")).toEqual([
      { code: "tool-past-gate", message: `${what}; ${mend}` },
    ]);
  });

  test("until a proposal that has passed changes the same files, each for itself", async () => {
    await throughTheGate({ "tool.mjs": "1\n" }, "first");
    const commit = await push(scene.at, "main", { "forge.yaml": "mine\n", "b.mjs": "b\n" });
    await throughTheGate({ "b.mjs": "as it should be\n" }, "second");
    expect(await told()).toEqual([[commit, ["forge.yaml"]]]);
    const again = await push(scene.at, "main", { "b.mjs": "once more\n" });
    expect(await told()).toEqual([
      [again, ["b.mjs"]],
      [commit, ["forge.yaml"]],
    ]);
  });

  test("and for 30 days at most, whatever time their author gave them", async () => {
    await throughTheGate({ "tool.mjs": "1\n" }, "first");
    const { repository, clock } = scene.at;
    const commit = await push(scene.at, "main", { "b.mjs": "b\n" });
    const { author, committer, ...rest } = await repository.commit(commit);
    const old = { ...bob, timeSeconds: 1_000 };
    const dated = await repository.writeCommit({ ...rest, author: old, committer: old });
    value(await repository.updateRef(main, dated, commit));
    expect(await told()).toEqual([[dated, ["b.mjs"]]]);
    expect(await told(29 * day)).toHaveLength(1);
    expect(await told(31 * day)).toEqual([]);
    expect(clock()).toBeGreaterThan(0);
  });

  test("but not what strategies and policies came to, which is judged when it is rendered, nor words for people, nor what was there before the gate", async () => {
    expect(await told()).toEqual([]);
    await push(scene.at, "main", { "forge.yaml": "before the gate\n" });
    expect(await told()).toEqual([]);
    await deploy(scene.at, edit(scene.tree, spec(sma), "fast: 10", "fast: 11"), [sma]);
    await push(scene.at, "main", { [spec(sma)]: "past the gate\n", "README.md": "words for people\n" });
    expect(await told()).toEqual([]);
    const upgrade = installed({ slipway: { version: "9.9.9" } });
    const commit = await push(scene.at, "main", upgrade);
    expect(await told()).toEqual([[commit, ["package-lock.json", "package.json"]]]);
  });
});
