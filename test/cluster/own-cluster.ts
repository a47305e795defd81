// A cluster that one file of tests has for itself.
import { afterAll, beforeAll, expect } from "vitest";
import { type Cluster, startCluster } from "./cluster.ts";
import { Life } from "./life.ts";
import { addExample, makeRepository, type UserRepository } from "./repository.ts";
import { Steps } from "./steps.ts";
import { applyBootstrap, type Stage, ship } from "./way.ts";

/**
 * Starts it before the file's tests, and ends it after them, unless `SLIPWAY_CLUSTER_KEEP` is set.
 *
 * @param bus as the environment says it; one node unless told
 */
export function ownCluster(bus?: string): () => Stage {
  const steps = new Steps();
  let cluster: Cluster | undefined;
  let repository: UserRepository | undefined;
  beforeAll(async () => {
    cluster = await startCluster((step, proven, ms) => steps.add(step, proven, ms));
    repository = makeRepository(cluster, bus);
  });
  afterAll(async () => {
    if (process.env["SLIPWAY_CLUSTER_KEEP"] === undefined)
      await steps.time("teardown", "no process, mount, network or cgroup is left", async () => cluster?.stop());
    else console.log(`kept until the next run: ${cluster?.machine.folder}`);
    console.log(`\n${steps}\n`);
  });
  return () => {
    if (cluster === undefined || repository === undefined) throw new Error("the cluster did not start");
    return { cluster, repository, steps };
  };
}

/** The first strategy of an environment, and with it all that is there before it. @param change what the example says otherwise */
export async function firstStrategy(
  stage: Stage,
  id: string,
  change: (spec: string) => string = (spec) => spec,
): Promise<void> {
  const { repository, steps } = stage;
  const life = new Life(stage, id);
  addExample(repository, id);
  const file = `strategies/${id}/strategy.yaml`;
  repository.write(file, change(repository.read(file)));
  await steps.time("first strategy", "bootstrap, deploy, first order", async () => {
    const reply = await repository.slipway("deploy", id);
    expect(reply, reply.stderr + reply.stdout).toMatchObject({ code: 0 });
    await applyBootstrap(stage);
    for (const part of ["bus-0", "gateway-0", "feed-stocks-0"])
      await life.until(part, async () => (await life.watch.pod("slipway-paper", part))?.ready === true, 240_000);
    await ship(stage, "deploy", id, "--merge", "--timeout", "1");
    await life.ready();
    await life.trading();
  });
}
