import teamsSchema from "#schemas/teams.schema.json" with { type: "json" };
import type { SourceDocument } from "./document.ts";
import { misplaced, type Parsed, parseDocument } from "./parse.ts";
import type { Finding } from "./refusal.ts";
import { nearest } from "./suggest.ts";
import type { TeamsDocument } from "./teams.generated.ts";
import { validateTeams } from "./validators.generated.js";

export type { TeamsDocument } from "./teams.generated.ts";

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
function check({ spec }: TeamsDocument, source: SourceDocument): readonly Finding[] {
  const known = [...Object.keys(spec.groups ?? {}), ...Object.keys(spec.teams)];
  const findings: Finding[] = [];
  for (const [index, { group, count }] of (spec.approvals ?? []).entries()) {
    const pointer = `/spec/approvals/${index}/group`;
    const members = spec.groups?.[group] ?? spec.teams[group]?.members;
    const place = source.locate(pointer);
    if (members === undefined) {
      const near = nearest(group, known);
      findings.push({
        code: "group-unknown",
        severity: "error",
        message: `approvals[${index}].group is ${group}, which is neither a group nor a team; there are: ${known.join(", ") || "none"}`,
        fix: near === undefined ? "define it under spec.groups" : `write ${near}, or define ${group} under spec.groups`,
        pointer,
        place,
      });
    } else if (members.length < count) {
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
  for (const name of Object.keys(spec.groups ?? {})) {
    if (spec.teams[name] === undefined) continue;
    const pointer = `/spec/groups/${name}`;
    findings.push({
      code: "group-is-team",
      severity: "error",
      message: `${name} is a group and a team; an approval could mean either`,
      fix: "rename the group",
      pointer,
      place: source.locate(pointer),
    });
  }
  return findings;
}
