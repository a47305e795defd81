import { join } from "node:path";
import { defineConfig } from "vitest/config";

// `npm run test:workflows`: the workflow files of this repository and those that `slipway init` writes.
export default defineConfig({
  test: {
    root: join(import.meta.dirname, "../.."),
    include: ["test/workflows/**/*.workflow.ts"],
    testTimeout: 60_000,
  },
});
