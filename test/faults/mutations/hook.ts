// Breaks the production code as one mutation says: `node --import ./test/faults/mutations/hook.ts …` with its name in SLIPWAY_MUTATION. Nothing on disk is changed.
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { applied, mutationOf, pathOf } from "./mutation.ts";

const name = process.env["SLIPWAY_MUTATION"] ?? "";
const { edits } = mutationOf(name);
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const about = url.startsWith("file:") ? edits.filter(({ file }) => pathOf(file) === fileURLToPath(url)) : [];
    if (about.length === 0) return loaded;
    const text = Buffer.from(loaded.source as Uint8Array).toString();
    return { ...loaded, source: about.reduce((source, edit) => applied(source, edit), text) };
  },
});
