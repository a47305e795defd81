// docs/policies.md from its first step to its last: the steps that ask an API server find there what the walk-through itself has merged and rendered.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRepository } from "#git/open.ts";
import { createPlayground, type Playground } from "../cli/cli.ts";
import { takeStep, titleOf, walkThrough } from "../docs/transcript.ts";
import { artifacts } from "../kubernetes/artifacts.ts";
import { syncBranch } from "./branch.ts";
import { installArgoKinds } from "./manifests.ts";
import { type ApiServer, startApiServer } from "./server.ts";

const steps = walkThrough("policies.md");
let server: ApiServer;
let playground: Playground;

beforeAll(async () => {
  playground = createPlayground();
  server = await startApiServer();
  await installArgoKinds(server.client);
});
afterAll(async () => {
  playground?.remove();
  await server?.stop();
});

describe("docs/policies.md does what it shows, in a cluster too", () => {
  test("and asks it", () => expect(steps.filter((step) => step.kind === "command" && step.cluster)).not.toEqual([]));

  test.each(steps.map((step, index) => [titleOf(step), step, index] as const))(
    "%s",
    { timeout: 180_000 },
    async (_title, step, index) => {
      const before = steps[index - 1];
      const asks = step.kind === "command" && step.cluster;
      // What was merged since the last question is there before the next one.
      if (asks && !(before?.kind === "command" && before.cluster))
        await syncBranch(server.client, await openRepository(join(playground.state, "forge.git")), "paper");
      await takeStep(playground, step, { PATH: artifacts().kubectl.folder, KUBECONFIG: server.kubeconfig });
    },
  );
});
