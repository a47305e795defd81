/** The files of the first `count` strategies, `perStrategy` each, in the layout of an environment branch. */
export function strategyFiles(count: number, perStrategy: number, salt: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (let index = 0; index < count; index++) {
    for (let file = 0; file < perStrategy; file++) {
      const path = `strategies/team-${index % 100}/strategy-${index}/kind-${file}.yaml`;
      files.set(path, `kind: Kind${file}\nname: strategy-${index}\nsalt: ${salt}\n${"key: value\n".repeat(30)}`);
    }
  }
  return files;
}
