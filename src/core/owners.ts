import { membersOf } from "./operators.ts";
import type { TeamsDocument } from "./teams.generated.ts";

type OwnerRule = NonNullable<TeamsDocument["spec"]["owners"]>[number];

/** Whose approval a change of a file outside of `strategies/` and `policies/` needs. */
export interface Owner {
  /** As `policies/teams.yaml` writes it: a folder that ends with `/`, a file, or `/`. */
  readonly path: string;
  /** A group or a team. */
  readonly group: string;
  readonly members: readonly string[];
  /** How many different people. */
  readonly count: number;
}

/** Two, unless a rule says another number: who may change what judges, decides alone from then on. */
export const ownersDefault = 2;

/** Who owns a file: the longest path that holds it counts. `undefined`: nobody, and no proposal changes it. */
export function ownerOf(teams: TeamsDocument | undefined, file: string): Owner | undefined {
  let found: OwnerRule | undefined;
  for (const rule of teams?.spec.owners ?? [])
    if (holds(rule.path, file) && (found === undefined || rule.path.length > found.path.length)) found = rule;
  if (teams === undefined || found === undefined) return undefined;
  const { path, group, count = ownersDefault } = found;
  return { path, group, members: membersOf(teams.spec, group) ?? [], count };
}

/** Whether a path of an owner or of an approval, a folder that ends with `/` or a file, holds a file. */
export function holds(path: string, file: string): boolean {
  return path === "/" || path === file || (path.endsWith("/") && file.startsWith(path));
}
