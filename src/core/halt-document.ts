import haltSchema from "#schemas/halt.schema.json" with { type: "json" };
import type { HaltDocument } from "./halt.generated.ts";
import { checkFileName, type Known, type Parsed, parseDocument } from "./parse.ts";
import type { Finding } from "./refusal.ts";
import { validateHalt } from "./validators.generated.js";

// Apart from `halt.ts`: the gateway holds halts and reads no YAML.

/**
 * Reads and checks a halt.
 *
 * @param file the path for places, which also says the name: `policies/halts/<name>.yaml`
 */
export function parseHalt(file: string, text: string): Parsed<HaltDocument> {
  return parseDocument<HaltDocument>(file, text, {
    schema: haltSchema,
    validate: validateHalt,
    checkPath: (source) => checkFileName(source, "halts", "a halt"),
    check,
  });
}

function check({ parts, locate }: Known<HaltDocument>): readonly Finding[] {
  const { at } = parts.spec ?? {};
  if (at === undefined || isInstant(at)) return [];
  const pointer = "/spec/at";
  const message = `at is ${JSON.stringify(at)}, which is no instant that exists`;
  return [
    {
      code: "instant-malformed",
      severity: "error",
      message,
      fix: "write the instant of the command",
      pointer,
      place: locate(pointer),
    },
  ];
}

function isInstant(text: string): boolean {
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString().replace(".000Z", "Z") === text;
}
