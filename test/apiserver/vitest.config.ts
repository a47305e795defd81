import { join } from "node:path";
import { defineConfig } from "vitest/config";

// `npm run test:apiserver`. Each file starts a server of its own; one after the other, since a server takes 300 MB and both cores.
export default defineConfig({
  test: {
    root: join(import.meta.dirname, "../.."),
    include: ["test/apiserver/**/*.cluster.ts"],
    // As in the root's: what is over hangs.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 120_000 } },
    maxWorkers: 1,
  },
});
