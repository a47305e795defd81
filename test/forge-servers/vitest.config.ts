import { join } from "node:path";
import { defineConfig } from "vitest/config";

// `npm run test:forges`. One Gitea for all files, and a repository of its own for each test.
export default defineConfig({
  test: {
    root: join(import.meta.dirname, "../.."),
    include: ["test/forge-servers/**/*.forge.ts"],
    globalSetup: [join(import.meta.dirname, "setup.ts")],
    // What hangs is told by it, and a machine with other work beside takes minutes for what takes seconds.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    maxWorkers: 2,
  },
});
