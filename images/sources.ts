/** The programs of the images with Node, and where they begin. */
export const programSources = {
  executor: "src/executor/main.ts",
  gateway: "src/gateway/main.ts",
  feed: "src/feed/main.ts",
  bus: "src/bus/cluster/main.ts",
  console: "src/console/main.ts",
} as const;

/** How an image's program is started. Without the second flag the young generation of a process under load grows by the machine, not by what it needs. */
export function nodeEntrypoint(name: string): readonly string[] {
  return [
    ...["/usr/local/bin/node", "--disable-warning=ExperimentalWarning", "--max-semi-space-size=8"],
    `/app/${name}.mjs`,
  ];
}
