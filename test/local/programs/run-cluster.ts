// Runs a cluster until it is killed: argv is the repository and the state directory.
import type { EnvironmentName } from "#core/identity.ts";
import { openRepository } from "#git/open.ts";
import { createLocalCluster } from "#local/cluster.ts";
import { images } from "../fixture.ts";

const [repository = "", directory = ""] = process.argv.slice(2);
const cluster = createLocalCluster({
  repository: await openRepository(repository),
  environment: "paper" as EnvironmentName,
  directory,
  images,
  log: (line) => console.log(JSON.stringify(line)),
  clock: Date.now,
  secondMs: 100,
});
await cluster.start();
cluster.onChange(() => console.log(JSON.stringify(cluster.status())));
