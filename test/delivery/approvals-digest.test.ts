import { describe, expect, test } from "vitest";
import { type HaltTarget, haltText } from "#core/halt.ts";
import { weighApprovals } from "#delivery/approvals.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { branchRef } from "#git/open.ts";
import { asked, Scene } from "./approvals-scene.ts";
import { freeze, rule, teams, waiver } from "./documents.ts";
import { alice, deploy, edit, main, paperPolicy, push, randomTs, sma, spec, value } from "./fixture.ts";

const scene = new Scene();

describe("an approval is bound to what it approved", () => {
  test("a push of other content after it drops it, and the comment says so", async () => {
    const number = await scene.propose(scene.faster(), [sma]);
    await scene.approve(number, "bob");
    expect(await scene.propose(scene.faster(12), [sma])).toBe(number);
    expect(await scene.weighed(number)).toEqual({ counted: [], aside: { bob: "dropped" } });
    expect((await scene.refused(number)).message).toContain(
      "bob's approval was given to other objects, bounds or rules, and is dropped",
    );
    expect(value(await scene.at.forge.get(number)).comment).toContain(
      "- bob's approval was given to other objects, bounds or rules, and is dropped",
    );
    expect(await scene.propose(scene.faster(11), [sma])).toBe(number);
    expect((await scene.weighed(number)).counted).toEqual(["bob"]);
  });

  test.each([
    {
      name: "code",
      files: (tree: SourceTree) => edit(tree, "strategies/momentum/sma-cross/algorithm.ts", /$/, "\nconsole.log(1);\n"),
    },
    {
      name: "what becomes of its positions",
      files: (tree: SourceTree) => edit(tree, spec(sma), "owner: alice", "owner: alice\n  retire: flatten"),
    },
    { name: "a stop", files: (tree: SourceTree) => edit(tree, spec(sma), "running: true", "running: false") },
  ])("a push of $name drops it", async ({ files }) => {
    const number = await scene.propose(scene.faster(), [sma]);
    await scene.approve(number, "bob");
    await scene.propose(files(scene.faster()), [sma]);
    expect((await scene.weighed(number)).aside).toEqual({ bob: "dropped" });
  });

  test("a push of equal objects leaves it: a comment, another commit message", async () => {
    const number = await scene.propose(scene.faster(), [sma]);
    await scene.approve(number, "bob");
    const before = value(await scene.at.forge.get(number)).head;
    await scene.propose(edit(scene.faster(), spec(sma), "owner: alice", "owner: alice # she"), [sma]);
    expect(value(await scene.at.forge.get(number)).head).not.toBe(before);
    expect((await scene.weighed(number)).counted).toEqual(["bob"]);
    expect((await scene.merge(number)).ok).toBe(true);
  });

  test("a rebase with equal objects leaves it", async () => {
    await scene.commit("work", scene.faster(), [spec(sma)], { author: alice });
    const number = await scene.proposeBranch("work");
    await scene.approve(number, "bob");
    await deploy(scene.at, edit(scene.workspace, spec(randomTs), '"2000"', '"1000"'), [randomTs]);
    expect((await scene.weighed(number)).counted).toEqual(["bob"]);
    // The same content on top of main as it is now.
    const tip = (await scene.at.repository.resolve(branchRef("work")))!;
    value(await scene.at.repository.updateRef(branchRef("work"), (await scene.at.repository.resolve(main))!, tip));
    await scene.commit("work", scene.faster(), [spec(sma)], { author: alice });
    expect((await scene.weighed(number)).counted).toEqual(["bob"]);
    value(await scene.merge(number));
    expect(scene.approvedBy().join()).toBe("bob");
  });

  test("a rebase onto a main that changed the same strategy drops it, even with an equal result", async () => {
    const changed = edit(scene.faster(), spec(sma), '"2000"', '"1500"');
    await scene.commit("work", changed, [spec(sma)], { author: alice });
    const number = await scene.proposeBranch("work");
    await scene.approve(number, "bob");
    await scene.onMain(spec(sma), '"2000"', '"1500"');
    const tip = (await scene.at.repository.resolve(branchRef("work")))!;
    value(await scene.at.repository.updateRef(branchRef("work"), (await scene.at.repository.resolve(main))!, tip));
    await scene.commit("work", changed, [spec(sma)], { author: alice });
    expect((await scene.weighed(number)).aside).toEqual({ bob: "dropped" });
  });

  const moved: readonly (readonly [string, () => Readonly<Record<string, string>>, boolean])[] = [
    ["a bound that touches it", () => policy(/maxOrderNotional: "5000"/, 'maxOrderNotional: "4000"'), true],
    ["a total of its team", () => policy("strategies: 20", "strategies: 19"), true],
    ["a rule more", () => rule("max-more", { denies: "1000000", enforcement: "forbid" }), true],
    ["a rule enforced more", () => rule("max-order", { denies: "1999", enforcement: "forbid" }), true],
    ["a waiver for it", () => waiver("w", { waives: '{ bound: cpu, to: "2" }', until: "2023-12-31" }), true],
    [
      "a waiver for another",
      () =>
        waiver("w", {
          waives: '{ bound: cpu, to: "2" }',
          until: "2023-12-31",
          scope: "{ environment: paper, strategy: seed/random-ts }",
        }),
      false,
    ],
    [
      "the words of a rule",
      () =>
        Object.fromEntries(
          Object.entries(
            rule("max-order", {
              denies: "1999",
              enforcement: "require-approval",
            }),
          ).map(([path, text]) => [path, text.replace("fix: ask", "fix: ask them")]),
        ),
      false,
    ],
    ["a halt of it", () => halt(sma), true],
    ["a halt of another", () => halt(randomTs), false],
    ["a comment in the environment", () => policy("# No strategy may ask", "# None may ask"), false],
    ["members of a group", () => teams(asked.replace("[bob, carol]", "[bob, carol, gina]")), false],
    [
      "a freeze that has not started",
      () => freeze("later", { from: "2024-01-01T00:00", until: "2024-01-02T00:00" }),
      false,
    ],
  ];
  const policy = (from: string | RegExp, to: string): Readonly<Record<string, string>> => ({
    [paperPolicy]: new TextDecoder().decode(edit(scene.workspace, paperPolicy, from, to).get(paperPolicy)?.bytes),
  });
  const halt = (target: string): Readonly<Record<string, string>> => {
    const parts = {
      id: "h",
      verb: "halt",
      target: target as HaltTarget,
      by: "erin",
      reason: "it misbehaves",
      atMs: 0,
    } as const;
    return { "policies/halts/h.yaml": haltText(parts, "paper") };
  };
  test.each(moved)("on main, %s changes meanwhile", async (_name, files, dropped) => {
    const number = await scene.propose(scene.faster(), [sma]);
    await scene.approve(number, "bob");
    await push(scene.at, "main", files(), "meanwhile\n");
    expect(await scene.weighed(number)).toEqual(
      dropped ? { counted: [], aside: { bob: "dropped" } } : { counted: ["bob"], aside: {} },
    );
  });

  test("one of a version that knew no digest approves nothing", async () => {
    const number = await scene.propose(scene.faster(), [sma]);
    const { head } = await scene.judged(number);
    const verdict = await scene.judged(number);
    expect(weighApprovals(verdict, [{ by: "bob", head, digest: "", timeSeconds: 1 }]).counted).toEqual([]);
    expect(
      weighApprovals({ ...verdict, approvalDigest: undefined }, [{ by: "bob", head, digest: "", timeSeconds: 1 }])
        .counted,
    ).toEqual([]);
  });
});
