import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatPlace } from "#core/refusal.ts";
import { judge, mergeProposal, type Verdict } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { commentMark } from "#forge/text.ts";
import { branchRef } from "#git/open.ts";
import type { CommitSha } from "#git/port.ts";
import {
  alice,
  approve,
  bob,
  checkout,
  deploy,
  edit,
  main,
  openSite,
  paperPolicy,
  push,
  randomTs,
  refusal,
  render,
  type Site,
  sma,
  spec,
  value,
  withoutRules,
} from "./fixture.ts";

let at: Site;
let workspace: SourceTree;
const memo = createMemo();

beforeAll(async () => {
  workspace = await checkout();
  at = await openSite({ memo });
  await deploy(at, workspace, [sma]);
});
afterAll(() => at.close());

async function open(branch: string, title = "by hand", description = ""): Promise<number> {
  const opened = await at.forge.open({ title, description, author: bob, branch: branchRef(branch), target: main });
  return value(opened).number;
}

async function judged(number: number): Promise<Verdict> {
  return judge({ repository: at.repository, forge: at.forge, number, memo });
}

/** Each finding as `place code`, errors only. */
function errors(verdict: Verdict): readonly string[] {
  return verdict.findings
    .filter(({ severity }) => severity === "error")
    .map(({ code, place }) => `${place === undefined ? "-" : formatPlace(place)} ${code}`);
}

const textOf = (tree: SourceTree, path: string): string => new TextDecoder().decode(tree.get(path)?.bytes);

/** One path of `from` as something that is no plain file. */
function withLink(branch: string, path: string): CommitSha {
  const index = join(at.directory, "index");
  const run = (args: readonly string[], input = ""): string =>
    execFileSync("git", ["-C", at.repository.directory, ...args], {
      input,
      encoding: "utf8",
      env: { ...process.env, GIT_INDEX_FILE: index },
    }).trim();
  run(["read-tree", "main"]);
  const blob = run(["hash-object", "-w", "--stdin"], "/etc/passwd");
  run(["update-index", "--add", "--cacheinfo", `120000,${blob},${path}`]);
  const commit = run([
    "-c",
    "user.name=bob",
    "-c",
    "user.email=bob@example.test",
    "commit-tree",
    "-p",
    "main",
    "-m",
    "link",
    run(["write-tree"]),
  ]);
  run(["update-ref", `refs/heads/${branch}`, commit]);
  rmSync(index);
  return commit as CommitSha;
}

describe("a bad proposal is refused, with the place", () => {
  const sourceOf = (path: string): string => textOf(workspace, path);
  test.each<{ name: string; files: () => Record<string, string | null>; found: readonly string[] }>([
    {
      name: "a limit above the bound",
      files: () => ({ [spec(sma)]: sourceOf(spec(sma)).replace('"2000"', '"5000.01"').replace('"5000"', '"6000"') }),
      found: ["strategies/momentum/sma-cross/strategy.yaml:15:23 above-bound"],
    },
    {
      name: "a mistyped key, limits above their bounds and code that imports what it may not, all in one verdict",
      files: () => ({
        [spec(sma)]: sourceOf(spec(sma))
          .replace("owner: alice", "ownr: alice")
          .replace('"2000"', '"5000.01"')
          .replace("memory: 128Mi", "memory: 1Gi"),
        "strategies/momentum/sma-cross/algorithm.ts": 'import "node:fs";\nexport default class A {}\n',
      }),
      found: [
        "strategies/momentum/sma-cross/algorithm.ts:1:8 import-refused",
        "strategies/momentum/sma-cross/strategy.yaml:6:3 key-unknown",
        "strategies/momentum/sma-cross/strategy.yaml:15:23 above-bound",
        "strategies/momentum/sma-cross/strategy.yaml:19:35 above-bound",
      ],
    },
    {
      name: "an unknown key and an unknown environment",
      files: () => ({
        [spec(sma)]: sourceOf(spec(sma))
          .replace("fast: 10", "fast: 11")
          .replace("{ paper: { running: true } }", "{ papr: { running: true } }"),
      }),
      found: ["strategies/momentum/sma-cross/strategy.yaml:20:25 environment-unknown"],
    },
    {
      name: "code that imports what it may not",
      files: () => ({ "strategies/momentum/sma-cross/algorithm.ts": 'import "node:fs";\nexport default class A {}\n' }),
      found: ["strategies/momentum/sma-cross/algorithm.ts:1:8 import-refused"],
    },
    {
      name: "tool files with data",
      files: () => ({ [spec(sma)]: sourceOf(spec(sma)).replace("fast: 10", "fast: 11"), "cdk8s.yaml": "app: evil\n" }),
      found: ["cdk8s.yaml class-mixed"],
    },
    {
      name: "a file that is taken for data",
      files: () => ({ "Strategies/README.md": "mine\n" }),
      found: ["Strategies/README.md path-like-data"],
    },
    {
      name: "a policy that nobody can evaluate",
      files: () => ({ "policies/quotas/all.yaml": "kind: Quota\n" }),
      found: ["policies/quotas/all.yaml policy-unknown"],
    },
    {
      name: "a rule that says nothing",
      files: () => ({ "policies/rules/forbid-all.yaml": "kind: Rule\n" }),
      found: Array.from({ length: 3 }, () => "policies/rules/forbid-all.yaml:1:1 key-missing"),
    },
    {
      name: "a bound raised and used at once: the base's policies judge",
      files: () => ({
        [paperPolicy]: sourceOf(paperPolicy).replace('maxOrderNotional: "5000"', 'maxOrderNotional: "9000"'),
        [spec(sma)]: sourceOf(spec(sma)).replace('"2000"', '"8000"').replace('"5000"', '"8000"'),
      }),
      found: ["strategies/momentum/sma-cross/strategy.yaml:15:23 above-bound"],
    },
    {
      name: "a policy that turns against a running strategy",
      files: () => ({
        [paperPolicy]: sourceOf(paperPolicy).replace('maxOrderNotional: "5000"', 'maxOrderNotional: "1000"'),
      }),
      found: ["strategies/momentum/sma-cross/strategy.yaml:15:23 above-bound"],
    },
    {
      name: "a spec in the wrong place",
      files: () => ({ "strategies/lost/strategy.yaml": "x: 1\n" }),
      found: ["strategies/lost/strategy.yaml strategy-misplaced"],
    },
    {
      name: "a folder without a spec",
      files: () => ({ "strategies/momentum/half/algorithm.ts": "export default {};\n" }),
      found: ["strategies/momentum/half strategy-spec-missing"],
    },
  ])("$name", async ({ name, files, found }) => {
    const branch = `bad/${name.replace(/[^a-z]+/g, "-")}`;
    await push(at, branch, files());
    const number = await open(branch);
    const verdict = await judged(number);
    expect(verdict.state).toBe("refused");
    expect(errors(verdict)).toEqual(found);
    const { gate, comment } = value(await at.forge.get(number));
    expect(gate).toMatchObject({ state: "refused", summary: verdict.summary });
    expect(comment?.startsWith(`${commentMark}\n### ❌ slipway: refused`)).toBe(true);
    value(await at.forge.close(number));
  });

  test("a symbolic link is not followed", async () => {
    withLink("bad/link", "strategies/momentum/sma-cross/data.json");
    const number = await open("bad/link");
    expect(errors(await judged(number))).toEqual(["strategies/momentum/sma-cross/data.json file-symlink"]);
    value(await at.forge.close(number));
  });

  test("a message that claims an approval", async () => {
    await push(
      at,
      "bad/claim",
      { [spec(sma)]: textOf(workspace, spec(sma)).replace("fast: 10", "fast: 11") },
      "faster\n\nApproved-by: bob\n",
    );
    const number = await open("bad/claim");
    const verdict = await judged(number);
    expect(errors(verdict)).toEqual(["- trailer-claimed"]);
    const refused = refusal(
      await mergeProposal({ repository: at.repository, forge: at.forge, number, by: bob, clock: at.clock, memo }),
    );
    expect(refused.code).toBe("gate-refused");
    value(await at.forge.close(number));
  });

  test("a conflict with main names the files", async () => {
    await push(at, "bad/conflict", { [spec(sma)]: textOf(workspace, spec(sma)).replace("fast: 10", "fast: 11") });
    const number = await open("bad/conflict");
    await deploy(at, edit(workspace, spec(sma), "fast: 10", "fast: 9"), [sma]);
    expect(errors(await judged(number))).toEqual(["strategies/momentum/sma-cross/strategy.yaml merge-conflict"]);
    value(await at.forge.close(number));
  });

  test("the check refuses before anything is written, unless it is forced", async () => {
    const before = at.git("for-each-ref");
    const bad = edit(workspace, spec(randomTs), 'maxOrderNotional: "2000"', 'maxOrderNotional: "9000"');
    const request = {
      repository: at.repository,
      forge: at.forge,
      clock: at.clock,
      memo,
      workspace: bad,
      strategies: [randomTs],
      author: alice,
    };
    const refused = refusal(await proposeDeploy(request));
    expect(refused).toMatchObject({
      code: "check-refused",
      findings: [{ code: "above-bound", message: "limits.maxOrderNotional is 9000, above the bound 5000 of paper" }],
    });
    expect(at.git("for-each-ref")).toBe(before);
    const forced = value(await proposeDeploy({ ...request, force: true }));
    expect((await judged(forced.proposal.number)).state).toBe("refused");
    value(await at.forge.close(forced.proposal.number));
  });
});

describe("the gate", () => {
  test("says the same of the same, and writes it once", async () => {
    await push(at, "good/same", { [spec(sma)]: textOf(workspace, spec(sma)).replace("fast: 10", "fast: 13") });
    const number = await open("good/same", "a title of a person");
    const first = await judged(number);
    const refs = at.git("for-each-ref");
    const second = await judge({ repository: at.repository, forge: at.forge, number });
    expect(second).toEqual(first);
    expect(at.git("for-each-ref")).toBe(refs);
    expect(first.title).toBe("a title of a person");
    value(await at.forge.close(number));
  });

  test("what was judged is not judged again, until main, the branch or the title is another", async () => {
    const { repository, forge, clock } = at;
    await push(at, "good/known", { [spec(sma)]: textOf(workspace, spec(sma)).replace("fast: 10", "fast: 13") });
    const number = await open("good/known");
    const known = createMemo({ entriesMax: 1 });
    const judgeAgain = (): Promise<Verdict> => judge({ repository, forge, number, memo, judged: known });
    const first = await judgeAgain();
    expect(await judgeAgain()).toBe(first);
    const code = "strategies/momentum/sma-cross/algorithm.ts";
    await push(at, "main", { [code]: `${textOf(workspace, code)}// moved\n` });
    const onNewMain = await judgeAgain();
    expect(onNewMain).toMatchObject({ head: first.head, base: await repository.resolve(main) });
    value(await forge.reword(number, { title: "Approved-by: alice" }));
    expect(errors(await judgeAgain())).toContain("- trailer-claimed");
    value(await forge.reword(number, { title: "by hand" }));
    expect(await judgeAgain()).not.toBe(onNewMain);
    // Both move after the judging and before the merge: what is merged is what was judged last.
    await push(at, "good/known", { [spec(sma)]: textOf(workspace, spec(sma)).replace("fast: 10", "fast: 14") });
    await push(at, "main", { [code]: textOf(workspace, code) });
    const merged = value(await mergeProposal({ repository, forge, number, by: alice, clock, memo, judged: known }));
    expect(merged.verdict?.head).toBe(await repository.resolve(branchRef("good/known")));
    expect(merged.verdict?.base).toBe((await repository.commit(merged.commit)).parents[0]);
    await push(at, "main", { [spec(sma)]: textOf(workspace, spec(sma)) });
  });

  test("escapes what people wrote", async () => {
    const evil = textOf(workspace, spec(sma)).replace(
      "fast: 10",
      'fast: 10, note: "</details> | @everyone <b>`x`</b>"',
    );
    await push(at, "good/evil", { [spec(sma)]: evil });
    const number = await open("good/evil");
    await judged(number);
    const comment = value(await at.forge.get(number)).comment ?? "";
    const head = comment.slice(0, comment.indexOf("<details>"));
    expect(head).toContain("\\</details\\> \\| @\u2060everyone \\<b\\>\\`x\\`");
    expect(head).not.toMatch(/@everyone/);
    value(await at.forge.close(number));
  });

  test("stays under 60,000 characters", async () => {
    const data = Array.from({ length: 5_000 }, (_, index) => `  "${index} of many lines in a big table",`).join("\n");
    const code = textOf(workspace, "strategies/momentum/sma-cross/algorithm.ts").replace(
      'return ["quotes"];',
      'return TABLE.length > 0 ? ["quotes"] : [];',
    );
    await push(at, "good/big", {
      "strategies/momentum/sma-cross/algorithm.ts": `const TABLE = [\n${data}\n];\n${code}`,
    });
    const number = await open("good/big");
    expect((await judged(number)).state).toBe("passed");
    const comment = value(await at.forge.get(number)).comment ?? "";
    expect(comment.length).toBeLessThan(60_000);
    expect(comment).toContain("- added `paper: strategies/momentum/sma-cross/configmap-sma-cross-algorithm-");
    value(await at.forge.close(number));
  });
});

describe("approvals", () => {
  async function siteWith(policy: (tree: SourceTree) => SourceTree): Promise<Site> {
    return openSite({ tree: policy(workspace), memo });
  }

  test("are asked for, bound to what is approved, and stand on the environment's commit", async () => {
    const own = await siteWith((tree) => edit(tree, paperPolicy, "approvals: 0", "approvals: 1"));
    try {
      const { repository, forge, clock } = own;
      const opened = value(
        await proposeDeploy({ repository, forge, clock, memo, workspace, strategies: [sma], author: alice }),
      );
      const merge = () => mergeProposal({ repository, forge, number: opened.proposal.number, by: alice, clock, memo });
      expect(refusal(await merge())).toMatchObject({
        code: "approvals-missing",
        message: "proposal #1 needs 1 approval of anyone who did not propose it: reaches paper; none yet",
      });
      await approve(own, opened.proposal.number, "bob");
      const moved = value(
        await proposeDeploy({
          repository,
          forge,
          clock,
          memo,
          workspace: edit(workspace, spec(sma), "fast: 10", "fast: 11"),
          strategies: [sma],
          author: alice,
        }),
      );
      expect(refusal(await merge()).code).toBe("approvals-missing");
      await approve(own, moved.proposal.number, "bob");
      value(await merge());
      await render(own);
      expect(own.git("show", "-s", "--format=%(trailers:key=Approved-by,valueonly)", "env/paper").trim()).toBe("bob");
    } finally {
      await own.close();
    }
  });

  test("of a forge that verifies nobody count in an embedded environment only", async () => {
    const own = await siteWith((tree) =>
      edit(
        edit(withoutRules(tree), paperPolicy, "approvals: 0", "approvals: 1"),
        paperPolicy,
        "embedded: true",
        "embedded: false",
      ),
    );
    try {
      const { repository, forge, clock } = own;
      const opened = value(
        await proposeDeploy({ repository, forge, clock, memo, workspace, strategies: [sma], author: alice }),
      );
      await approve(own, opened.proposal.number, "bob");
      const refused = refusal(
        await mergeProposal({ repository, forge, number: opened.proposal.number, by: alice, clock, memo }),
      );
      expect(refused.code).toBe("identities-unverified");
    } finally {
      await own.close();
    }
  });
});
