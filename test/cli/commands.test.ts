import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPlayground, type Playground, root } from "./cli.ts";

const names = [
  "init",
  "up",
  "new",
  "check",
  "render",
  "impact",
  "policy",
  "schema",
  "deploy",
  "proposals",
  "proposal",
  "approve",
  "merge",
  "server",
  "waivers",
  "status",
  "logs",
  "halt",
  "reduce",
  "flatten",
  "resume",
  "tell",
  "stop",
  "start",
  "rollback",
];

let playground: Playground;
beforeAll(() => {
  playground = createPlayground();
});
afterAll(() => playground.remove());

describe("help", () => {
  test("of up says from when --for counts", async () => {
    const { stdout } = await playground.run("up", "--help");
    expect(stdout.replace(/\s+/g, " ")).toContain("seconds after bus, feed, gateway and console stand");
  });

  test("lists every command", async () => {
    const { code, stdout } = await playground.run("--help");
    expect(code).toBe(0);
    for (const name of names) expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
  });

  test.each(names)(
    "%s has a sentence, examples, exit codes and the global options, within 120 columns",
    async (name) => {
      const { code, stdout, stderr } = await playground.run(name, "--help");
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/^[A-Z][^\n]+\.?/m);
      expect(stdout).toContain(`Examples:\n  $ slipway ${name}`);
      expect(stdout).toContain("Exit codes:\n  0  ");
      expect(stdout).toContain("--json");
      expect(stdout.split("\n").filter((line) => line.length > 120)).toEqual([]);
    },
  );
});

describe("usage", () => {
  test.each([
    [["chek"], "Did you mean check?"],
    [["deploy", "--merg"], "Did you mean --merge?"],
    [["help", "chek"], "unknown command 'chek'"],
    [["--debug"], "no command is named"],
    [["proposal"], "missing required argument"],
    [["status", "a/b", "c/d"], "write `slipway status [strategy]`"],
    [["deploy", "--title"], "option '--title <text>' argument missing"],
    [["up", "--bus-port", "70000"], "--bus-port 70000 is no port"],
    [["up", "--for", "never"], "--for never is no time"],
    [["deploy", "--timeout", "0"], '--timeout "0" is no time'],
    [["merge", "one"], '"one" is no proposal\'s number'],
    [["status", "Sma Cross"], '"Sma Cross" is no strategy\'s name'],
    [["check", "-C", "/nowhere"], "/nowhere is not a Slipway repository"],
    [["schema", "nothing"], "write one of environment, forge, freeze, halt, report, rule, strategy, teams, waiver"],
    [["schema", "strategy", "-e", "papper"], "write paper"],
    [["schema", "rule", "-e", "paper"], "rule has no bounds"],
    [["schema", "strategy", "--team", "momentum"], "--team is of an environment"],
    [["new", "kube-x/y"], "reserved for system namespaces"],
    [["new", "me/first", "--language", "cobol"], "there is no template for cobol"],
    [["proposals", "--only", "lost"], 'a proposal is never "lost"'],
    [["status"], "there is no forge"],
    [["logs", "seed/random-ts"], "has not run here yet"],
  ])("%j is refused with code 2 and says how to mend it", async (argv, text) => {
    const { code, stdout, stderr } = await playground.run(...argv);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(text);
    expect(stderr).not.toMatch(/\n\s+at .*:\d+:\d+/);
    // One form, whoever refuses.
    expect(stderr).toMatch(/^error {2}.+\n {6}= fix: .+\n$/);
  });

  test.each([
    [["chek"], "usage-unknownCommand", "unknown command 'chek'. Did you mean check?", "see `slipway --help`"],
    [
      ["deploy", "--merg"],
      "usage-unknownOption",
      "unknown option '--merg'. Did you mean --merge?",
      "see `slipway deploy --help`",
    ],
    [
      ["merge"],
      "usage-missingArgument",
      "missing required argument 'number'",
      "write `slipway merge <number>`; see `slipway merge --help`",
    ],
  ])("%j with --json is a finding and an error with the same words", async (argv, code, message, fix) => {
    expect(await playground.json(...argv)).toEqual({
      code: 2,
      stderr: "",
      document: {
        ok: false,
        findings: [{ code, severity: "error", message, fix }],
        error: { code, message, causes: [], fix },
      },
    });
  });

  test("with --json a refusal is one document on standard output, and the code is the same", async () => {
    const { code, document, stderr } = await playground.json("status");
    expect(code).toBe(2);
    expect(document).toMatchObject({ ok: false, findings: [{ code: "forge-missing" }] });
    expect(stderr).toBe("");
    expect(await playground.json("chek")).toMatchObject({
      code: 2,
      document: { ok: false, error: { code: "usage-unknownCommand" } },
    });
  });

  test("a fault says what failed, why and what to do; the stack only with --debug", async () => {
    writeFileSync(join(playground.folder, "a-file"), "");
    const argv = ["deploy", "seed/random-ts", "--state", join(playground.folder, "a-file", "below")];
    const plain = await playground.run(...argv);
    expect(plain.code).toBe(1);
    expect(plain.stderr).toMatch(/^(failed|this is a bug in slipway): /);
    expect(plain.stderr).toContain("  fix: ");
    expect(plain.stderr).not.toMatch(/\n\s+at /);
    expect((await playground.run(...argv, "--debug")).stderr).toMatch(/\n\s+at /);
  });
});

describe("check", () => {
  test("the examples pass", async () => {
    const { code, document } = await playground.json("check");
    expect(code).toBe(0);
    expect(document).toMatchObject({
      ok: true,
      strategies: ["momentum/sma-cross", "seed/random-py", "seed/random-ts"],
      findings: [],
    });
  });

  test("says everything that is wrong, with the line, the bound and the fix", async () => {
    const bad = createPlayground();
    const spec = readFileSync(join(bad.repository, "strategies/momentum/sma-cross/strategy.yaml"), "utf8");
    bad.write(
      "strategies/momentum/sma-cross/strategy.yaml",
      spec.replace("memory: 128Mi", "memory: 512Mi").replace("owner: alice", "ownr: alice"),
    );
    const { code, stderr, stdout } = await bad.run("check", "strategies/momentum/sma-cross/");
    const document = (await bad.json("check", "momentum/sma-cross")).document;
    bad.remove();
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/strategies\/momentum\/sma-cross\/strategy\.yaml:\d+:\d+ {2}error/);
    expect(stderr).toContain("│");
    expect(stderr).toContain("^^^");
    expect(stderr).toMatch(/\d errors? in 1 strategy \(\d+\.\d\d s\)/);
    expect(stderr).toContain("2 errors in 1 strategy");
    expect(document).toMatchObject({ ok: false, findings: [{ code: "key-unknown" }, { code: "above-bound" }] });
  });
});

describe("new and init", () => {
  test.each(["typescript", "python"])("a new %s strategy passes check and is not overwritten", async (language) => {
    const name = `fresh/in-${language}`;
    const made = await playground.run("new", name, "--language", language);
    expect([made.code, made.stdout]).toEqual([0, expect.stringContaining("prices in the average")]);
    expect((await playground.run("check", name)).stdout).toContain("1 strategy checked");
    const again = await playground.json("new", name);
    expect([again.code, again.document]).toMatchObject([2, { findings: [{ code: "strategy-exists" }] }]);
  });

  test("init makes a repository that passes check, and a second one refuses and names the files", async () => {
    const made = await playground.json("init", join(playground.folder, "own"));
    expect(made.code).toBe(0);
    const own = join(playground.folder, "own");
    expect(readdirSync(own)).toEqual(
      expect.arrayContaining(["package.json", "cdk8s.yaml", ".gitignore", ".git", "policies", "strategies"]),
    );
    expect(readFileSync(join(own, "strategies/seed/random-ts/strategy.yaml"), "utf8")).toContain(
      "$schema=../../../node_modules/slipway/schemas/strategy.schema.json",
    );
    expect(readFileSync(join(own, "policies/environments/paper.yaml"), "utf8")).toContain(
      "$schema=../../node_modules/slipway/schemas/",
    );
    expect((await playground.run("check", "-C", own)).code).toBe(0);
    // Editors find every schema in the package, however deep the document lies.
    const linked = [
      "policies/teams.yaml",
      "policies/environments/paper.yaml",
      "strategies/seed/random-ts/strategy.yaml",
    ];
    for (const path of linked) {
      const [, link] = /\$schema=(\S+)$/m.exec(readFileSync(join(own, path), "utf8")) ?? [];
      expect(join(path, "..", link ?? "")).toMatch(/^node_modules\/slipway\/schemas\/[a-z]+\.schema\.json$/);
    }
    const again = await playground.json("init", own);
    expect([again.code, again.document]).toMatchObject([2, { findings: [{ code: "files-exist" }] }]);
    expect(JSON.stringify(again.document["files"])).toContain("policies/environments/paper.yaml");
  });

  test("init for a forge writes where it is, and for GitHub the workflow of teams without a server", async () => {
    const own = join(playground.folder, "on-a-forge");
    const said = ["--forge", "github", "--repository", "acme/strategies", "--writer", "acme-slipway[bot]"];
    const { code, stdout } = await playground.run("init", own, "--no-git", ...said);
    expect([code, stdout]).toEqual([0, expect.stringContaining("slipway forge protect")]);
    expect(readFileSync(join(own, "forge.yaml"), "utf8")).toBe(
      'apiVersion: slipway.dev/v1\nkind: Forge\nspec:\n  provider: "github"\n  repository: "acme/strategies"\n  writer: "acme-slipway[bot]"\n',
    );
    expect(readdirSync(join(own, ".github/workflows")).sort()).toEqual(["check.yml", "gate.yml", "verify.yml"]);
    const owners = join(own, ".github/CODEOWNERS");
    expect(readFileSync(owners, "utf8")).toMatch(/^\* @dave @erin @frank$/m);
    expect((await playground.run("forge", "owners", "-C", own)).stdout).toBe(readFileSync(owners, "utf8"));
    writeFileSync(owners, "* @me\n");
    const kept = await playground.run("forge", "owners", "--write", "-C", own);
    expect([kept.code, kept.stderr]).toEqual([2, expect.stringContaining("Slipway did not make it")]);
  });

  test.each([
    [["--forge", "gitlab", "--repository", "a/b", "--writer", "x"], "provider"],
    [["--forge", "gitea", "--repository", "a/b", "--writer", "x"], "write its address"],
    [["--forge", "gitea", "--repository", "a/b", "--writer", "x", "--url", "http://git.example.org"], "https"],
    [["--forge", "github", "--repository", "../b/c", "--writer", "x"], "repository"],
    [["--forge", "github"], "--repository"],
    [["--writer", "x"], "--forge github"],
  ])("init %j is refused and writes nothing", async (said, text) => {
    const own = join(playground.folder, "refused");
    const { code, stderr } = await playground.run("init", own, ...said);
    expect([code, stderr]).toEqual([2, expect.stringContaining(text)]);
    expect(existsSync(own)).toBe(false);
  });

  test("init keeps every key of a package.json that is there, and makes no repository inside another one", async () => {
    const folder = join(playground.folder, "outer");
    mkdirSync(join(folder, "inner"), { recursive: true });
    execFileSync("git", ["init", "--quiet", folder]);
    writeFileSync(
      join(folder, "inner/package.json"),
      JSON.stringify({ name: "mine", scripts: { test: "true" }, dependencies: { left: "1.0.0" } }),
    );
    expect((await playground.run("init", join(folder, "inner"))).code).toBe(0);
    const manifest: unknown = JSON.parse(readFileSync(join(folder, "inner/package.json"), "utf8"));
    expect(manifest).toMatchObject({
      name: "mine",
      scripts: { test: "true", start: "slipway up" },
      dependencies: { left: "1.0.0", slipway: `file:${root}` },
    });
    expect(existsSync(join(folder, "inner/.git"))).toBe(false);
  });
});

describe("render and schema", () => {
  test("render lists and writes the same files, and replaces only what it wrote", async () => {
    const listed = await playground.json("render");
    const output = join(playground.folder, "manifests");
    expect((await playground.run("render", "--output", output)).code).toBe(0);
    const files = listed.document["files"] as readonly { readonly path: string }[];
    for (const { path } of files) expect(existsSync(join(output, path))).toBe(true);
    expect((await playground.run("render", "--output", output)).code).toBe(0);
    expect((await playground.run("render", "--output", playground.repository)).stderr).toContain(
      "nothing is overwritten",
    );
    expect((await playground.run("render", "--environment", "moon")).code).toBe(2);
  });

  test("schema prints what the file holds", async () => {
    const { stdout } = await playground.run("schema", "strategy");
    expect(JSON.parse(stdout)).toEqual(JSON.parse(readFileSync(join(root, "schemas/strategy.schema.json"), "utf8")));
  });

  test("schema has an environment's bounds in it when asked", async () => {
    const { document } = await playground.json("schema", "strategy", "--environment", "paper", "--team", "momentum");
    expect(document["$id"]).toMatch(/strategy\.schema\.json\?environment=paper&team=momentum$/);
    expect(JSON.stringify(document)).toContain("At most 5000 in paper for team momentum.");
  });
});
