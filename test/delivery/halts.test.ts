import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Halt, HaltTarget } from "#core/halt.ts";
import { parseHalt } from "#core/halt-document.ts";
import { mergeProposal } from "#delivery/gate.ts";
import { authorOf, proposeHalt, proposeResume, recordOf } from "#delivery/halts.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import { startHaltRecorder } from "#server/halts.ts";
import { freeze } from "./documents.ts";
import { alice, approve, checkout, openSite, type Site, withFiles } from "./fixture.ts";

const halt: Halt = {
  ...{ id: "halt-1", verb: "halt", target: "momentum" as HaltTarget, by: "Erin", reason: "a bad tick", atMs: 1_000 },
};
const path = "policies/halts/halt-1.yaml";
let at: Site;

beforeEach(async () => {
  // An environment that asks for an approval of everything that loosens, and is frozen.
  const tree = await checkout();
  const paper = "policies/environments/paper.yaml";
  const text = new TextDecoder().decode(tree.get(paper)?.bytes).replace("approvals: 0", "approvals: 1");
  const frozen = freeze("rest", { from: "2023-11-01T00:00", until: "2023-12-01T00:00" });
  at = await openSite({ tree: withFiles(tree, { [paper]: text, ...frozen }) });
});
afterEach(() => at.close());

const context = () => ({
  repository: at.repository,
  forge: at.forge,
  author: alice,
  clock: at.clock,
  environment: "paper",
});
const merge = (number: number) => mergeProposal({ ...at, number, by: alice });
const onMain = (): string => at.git("ls-tree", "-r", "--name-only", "main", "policies/halts/").trim();

async function recorded(which = halt): Promise<void> {
  const opened = await proposeHalt({ ...context(), halt: which });
  if (!opened.ok) throw new Error(opened.error.message);
  const merged = await merge(opened.value.proposal.number);
  expect(
    merged.ok
      ? []
      : [
          merged.error.code,
          merged.error.message,
          ...merged.error.findings.slice(0, 2).map(({ code, message }) => `${code} ${message}`),
        ],
  ).toEqual([]);
}

describe("the record of a halt", () => {
  test("passes a freeze and needs nobody's approval; said again there is nothing to do", async () => {
    await recorded();
    expect(onMain()).toBe(path);
    expect(parseHalt(path, at.git("show", `main:${path}`)).findings).toEqual([]);
    expect(at.git("log", "-1", "--format=%an|%s", "main").trim()).toBe("alice|halt team/momentum in paper");
    const again = await proposeHalt({ ...context(), halt: { ...halt, reason: "other words" } });
    expect(again).toMatchObject({ ok: false, error: { code: "nothing-to-deploy" } });
    const main = at.git("rev-parse", "main").trim();
    expect(await recordOf(at.forge, halt)).toMatchObject({ title: "halt team/momentum in paper", mergedAs: main });
    expect(await recordOf(at.forge, { id: "another" })).toBeUndefined();
  });

  test("two that record it at once make one proposal, also if the one has merged before the other opens", async () => {
    const before = (await at.forge.list({})).length;
    let first: Promise<void> | undefined;
    const forge: typeof at.forge = {
      ...at.forge,
      // The other one has read main, and stands still here until all is done.
      async list(filter) {
        first ??= recorded();
        await first;
        return at.forge.list(filter);
      },
    };
    expect(await proposeHalt({ ...context(), forge, halt })).toMatchObject({
      ok: false,
      error: { code: "nothing-to-deploy" },
    });
    expect((await at.forge.list({})).length).toBe(before + 1);
    expect(at.git("for-each-ref", "refs/heads/slipway/").trim()).toBe("");
  });

  test("its end loosens: it is frozen, and else needs an approval", async () => {
    await recorded();
    const opened = await proposeResume({ ...context(), target: halt.target });
    if (!opened.ok) throw new Error(opened.error.message);
    const refused = await merge(opened.value.proposal.number);
    expect(refused).toMatchObject({ ok: false, error: { code: "gate-refused", findings: [{ code: "frozen" }] } });
    expect(onMain()).toBe(path);
  });

  test("a resume is of exactly one target, and takes all of its files", async () => {
    for (const [id, target] of [
      ["a", "momentum"],
      ["b", "momentum"],
      ["c", "all"],
      ["d", "momentum/sma-cross"],
    ] as const)
      await recorded({ ...halt, id, target: target as HaltTarget });
    const opened = await proposeResume({ ...context(), target: halt.target });
    if (!opened.ok) throw new Error(opened.error.message);
    const { branch } = opened.value.proposal;
    expect(at.git("ls-tree", "-r", "--name-only", branch, "policies/halts/").trim().split("\n")).toEqual([
      ...["policies/halts/c.yaml", "policies/halts/d.yaml"],
    ]);
    expect(await proposeResume({ ...context(), target: "seed" as HaltTarget })).toMatchObject({
      ok: false,
      error: {
        code: "halt-missing",
        message: "team/seed is not halted in paper on main; halted are team/momentum, all, momentum/sma-cross",
      },
    });
    expect(await proposeResume({ ...context(), environment: "live", target: halt.target })).toMatchObject({
      ok: false,
    });
  });

  test("proposing a checkout's policies never removes one", async () => {
    await recorded();
    const same = await proposeDeploy({
      ...context(),
      workspace: await checkout(),
      strategies: [],
      policies: true,
      force: true,
    });
    if (!same.ok) throw new Error(same.error.message);
    expect(at.git("ls-tree", "-r", "--name-only", same.value.proposal.branch, "policies/halts/").trim()).toBe(path);
  });
});

describe("with people in the policies who may", () => {
  const teams = "policies/teams.yaml";
  beforeEach(async () => {
    const tree = await checkout();
    const text = new TextDecoder().decode(tree.get(teams)?.bytes);
    const halts = "  halts: [{ group: risk, scope: all }, { group: momentum, scope: team/momentum }]\n";
    at = await openSite({ tree: withFiles(tree, { [teams]: `${text.trimEnd()}\n${halts}` }) });
  });

  test("the record by one of them needs nobody", async () => {
    await recorded();
    expect(onMain()).toBe(path);
  });

  test("by another it waits for one of them", async () => {
    const opened = await proposeHalt({ ...context(), halt: { ...halt, target: "seed" as HaltTarget } });
    if (!opened.ok) throw new Error(opened.error.message);
    const { number } = opened.value.proposal;
    expect(await merge(number)).toMatchObject({ ok: false, error: { code: "approvals-missing" } });
    expect(onMain()).toBe("");
    await approve(at, number, "erin");
    expect(await merge(number)).toMatchObject({ ok: true });
  });
});

describe("the server's record", () => {
  const quiet = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const start = () => startHaltRecorder({ ...at, environment: "paper", log: quiet, graceMs: 0, pollMs: 5 });

  test("writes down what nobody did, once, by the one who halted", async () => {
    const recorders = [start(), start()];
    for (const recorder of recorders) recorder.seen([{ ...halt, recorded: false }]);
    await expect.poll(onMain).toBe(path);
    await Promise.all(recorders.map((recorder) => recorder.stop()));
    expect(at.git("log", "--format=%an|%s", "main").split("\n")[0]).toBe("Erin|halt team/momentum in paper");
    expect(at.git("log", "--format=%s", "--grep=halt team", "--first-parent", "main").trim().split("\n")).toHaveLength(
      1,
    );
  });

  test("leaves alone what is recorded, and what is gone meanwhile", async () => {
    const recorder = start();
    recorder.seen([{ ...halt, recorded: true }]);
    recorder.seen([{ ...halt, id: "gone", recorded: false }]);
    recorder.seen([]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await recorder.stop();
    expect(onMain()).toBe("");
  });
});

test.each([
  ["Erin", { name: "Erin", email: "Erin@localhost" }],
  ["A <b@c>\n", { name: "A b@c", email: "A-b-c@localhost" }],
  ["<>", { name: "an operator", email: "an-operator@localhost" }],
])("%j as an author", (by, author) => {
  expect(authorOf(by)).toEqual(author);
});
