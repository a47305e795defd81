import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { codeOwners } from "#core/code-owners.ts";
import { parseTeams } from "#core/teams.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import { teams } from "./documents.ts";
import { alice, bob, edit, refusal, sma, spec, value } from "./fixture.ts";
import { installed, owned, ToolScene, toolFiles } from "./tool-scene.ts";

const scene = new ToolScene();
const upgraded = installed({
  slipway: { version: "0.2.0" },
  left: { version: "1.0.0" },
  "left/node_modules/pad": { version: "1.0.1" },
});

describe("a proposal of the tool's files alone", () => {
  test("passes, and waits for two of their owners, who are not its author", async () => {
    const number = await scene.propose(upgraded);
    const verdict = await scene.judged(number);
    expect(verdict.findings).toEqual([]);
    expect(verdict).toMatchObject({ state: "passed", summary: "2 files of the tool, no strategy and no policy" });
    expect(verdict.needs.map(({ approvals, group, reasons }) => ({ approvals, group, reasons }))).toEqual([
      { approvals: 2, group: "maintainers", reasons: ["changes package-lock.json", "changes package.json"] },
    ]);
    expect(refusal(await scene.merge(number)).code).toBe("approvals-missing");
    await scene.approve(number, "dave");
    expect(refusal(await scene.merge(number)).message).toContain("dave approved");
    await scene.approve(number, "frank");
    const merged = value(await scene.merge(number));
    expect(scene.at.git("show", `${merged.commit}:package.json`)).toBe(upgraded["package.json"]);
    expect(scene.at.git("show", "-s", "--format=%(trailers:key=Approved-by,valueonly)", "main").trim()).toBe(
      "dave\nfrank",
    );
  });

  test("each file has the owner whose path is the longest", async () => {
    const number = await scene.propose({ "docs/how.md": "# Why\n", "README.md": "mine\n", "docs.md": "x\n" });
    const { needs, tool } = await scene.judged(number);
    expect(tool?.files.map(({ path, kind, owner }) => [path, kind, owner])).toEqual([
      ["README.md", "words", "writers"],
      ["docs.md", "words", "maintainers"],
      ["docs/how.md", "words", "writers"],
    ]);
    expect(needs.map(({ approvals, group }) => [approvals, group])).toEqual([
      [2, "maintainers"],
      [1, "writers"],
    ]);
  });

  test("says what is installed otherwise, in words", async () => {
    const { tool } = await scene.judged(await scene.propose(upgraded));
    expect(tool?.dependencies).toEqual([
      { name: "pad in left", from: "1.0.0", to: "1.0.1" },
      { name: "slipway", from: "0.1.0", to: "0.2.0" },
    ]);
    expect(tool?.slipway).toEqual({ from: "0.1.0", to: "0.2.0" });
  });

  test("renders nothing otherwise, and runs nothing", async () => {
    const { objects, strategies, policies, checks, rules } = await scene.judged(await scene.propose(upgraded));
    expect({ objects, strategies, policies, checks, rules }).toEqual({
      ...{ objects: [], strategies: [], policies: [] },
      ...{ checks: 0, rules: 0 },
    });
  });
});

describe("an approval is of the content that changes", () => {
  test("stands through a rebase and another message, and falls with another byte", async () => {
    const number = await scene.propose(upgraded);
    await scene.approve(number, "dave");
    await scene.approve(number, "erin");
    // main moves by somebody's strategy, and the branch is pushed anew with the same content.
    await scene.commit("main", { [spec(sma)]: "x: 1\n" }, bob);
    await scene.commit("work", { "package.json": upgraded["package.json"] ?? "" });
    expect((await scene.weighed(number)).counted).toEqual(["dave", "erin"]);
    await scene.commit("work", installed({ slipway: { version: "0.2.1" } }));
    expect(await scene.weighed(number)).toEqual({ counted: [], aside: { dave: "dropped", erin: "dropped" } });
    expect(refusal(await scene.merge(number)).code).toBe("approvals-missing");
  });

  test("falls when the base's file changes, or only a mode", async () => {
    const number = await scene.propose({ "run.sh": "#!/bin/sh\n", "docs/how.md": "# Why\n" });
    await scene.approve(number, "dave");
    await scene.commit("work", { "run.sh": { mode: "100755", text: "#!/bin/sh\n" } });
    expect((await scene.weighed(number)).aside).toEqual({ dave: "dropped" });
    const words = await scene.propose({ "docs/how.md": "# How\nmore\n" }, "words");
    await scene.approve(words, "carol");
    expect((await scene.weighed(words)).counted).toEqual(["carol"]);
    await scene.commit("main", { "docs/how.md": "# How, or why\n" }, bob);
    await scene.commit("words", { "docs/how.md": "# How\nmore\n" });
    expect((await scene.judged(words)).findings.map(({ code }) => code)).toEqual(["merge-conflict"]);
  });
});

describe("where the policies name no owner", () => {
  const bare = new ToolScene(
    owned.replace(/ {2}owners:[\s\S]*$/, "  owners:\n    - { path: docs/, group: writers, count: 1 }\n"),
  );

  test("a file is changed by nobody, and what to write where is said", async () => {
    const number = await bare.propose({ ...upgraded, "docs/how.md": "# Why\n" });
    expect(await bare.said(number)).toEqual(["owner-missing package-lock.json", "owner-missing package.json"]);
    const { findings, needs, approvalDigest } = await bare.judged(number);
    expect(findings[0]?.fix).toBe(
      "say who, in a proposal of its own before this one: add under spec.owners in policies/teams.yaml - { path: /, group: maintainers }",
    );
    expect({ needs, approvalDigest }).toEqual({ needs: [], approvalDigest: undefined });
    const refused = refusal(await bare.merge(number));
    expect(refused.code).toBe("gate-refused");
  });
});

describe("an attack on the judge is refused", () => {
  test("tool files together with a strategy, and how to take them apart is said", async () => {
    const number = await scene.propose({ ...upgraded, [spec(sma)]: "x: 1\n" });
    expect(await scene.said(number)).toEqual(
      expect.arrayContaining(["class-mixed package-lock.json", "class-mixed package.json"]),
    );
    const { findings } = await scene.judged(number);
    const fix = findings.find(({ code }) => code === "class-mixed")?.fix ?? "";
    const [, apart = "", back = ""] = /own: (.*) \(then commit\), and here take it back: (.*)$/.exec(fix) ?? [];
    const clone = join(scene.at.directory, "clone");
    scene.at.git("clone", "--quiet", "--branch", "work", ".", clone);
    const sh = (command: string): string => execFileSync("sh", ["-ec", command], { cwd: clone, encoding: "utf8" });
    const names = "git diff --cached --name-only origin/main";
    expect(sh(`${apart} >&2; ${names}`).trim()).toBe("package-lock.json\npackage.json");
    expect(sh(`git switch --quiet --discard-changes work && ${back} && ${names}`).trim()).toBe(spec(sma));
  });

  test("the owners change in the same proposal", async () => {
    const { tree } = scene;
    const teams = new TextDecoder().decode(tree.get("policies/teams.yaml")?.bytes);
    const number = await scene.propose({
      ...upgraded,
      "policies/teams.yaml": teams.replace("group: maintainers", "group: writers"),
    });
    expect(await scene.said(number)).toContain("class-mixed package.json");
  });

  test("the owners change first: they are asked for that themselves", async () => {
    const to = (from: string, text: string) => edit(scene.tree, "policies/teams.yaml", from, text);
    for (const workspace of [
      to("{ path: /, group: maintainers }", "{ path: /, group: writers, count: 1 }"),
      to("    - { path: /, group: maintainers }\n", ""),
      to("{ path: /, group: maintainers }", "{ path: /, group: maintainers, count: 1 }"),
      to("maintainers: [dave, erin, frank]", "maintainers: [dave, erin, frank, alice]"),
    ]) {
      const { proposal } = value(
        await proposeDeploy({ ...scene.at, workspace, strategies: [], policies: true, author: alice }),
      );
      const { needs } = await scene.judged(proposal.number);
      expect(needs).toContainEqual(expect.objectContaining({ group: "maintainers", approvals: 2 }));
    }
  });

  test("more owners to ask, and fewer members, need no owner", async () => {
    const workspace = edit(
      scene.tree,
      "policies/teams.yaml",
      "{ path: /, group: maintainers }",
      "{ path: /, group: maintainers, count: 3 }",
    );
    const { proposal } = value(
      await proposeDeploy({ ...scene.at, workspace, strategies: [], policies: true, author: alice }),
    );
    expect((await scene.judged(proposal.number)).needs).toEqual([]);
  });

  test("its author approves it, a pusher does, an outsider, one who looks like an owner", async () => {
    await scene.commit("work", upgraded);
    await scene.commit("work", { "cdk8s.yaml": "app: other\n" }, { name: "dave", email: "dave@example.test" });
    const number = await scene.open("work");
    await expect(scene.approve(number, "alice")).rejects.toThrow("self-approval");
    for (const by of ["dave", "carol", "eriп", "Erin"]) await scene.approve(number, by);
    expect(await scene.weighed(number)).toEqual({
      counted: ["Erin"],
      aside: { dave: "pusher", carol: "outsider" },
    });
    expect(refusal(await scene.merge(number)).message).toContain("Erin approved");
  });

  test("approved, then pushed to: what is merged is what was approved", async () => {
    const number = await scene.propose(upgraded);
    for (const by of ["dave", "erin"]) await scene.approve(number, by);
    await scene.commit("work", { ".github/workflows/gate.yml": null });
    expect(refusal(await scene.merge(number)).code).toBe("approvals-missing");
  });

  test("a rename out of policies/, and one into it, are both of their paths", async () => {
    const paper = new TextDecoder().decode(scene.tree.get("policies/environments/paper.yaml")?.bytes);
    const out = await scene.propose({ "policies/environments/paper.yaml": null, "charts/paper.yaml": paper }, "out");
    expect(await scene.said(out)).toContain("class-mixed charts/paper.yaml");
    const into = await scene.propose(
      { "docs/how.md": null, "strategies/momentum/sma-cross/how.md": "# How\n" },
      "into",
    );
    expect(await scene.said(into)).toContain("class-mixed docs/how.md");
  });

  test.each([
    { name: "another case", path: "Strategies/momentum/sma-cross/strategy.yaml", code: "path-like-data" },
    { name: "another script", path: "ѕtrategies/a/b/strategy.yaml", code: "path-like-data" },
    { name: "a letter that folds", path: "policieſ/teams.yaml", code: "path-like-data" },
    { name: "a file in another case", path: "Package.json", code: "path-collides" },
    { name: "a folder in another case", path: "DOCS/why.md", code: "path-collides" },
    { name: "workflows in another case", path: ".GitHub/workflows/x.yml", code: "path-collides" },
  ])("data and files by a name that is taken for theirs: $name", async ({ path, code }) => {
    expect(await scene.said(await scene.propose({ [path]: "x: 1\n" }))).toContain(`${code} ${path}`);
  });

  test.each([
    { name: "to data", path: ".github/workflows/x.yml", to: "../../strategies/momentum/sma-cross/strategy.yaml" },
    { name: "to a folder", path: "link", to: "docs" },
    { name: "out of the repository", path: "docs/link", to: "../../x" },
    { name: "to a place of its own", path: "link", to: "/etc/passwd" },
    { name: "nowhere", path: "link", to: "not-there" },
    { name: "in place of a file", path: "package.json", to: "policies/teams.yaml" },
  ])("a link $name", async ({ path, to }) => {
    const number = await scene.propose({ [path]: { mode: "120000", text: to } });
    expect(await scene.said(number)).toContain(`symlink ${path}`);
  });

  test("a link in place of strategies/", async () => {
    const gone = Object.fromEntries(
      [...scene.tree.keys()].filter((path) => path.startsWith("policies/")).map((path) => [path, null]),
    );
    const number = await scene.propose({ ...gone, policies: { mode: "120000", text: "docs" } });
    expect((await scene.judged(number)).state).toBe("refused");
  });

  test("a submodule", async () => {
    const number = await scene.propose({ vendor: { mode: "160000", text: "1".repeat(40) } });
    expect(await scene.said(number)).toEqual(["submodule vendor"]);
  });

  test("a name with a character that turns the text around", async () => {
    const number = await scene.propose({ "docs/a\u202egpj.md": "x\n" });
    expect(await scene.said(number)).toEqual(["path-malformed"]);
  });

  test("a lock file of something else, broken, or taken away", async () => {
    const other = installed({ slipway: { version: "9.0.0" } });
    const cases = {
      differs: { "package.json": other["package.json"] ?? "" },
      broken: { "package-lock.json": "{}" },
      away: { "package-lock.json": null },
      none: { "package.json": "[]" },
    };
    const said: string[] = [];
    for (const [branch, files] of Object.entries(cases))
      said.push(...(await scene.said(await scene.propose(files, branch))));
    expect(said).toEqual([
      "lock-differs package-lock.json",
      "lock-unreadable package-lock.json",
      "lock-missing package-lock.json",
      "package-unreadable package.json",
    ]);
  });

  test("a forge.yaml that no server could read", async () => {
    const forge = toolFiles["forge.yaml"]?.replace("writer: slipway-acme[bot]", "writer: [a]") ?? "";
    expect((await scene.judged(await scene.propose({ "forge.yaml": forge }))).state).toBe("refused");
  });
});

describe("who approves is told of", () => {
  test("what Git makes of a file", async () => {
    const number = await scene.propose({
      ...{ "run.sh": { mode: "100755", text: "x\n" }, "docs/.gitattributes": "*.ts binary\n", ".gitmodules": "\n" },
      ...{ "AGENTS.md": { mode: "120000", text: "docs/how.md" }, ".github/workflows/gate.yml": null },
    });
    expect(await scene.said(number)).toEqual([]);
    expect(await scene.said(number, "warning")).toEqual([
      "tool-removed .github/workflows/gate.yml",
      "git-modules .gitmodules",
      "symlink AGENTS.md",
      "git-attributes docs/.gitattributes",
      "file-executable run.sh",
    ]);
  });

  test("a CODEOWNERS that was made of the teams, and is no longer what they make", async () => {
    const { document } = parseTeams("policies/teams.yaml", teams(owned)["policies/teams.yaml"] ?? "");
    if (document === undefined) throw new Error("the teams are refused");
    const made = codeOwners(document);
    const path = ".github/CODEOWNERS";
    expect(await scene.said(await scene.propose({ [path]: made }, "made"), "warning")).toEqual([]);
    expect(await scene.said(await scene.propose({ [path]: "* @me\n" }, "own"), "warning")).toEqual([]);
    const edited = await scene.propose({ [path]: `${made}/docs/ @mallory\n` }, "edited");
    expect(await scene.said(edited, "warning")).toEqual([`code-owners-differ ${path}`]);
    // Whoever changes the teams cannot bring it along, and is told.
    await scene.commit("main", { [path]: made });
    const workspace = edit(scene.tree, "policies/teams.yaml", "writers: [carol]", "writers: [carol, dora]");
    const request = { ...scene.at, workspace, strategies: [], policies: true, author: alice };
    const { proposal } = value(await proposeDeploy(request));
    expect(await scene.said(proposal.number, "warning")).toEqual([`code-owners-differ ${path}`]);
  });

  test("another writer, by name", async () => {
    const forge = toolFiles["forge.yaml"]?.replace("slipway-acme[bot]", "mallory") ?? "";
    const { findings } = await scene.judged(await scene.propose({ "forge.yaml": forge }));
    expect(findings.map(({ message }) => message)).toEqual([
      "writer slipway-acme[bot] → mallory: this account's word is believed, and nobody else's",
    ]);
  });

  test("what comes into a workflow, at its line, and nothing of what was there", async () => {
    const gate = (toolFiles[".github/workflows/gate.yml"] ?? "")
      .replace("on:\n", "on:\n  pull_request_target:\n")
      .replace("permissions: {}", "permissions: { statuses: write }")
      .replace(
        "      - run:",
        `      - uses: actions/checkout@v4\n      - run: echo $\{{ github.event.pull_request.title }}\n      - run:`,
      );
    const { findings } = await scene.judged(await scene.propose({ ".github/workflows/gate.yml": gate }));
    expect(findings.map(({ code, place }) => `${place?.line} ${code}`)).toEqual([
      "3 workflow-target",
      "5 workflow-writes",
      "10 workflow-unpinned",
      "11 workflow-injection",
    ]);
  });

  test("in words that no terminal obeys", async () => {
    const evil = "a\u001b[2Kb\u202ec\nd";
    const files = installed({ [evil]: { version: evil, resolved: `git+ssh://${evil}`, hasInstallScript: true } });
    const { findings, tool } = await scene.judged(
      await scene.propose({ ...files, link: { mode: "120000", text: `/${evil}` } }),
    );
    expect(findings.length).toBeGreaterThan(2);
    const texts = [...findings.map(({ message }) => message), ...(tool?.dependencies ?? []).flatMap(Object.values)];
    expect(texts.filter((text) => /[\p{Cc}\p{Cf}]/u.test(text))).toEqual([]);
  });

  test("packages with other content, from elsewhere, without a digest, and that run something", async () => {
    const files = installed(
      {
        slipway: { version: "0.1.0", integrity: "sha512-other" },
        left: { version: "1.0.1", resolved: "https://evil.example/left.tgz" },
        "left/node_modules/pad": { version: "1.0.0", hasInstallScript: true },
      },
      { scripts: { start: "slipway up", prepare: "node steal.mjs" }, allowScripts: { pad: true } },
    );
    const { findings } = await scene.judged(await scene.propose(files));
    expect(findings.map(({ code, severity }) => [code, severity])).toEqual(
      ["script-installs", "package-changed", "lock-origin", "install-script", "lock-content"].map((code) => [
        code,
        "warning",
      ]),
    );
  });
});
