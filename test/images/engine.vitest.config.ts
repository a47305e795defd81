import { join } from "node:path";
import { defineConfig } from "vitest/config";

// `npm run test:images`, as root: builds images/Containerfile with a container engine. In `npm ci` the packages come from npm's registry.
export default defineConfig({
  test: {
    root: join(import.meta.dirname, "../.."),
    include: ["test/images/**/*.engine.ts"],
    testTimeout: 120_000,
    hookTimeout: 1_800_000,
    maxWorkers: 1,
    disableConsoleIntercept: true,
  },
});
