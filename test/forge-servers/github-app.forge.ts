// Slipway as a GitHub App: it signs for itself, gets an installation's token and asks and pushes with that. Nobody gives it a token.
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { githubForge } from "#forge/github/github.ts";
import { branchRef, initBareRepository } from "#git/open.ts";
import { createPlayground, type Ended, type Playground } from "../cli/cli.ts";
import { value } from "../contract/forge-contract.ts";
import { judgementContract } from "../contract/forge-judgement-contract.ts";
import { sma } from "../delivery/fixture.ts";
import { type Adapter, type GiteaFixture, openGitea, shared } from "./gitea-fixture.ts";
import { type GithubApp, startGithubApp } from "./github-app.ts";
import { readDescription, watchKit } from "./github-description.ts";
import { startFacade } from "./github-facade.ts";
import { handsOf } from "./hands.ts";
import { filesIn, main, openWithPolicies } from "./site.ts";

const bot = "slipway-acme[bot]";
const description = readDescription();
const problems = new Set<string>();
const operations = new Set<string>();
let facade: Awaited<ReturnType<typeof startFacade>>;
let app: GithubApp;

beforeAll(async () => {
  const { url: gitea, tokens } = inject("gitea");
  facade = await startFacade(gitea);
  app = await startGithubApp({
    ...{ gitea, bot, facade: facade.url },
    account: { token: tokens.slipway, login: "slipway" },
  });
});
afterAll(async () => {
  await app.stop();
  await facade.stop();
});

function credentialOf(token: string): Parameters<typeof githubForge>[0]["credential"] {
  const { appId, installationId, privateKey } = app;
  return token === inject("gitea").tokens.slipway ? { appId, installationId, privateKey } : { token };
}

const adapter: Adapter = ({ token, ...place }) =>
  githubForge({
    ...{
      ...place,
      ...shared,
      writer: bot,
      url: app.url,
      apiUrl: app.url,
      credential: credentialOf(token),
      paced: false,
    },
    onKit: (kit) => watchKit(kit, description, problems, operations),
  });

describe("an App", () => {
  judgementContract(() => openGitea(adapter));

  test("shows findings beside their lines, as many as GitHub takes, and says the same once", async () => {
    const fixture = await openGitea(adapter);
    const { repository, forge } = fixture;
    const head = (await repository.resolve(main))!;
    const annotations = Array.from({ length: 60 }, (_, line) => ({
      ...{ path: "strategies/a/b/strategy.yaml", line: line + 1, severity: "error" as const, message: `wrong ${line}` },
    }));
    for (const _ of [1, 2]) await forge.annotate?.(head, { state: "refused", summary: "60 errors", annotations });
    for (const _ of [1, 2]) await forge.annotate?.(head, { state: "passed", summary: "fine", annotations: [] });
    const written = app.checks().filter((run) => run["head_sha"] === head);
    expect(written).toMatchObject([
      {
        name: "slipway/findings",
        conclusion: "failure",
        output: { title: "60 errors", summary: "60 errors; 10 more in the comment", annotations_count: 50 },
      },
      { name: "slipway/findings", conclusion: "success", output: { title: "fine", annotations_count: 0 } },
    ]);
    // To a person's token GitHub gives no right to it.
    await fixture.as("alice").annotate?.(head, { state: "refused", summary: "1 error", annotations });
    expect(app.checks().filter((run) => run["head_sha"] === head)).toHaveLength(2);
    await fixture.close();
  });

  test("shows what became of a commit as a deployment of the environment, each step once", async () => {
    const fixture = await openGitea(adapter);
    const commit = (await fixture.repository.resolve(main))!;
    const said = [
      ["pending", "waits for Argo CD"],
      ["pending", "waits for Argo CD"],
      ["refused", "momentum/sma-cross: exceeded quota"],
      ["passed", "synced and healthy"],
      ["passed", "synced and healthy"],
    ] as const;
    for (const [state, summary] of said)
      await fixture.forge.setArrival?.(commit, { environment: "paper", commit, state, summary, failed: [] });
    const mine = app.deployments().filter(({ sha }) => sha === commit);
    expect(mine).toEqual([{ environment: "paper", sha: commit, states: ["in_progress", "failure", "success"] }]);
    await fixture.close();
  });

  test("speaks GitHub's words, and asks for a token once in an hour", () => {
    expect([...problems]).toEqual([]);
    expect([...operations]).toContain("POST /app/installations/{installation_id}/access_tokens");
  });
});

describe("what is wrong with it is said", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "slipway-app-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const anothers = generateKeyPairSync("rsa", {
    modulusLength: 2_048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  }).privateKey;

  test.each([
    {
      name: "another App's key",
      change: { privateKey: anothers },
      code: "forge-token-refused",
      says: "the App's number and private key",
    },
    {
      name: "another App's number",
      change: { appId: "7" },
      code: "forge-token-refused",
      says: "the App's number and private key",
    },
    {
      name: "an installation that is none of its",
      change: { installationId: 7 },
      code: "forge-forbidden",
      says: "installation",
    },
  ])("$name", async ({ change, code, says }) => {
    const { appId, installationId, privateKey } = app;
    const place = { ...shared, owner: "keeper", name: "x", writer: bot, url: app.url, apiUrl: app.url, paced: false };
    const mirror = await initBareRepository(join(folder, "mirror.git"));
    const { forge, repository } = await githubForge({
      ...place,
      mirror,
      credential: { appId, installationId, privateKey, ...change },
    });
    for (const work of [() => forge.list(), () => repository.fetch()]) {
      const failed: unknown = await work().catch((error: unknown) => error);
      expect(failed).toMatchObject({ code, message: expect.stringContaining(says) });
      expect(`${failed} ${JSON.stringify(failed)}`).not.toContain("PRIVATE KEY");
    }
  });
});

describe("slipway server", () => {
  let fixture: GiteaFixture;
  let playground: Playground;
  beforeEach(async () => {
    fixture = await openWithPolicies();
  });
  afterEach(async () => {
    playground?.remove();
    await fixture?.close();
  });

  function once(key: string): Promise<Ended> {
    playground = createPlayground({
      SLIPWAY_GITHUB_APP_ID: app.appId,
      SLIPWAY_GITHUB_INSTALLATION_ID: `${app.installationId}`,
      SLIPWAY_GITHUB_APP_KEY_FILE: "app.pem",
    });
    const spec = {
      provider: "github",
      url: app.url,
      apiUrl: app.url,
      repository: `${fixture.owner}/${fixture.name}`,
      writer: bot,
    };
    playground.write("forge.yaml", JSON.stringify({ apiVersion: "slipway.dev/v1", kind: "Forge", spec }));
    writeFileSync(join(playground.repository, "app.pem"), key);
    return playground.run("server", "--once");
  }

  test("with the App's key in a file judges, writes and pushes", async () => {
    const alice = handsOf(fixture, "alice");
    await alice.clone();
    const head = await alice.push("alice/sma", await filesIn(`strategies/${sma}/`));
    const number = await alice.propose("alice/sma", "sma-cross, at last");
    const before = app.tokens();
    const { code, stdout, stderr } = await once(app.privateKey);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`judged    #${number} passed`);
    expect(stdout).toContain("to env/paper: committed");
    expect(app.tokens()).toBe(before + 1);
    await fixture.look();
    expect(await fixture.repository.resolve(branchRef("env/paper"))).toBeDefined();
    expect(await fixture.repository.resolve(main)).toBeDefined();
    const { forge } = await fixture.open("slipway");
    expect(value(await forge.get(number))).toMatchObject({ gate: { state: "passed", head } });
  });

  test("a file that holds no key is refused, and its content not told", async () => {
    const { code, stdout, stderr } = await once("of no use\n");
    expect([code, stderr]).toEqual([2, expect.stringContaining("app.pem holds no RSA private key")]);
    expect(stdout + stderr).not.toContain("of no use");
  });
});
