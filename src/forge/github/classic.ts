import type { BranchRules } from "../branch-rules.ts";
import { type Fields, fields, items, string } from "../fields.ts";
import { loginOf, read } from "../remote/read.ts";
import { ask } from "./faults.ts";
import type { Kit } from "./kit.ts";

const administrators = "administrators";

/**
 * GitHub's older protection of one branch, which holds beside all rulesets; undefined where there is none, where the branch is not there yet, or where this
 * token may not see it.
 *
 * @param sourceOf an App by its number, as the rules name it
 */
export async function classicProtection(
  kit: Kit,
  at: { readonly owner: string; readonly repo: string },
  branch: string,
  sourceOf: (app: unknown) => string | undefined,
): Promise<BranchRules | undefined> {
  const where = `GET branches/${branch}/protection`;
  const found = await ask(where, () => kit.rest.repos.getBranchProtection({ ...at, branch }), [403, 404]);
  return "value" in found ? read(where, found.value.data, (one) => rulesOf(one, sourceOf)) : undefined;
}

function rulesOf(protection: Fields, sourceOf: (app: unknown) => string | undefined): BranchRules {
  const admins = isOn(protection, "enforce_admins") ? [] : [administrators];
  const reviews = part(protection, "required_pull_request_reviews");
  const restrictions = part(protection, "restrictions");
  const checks = part(protection, "required_status_checks");
  const pushing = [
    ...(restrictions === undefined ? [] : [[...named(restrictions), ...admins]]),
    ...(reviews === undefined ? [] : [[...named(part(reviews, "bypass_pull_request_allowances")), ...admins]]),
  ];
  return {
    pushers: pushing[0]?.filter((name) => pushing.every((list) => list.includes(name))),
    mergers: restrictions === undefined ? undefined : [...named(restrictions), ...admins],
    overriders: checks === undefined ? [] : admins,
    rewritten: isOn(protection, "allow_force_pushes"),
    deleted: isOn(protection, "allow_deletions"),
    created: restrictions === undefined || !isOn(protection, "block_creations"),
    statuses: (checks === undefined ? [] : items(checks, "checks")).map((check) => ({
      context: string(check, "context"),
      source: sourceOf(check["app_id"]),
    })),
    sourceless: false,
  };
}

function part(from: Fields, key: string): Fields | undefined {
  return from[key] === undefined || from[key] === null ? undefined : fields(from[key], key);
}

function isOn(from: Fields, key: string): boolean {
  return part(from, key)?.["enabled"] === true;
}

/** People by login, teams, and Apps as their accounts are called. */
function named(list: Fields | undefined): readonly string[] {
  if (list === undefined) return [];
  const of = (key: string): readonly Fields[] => (list[key] === undefined ? [] : items(list, key));
  return [
    ...of("users").flatMap((user) => loginOf(user) ?? []),
    ...of("teams").map((team) => `team ${string(team, "slug")}`),
    ...of("apps").map((app) => `${string(app, "slug")}[bot]`),
  ];
}

/** What two sets of rules that both hold come to. */
export function bothOf(one: BranchRules, other: BranchRules): BranchRules {
  const asking = [one, other].filter(({ statuses }) => statuses.length > 0);
  const overriders = [...new Set(asking.flatMap((rules) => rules.overriders))];
  const contexts = new Set([...one.statuses, ...other.statuses].map(({ context }) => context));
  const all = (context: string): readonly BranchRules[] =>
    asking.filter(({ statuses }) => statuses.some((status) => status.context === context));
  // Whoever passes by one of the two waits for the other all the same, if it asks for as much.
  const alike = [...contexts].every((context) => all(context).length === asking.length);
  return {
    pushers: common(one.pushers, other.pushers),
    mergers: common(one.mergers, other.mergers),
    overriders: alike
      ? overriders.filter((name) => asking.every((rules) => rules.overriders.includes(name)))
      : overriders,
    rewritten: one.rewritten && other.rewritten,
    deleted: one.deleted && other.deleted,
    created: one.created && other.created,
    // From whom it must be stands before from anyone: both are waited for.
    statuses: [...one.statuses, ...other.statuses].sort(
      (a, b) => Number(a.source === undefined) - Number(b.source === undefined),
    ),
    sourceless: one.sourceless,
  };
}

function common(
  one: readonly string[] | undefined,
  other: readonly string[] | undefined,
): readonly string[] | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const names = new Set(other.map((name) => name.toLowerCase()));
  return one.filter((name) => names.has(name.toLowerCase()));
}
