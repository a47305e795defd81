import teamsSchema from "#schemas/teams.schema.json" with { type: "json" };
import { ownersDefault } from "./owners.ts";
import { type Known, misplaced, type Parsed, parseDocument } from "./parse.ts";
import type { Finding } from "./refusal.ts";
import { nearest } from "./suggest.ts";
import type { TeamsDocument } from "./teams.generated.ts";
import { validateTeams } from "./validators.generated.js";

export type { TeamEnvironment, TeamsDocument } from "./teams.generated.ts";

export const teamsFile = "policies/teams.yaml";

/**
 * Reads and checks the teams by themselves; `checkPolicies` then holds them against the environments.
 *
 * @param file the path for places: `policies/teams.yaml`
 */
export function parseTeams(file: string, text: string): Parsed<TeamsDocument> {
  return parseDocument<TeamsDocument>(file, text, {
    schema: teamsSchema,
    validate: validateTeams,
    checkPath: (source) =>
      /(?:^|[/\\])policies[/\\]teams\.yaml$/.test(source.file)
        ? []
        : [misplaced(source, `the teams stand in ${teamsFile}, not here`)],
    check,
  });
}

type Spec = Known<TeamsDocument>;

/** A group that nobody defines could never approve, and what asks for it could never be merged. */
function check(known: Spec): readonly Finding[] {
  const { groups = {}, teams = {}, approvals = [], owners = [], halts = [] } = known.parts.spec ?? {};
  return [
    ...approvals.flatMap(({ group, count } = {}, index) => [
      ...groupUnknown(known, "approvals", index, group),
      ...groupTooSmall(known, "approvals", index, group, count),
    ]),
    ...owners.flatMap((rule = {}, index) => [
      ...groupUnknown(known, "owners", index, rule.group),
      // What is not written is two; what is written and refused has its finding.
      ...(known.whole(`/spec/owners/${index}`)
        ? groupTooSmall(known, "owners", index, rule.group, rule.count ?? ownersDefault)
        : []),
    ]),
    ...ownedTwice(known),
    ...halts.flatMap(({ group } = {}, index) => groupUnknown(known, "halts", index, group)),
    ...Object.keys(groups)
      .filter((name) => Object.hasOwn(teams, name))
      .map((name) => groupIsTeam(known, name)),
  ];
}

type List = "approvals" | "owners" | "halts";

function groupUnknown(
  { parts, whole, locate }: Spec,
  list: List,
  index: number,
  group: string | undefined,
): readonly Finding[] {
  const { groups = {}, teams = {} } = parts.spec ?? {};
  const named = [...Object.keys(groups), ...Object.keys(teams)];
  // One whose name is refused may be the one that is meant.
  if (group === undefined || named.includes(group) || !whole("/spec/groups") || !whole("/spec/teams")) return [];
  const pointer = `/spec/${list}/${index}/group`;
  const near = nearest(group, named);
  const finding: Finding = {
    code: "group-unknown",
    severity: "error",
    message: `${list}[${index}].group is ${group}, which is neither a group nor a team; there are: ${named.join(", ") || "none"}`,
    fix: near === undefined ? "define it under spec.groups" : `write ${near}, or define ${group} under spec.groups`,
    pointer,
    place: locate(pointer),
  };
  return [finding];
}

function groupTooSmall(
  { parts, locate }: Spec,
  list: List,
  index: number,
  group: string | undefined,
  count: number | undefined,
): readonly Finding[] {
  const { groups = {}, teams = {} } = parts.spec ?? {};
  if (group === undefined || count === undefined) return [];
  const members = groups[group] ?? teams[group]?.members;
  if (members === undefined || members.length >= count) return [];
  const pointer = `/spec/${list}/${index}/group`;
  const finding: Finding = {
    code: "group-too-small",
    severity: "error",
    message: `${list}[${index}] asks for ${count} of ${group}, which has ${members.length}: nothing could ever be merged`,
    fix: `lower the count, or add people to ${group}`,
    pointer,
    place: locate(pointer),
  };
  return [finding];
}

/** Of two rules for one path nobody could say which counts. */
function ownedTwice({ parts, locate }: Spec): readonly Finding[] {
  const owners = parts.spec?.owners ?? [];
  return owners.flatMap(({ path } = {}, index) => {
    const first = owners.findIndex((other) => other?.path === path);
    if (path === undefined || first === index) return [];
    const pointer = `/spec/owners/${index}/path`;
    const finding: Finding = {
      code: "owner-twice",
      severity: "error",
      message: `owners[${index}] and owners[${first}] are both about ${path}`,
      fix: "leave one of them",
      pointer,
      place: locate(pointer),
    };
    return [finding];
  });
}

function groupIsTeam({ locate }: Spec, name: string): Finding {
  const pointer = `/spec/groups/${name}`;
  return {
    code: "group-is-team",
    severity: "error",
    message: `${name} is a group and a team; an approval could mean either`,
    fix: "rename the group",
    pointer,
    place: locate(pointer),
  };
}
