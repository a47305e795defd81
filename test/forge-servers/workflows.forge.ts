// The workflows that `slipway init --forge github` writes, their steps really run in such a repository: on a proposal as its author sees it, and as the
// App that judges, against a Gitea that speaks GitHub's words. `npm ci` is left out: what it would install is this checkout.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { openKit } from "#forge/github/kit.ts";
import { githubRulesets } from "#forge/github/rulesets.ts";
import { branchRef } from "#git/open.ts";
import { createPlayground, type Playground, root } from "../cli/cli.ts";
import { value } from "../contract/forge-contract.ts";
import { sma } from "../delivery/fixture.ts";
import { type Checkout, type RunStep, runSteps } from "../workflows/steps.ts";
import type { GiteaFixture } from "./gitea-fixture.ts";
import { type GithubApp, startGithubApp } from "./github-app.ts";
import { startFacade } from "./github-facade.ts";
import { type RulesetServer, startRulesets } from "./github-rulesets.ts";
import { handsOf } from "./hands.ts";
import { filesIn, openWithPolicies } from "./site.ts";

const bot = "slipway-acme[bot]";
let facade: Awaited<ReturnType<typeof startFacade>>;
let rulesets: RulesetServer;
let app: GithubApp;
let fixture: GiteaFixture;
let playground: Playground;
let repository: string;
let runner: Checkout;

beforeAll(async () => {
  const { url: gitea, tokens } = inject("gitea");
  facade = await startFacade(gitea);
  rulesets = await startRulesets({ apps: { "slipway-acme": 4_242 }, users: {} });
  const account = { token: tokens.slipway, login: "slipway" };
  app = await startGithubApp({ gitea, account, bot, facade: facade.url, rulesets: rulesets.url });
});
afterAll(async () => {
  await app.stop();
  await rulesets.stop();
  await facade.stop();
});

beforeEach(async () => {
  rulesets.clear();
  fixture = await openWithPolicies();
  playground = createPlayground();
  repository = join(playground.folder, "own");
  const where = ["--repository", `${fixture.owner}/${fixture.name}`, "--writer", bot];
  const made = await playground.run("init", repository, "--no-git", "--forge", "github", ...where);
  expect([made.code, made.stderr]).toEqual([0, ""]);
  const spec = { provider: "github", url: app.url, apiUrl: app.url, repository: where[1], writer: bot };
  writeFileSync(join(repository, "forge.yaml"), JSON.stringify({ apiVersion: "slipway.dev/v1", kind: "Forge", spec }));
  const [bin, temp, home] = ["bin", "temp", "home"].map((name) => join(playground.folder, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [temp, home]) mkdirSync(folder, { recursive: true });
  program(join(bin, "npm"), `test "$*" = ci`);
  program(
    join(repository, "node_modules/.bin/slipway"),
    `exec "${process.execPath}" "${join(root, "src/cli/main.ts")}" "$@"`,
  );
  runner = {
    folder: repository,
    env: {
      ...{ PATH: `${bin}:${process.env["PATH"]}`, HOME: home, RUNNER_TEMP: temp, SLIPWAY_STATE: join(temp, "state") },
      ...{ GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", CI: "true", npm_config_offline: "true" },
    },
    expressions: {
      "secrets.SLIPWAY_GITHUB_APP_KEY": app.privateKey,
      "vars.SLIPWAY_GITHUB_APP_ID": app.appId,
      "vars.SLIPWAY_GITHUB_INSTALLATION_ID": `${app.installationId}`,
      "runner.temp": temp,
    },
  };
});
afterEach(async () => {
  playground?.remove();
  await fixture?.close();
});

function program(path: string, script: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

const workflow = (name: string): string => join(repository, ".github/workflows", name);

function brief(steps: readonly RunStep[]): readonly (readonly [string, number])[] {
  return steps.map(({ run, code }) => [run.split(" ").slice(0, 3).join(" "), code]);
}

test("check.yml says to the author what `slipway check` says, and knows no secret", async () => {
  const expected = [
    ["npm ci", 0],
    ["npx slipway check", 0],
    ["npx slipway policy", 0],
  ];
  expect(brief(await runSteps(workflow("check.yml"), "check", { ...runner, expressions: {} }))).toEqual(expected);
  const path = join(repository, `strategies/${sma}/strategy.yaml`);
  writeFileSync(path, readFileSync(path, "utf8").replace(/maxOrderNotional: .*/, 'maxOrderNotional: "999999999.00"'));
  const failed = await runSteps(workflow("check.yml"), "check", { ...runner, expressions: {} });
  expect(brief(failed)).toEqual([
    ["npm ci", 0],
    ["npx slipway check", 2],
  ]);
  expect(failed[1]?.output).toMatch(/strategy\.yaml:\d+:\d+.*maxOrderNotional/);
}, 120_000);

test("gate.yml judges what is open and renders main, as the App, and leaves no key behind", async () => {
  const alice = handsOf(fixture, "alice");
  await alice.clone();
  const head = await alice.push("alice/sma", await filesIn(`strategies/${sma}/`));
  const number = await alice.propose("alice/sma", "sma-cross, at last");
  const steps = await runSteps(workflow("gate.yml"), "gate", runner);
  expect(steps.map(({ code, output }) => [code, output])).toMatchObject([
    [0, ""],
    [0, ""],
    [0, expect.stringContaining(`judged    #${number} passed`)],
    [0, ""],
  ]);
  const { forge } = await fixture.open("slipway");
  expect(value(await forge.get(number))).toMatchObject({ gate: { state: "passed", head } });
  await fixture.look();
  expect(await fixture.repository.resolve(branchRef("env/paper"))).toBeDefined();
  expect(existsSync(join(runner.env["RUNNER_TEMP"] ?? "", "app.pem"))).toBe(false);
  expect(JSON.stringify(steps)).not.toContain("PRIVATE KEY");
}, 120_000);

test("gate.yml with a wrong key fails, and leaves no key behind either", async () => {
  const expressions = { ...runner.expressions, "secrets.SLIPWAY_GITHUB_APP_KEY": "of no use" };
  const steps = await runSteps(workflow("gate.yml"), "gate", { ...runner, expressions });
  expect(brief(steps).map(([, code]) => code)).toEqual([0, 0, 2, 0]);
  expect(steps[2]?.output).toContain("holds no RSA private key");
  expect(existsSync(join(runner.env["RUNNER_TEMP"] ?? "", "app.pem"))).toBe(false);
}, 120_000);

test("verify.yml fails while the forge's rules are not there, and says which; then it passes", async () => {
  const before = await runSteps(workflow("verify.yml"), "verify", runner);
  expect(brief(before).map(([, code]) => code)).toEqual([0, 0, 0, 0, 2, 0]);
  expect(before[4]?.output).toContain("main: a pull request is merged without slipway/gate");
  const kit = openKit({ credential: { token: "x" }, apiUrl: rulesets.url, paced: false });
  await githubRulesets({ kit, owner: fixture.owner, name: fixture.name, writer: bot }).write();
  expect(brief(await runSteps(workflow("verify.yml"), "verify", runner)).map(([, code]) => code)).toEqual([
    0, 0, 0, 0, 0, 0,
  ]);
}, 120_000);
