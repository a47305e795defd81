import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

// `npm run test:nodes`: a cluster with three nodes of the bus, and then one whose node is short of disk.
export default defineConfig({
  ...base,
  test: { ...base.test, include: ["test/cluster/{bus-nodes,short-node}.cluster.ts"] },
});
