import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildImages } from "../../images/build.ts";
import { artifacts } from "../kubernetes/artifacts.ts";
import { busIdentity } from "./bus-identity.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { diskAndClock } from "./disk-and-clock.ts";
import { existing } from "./existing.ts";
import { eyes } from "./eyes.ts";
import { faults } from "./faults.ts";
import { fences } from "./fences.ts";
import { fleet } from "./fleet.ts";
import { hostile } from "./hostile.ts";
import { hostileManifests } from "./hostile-manifests.ts";
import { isolation } from "./isolation.ts";
import { makeRepository, type UserRepository } from "./repository.ts";
import { retire } from "./retire.ts";
import { seccomp } from "./seccomp.ts";
import { serverPod } from "./server-pod.ts";
import { Steps } from "./steps.ts";
import { teamEnd } from "./team-end.ts";
import { trouble } from "./trouble.ts";
import { type Stage, wayOfADeploy } from "./way.ts";

// One cluster for all: each part goes on where the one before has ended.

const steps = new Steps();
let cluster: Cluster | undefined;
let repository: UserRepository | undefined;

beforeAll(async () => {
  cluster = await startCluster((step, proven, ms) => steps.add(step, proven, ms));
  repository = makeRepository(cluster);
});

afterAll(async () => {
  if (process.env["SLIPWAY_CLUSTER_KEEP"] !== undefined) {
    console.log(`\n${steps}\n\nkept until the next run: ${cluster?.machine.folder}`);
    return;
  }
  await steps.time("teardown", "no process, mount, network or cgroup is left", async () => cluster?.stop());
  console.log(`\n${steps}\n`);
});

function stage(): Stage {
  if (cluster === undefined || repository === undefined) throw new Error("the cluster did not start");
  return { cluster, repository, steps };
}

test("the images are the same bytes when they are built again", async () => {
  const { cluster: built } = stage();
  await steps.time("images again", "the same digests", async () => {
    expect(await buildImages(built.machine.path("images-again"))).toEqual(built.images.own);
  });
});
describe("the way of a deploy", () => wayOfADeploy(stage));
describe("what a person sees", () => eyes(stage));
describe("the bus", () => busIdentity(stage));
describe("isolation", () => isolation(stage));
describe("faults", () => faults(stage));
describe("trouble outside of the cluster", () => trouble(stage));
describe("hostile algorithms", () => hostile(stage));
// After it the times of the gateway's book are ahead of everybody's, by what its clock was.
describe("disk and clock", () => diskAndClock(stage));
describe("seccomp profiles", () => seccomp(stage));
describe("each fence alone", () => fences(stage));
describe("hostile manifests", () => hostileManifests(stage));
describe("the end of a strategy", () => retire(stage));
describe("what is asked of a cluster that is there", () => {
  existing(() => {
    const { kubeconfig, images } = stage().cluster;
    const { kubectl } = artifacts();
    const executor = images.own.find(({ name }) => name.endsWith("/executor"));
    const image = `docker.io/${executor?.name}@${executor?.digest}`;
    return { kubectl: join(kubectl.folder, kubectl.name), kubeconfig, image, seccomp: true };
  });
});
describe("the control plane's server", () => serverPod(stage));
describe("many executors", () => fleet(stage));
describe("the end of a team", () => teamEnd(stage));
