import { defineConfig } from "vitest/config";

// The slower tier: installs the packed package into an empty folder and plays the story there.
export default defineConfig({
  test: { include: ["test/**/*.slow.ts"], testTimeout: 300_000, hookTimeout: 300_000, maxWorkers: 1 },
});
