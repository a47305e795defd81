import forgeSchema from "#schemas/forge.schema.json" with { type: "json" };
import type { ForgeDocument } from "./forge.generated.ts";
import { type Known, misplaced, type Parsed, parseDocument } from "./parse.ts";
import type { Finding } from "./refusal.ts";
import { validateForge } from "./validators.generated.js";

export type { ForgeDocument } from "./forge.generated.ts";

export const forgeFile = "forge.yaml";

/**
 * Reads and checks where proposals live.
 *
 * @param file the path for places: `forge.yaml`
 */
export function parseForge(file: string, text: string): Parsed<ForgeDocument> {
  return parseDocument<ForgeDocument>(file, text, {
    schema: forgeSchema,
    validate: validateForge,
    checkPath: (source) =>
      /(?:^|[/\\])forge\.yaml$/.test(source.file)
        ? []
        : [misplaced(source, `the forge stands in ${forgeFile}, not here`)],
    check,
  });
}

const local = /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?:[:/]|$)/;

function check({ parts, locate }: Known<ForgeDocument>): readonly Finding[] {
  const { provider, url, apiUrl, certificateAuthority } = parts.spec ?? {};
  const findings: Finding[] = [];
  const add = (pointer: string, code: string, message: string, fix: string): void => {
    findings.push({ code, severity: "error", message, fix, pointer, place: locate(pointer) });
  };
  if (provider === "gitea" && url === undefined)
    add("/spec", "url-missing", "a Gitea has no address that is known to all", "write its address as spec.url");
  for (const [key, value] of Object.entries({ url, apiUrl })) {
    if (value === undefined || !value.startsWith("http:") || local.test(value)) continue;
    const message = `${key} is ${value}: a token that goes there can be read on the way`;
    add(`/spec/${key}`, "url-plain", message, "write https://…; plain http is for this machine only");
  }
  if (provider === "gitea" && apiUrl !== undefined)
    add("/spec/apiUrl", "url-unknown", "a Gitea's interface is at url and /api/v1", "take apiUrl away");
  if (certificateAuthority !== undefined && url?.startsWith("http:")) {
    const message = `url is ${url}, where nothing shows a certificate`;
    add(
      "/spec/certificateAuthority",
      "authority-unused",
      message,
      "take certificateAuthority away, or write https://…",
    );
  }
  return findings;
}
