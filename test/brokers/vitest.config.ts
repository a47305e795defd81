import { join } from "node:path";
import { defineConfig } from "vitest/config";

// `npm run test:brokers`: the bus's contract over Mosquitto and nats-server, as processes of their own.
export default defineConfig({
  test: {
    root: join(import.meta.dirname, "../.."),
    include: ["test/brokers/**/*.broker.ts"],
    // What is over hangs: a machine with ten times its work takes ten times as long.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    maxWorkers: 1,
  },
});
