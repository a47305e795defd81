import freezeSchema from "#schemas/freeze.schema.json" with { type: "json" };
import type { FreezeDocument } from "./freeze.generated.ts";
import { checkFileName, type Parsed, parseDocument } from "./parse.ts";
import { validateFreeze } from "./validators.generated.js";

export type { FreezeDocument } from "./freeze.generated.ts";

/**
 * Reads and checks a freeze by itself.
 *
 * @param file the path for places, which also says the name: `policies/freezes/<name>.yaml`
 */
export function parseFreeze(file: string, text: string): Parsed<FreezeDocument> {
  return parseDocument<FreezeDocument>(file, text, {
    schema: freezeSchema,
    validate: validateFreeze,
    checkPath: (source) => checkFileName(source, "freezes", "a freeze"),
    check: () => [],
  });
}
