import { formatTarget, type HaltTarget, type HaltVerb, parseTargetArgument } from "./halt.ts";
import { loginKey } from "./person.ts";
import { err, ok, type Result } from "./result.ts";
import type { TeamsDocument } from "./teams.ts";

/** People who may stop strategies together, by an account of the bus that is theirs: `operator-<group>`. */
export interface Operators {
  /** A group or a team of `policies/teams.yaml`. */
  readonly group: string;
  readonly members: readonly string[];
  readonly may: readonly HaltRight[];
}

export interface HaltRight {
  /** Whom; whoever is part of it may be stopped alone, too. */
  readonly target: HaltTarget;
  readonly verbs: readonly RightVerb[];
}

/** `command`: send commands to algorithms. */
export type RightVerb = HaltVerb | "command";

/** What somebody asks for. */
export interface HaltWish {
  /** As they name themselves. */
  readonly by: string;
  readonly verb: RightVerb;
  readonly target: HaltTarget;
}

export interface HaltNotAllowed {
  readonly code: "halt-not-allowed";
  readonly message: string;
  readonly fix: string;
}

export const haltVerbs = ["halt", "reduce", "flatten"] as const satisfies readonly HaltVerb[];

export const rightVerbs = [...haltVerbs, "command"] as const satisfies readonly RightVerb[];

/**
 * Who may stop strategies of an environment and send them commands, one entry a group, sorted. Undefined: the policies do not say, and the account
 * `operator` may do both with all.
 *
 * @param teams undefined where there is no document
 */
export function operatorsOf(teams: TeamsDocument | undefined, environment: string): readonly Operators[] | undefined {
  const { halts, groups = {}, teams: listed = {} } = teams?.spec ?? {};
  if (halts === undefined) return undefined;
  const found = new Map<string, Operators>();
  for (const { group, scope, verbs = haltVerbs, environments } of halts) {
    const target = parseTargetArgument(scope);
    if (!target.ok || environments?.includes(environment) === false) continue;
    const members = membersOf({ groups, teams: listed }, group) ?? [];
    const before = found.get(group)?.may ?? [];
    found.set(group, { group, members, may: [...before, { target: target.value, verbs }] });
  }
  return [...found.values()].sort((a, b) => (a.group < b.group ? -1 : 1));
}

/** The people of a group, or of a team. */
export function membersOf(
  { groups = {}, teams }: Pick<TeamsDocument["spec"], "groups" | "teams">,
  name: string,
): readonly string[] | undefined {
  if (Object.hasOwn(groups, name)) return groups[name];
  return Object.hasOwn(teams, name) ? teams[name]?.members : undefined;
}

/** The groups that let this person do that; without the person, all that let anyone. */
export function groupsFor(
  operators: readonly Operators[],
  { by, verb, target }: Omit<HaltWish, "by"> & { readonly by?: string },
): readonly Operators[] {
  return operators.filter(
    ({ members, may }) =>
      (by === undefined || members.some((member) => loginKey(member) === loginKey(by))) &&
      may.some((right) => right.verbs.includes(verb) && contains(right.target, target)),
  );
}

/** @param group whose account it comes from; undefined: from the account `operator` */
export function judgeHalt(
  operators: readonly Operators[] | undefined,
  group: string | undefined,
  wish: HaltWish,
): Result<void, HaltNotAllowed> {
  if (operators === undefined && group === undefined) return ok(undefined);
  if (groupsFor(operators ?? [], wish).some((allowed) => allowed.group === group)) return ok(undefined);
  return err(notAllowed(operators ?? [], wish));
}

/** `alice may not halt all: policies/teams.yaml lets risk (erin, frank) do that; alice, of momentum, may halt and reduce team/momentum` */
export function notAllowed(operators: readonly Operators[], { by, verb, target }: HaltWish): HaltNotAllowed {
  const others = groupsFor(operators, { verb, target });
  const named = others.map(({ group, members }) => `${group} (${members.join(", ") || "nobody"})`).join(" or ");
  const own = operators.filter(({ members }) => members.some((member) => loginKey(member) === loginKey(by)));
  const rights = own.map(({ group, may }) => `of ${group}, may ${may.map(describeRight).join(" and ")}`);
  const instead = rights.length === 0 ? "" : `; ${by}, ${rights.join("; ")}`;
  return {
    code: "halt-not-allowed",
    message: `${by} may not ${verb} ${formatTarget(target)}: policies/teams.yaml lets ${named || "nobody"} do that${instead}`,
    fix: others.length === 0 ? "propose who may, under halts in policies/teams.yaml" : `ask one of ${named}`,
  };
}

function describeRight({ target, verbs }: HaltRight): string {
  const stops = haltVerbs.every((verb) => verbs.includes(verb));
  const words = stops ? ["stop", ...verbs.filter((verb) => verb === "command")].join(" and ") : verbs.join(" or ");
  return `${words} ${formatTarget(target)}`;
}

function contains(outer: HaltTarget, inner: HaltTarget): boolean {
  if (outer === "all" || outer === inner) return true;
  return inner.startsWith(`${outer}/`);
}
