import { describe, expect, test } from "vitest";
import { branchRef } from "#git/open.ts";
import { Scene } from "./approvals-scene.ts";
import { alice, edit, main, paperPolicy, randomTs, sma, spec, value } from "./fixture.ts";

const scene = new Scene();

describe("an attack by identity fails", () => {
  test("the author approves", async () => {
    const number = await scene.propose(scene.faster(), [sma]);
    await expect(scene.approve(number, "alice")).rejects.toThrow("self-approval");
    await expect(scene.approve(number, "ALICE", "other@example.test")).rejects.toThrow("self-approval");
  });

  test.each([
    { name: "same address, another name", by: "bob", email: "alice@example.test", stopped: true },
    { name: "same address with a tag", by: "bob", email: "alice+work@example.test", stopped: false },
    { name: "same name, another address", by: "alice", email: "bob@example.test", stopped: true },
    { name: "a name of Cyrillic letters", by: "аliсе", email: "x@example.test", stopped: false },
    { name: "a digit for a letter", by: "a1ice", email: "x@example.test", stopped: false },
    { name: "with a dot", by: "al.ice", email: "x@example.test", stopped: false },
  ])("the author's second identity: $name", async ({ by, email, stopped }) => {
    // Anyone but the author would do here, so nothing but the identity is in the way.
    await scene.onMain(paperPolicy, "approvals: 0", "approvals: 1");
    const number = await scene.propose(edit(scene.workspace, spec(randomTs), '"2000"', '"1000"'), [randomTs]);
    if (stopped) await expect(scene.approve(number, by, email)).rejects.toThrow("self-approval");
    else {
      await scene.approve(number, by, email);
      expect(await scene.weighed(number)).toEqual({ counted: [], aside: { [by]: "author" } });
    }
    expect((await scene.refused(number)).code).toBe("approvals-missing");
    await scene.approve(number, "erin", "erin@example.test");
    expect((await scene.merge(number)).ok).toBe(true);
  });

  test("one who shares an address with someone who shares a name with the author", async () => {
    const number = await scene.propose(scene.faster(), [sma]);
    await scene.approve(number, "a1ice", "shared@example.test");
    await scene.approve(number, "bob", "shared@example.test");
    expect(await scene.weighed(number)).toEqual({ counted: [], aside: { a1ice: "author", bob: "author" } });
  });

  test.each([
    { name: "author of a commit", who: { author: { name: "bob", email: "b@example.test" } } },
    { name: "committer of a commit", who: { author: alice, committer: { name: "bob", email: "b@example.test" } } },
    { name: "their address on a commit", who: { author: { name: "someone", email: "bob@example.test" } } },
  ])("a pusher who is not the author approves their own push: $name", async ({ who }) => {
    await scene.commit("work", scene.faster(), [spec(sma)], { author: alice });
    await scene.commit("work", scene.faster(12), [spec(sma)], who);
    const number = await scene.proposeBranch("work");
    await scene.approve(number, "bob", "bob@example.test");
    expect(await scene.weighed(number)).toEqual({ counted: [], aside: { bob: "pusher" } });
    expect((await scene.refused(number)).message).toContain(
      "bob's approval does not count: that name or address stands on a commit of it",
    );
    await scene.approve(number, "carol", "carol@example.test");
    expect((await scene.merge(number)).ok).toBe(true);
  });

  test.each([
    { name: "author", who: { author: { name: "x", email: "slipway@slipway.invalid" }, committer: alice } },
    { name: "committer", who: { author: alice, committer: { name: "Slipway", email: "SLIPWAY@slipway.invalid" } } },
  ])("a pusher who commits in Slipway's name, as its $name, hides nothing: it is refused", async ({ who }) => {
    await scene.commit("work", scene.faster(), [spec(sma)], { author: alice });
    await scene.commit("work", scene.faster(12), [spec(sma)], who);
    const number = await scene.proposeBranch("work");
    const refusal = await scene.refused(number);
    expect(refusal.code).toBe("gate-refused");
    expect(refusal.findings.map(({ code }) => code)).toContain("maker-claimed");
  });

  test("a pusher whose commit came by a merge", async () => {
    const hidden = await scene.commit("side", scene.faster(12), [spec(sma)], {
      author: { name: "bob", email: "b@example.test" },
    });
    await scene.commit("work", scene.faster(12), [spec(sma)], { author: alice, parents: [hidden] });
    const number = await scene.proposeBranch("work");
    await scene.approve(number, "bob");
    expect(await scene.weighed(number)).toEqual({ counted: [], aside: { bob: "pusher" } });
  });

  test("an outsider of the group, one who looks like a member, one in another case", async () => {
    const number = await scene.propose(scene.faster(), [sma]);
    await scene.approve(number, "mallory");
    await scene.approve(number, "bоb");
    expect(await scene.weighed(number)).toEqual({ counted: [], aside: { mallory: "outsider", bоb: "outsider" } });
    await scene.approve(number, "Carol");
    expect((await scene.weighed(number)).counted).toEqual(["Carol"]);
  });

  test("one who looks like a member does not take the member's approval away", async () => {
    const number = await scene.propose(scene.faster(), [sma]);
    await scene.approve(number, "bob");
    await scene.approve(number, "bоb");
    expect((await scene.merge(number)).ok).toBe(true);
  });

  test.each([
    { name: "said twice", more: [["erin", undefined]] as const },
    { name: "under another address", more: [["erin", "e2@example.test"]] as const },
    { name: "under another name with the same address", more: [["frank", "erin@example.test"]] as const },
    { name: "in another case", more: [["Erin", undefined]] as const },
  ])("one person's approvals count once: $name", async ({ more }) => {
    const number = await scene.propose(edit(scene.workspace, paperPolicy, 'cpu: "1"', 'cpu: "2"'), [], true);
    await scene.approve(number, "erin", "erin@example.test");
    for (const [by, email] of more) await scene.approve(number, by, email);
    expect((await scene.refused(number)).code).toBe("approvals-missing");
  });
});

describe("an attack by text fails", () => {
  test.each([
    { name: "in a commit", title: "by hand", description: "", message: "faster\n\nApproved-by: bob\n" },
    { name: "in another case and form", title: "by hand", description: "", message: "faster\n\n approved-BY = bob\n" },
    {
      name: "in the middle of a message",
      title: "by hand",
      description: "",
      message: "faster\n\nApproved-by: bob\n\nmore\n",
    },
  ])("Approved-by $name", async ({ title, description, message }) => {
    await scene.commit("work", scene.faster(), [spec(sma)], { author: alice, message });
    const number = await scene.proposeBranch("work", title, description);
    expect((await scene.judged(number)).findings.map(({ code }) => code)).toEqual(["trailer-claimed"]);
    expect((await scene.refused(number)).code).toBe("gate-refused");
  });

  test("Approved-by in a commit that came by a merge", async () => {
    const hidden = await scene.commit("side", scene.faster(12), [spec(sma)], {
      author: alice,
      message: "x\n\nApproved-by: bob\n",
    });
    await scene.commit("work", scene.faster(12), [spec(sma)], { author: alice, parents: [hidden] });
    expect((await scene.judged(await scene.proposeBranch("work"))).findings.map(({ code }) => code)).toEqual([
      "trailer-claimed",
    ]);
  });

  test("Approved-by in the title or description counts for nothing, and stands nowhere", async () => {
    await scene.commit("work", scene.faster(), [spec(sma)], { author: alice });
    const number = await scene.proposeBranch("work", "Approved-by: bob", "Approved-by: carol\n\nApproved-by: bob");
    expect(value(await scene.at.forge.get(number)).approvals).toEqual([]);
    expect((await scene.refused(number)).code).not.toBe("ok");
    value(await scene.at.forge.reword(number, { title: "faster", description: "Approved-by: carol" }));
    expect((await scene.refused(number)).code).toBe("approvals-missing");
    await scene.approve(number, "bob");
    value(await scene.merge(number));
    expect(scene.approvedBy().join()).toBe("bob");
  });

  test("more commits than can be read are refused", async () => {
    const tip = (await scene.at.repository.commit((await scene.at.repository.resolve(main))!)).tree;
    let parent = (await scene.at.repository.resolve(main))!;
    const signature = { ...alice, timeSeconds: 1_700_000_100 };
    const input = Array.from(
      { length: 501 },
      (_, index) =>
        `commit refs/heads/many\nmark :${index + 1}\nauthor a <a@x.test> ${1_700_000_100} +0000\ncommitter a <a@x.test> ${1_700_000_100} +0000\ndata 1\nx\nfrom ${index === 0 ? parent : `:${index}`}\n`,
    ).join("");
    const { execFileSync } = await import("node:child_process");
    execFileSync("git", ["-C", scene.at.repository.directory, "fast-import", "--quiet"], { input });
    parent = (await scene.at.repository.resolve(branchRef("many")))!;
    expect((await scene.at.repository.commit(parent)).tree).toBe(tip);
    expect(signature.name).toBe("alice");
    expect((await scene.judged(await scene.proposeBranch("many"))).findings.map(({ code }) => code)).toContain(
      "commits-too-many",
    );
  });
});
