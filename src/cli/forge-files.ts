import { existsSync } from "node:fs";
import { join } from "node:path";
import { forgeFile, parseForge } from "#core/forge-document.ts";
import { type Finding, hasErrors } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { finding } from "./context.ts";
import { readTemplates } from "./templates.ts";

export interface ForgeOptions {
  readonly forge?: string;
  readonly repository?: string;
  readonly writer?: string;
  readonly url?: string;
}

/** What a repository on a forge has beside others, by path: `forge.yaml`, and the workflows that the forge runs. */
export async function forgeFiles(
  templates: string,
  { forge: provider, repository, writer, url }: ForgeOptions,
): Promise<Result<ReadonlyMap<string, string>, readonly Finding[]>> {
  if (provider === undefined) {
    const alone = Object.entries({ repository, writer, url }).find(([, value]) => value !== undefined);
    if (alone === undefined) return ok(new Map());
    return err([
      finding(
        "forge-missing",
        `--${alone[0]} says something of a forge, and none is named`,
        "add --forge github or --forge gitea",
      ),
    ]);
  }
  if (repository === undefined || writer === undefined) {
    const fix = "add --repository <owner/name> and --writer <login>";
    return err([finding("forge-incomplete", "a forge needs its repository and Slipway's account there", fix)]);
  }
  // JSON's quotes are YAML's, whatever stands between them.
  const lines = Object.entries({ provider, url, repository, writer }).flatMap(([key, value]) =>
    value === undefined ? [] : [`  ${key}: ${JSON.stringify(value)}`],
  );
  const text = ["apiVersion: slipway.dev/v1", "kind: Forge", "spec:", ...lines, ""].join("\n");
  const { findings } = parseForge(forgeFile, text);
  // The places are those of a file that is not there yet.
  if (hasErrors(findings)) return err(findings.map(({ place: _place, ...said }) => said));
  const workflows = join(templates, provider);
  return ok(new Map([[forgeFile, text], ...(existsSync(workflows) ? await readTemplates(workflows, {}) : [])]));
}
