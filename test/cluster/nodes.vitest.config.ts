import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

// `npm run test:nodes`: a cluster with three nodes of the bus.
export default defineConfig({ ...base, test: { ...base.test, include: ["test/cluster/bus-nodes.cluster.ts"] } });
