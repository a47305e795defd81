// The forge's own rules: what is missing is listed, set, and then really holds people back. Once for a Gitea, and once in GitHub's words.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { compareRules } from "#forge/branch-rules.ts";
import { openKit } from "#forge/github/kit.ts";
import { githubRulesets } from "#forge/github/rulesets.ts";
import { compareWebhooks } from "#forge/webhooks.ts";
import { createPlayground, type Playground } from "../cli/cli.ts";
import { sma } from "../delivery/fixture.ts";
import type { GiteaFixture } from "./gitea-fixture.ts";
import type { Account } from "./gitea-server.ts";
import { readDescription, watchKit } from "./github-description.ts";
import { type RulesetServer, startRulesets } from "./github-rulesets.ts";
import { type Hands, handsOf } from "./hands.ts";
import { webhookEvents } from "./served.ts";
import { filesIn, openWithPolicies } from "./site.ts";

describe("a Gitea", () => {
  let fixture: GiteaFixture;
  let keeper: Playground;
  let playgrounds: Playground[];
  const path = (): string => `/repos/${fixture.owner}/${fixture.name}/branch_protections`;
  const edit = (rule: string, body: object): Promise<unknown> =>
    fixture.api("keeper", "PATCH", `${path()}/${encodeURIComponent(rule)}`, body);

  beforeEach(async () => {
    playgrounds = [];
    fixture = await openWithPolicies();
    await fixture.api("keeper", "DELETE", `${path()}/main`);
    keeper = checkoutOf("keeper");
  });
  afterEach(async () => {
    for (const playground of playgrounds) playground.remove();
    await fixture?.close();
  });

  function checkoutOf(account: Account): Playground {
    const { url, tokens } = inject("gitea");
    const playground = createPlayground({ SLIPWAY_FORGE_TOKEN: tokens[account] });
    playgrounds.push(playground);
    const spec = { provider: "gitea", url, repository: `${fixture.owner}/${fixture.name}`, writer: "slipway" };
    playground.write("forge.yaml", JSON.stringify({ apiVersion: "slipway.dev/v1", kind: "Forge", spec }));
    return playground;
  }

  async function codes(): Promise<readonly string[]> {
    const { document } = await keeper.json("forge", "check");
    const findings = document["findings"] as readonly { readonly code: string; readonly severity: string }[];
    return findings.filter(({ severity }) => severity === "error").map(({ code }) => code);
  }

  test("without rules everything is listed; then they are set, twice, and hold", async () => {
    const before = await keeper.run("forge", "check");
    expect(before.code).toBe(2);
    expect(before.stderr).toContain("main: everyone who may write to the repository may push without a pull request");
    expect(before.stderr).toContain("main: a pull request is merged without slipway/gate");
    expect(before.stderr).toMatch(/env\/paper, env\/another, slipway\/rendered\/paper, .*slipway\/record: /);
    for (const _ of [1, 2]) {
      const set = await keeper.run("forge", "protect");
      expect([set.code, set.stdout]).toEqual([
        0,
        expect.stringContaining("main takes pull requests that slipway has passed"),
      ]);
      expect(set.stderr).toMatch(/^warning.*cannot say whose status/);
    }
    expect(await codes()).toEqual([]);
    expect((await keeper.run("forge", "check")).stderr).toContain("no webhook tells Slipway's server");
    const config = { url: "http://127.0.0.1:9/webhooks", content_type: "json", secret: "of the webhooks" };
    const hook = { type: "gitea", active: true, config, events: webhookEvents };
    await fixture.api("keeper", "POST", `/repos/${fixture.owner}/${fixture.name}/hooks`, hook);
    expect((await keeper.run("forge", "check")).stderr).not.toContain("webhook");
    const rules = (await fixture.api("keeper", "GET", path())) as readonly { readonly rule_name: string }[];
    expect(rules.map((rule) => rule.rule_name).sort()).toEqual([
      "env/*",
      "main",
      "slipway/record",
      "slipway/rendered/*",
    ]);

    const [alice, slipway]: readonly Hands[] = [handsOf(fixture, "alice"), handsOf(fixture, "slipway")];
    await alice!.clone();
    await slipway!.clone();
    for (const branch of ["main", "env/paper", "env/new", "slipway/rendered/paper", "slipway/record"])
      await expect(alice!.push(branch, { "a/b": "mine\n" })).rejects.toThrow(/protected branch/);
    await slipway!.push("env/paper", { "a/b": "ours\n" });
    await slipway!.push("main", { "a/b": "ours\n" });
    await expect(alice!.git("push", "--quiet", "origin", "+HEAD:refs/heads/env/paper")).rejects.toThrow(/protected/);
    await expect(alice!.git("push", "--quiet", "origin", ":refs/heads/env/paper")).rejects.toThrow(/protected/);
    await alice!.push("alice/sma", await filesIn(`strategies/${sma}/`));
    const number = await alice!.propose("alice/sma", "sma");
    await expect(handsOf(fixture, "keeper").press(number, "merge")).rejects.toThrow("405");
  }, 180_000);

  test.each([
    { rule: "main", body: { enable_push: true, enable_push_whitelist: false }, code: "forge-pushed" },
    { rule: "main", body: { push_whitelist_usernames: ["slipway", "carol"] }, code: "forge-pushed" },
    { rule: "main", body: { enable_force_push: true }, code: "forge-rewritten" },
    { rule: "main", body: { block_admin_merge_override: false }, code: "forge-overridden" },
    { rule: "main", body: { status_check_contexts: ["slipway/gate"] }, code: "forge-status-missing" },
    { rule: "env/*", body: { enable_merge_whitelist: false }, code: "forge-own-merged" },
    { rule: "env/*", body: { enable_push: false }, code: "forge-writer-kept-out" },
  ])(
    "a rule for $rule with $body is found, and set right",
    async ({ rule, body, code }) => {
      await keeper.run("forge", "protect");
      await edit(rule, body);
      expect(await codes()).toEqual([code]);
      expect((await keeper.run("forge", "protect")).code).toBe(0);
      expect(await codes()).toEqual([]);
    },
    120_000,
  );

  test("a rule of somebody else's that comes first is what holds", async () => {
    await keeper.run("forge", "protect");
    await fixture.api("keeper", "POST", path(), { rule_name: "env/p*", priority: -1, enable_push: true });
    const { code, stderr } = await keeper.run("forge", "protect");
    expect([code, stderr]).toEqual([2, expect.stringMatching(/env\/paper: everyone who may write .*may push/)]);
    expect(stderr).toContain("take away what others have set there");
  });

  test("whoever does not administer the repository is told so", async () => {
    const { code, stderr } = await checkoutOf("alice").run("forge", "check");
    expect([code, stderr]).toEqual([1, expect.stringMatching(/branch_protections.*right to do this/)]);
  });
});

describe("GitHub's rulesets", () => {
  const description = readDescription();
  const problems = new Set<string>();
  const operations = new Set<string>();
  let server: RulesetServer;
  beforeAll(async () => {
    server = await startRulesets({ apps: { "slipway-acme": 4_242 }, users: { robot: 77 } });
  });
  beforeEach(() => server.clear());
  afterAll(() => server.stop());

  const rulesOf = (writer: string) => {
    const kit = openKit({ credential: { token: "x" }, apiUrl: server.url, paced: false });
    watchKit(kit, description, problems, operations);
    return githubRulesets({ kit, owner: "acme", name: "strategies", writer });
  };
  const bot = "slipway-acme[bot]";

  async function findings(writer = bot) {
    const rules = rulesOf(writer);
    const branches = ["main", "env/paper", "slipway/record"];
    const found = await Promise.all(branches.map(async (branch) => [branch, await rules.read(branch)] as const));
    return compareRules(new Map(found), writer);
  }
  const codes = async (writer?: string): Promise<readonly string[]> =>
    (await findings(writer)).filter(({ severity }) => severity === "error").map(({ code }) => code);

  test("none, then ours, for an App and for a user", async () => {
    expect(await codes()).toEqual(expect.arrayContaining(["forge-pushed", "forge-status-missing", "forge-rewritten"]));
    for (const _ of [1, 2]) await rulesOf(bot).write();
    expect(await findings()).toEqual([]);
    expect(server.rulesets()).toHaveLength(2);
    server.clear();
    await rulesOf("robot").write();
    expect(await findings("robot")).toMatchObject([{ severity: "warning", code: "forge-status-source" }]);
  });

  test.each([
    {
      name: "administrators bypass main's",
      change: { bypass_actors: [{ actor_id: 5, actor_type: "RepositoryRole" }] },
      says: "administrators may merge",
    },
    { name: "it only watches", change: { enforcement: "evaluate" }, says: "everyone who may write" },
    { name: "a status may come from another App", source: 7, says: "the App 7" },
    { name: "a status may come from anyone", source: null, says: "counts from anyone" },
  ])("$name: it is found", async ({ change, source, says }) => {
    await rulesOf(bot).write();
    server.change("slipway: main", (ruleset) => ({
      ...ruleset,
      ...change,
      ...(source === undefined ? {} : { rules: resourced(ruleset, source) }),
    }));
    expect((await findings()).map(({ message }) => message)).toContainEqual(expect.stringContaining(says));
    await rulesOf(bot).write();
    expect(await findings()).toEqual([]);
  });

  test("a second ruleset that lets nobody by takes nothing away", async () => {
    await rulesOf(bot).write();
    server.change("slipway: main", (ruleset) => ({
      ...ruleset,
      bypass_actors: [...(ruleset["bypass_actors"] as object[]), { actor_type: "OrganizationAdmin" }],
    }));
    expect(await codes()).toEqual(
      ["forge-pushed", "forge-overridden", "forge-rewritten", "forge-deleted"].filter((code) => !/rew|del/.test(code)),
    );
  });

  test("without the rule of creation others make env/new before Slipway does", async () => {
    await rulesOf(bot).write();
    server.change("slipway: its own branches", (ruleset) => ({
      ...ruleset,
      rules: (ruleset["rules"] as readonly { readonly type: string }[]).filter(({ type }) => type !== "creation"),
    }));
    expect(await codes()).toEqual(["forge-own-created"]);
    await rulesOf(bot).write();
    expect(await codes()).toEqual([]);
  });

  const on = { enabled: true };
  const off = { enabled: false };
  const app = { id: 4_242, slug: "slipway-acme" };
  const byApp = { users: [], teams: [], apps: [app] };
  const firm = { enforce_admins: on, allow_force_pushes: off, allow_deletions: off, block_creations: on };
  const classicMain = {
    ...firm,
    required_pull_request_reviews: { bypass_pull_request_allowances: byApp },
    required_status_checks: {
      checks: ["slipway/gate", "slipway/approvals"].map((context) => ({ context, app_id: 4_242 })),
    },
  };

  test("the older protection of branches counts as much, by itself and beside a ruleset", async () => {
    server.protect("main", classicMain);
    for (const branch of ["env/paper", "slipway/record"]) server.protect(branch, { ...firm, restrictions: byApp });
    expect(await findings()).toEqual([]);
    await rulesOf(bot).write();
    expect(await findings()).toEqual([]);
  });

  test.each([
    { name: "administrators are not held", change: { enforce_admins: off }, says: "administrators may merge" },
    { name: "it may be rewritten", change: { allow_force_pushes: on }, says: "forced push" },
    { name: "it may be deleted", change: { allow_deletions: on }, says: "may be deleted" },
    {
      name: "anyone's status counts",
      change: { required_status_checks: { checks: [{ context: "slipway/gate", app_id: null }] } },
      says: "slipway/gate counts from anyone",
    },
    {
      name: "Slipway may not push",
      change: { required_pull_request_reviews: {} },
      says: "slipway-acme[bot] may not push",
    },
  ])("the older protection alone: $name", async ({ change, says }) => {
    server.protect("main", { ...classicMain, ...change });
    expect((await findings()).map(({ message }) => message)).toContainEqual(
      expect.stringMatching(new RegExp(`^main[^:]*: .*${says.replaceAll(/[[\]]/g, "\\$&")}`)),
    );
  });

  test("an older protection that keeps Slipway out is found beside rulesets that are right", async () => {
    await rulesOf(bot).write();
    server.protect("env/paper", { ...firm, restrictions: { users: [{ login: "carol" }], teams: [], apps: [] } });
    expect(await codes()).toEqual(["forge-writer-kept-out"]);
  });

  test("the webhook to the server is looked for where it is the repository's", async () => {
    expect(await rulesOf(bot).webhooks()).toBeUndefined();
    const told = async (): Promise<readonly string[]> =>
      compareWebhooks((await rulesOf("robot").webhooks()) ?? []).map(
        ({ severity, message }) => `${severity} ${message}`,
      );
    expect(await told()).toEqual([expect.stringMatching(/^warning no webhook tells Slipway's server/)]);
    const config = { url: "https://slipway.example.org/webhooks" };
    server.hook({ id: 1, active: true, config, events: ["push", "pull_request", "issue_comment"] });
    expect(await told()).toEqual([expect.stringMatching(/says nothing of pull_request_review, status$/)]);
    server.hook({ id: 2, active: true, config, events: ["*"] });
    expect(await told()).toEqual([]);
  });

  test("who may bypass is not told to everyone, and that is said", async () => {
    await rulesOf(bot).write();
    server.hideBypass();
    expect((await findings())[0]?.message).toMatch(
      /^main: whoever may bypass ruleset \d+, of whom GitHub tells this token nothing, may push/,
    );
  });

  test("a writer whom GitHub does not know is a fault that names it", async () => {
    await expect(rulesOf("nobody[bot]").write()).rejects.toMatchObject({
      code: "forge-writer-unknown",
      message: expect.stringContaining("nobody[bot]"),
    });
  });

  test("all of it as GitHub describes it", () => {
    expect([...problems]).toEqual([]);
    const repository = "/repos/{owner}/{repo}";
    expect([...operations].sort()).toEqual(
      [
        ...["GET /apps/{app_slug}", "GET /users/{username}", `GET ${repository}/rules/branches/{branch}`],
        ...[`GET ${repository}/branches/{branch}/protection`, `GET ${repository}/hooks`],
        ...[`GET ${repository}/rulesets`, `GET ${repository}/rulesets/{ruleset_id}`, `POST ${repository}/rulesets`],
        `PUT ${repository}/rulesets/{ruleset_id}`,
      ].sort(),
    );
  });
});

function resourced(ruleset: Readonly<Record<string, unknown>>, source: number | null): readonly object[] {
  type Rule = {
    readonly type: string;
    readonly parameters?: { readonly required_status_checks: readonly { readonly context: string }[] };
  };
  return (ruleset["rules"] as readonly Rule[]).map((rule) =>
    rule.type === "required_status_checks"
      ? {
          ...rule,
          parameters: {
            ...rule.parameters,
            required_status_checks: rule.parameters?.required_status_checks.map(({ context }) => ({
              context,
              ...(source === null ? {} : { integration_id: source }),
            })),
          },
        }
      : rule,
  );
}
