import { join } from "node:path";
import { defineConfig } from "vitest/config";

// `npm run test:cluster`. What one part has put into the cluster the next one finds there, so the first failure ends it.
export default defineConfig({
  test: {
    root: join(import.meta.dirname, "../.."),
    // A cluster that is there is asked what can be asked of it; otherwise one is started.
    include: [`test/cluster/${process.env["SLIPWAY_TEST_KUBECONFIG"] === undefined ? "all" : "existing"}.cluster.ts`],
    // Each wait in it has its own bound, and says what it waited for.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    maxWorkers: 1,
    bail: process.env["SLIPWAY_CLUSTER_FOLDER"] === undefined ? 1 : 0,
    disableConsoleIntercept: true,
  },
});
