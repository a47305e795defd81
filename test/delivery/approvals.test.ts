import { describe, expect, test } from "vitest";
import { judge } from "#delivery/judge.ts";
import type { SourceTree } from "#delivery/tree.ts";
import type { Forge } from "#forge/port.ts";
import { asked, Scene } from "./approvals-scene.ts";
import { teams } from "./documents.ts";
import { edit, paperPolicy, push, randomTs, render, sma, spec, value, withFiles } from "./fixture.ts";

const scene = new Scene();

describe("who must approve", () => {
  test("owners of the folder, by name of the group and its members", async () => {
    const number = await scene.propose(scene.faster(), [sma]);
    expect((await scene.judged(number)).needs).toEqual([
      {
        approvals: 1,
        group: "momentum-leads",
        members: ["bob", "carol"],
        reasons: ["touches strategies/momentum/"],
        environments: ["paper"],
        embedded: true,
      },
    ]);
    expect(await scene.refused(number)).toMatchObject({
      code: "approvals-missing",
      message: `proposal #${number} needs 1 approval of @momentum-leads (bob, carol): touches strategies/momentum/; none yet`,
      fix: `bob or carol runs: slipway approve ${number}`,
    });
    expect(value(await scene.at.forge.get(number)).comment).toContain(
      `**Needs**: \`slipway approve ${number}\`, then \`slipway merge ${number}\`\n- … 1 approval of @\u2060momentum-leads (bob, carol): touches strategies/momentum/ (none yet)`,
    );
    await scene.approve(number, "carol");
    expect((await scene.judged(number)).state).toBe("passed");
    expect(value(await scene.at.forge.get(number)).comment).toContain(
      `**Needs**, and has it: \`slipway merge ${number}\`\n- ✓ 1 approval of @\u2060momentum-leads (bob, carol): touches strategies/momentum/ (carol approved)`,
    );
    value(await scene.merge(number));
    await render(scene.at);
    expect(scene.approvedBy().join()).toBe("carol");
    expect(scene.approvedBy("env/paper").join()).toBe("carol");
  });

  test("a forge hears of the approvals before it hears that the gate has passed", async () => {
    const number = await scene.propose(scene.faster(), [sma]);
    const said: string[] = [];
    const forge: Forge = {
      ...scene.at.forge,
      setStage: async (_commit, { name, state }) => void said.push(`${name}: ${state}`),
      setGate: (of, status) => {
        said.push(`gate: ${status.state}`);
        return scene.at.forge.setGate(of, status);
      },
    };
    await judge({ ...scene.at, forge, number });
    expect(said).toEqual(["approvals: pending", "gate: passed"]);
  });

  test("nobody for another folder", async () => {
    const number = await scene.propose(edit(scene.workspace, spec(randomTs), '"2000"', '"1000"'), [randomTs]);
    expect((await scene.judged(number)).needs).toEqual([]);
    expect((await scene.merge(number)).ok).toBe(true);
  });

  test("two of the group when a policy is loosened, none when it is tightened", async () => {
    const tighter = await scene.propose(edit(scene.workspace, paperPolicy, 'cpu: "1"', "cpu: 500m"), [], true);
    expect((await scene.judged(tighter)).needs).toEqual([]);
    value(await scene.at.forge.close(tighter));
    const looser = await scene.propose(edit(scene.workspace, paperPolicy, 'cpu: "1"', 'cpu: "2"'), [], true);
    expect((await scene.judged(looser)).needs).toMatchObject([
      { approvals: 2, group: "risk", reasons: ["loosens policies/"] },
    ]);
    await scene.approve(looser, "erin");
    expect((await scene.refused(looser)).message).toContain(
      "2 approvals of @risk (erin, frank): loosens policies/; erin approved",
    );
    await scene.approve(looser, "frank");
    value(await scene.merge(looser));
    expect(scene.approvedBy()).toEqual(["erin", "frank"]);
  });

  test("the owner of a rule that is broken, and by that approval it passes", async () => {
    const number = await scene.propose(edit(scene.workspace, spec(randomTs), '"2000"', '"1999"'), [randomTs]);
    const verdict = await scene.judged(number);
    expect(verdict.state).toBe("passed");
    expect(verdict.needs).toMatchObject([
      { approvals: 1, group: "risk", members: ["erin", "frank"], reasons: ["breaks max-order"] },
    ]);
    await scene.approve(number, "bob");
    expect((await scene.refused(number)).message).toContain("bob's approval does not count: nobody asks for it");
    await scene.approve(number, "erin");
    value(await scene.merge(number));
    expect(scene.approvedBy().join()).toBe("erin");
  });

  test("not again the owner of a rule that a strategy broke before, when something else changes", async () => {
    await scene.onMain(spec(randomTs), '"2000"', '"1999"');
    const tighter = await scene.propose(edit(scene.workspace, paperPolicy, 'cpu: "1"', "cpu: 500m"), [], true);
    expect((await scene.judged(tighter)).needs).toEqual([]);
  });

  test("a group of which only the author is left says that nobody may", async () => {
    await push(scene.at, "main", teams(asked.replace("[bob, carol]", "[alice]")));
    const number = await scene.propose(scene.faster(), [sma]);
    expect(await scene.refused(number)).toMatchObject({
      message: `proposal #${number} needs 1 approval of @momentum-leads (alice): touches strategies/momentum/; none yet, and nobody of them may: the others proposed it`,
      fix: `add someone to the group in policies/teams.yaml first, who then runs: slipway approve ${number}`,
    });
  });
});

describe("a proposal cannot choose its own approvers", () => {
  const teamsTree = (text: string): SourceTree => withFiles(scene.workspace, teams(text));

  test("a member that it adds does not count", async () => {
    const number = await scene.propose(
      teamsTree(
        asked.replace("owners: [dave]", "owners: [dave, mallory]").replace("[erin, frank]", "[erin, frank, mallory]"),
      ),
      [],
      true,
    );
    await scene.approve(number, "mallory");
    expect(await scene.weighed(number)).toEqual({ counted: [], aside: { mallory: "outsider" } });
    for (const by of ["erin", "frank", "dave"]) await scene.approve(number, by);
    value(await scene.merge(number));
    expect(scene.approvedBy()).toEqual(["dave", "erin", "frank"]);
  });

  test("a rule of approvals that it removes is asked for still", async () => {
    const without = asked.replace(/ {2}approvals:\n(?: {4}.*\n)*/, "");
    const number = await scene.propose(teamsTree(without), [], true);
    expect((await scene.judged(number)).needs.map(({ approvals, group }) => [approvals, group])).toEqual([
      [2, "risk"],
      [1, "owners"],
    ]);
  });

  test("with a strategy in the same proposal its folder's owners are asked by the base", async () => {
    const both = withFiles(scene.faster(), teams(asked.replace("[bob, carol]", "[mallory]")));
    const number = await scene.propose(both, [sma], true);
    const groups = (await scene.judged(number)).needs.map(({ group, members }) => [group, members]);
    expect(groups).toContainEqual(["momentum-leads", ["bob", "carol"]]);
    // What it makes of the group holds for it, too: both must agree.
    expect(groups).toContainEqual(["momentum-leads", ["mallory"]]);
  });

  test("a rule of approvals that it brings it must meet itself", async () => {
    const number = await scene.propose(
      teamsTree(`${asked}    - { folder: policies/teams.yaml, group: momentum-leads, count: 1 }\n`),
      [],
      true,
    );
    expect((await scene.judged(number)).needs.map(({ group }) => group)).toEqual(["owners", "momentum-leads"]);
  });

  test("an environment that it would have ask less asks as before", async () => {
    await scene.onMain(paperPolicy, "approvals: 0", "approvals: 1");
    const number = await scene.propose(scene.workspace, [], true);
    expect((await scene.judged(number)).needs).toContainEqual(
      expect.objectContaining({ approvals: 1, group: undefined, members: undefined, reasons: ["reaches paper"] }),
    );
  });

  test("an environment that it marks as embedded is not yet", async () => {
    await scene.onMain(paperPolicy, "embedded: true", "embedded: false");
    const number = await scene.propose(scene.workspace, [], true);
    for (const by of ["erin", "frank"]) await scene.approve(number, by);
    expect((await scene.refused(number)).code).toBe("identities-unverified");
  });
});
