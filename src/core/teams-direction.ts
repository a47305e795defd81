import { boundNames, combine, compareBound, type Direction, formatBound } from "./bounds.ts";
import { changed, changedRank, changedSet, compareSets, type FieldChange, own, presence } from "./direction.ts";
import { ownersDefault } from "./owners.ts";
import type { TeamsDocument } from "./teams.ts";

type Spec = TeamsDocument["spec"];
type TeamEnvironment = Spec["teams"][string]["environments"][string];
type ApprovalRule = NonNullable<Spec["approvals"]>[number];
type OwnerRule = NonNullable<Spec["owners"]>[number];

export interface TeamsChange extends FieldChange {
  /** `undefined`: it counts for every environment. */
  readonly environments: readonly string[] | undefined;
}

/** Stands for every team, or environment, that a document does not name; no name can be it. */
const others = "*";

/**
 * What changes in who may do what: fewer members, fewer environments, narrower bounds and more approvals are tighter. A team that is not listed
 * has what `unlisted` says, so listing it is compared with that. Groups and teams that come or go cannot be compared: a rule's owner may be
 * called like one.
 *
 * @param before `undefined`: there is no document, any team may run anywhere, and nobody is asked
 */
export function compareTeams(
  before: TeamsDocument | undefined,
  after: TeamsDocument | undefined,
): readonly TeamsChange[] {
  const [old, now] = [before?.spec, after?.spec];
  return [
    ...compareMembers("groups", old?.groups, now?.groups, (members) => members),
    ...compareMembers("teams", old?.teams, now?.teams, ({ members }) => members, ".members"),
    ...compareRights(old, now),
    ...compareApprovals(old?.approvals ?? [], now?.approvals ?? []),
    ...compareOwners(old?.owners ?? [], now?.owners ?? []),
    ...compareHalts(old?.halts, now?.halts),
  ];
}

function compareMembers<Entry>(
  field: string,
  before: { readonly [name: string]: Entry } | undefined,
  after: { readonly [name: string]: Entry } | undefined,
  members: (entry: Entry) => readonly string[],
  suffix = "",
): readonly TeamsChange[] {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].sort();
  return names.flatMap((name) => {
    const [old, now] = [own(before, name), own(after, name)].map((entry) => entry && members(entry));
    const path = `${field}.${name}${suffix}`;
    const changes =
      old === undefined || now === undefined
        ? presence(path, old && formatBound(old), now && formatBound(now), "incomparable")
        : changedSet(path, old, now);
    return changes.map((change) => ({ ...change, environments: undefined }));
  });
}

/** What a team may in an environment: nothing (`undefined`), or what its own narrower bounds say. */
function rightOf(spec: Spec | undefined, team: string, environment: string): TeamEnvironment | undefined {
  if (spec === undefined) return {};
  const listed = own(spec.teams, team);
  if (listed !== undefined) return own(listed.environments, environment);
  return spec.unlisted?.includes(environment) === true ? {} : undefined;
}

function compareRights(before: Spec | undefined, after: Spec | undefined): readonly TeamsChange[] {
  const specs = [before, after].filter((spec) => spec !== undefined);
  const teams = new Set(specs.flatMap((spec) => Object.keys(spec.teams)));
  const environments = new Set(
    specs.flatMap((spec) => [
      ...(spec.unlisted ?? []),
      ...Object.values(spec.teams).flatMap((team) => Object.keys(team.environments)),
    ]),
  );
  return [...[...teams].sort(), others].flatMap((team) =>
    [...[...environments].sort(), others].flatMap((environment) => {
      const field = team === others ? `unlisted.${environment}` : `teams.${team}.environments.${environment}`;
      const changes = compareRight(field, rightOf(before, team, environment), rightOf(after, team, environment));
      return changes.map((change) => ({ ...change, environments: environment === others ? undefined : [environment] }));
    }),
  );
}

/** A bound that a team does not narrow is the environment's own, which is never narrower. */
function compareRight(
  field: string,
  before: TeamEnvironment | undefined,
  after: TeamEnvironment | undefined,
): readonly FieldChange[] {
  if (before === undefined || after === undefined) return presence(field, before && "allowed", after && "allowed");
  const changes: FieldChange[] = [];
  for (const name of boundNames) {
    const [old, now] = [before.bounds?.[name], after.bounds?.[name]];
    changes.push(...narrowed(`${field}.bounds.${name}`, old, now, formatBound, (a, b) => compareBound(name, a, b)));
  }
  for (const name of ["cpu", "memory", "state"] as const) {
    const [old, now] = [before.totals?.[name], after.totals?.[name]];
    changes.push(...narrowed(`${field}.totals.${name}`, old, now, formatBound, (a, b) => compareBound(name, a, b)));
  }
  const [old, now] = [before.totals?.strategies, after.totals?.strategies];
  const compare = (a: number, b: number): Direction => combine(changedRank("", a, b).map(({ direction }) => direction));
  return [...changes, ...narrowed(`${field}.totals.strategies`, old, now, String, compare)];
}

function narrowed<Value>(
  field: string,
  before: Value | undefined,
  after: Value | undefined,
  format: (value: Value) => string,
  compare: (before: Value, after: Value) => Direction,
): readonly FieldChange[] {
  if (before !== undefined && after !== undefined)
    return changed(field, format(before), format(after), compare(before, after));
  return presence(
    field,
    before === undefined ? undefined : format(before),
    after === undefined ? undefined : format(after),
    "tighter",
  );
}

/** More approvals of the same people are tighter. Other people may be better or worse, and what nobody owned was changed by nobody. */
function compareOwners(before: readonly OwnerRule[], after: readonly OwnerRule[]): readonly TeamsChange[] {
  const paths = [...new Set([...before, ...after].map(({ path }) => path))].sort();
  return paths.flatMap((path) => {
    const [old, now] = [before, after].map((rules) => rules.find((rule) => rule.path === path));
    const [was, is] = [old, now].map((rule) => rule && `${rule.count ?? ownersDefault} of ${rule.group}`);
    if (was === is) return [];
    const more = (now?.count ?? ownersDefault) > (old?.count ?? ownersDefault);
    const counted = more ? "tighter" : "looser";
    const direction = old?.group === now?.group ? counted : "incomparable";
    return [{ field: `owners ${path}`, before: was, after: is, direction, environments: undefined }];
  });
}

/** Whoever may stop more may do good or harm: what changes there cannot be compared. */
function compareHalts(before: Spec["halts"], after: Spec["halts"]): readonly TeamsChange[] {
  const textOf = (halts: Spec["halts"]): readonly string[] | undefined => halts?.map((rule) => JSON.stringify(rule));
  const [old, now] = [textOf(before), textOf(after)];
  if (old === undefined && now === undefined) return [];
  if (compareSets(old ?? [], now ?? []) === "equal" && (old === undefined) === (now === undefined)) return [];
  const words = (halts: Spec["halts"]): string =>
    halts?.map(({ group, scope }) => `${group}: ${scope}`).join(", ") ?? "the account operator";
  return [
    { field: "halts", before: words(before), after: words(after), direction: "incomparable", environments: undefined },
  ];
}

/** A rule is given up when no rule of the others asks at least as much; where each side asks all that the other does, nothing changed. */
function compareApprovals(before: readonly ApprovalRule[], after: readonly ApprovalRule[]): readonly TeamsChange[] {
  const change = (rule: ApprovalRule, came: boolean): TeamsChange => {
    const text = `${rule.count} of ${rule.group}${rule.direction === "looser" ? " when looser" : ""}`;
    const field = `approvals ${rule.folder}`;
    return {
      field,
      before: came ? undefined : text,
      after: came ? text : undefined,
      direction: came ? "tighter" : "looser",
      environments: rule.environments,
    };
  };
  const lost = before.filter((rule) => !after.some((other) => asks(other, rule)));
  const won = after.filter((rule) => !before.some((other) => asks(other, rule)));
  return [...lost.map((rule) => change(rule, false)), ...won.map((rule) => change(rule, true))];
}

/** Whether whoever meets `rule` has met `least`. */
function asks(rule: ApprovalRule, least: ApprovalRule): boolean {
  const folder = rule.folder === least.folder || (rule.folder.endsWith("/") && least.folder.startsWith(rule.folder));
  const direction = (rule.direction ?? "any") === "any" || least.direction === "looser";
  const environments =
    rule.environments === undefined ||
    least.environments?.every((name) => rule.environments?.includes(name) === true) === true;
  return rule.group === least.group && rule.count >= least.count && folder && direction && environments;
}
