import { Fault } from "#core/result.ts";
import { type BranchRules, type BranchRulesApi, mainBranch, ownBranches, requiredStatuses } from "../branch-rules.ts";
import { type Fields, fields, integer, items, string } from "../fields.ts";
import { read, readList } from "../remote/read.ts";
import { bothOf, classicProtection } from "./classic.ts";
import { ask } from "./faults.ts";
import type { Kit } from "./kit.ts";

export interface RulesetsOptions {
  readonly kit: Kit;
  readonly owner: string;
  readonly name: string;
  /** The login that alone pushes to what is Slipway's: an App's `<name>[bot]`, or a user's. */
  readonly writer: string;
}

type ActorType = "Integration" | "User";
interface Actor {
  readonly id: number;
  readonly type: ActorType;
}

/** Of what a webhook tells the server, by GitHub's names. */
const events = ["push", "pull_request", "pull_request_review", "issue_comment", "status"];

const rulesetNames = { main: "slipway: main", own: "slipway: its own branches" } as const;

/** GitHub's rulesets. All that are about a branch hold there, and whoever bypasses one bypasses its rules alone. */
export function githubRulesets({ kit, owner, name, writer }: RulesetsOptions): BranchRulesApi {
  const at = { owner, repo: name };
  const { repos } = kit.rest;
  const actor = async (): Promise<Actor> => {
    const slug = /^(.+)\[bot\]$/.exec(writer)?.[1];
    const where = slug === undefined ? `GET /users/${writer}` : `GET /apps/${slug}`;
    const found = await ask(
      where,
      async () =>
        slug === undefined
          ? (await kit.rest.users.getByUsername({ username: writer })).data
          : (await kit.rest.apps.getBySlug({ app_slug: slug })).data,
      [404],
    );
    if (!("value" in found))
      throw new Fault("forge-writer-unknown", `GitHub knows no ${writer}, whom forge.yaml names as the writer`);
    return {
      id: read(where, found.value, (one) => integer(one, "id")),
      type: slug === undefined ? "User" : "Integration",
    };
  };
  return {
    async read(branch) {
      const where = `GET rules/branches/${branch}`;
      const found = await ask(where, () => kit.paginate(repos.getBranchRules, { ...at, branch, per_page: 100 }));
      const rules = readList(where, "value" in found ? found.value : undefined);
      const bypassed = new Map<number, readonly string[]>();
      const own = await actor();
      for (const id of new Set(rules.map((rule) => integer(rule, "ruleset_id"))))
        bypassed.set(id, await bypassers(kit, at, id, { ...own, name: writer }));
      const ruled = rulesOf(rules, bypassed, { ...own, name: writer });
      const classic = await classicProtection(kit, at, branch, (app) => sourceOf(app, { ...own, name: writer }));
      return classic === undefined ? ruled : bothOf(ruled, classic);
    },
    async webhooks() {
      // An App's own is set at the App.
      if (writer.endsWith("[bot]")) return undefined;
      const where = "GET hooks";
      const found = await ask(where, () => kit.paginate(repos.listWebhooks, { ...at, per_page: 100 }));
      return readList(where, "value" in found ? found.value : undefined).map((hook) => {
        const told = Array.isArray(hook["events"]) ? hook["events"] : [];
        return {
          url: string(fields(hook["config"], "config"), "url"),
          active: hook["active"] === true,
          missing: told.includes("*") ? [] : events.filter((event) => !told.includes(event)),
        };
      });
    },
    async write() {
      const list = await ask("GET rulesets", () => kit.paginate(repos.getRepoRulesets, { ...at, per_page: 100 }));
      const known = readList("GET rulesets", "value" in list ? list.value : undefined);
      const own = await actor();
      for (const wanted of [mainRuleset(own), ownRuleset(own)]) {
        const same = known.find((each) => each["name"] === wanted.name && each["source_type"] !== "Organization");
        const route: string = "/repos/{owner}/{repo}/rulesets";
        const set = { ...at, ...wanted };
        await (same === undefined
          ? ask("POST rulesets", () => kit.request(`POST ${route}`, set))
          : ask("PUT rulesets", () =>
              kit.request(`PUT ${route}/{ruleset_id}`, { ...set, ruleset_id: integer(same, "id") }),
            ));
      }
    },
  };
}

function ruleset(name: string, { id, type }: Actor, branches: readonly string[], rules: readonly object[]) {
  return {
    ...{ name, target: "branch", enforcement: "active", rules },
    bypass_actors: [{ actor_id: id, actor_type: type, bypass_mode: "always" }],
    conditions: { ref_name: { include: branches.map((each) => `refs/heads/${each}`), exclude: [] } },
  } as const;
}

function mainRuleset(own: Actor) {
  // Only an App can be the source that a status must have.
  const source = own.type === "Integration" ? { integration_id: own.id } : {};
  const reviews = {
    ...{ required_approving_review_count: 0, dismiss_stale_reviews_on_push: false, require_code_owner_review: false },
    ...{ require_last_push_approval: false, required_review_thread_resolution: false },
  };
  return ruleset(
    rulesetNames.main,
    own,
    [mainBranch],
    [
      { type: "deletion" },
      { type: "non_fast_forward" },
      { type: "pull_request", parameters: reviews },
      {
        type: "required_status_checks",
        parameters: {
          strict_required_status_checks_policy: false,
          required_status_checks: requiredStatuses.map((context) => ({ context, ...source })),
        },
      },
    ],
  );
}

function ownRuleset(own: Actor) {
  return ruleset(rulesetNames.own, own, ownBranches, [
    ...["creation", "update", "deletion", "non_fast_forward"].map((type) => ({ type })),
  ]);
}

interface Named extends Actor {
  readonly name: string;
}

async function bypassers(
  kit: Kit,
  at: { readonly owner: string; readonly repo: string },
  id: number,
  own: Named,
): Promise<readonly string[]> {
  const where = `GET rulesets/${id}`;
  const found = await ask(where, () => kit.rest.repos.getRepoRuleset({ ...at, ruleset_id: id }));
  const ruleset = read(where, "value" in found ? found.value.data : undefined, (one) => one);
  // GitHub tells them only to who may change the ruleset; an organization's is not the repository's to change.
  if (ruleset["bypass_actors"] === undefined)
    return [own.name, `whoever may bypass ruleset ${id}, of whom GitHub tells this token nothing,`];
  return items(ruleset, "bypass_actors").map((actor) => nameOf(actor, own));
}

const roles = new Map([
  [2, "maintainers"],
  [4, "everyone who may write"],
  [5, "administrators"],
]);

function nameOf(actor: Fields, own: Named): string {
  const [type, id] = [string(actor, "actor_type"), actor["actor_id"]];
  if (type === own.type && id === own.id) return own.name;
  if (type === "OrganizationAdmin") return "the organization's owners";
  if (type === "DeployKey") return "deploy keys";
  if (type === "RepositoryRole") return roles.get(Number(id)) ?? `repository role ${id}`;
  return `${type === "Integration" ? "the App" : type.toLowerCase()} ${id}`;
}

function rulesOf(rules: readonly Fields[], bypassed: ReadonlyMap<number, readonly string[]>, own: Named): BranchRules {
  const of = (type: string): readonly Fields[] => rules.filter((rule) => rule["type"] === type);
  /** Who is held by no rule of a kind; undefined: there is none. */
  const free = (type: string): readonly string[] | undefined => {
    const lists = of(type).map((rule) => bypassed.get(integer(rule, "ruleset_id")) ?? []);
    return lists[0]?.filter((name) => lists.every((list) => list.includes(name)));
  };
  const pushers = [free("pull_request"), free("update")].filter((list) => list !== undefined);
  const [first] = pushers;
  const beyond = (type: string): boolean =>
    free(type)?.every((name) => first === undefined || first.includes(name)) !== true;
  return {
    pushers: first?.filter((name) => pushers.every((list) => list.includes(name))),
    mergers: free("update"),
    overriders: free("required_status_checks") ?? [],
    rewritten: beyond("non_fast_forward"),
    deleted: beyond("deletion"),
    created: beyond("creation"),
    statuses: of("required_status_checks").flatMap((rule) =>
      items(fields(rule["parameters"], "parameters"), "required_status_checks").map((status) => ({
        context: string(status, "context"),
        source: sourceOf(status["integration_id"], own),
      })),
    ),
    // A user's statuses are anybody's to GitHub.
    sourceless: own.type === "User",
  };
}

function sourceOf(id: unknown, own: Named): string | undefined {
  if (typeof id !== "number" || id < 1) return undefined;
  return own.type === "Integration" && id === own.id ? own.name : `the App ${id}`;
}
