/** The programs of the images with Node, and where they begin. */
export const programSources = {
  executor: "src/executor/main.ts",
  gateway: "src/gateway/main.ts",
  feed: "src/feed/main.ts",
  bus: "src/bus/cluster/main.ts",
  console: "src/console/main.ts",
} as const;

/** How the image of the control plane starts it; where its pod's things are the platform's chart says. */
export const serverEntrypoint: readonly string[] = [
  ...["/usr/local/bin/node", "--disable-warning=ExperimentalWarning", "/app/dist/cli.mjs"],
  ...["--state", "/var/lib/slipway", "server", "--host", "0.0.0.0", "--kubeconfig", "/etc/slipway/kubeconfig"],
];

/** How an image's program is started. Without the second flag the young generation of a process under load grows by the machine, not by what it needs. */
export function nodeEntrypoint(name: string): readonly string[] {
  return [
    ...["/usr/local/bin/node", "--disable-warning=ExperimentalWarning", "--max-semi-space-size=8"],
    `/app/${name}.mjs`,
  ];
}
