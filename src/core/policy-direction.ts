import { isValueOf } from "./bound-value.ts";
import { boundNames, combine, type Direction, formatBound } from "./bounds.ts";
import {
  changed,
  changedBound,
  changedRank,
  changedSet,
  changedValue,
  compareSets,
  type FieldChange,
  own,
  presence,
  toJson,
} from "./direction.ts";
import { defaultNames, type EnvironmentDocument } from "./environment.ts";
import { type FreezeDocument, freezeWindow } from "./freeze.ts";
import { formatTarget, type HaltDocument, strictnessOf, targetOf } from "./halt.ts";
import type { Parsed } from "./parse.ts";
import type { Policies } from "./policies.ts";
import { type CpuMillicores, cpuOf, formatCpu, formatMemory, type MemoryBytes, memoryOf } from "./quantity.ts";
import type { RuleDocument } from "./rule.ts";
import { teamsFile } from "./teams.ts";
import { compareTeams } from "./teams-direction.ts";
import { type WaiverDocument, waiverEnd } from "./waiver.ts";

/** A change of a policy, and for which environments it counts. */
export interface PolicyChange extends FieldChange {
  /** `policies/environments/paper.yaml` */
  readonly file: string;
  /** `undefined`: for every one. */
  readonly environments: readonly string[] | undefined;
}

/**
 * What changes in the policies, field by field, by file. `tighter` lets through nothing that was not let through before: a lower bound, a rule or
 * freeze more, a waiver or a member less. Words for people (reasons, messages, samples) have no direction and are no change.
 */
export function comparePolicies(before: Policies, after: Policies): readonly PolicyChange[] {
  return [
    ...byName("environments", before.environments, after.environments, compareEnvironments, (_, name) => [name]),
    ...byName("rules", before.rules, after.rules, compareRules, ({ spec }) => spec.environments),
    ...teamsChanges(before, after),
    ...byName("waivers", before.waivers, after.waivers, compareWaivers, ({ spec }) => [spec.scope.environment]),
    ...byName("freezes", before.freezes, after.freezes, compareFreezes, ({ spec }) => spec.environments),
    ...byName("halts", before.halts, after.halts, compareHalts, ({ spec }) => [spec.scope.environment]),
  ];
}

type Documents<Document> = ReadonlyMap<string, Parsed<Document>>;

function byName<Document>(
  folder: string,
  before: Documents<Document>,
  after: Documents<Document>,
  compare: (before: Document | undefined, after: Document | undefined) => readonly FieldChange[],
  reach: (document: Document, name: string) => readonly string[] | undefined,
): readonly PolicyChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((name): readonly PolicyChange[] => {
    const [old, now] = [before.get(name), after.get(name)];
    const reaches = [old, now].map((parsed) => (parsed?.document === undefined ? [] : reach(parsed.document, name)));
    const [was, is] = reaches;
    const refused = unreadable(old, now);
    const environments =
      refused || was === undefined || is === undefined ? undefined : [...new Set([...was, ...is])].sort();
    const changes = refused ? unread(old, now) : compare(old?.document, now?.document);
    return changes.map((change) => ({ ...change, file: `policies/${folder}/${name}.yaml`, environments }));
  });
}

/** What cannot be read on one side cannot be compared. */
function unreadable(before: Parsed<unknown> | undefined, after: Parsed<unknown> | undefined): boolean {
  return [before, after].some((parsed) => parsed !== undefined && parsed.document === undefined);
}

function unread(before: Parsed<unknown> | undefined, after: Parsed<unknown> | undefined): readonly FieldChange[] {
  if (before !== undefined && after !== undefined && before.document === after.document) return [];
  const say = (parsed: Parsed<unknown> | undefined): string | undefined =>
    parsed && (parsed.document === undefined ? "refused" : "readable");
  return [{ field: "document", before: say(before), after: say(after), direction: "incomparable" }];
}

function teamsChanges({ teams: before }: Policies, { teams: after }: Policies): readonly PolicyChange[] {
  const changes = unreadable(before, after)
    ? unread(before, after).map((change) => ({ ...change, environments: undefined }))
    : compareTeams(before?.document, after?.document);
  return changes.map((change) => ({ ...change, file: teamsFile }));
}

type Spec = EnvironmentDocument["spec"];
type Fields = { readonly [Key in keyof Required<Spec>]: (before: Spec, after: Spec) => readonly FieldChange[] };

/** One line a field: a new field does not compile until it has a direction. */
const environmentFields: Fields = {
  owner: (before, after) => changedValue("owner", before.owner, after.owner),
  embedded: (before, after) =>
    changedRank("embedded", Number(before.embedded ?? false), Number(after.embedded ?? false), (rank) =>
      String(rank === 1),
    ),
  approvals: (before, after) => changedRank("approvals", -before.approvals, -after.approvals, (rank) => String(-rank)),
  bounds: (before, after) =>
    boundNames.flatMap((name) => changedBound(`bounds.${name}`, name, before.bounds[name], after.bounds[name])),
  defaults: (before, after) =>
    defaultNames.flatMap((name) => changedBound(`defaults.${name}`, name, before.defaults[name], after.defaults[name])),
  teamTotals: (before, after) => [
    ...(["cpu", "memory", "state"] as const).flatMap((name) =>
      changedBound(`teamTotals.${name}`, name, before.teamTotals[name], after.teamTotals[name]),
    ),
    ...changedRank("teamTotals.strategies", before.teamTotals.strategies, after.teamTotals.strategies),
  ],
  runtimes: (before, after) =>
    perKey("runtimes", before.runtimes, after.runtimes, "looser", (field, old, now) => [
      ...changedSet(`${field}.packages`, old.packages, now.packages),
      // Who needs more is let through less.
      ...changedRank(`${field}.needs.cpu`, -cpuOf(old.needs?.cpu ?? "0"), -cpuOf(now.needs?.cpu ?? "0"), (rank) =>
        formatCpu(-rank as CpuMillicores),
      ),
      ...changedRank(
        `${field}.needs.memory`,
        -memoryOf(old.needs?.memory ?? "0"),
        -memoryOf(now.needs?.memory ?? "0"),
        (rank) => formatMemory(-rank as MemoryBytes),
      ),
      ...changedValue(
        field,
        { language: old.language, image: old.image },
        { language: now.language, image: now.image },
      ),
    ]),
  // Another repository or API server is another world, neither wider nor narrower.
  cluster: (before, after) => changedValue("cluster", toJson(before.cluster ?? {}), toJson(after.cluster ?? {})),
  isolation: (before, after) =>
    changedRank(
      "isolation.seccomp",
      Number(before.isolation?.seccomp !== "Localhost"),
      Number(after.isolation?.seccomp !== "Localhost"),
      (rank) => (rank === 0 ? "Localhost" : "RuntimeDefault"),
    ),
  images: (before, after) => changedValue("images", toJson(before.images), toJson(after.images)),
  venues: (before, after) =>
    perKey("venues", before.venues, after.venues, "looser", (field, old, now) =>
      changedValue(field, toJson(old), toJson(now)),
    ),
  sharing: (before, after) => perKey("sharing", before.sharing ?? {}, after.sharing ?? {}, "looser", changedSet),
  // What a strategy hears decides how it trades, and none of it is a limit.
  feeds: (before, after) => changedValue("feeds", toJson(before.feeds), toJson(after.feeds)),
};

/** One that comes or goes cannot be compared: what runs in one that goes is not held by anything then. */
export function compareEnvironments(
  before: EnvironmentDocument | undefined,
  after: EnvironmentDocument | undefined,
): readonly FieldChange[] {
  if (before === undefined || after === undefined) {
    const [was, is] = [before, after].map((one) => one && `with ${one.spec.approvals} approvals`);
    return presence("environment", was, is, "incomparable");
  }
  return Object.values(environmentFields).flatMap((compare) => compare(before.spec, after.spec));
}

function perKey<Value>(
  field: string,
  before: { readonly [key: string]: Value },
  after: { readonly [key: string]: Value },
  with_: "looser" | "incomparable",
  compare: (field: string, before: Value, after: Value) => readonly FieldChange[],
): readonly FieldChange[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key) => {
    const [old, now] = [own(before, key), own(after, key)];
    if (old !== undefined && now !== undefined) return compare(`${field}.${key}`, old, now);
    return presence(
      `${field}.${key}`,
      old === undefined ? undefined : "there",
      now === undefined ? undefined : "there",
      with_,
    );
  });
}

const enforcements = ["advise", "require-approval", "forbid"] as const;

/** No rule, advice, an approval, never: each is tighter than the one before. Rules that ask different things cannot be compared. */
export function compareRules(
  before: RuleDocument | undefined,
  after: RuleDocument | undefined,
): readonly FieldChange[] {
  if (before === undefined || after === undefined)
    return presence("rule", before?.spec.enforcement, after?.spec.enforcement, "tighter");
  const asked = ({ metadata, spec }: RuleDocument) =>
    toJson({
      owner: metadata.owner,
      over: spec.over,
      match: spec.match,
      expression: spec.expression,
      blame: spec.blame,
    });
  const rank = ({ spec }: RuleDocument): number => -enforcements.indexOf(spec.enforcement);
  const where = ({ spec }: RuleDocument): string => spec.environments?.join(", ") ?? "everywhere";
  return [
    ...changedRank("enforcement", rank(before), rank(after), (at) => enforcements[-at] ?? ""),
    ...changed(
      "environments",
      where(before),
      where(after),
      reverse(compareReach(before.spec.environments, after.spec.environments)),
    ),
    ...changedValue("rule", asked(before), asked(after)),
  ];
}

/** @param before `undefined` is everywhere */
export function compareReach(before: readonly string[] | undefined, after: readonly string[] | undefined): Direction {
  if (before !== undefined && after !== undefined) return compareSets(before, after);
  if (before === after) return "equal";
  return before === undefined ? "tighter" : "looser";
}

/** For what restricts: more of it is tighter. */
export function reverse(direction: Direction): Direction {
  if (direction === "looser") return "tighter";
  return direction === "tighter" ? "looser" : direction;
}

/** A waiver more is looser, so is a later end or a higher value. For someone else or of something else: cannot be compared. */
export function compareWaivers(
  before: WaiverDocument | undefined,
  after: WaiverDocument | undefined,
): readonly FieldChange[] {
  if (before === undefined || after === undefined)
    return presence("waiver", before && describeWaiver(before), after && describeWaiver(after));
  const [old, now] = [before.spec.waives, after.spec.waives];
  const until = [before, after].map(waiverEnd);
  return [
    ...changedRank("until", until[0] ?? 0, until[1] ?? 0, (end) => new Date(end * 1000).toISOString().slice(0, 16)),
    ...changedValue("scope", toJson(before.spec.scope), toJson(after.spec.scope)),
    ...("bound" in old &&
    "bound" in now &&
    old.bound === now.bound &&
    isValueOf(old.bound, old.to) &&
    isValueOf(now.bound, now.to)
      ? changedBound("waives.to", old.bound, old.to, now.to)
      : changedValue("waives", toJson(old), toJson(now))),
  ];
}

function describeWaiver({ spec: { waives, scope } }: WaiverDocument): string {
  const what = "rule" in waives ? waives.rule : `${waives.bound} ${formatBound(waives.to)}`;
  return `${what} for ${"team" in scope ? `team ${scope.team}` : scope.strategy}`;
}

/** A freeze more is tighter, so is a longer one, or one of more environments. */
export function compareFreezes(
  before: FreezeDocument | undefined,
  after: FreezeDocument | undefined,
): readonly FieldChange[] {
  const say = ({ spec }: FreezeDocument): string => `${spec.from} to ${spec.until} ${spec.timeZone}`;
  if (before === undefined || after === undefined)
    return presence("freeze", before && say(before), after && say(after), "tighter");
  const [old, now] = [freezeWindow(before), freezeWindow(after)];
  const directions = [
    ...changedRank("", old.fromSeconds, now.fromSeconds),
    ...changedRank("", -old.untilSeconds, -now.untilSeconds),
  ].map(({ direction }) => direction);
  const [was, is] = [before.spec.environments, after.spec.environments];
  return [
    ...changed("freeze", say(before), say(after), combine(directions)),
    ...changed("environments", was.join(", "), is.join(", "), reverse(compareSets(was, is))),
  ];
}

/** A halt more is tighter, so is a stricter one. Of someone else: cannot be compared. */
export function compareHalts(
  before: HaltDocument | undefined,
  after: HaltDocument | undefined,
): readonly FieldChange[] {
  const say = ({ spec }: HaltDocument): string => `${spec.verb} ${formatTarget(targetOf(spec.scope))}`;
  if (before === undefined || after === undefined)
    return presence("halt", before && say(before), after && say(after), "tighter");
  const [old, now] = [before.spec, after.spec];
  const verbs = [old.verb, now.verb];
  return [
    ...changedRank("verb", -strictnessOf(old.verb), -strictnessOf(now.verb), (rank) =>
      String(verbs.find((verb) => strictnessOf(verb) === -rank)),
    ),
    ...changedValue("scope", toJson(old.scope), toJson(now.scope)),
  ];
}
