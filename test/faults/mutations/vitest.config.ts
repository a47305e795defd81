import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { applied, mutationOf, pathOf } from "./mutation.ts";

const { edits } = mutationOf(process.env["SLIPWAY_MUTATION"] ?? "");

// The tests of one file over the production code as one mutation breaks it. Nothing on disk is changed.
export default defineConfig({
  plugins: [
    {
      name: "mutation",
      enforce: "pre",
      transform(code, id) {
        const about = edits.filter(({ file }) => pathOf(file) === id);
        return about.length === 0 ? undefined : about.reduce((source, edit) => applied(source, edit), code);
      },
    },
  ],
  test: { root: fileURLToPath(new URL("../../..", import.meta.url)), testTimeout: 60_000, maxWorkers: 1 },
});
