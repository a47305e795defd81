import type { CommitSha, Repository } from "#git/port.ts";

/** The environments that a commit's policies name, sorted: the file names under `policies/environments/`. */
export async function readEnvironmentNames(repository: Repository, commit: CommitSha): Promise<readonly string[]> {
  const files = await repository.list(commit, "policies/environments");
  const names: string[] = [];
  for (const path of files.keys()) {
    const name = /^policies\/environments\/([a-z][a-z0-9]{0,14})\.yaml$/.exec(path)?.[1];
    if (name !== undefined) names.push(name);
  }
  return names.sort();
}
