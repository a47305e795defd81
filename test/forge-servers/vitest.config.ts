import { join } from "node:path";
import { defineConfig } from "vitest/config";

// `npm run test:forges`. One Gitea for all files, and a repository of its own for each test.
export default defineConfig({
  test: {
    root: join(import.meta.dirname, "../.."),
    include: ["test/forge-servers/**/*.forge.ts"],
    globalSetup: [join(import.meta.dirname, "setup.ts")],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
  },
});
