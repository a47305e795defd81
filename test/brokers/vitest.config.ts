import { join } from "node:path";
import { defineConfig } from "vitest/config";

// `npm run test:brokers`: the bus's contract over Mosquitto and nats-server, as processes of their own.
export default defineConfig({
  test: {
    root: join(import.meta.dirname, "../.."),
    include: ["test/brokers/**/*.broker.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
  },
});
