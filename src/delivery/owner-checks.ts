import { codeOwners, codeOwnersFile, isGenerated } from "#core/code-owners.ts";
import { holds, ownerOf } from "#core/owners.ts";
import type { Policies } from "#core/policies.ts";
import type { Finding } from "#core/refusal.ts";
import { type TeamsDocument, teamsFile } from "#core/teams.ts";
import type { CommitSha, Repository, TreeSha } from "#git/port.ts";
import { lockFile, manifestFile } from "./dependencies.ts";
import { readFleet } from "./fleet.ts";
import { createMemo } from "./memo.ts";
import { treePath } from "./names.ts";
import { readCommit } from "./tree.ts";

/** What decides who judges: if nobody owns it, an administrator has to set the forge's rules aside for every upgrade. */
const deciding = [manifestFile, lockFile, "forge.yaml", ".github/workflows/gate.yml"];

/** What main's policies leave open of who approves what decides over all others. Warnings: a repository on one machine may do without. */
export async function checkOwners(repository: Repository, main: CommitSha): Promise<readonly Finding[]> {
  const { policies } = readFleet(await readCommit(repository, main, { code: () => false }), createMemo());
  const teams = policies.teams?.document;
  return [
    ...unownedFindings(teams),
    ...unguardedFindings(policies),
    ...(teams === undefined ? [] : await codeOwnersFindings(repository, main, teams)),
  ];
}

function unownedFindings(teams: TeamsDocument | undefined): readonly Finding[] {
  const open = deciding.filter((path) => ownerOf(teams, path) === undefined);
  if (open.length === 0) return [];
  const message = `nobody owns ${open.join(", ")}: no pull request that changes them passes, so somebody has to set the rules aside for an upgrade`;
  return [
    warn("owners-missing", message, `propose it: under spec.owners in ${teamsFile} - { path: /, group: <a group> }`),
  ];
}

/** Who may be asked is itself a matter of asking somebody. */
function unguardedFindings({ teams, environments }: Policies): readonly Finding[] {
  const asked = teams?.document?.spec.approvals?.some(({ folder }) => holds(folder, teamsFile)) === true;
  const everywhere = [...environments.values()].some(({ document }) => (document?.spec.approvals ?? 0) > 0);
  if (asked || everywhere) return [];
  const message = "nobody is asked when it changes, and it says who approves what";
  return [
    warn(
      "teams-unguarded",
      message,
      `propose it: under spec.approvals - { folder: ${teamsFile}, group: <a group>, count: 1 }`,
    ),
  ];
}

/** Whether the file that is made of the teams is still the one that they make. */
export async function codeOwnersFindings(
  repository: Repository,
  tree: CommitSha | TreeSha,
  teams: TeamsDocument,
): Promise<readonly Finding[]> {
  const [bytes] = await repository.readPaths([{ tree, path: treePath(codeOwnersFile) }]);
  const text = bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  if (text === undefined || !isGenerated(text) || text === codeOwners(teams)) return [];
  const finding: Finding = {
    code: "code-owners-differ",
    severity: "warning",
    message: `it is not what ${teamsFile} makes of it, so GitHub asks others for reviews than Slipway waits for`,
    fix: "slipway forge owners --write, and propose the file by itself",
    place: { file: codeOwnersFile },
  };
  return [finding];
}

function warn(code: string, message: string, fix: string): Finding {
  return { code, severity: "warning", message, fix, place: { file: teamsFile } };
}
