import teamsSchema from "#schemas/teams.schema.json" with { type: "json" };
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

/** A group that nobody defines could never approve, and what asks for it could never be merged. */
function check({ parts, whole, locate }: Known<TeamsDocument>): readonly Finding[] {
  const { groups = {}, teams = {}, approvals = [], halts = [] } = parts.spec ?? {};
  const known = [...Object.keys(groups), ...Object.keys(teams)];
  const allNamed = whole("/spec/groups") && whole("/spec/teams");
  const findings: Finding[] = [];
  for (const [index, { group, count } = {}] of approvals.entries()) {
    if (group === undefined) continue;
    const pointer = `/spec/approvals/${index}/group`;
    const place = locate(pointer);
    const members = groups[group] ?? teams[group]?.members;
    if (!known.includes(group)) {
      // One whose name is refused may be the one that is meant.
      if (!allNamed) continue;
      const near = nearest(group, known);
      findings.push({
        code: "group-unknown",
        severity: "error",
        message: `approvals[${index}].group is ${group}, which is neither a group nor a team; there are: ${known.join(", ") || "none"}`,
        fix: near === undefined ? "define it under spec.groups" : `write ${near}, or define ${group} under spec.groups`,
        pointer,
        place,
      });
    } else if (members !== undefined && count !== undefined && members.length < count) {
      findings.push({
        code: "group-too-small",
        severity: "error",
        message: `approvals[${index}] asks for ${count} of ${group}, which has ${members.length}: nothing could ever be merged`,
        fix: `lower the count, or add people to ${group}`,
        pointer,
        place,
      });
    }
  }
  for (const [index, { group } = {}] of halts.entries()) {
    // One whose name is refused may be the one that is meant.
    if (group === undefined || known.includes(group) || !allNamed) continue;
    const pointer = `/spec/halts/${index}/group`;
    const near = nearest(group, known);
    findings.push({
      code: "group-unknown",
      severity: "error",
      message: `halts[${index}].group is ${group}, which is neither a group nor a team; there are: ${known.join(", ") || "none"}`,
      fix: near === undefined ? "define it under spec.groups" : `write ${near}, or define ${group} under spec.groups`,
      pointer,
      place: locate(pointer),
    });
  }
  for (const name of Object.keys(groups)) {
    if (!Object.hasOwn(teams, name)) continue;
    const pointer = `/spec/groups/${name}`;
    findings.push({
      code: "group-is-team",
      severity: "error",
      message: `${name} is a group and a team; an approval could mean either`,
      fix: "rename the group",
      pointer,
      place: locate(pointer),
    });
  }
  return findings;
}
