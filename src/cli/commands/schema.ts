import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import type { JsonObject } from "#core/json.ts";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { nearest } from "#core/suggest.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { environmentOption } from "../environment-option.ts";
import { examples } from "../program.ts";
import { findPackage } from "../programs.ts";
import { findPlace } from "../site.ts";

interface Options {
  readonly environment?: string;
  readonly team?: string;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Prints the JSON Schema (2020-12) of a document. Without a name it lists what there is. Editors find it by the document's first line. With --environment the strategy's has the bounds of the policies in this folder in it, so that an editor shows a value beyond one while it is typed.",
    )
    .argument("[document]", "strategy, environment, rule, teams, waiver, freeze or halt");
  environmentOption(command, "with the bounds of this environment; for strategy alone")
    .option("--team <name>", "narrowed as policies/teams.yaml says for this team")
    .addHelpText(
      "after",
      examples([
        ["slipway schema", "which documents there are"],
        ["slipway schema strategy > strategy.schema.json", "for an editor or another tool"],
        ["slipway schema strategy --environment paper --team momentum", "with momentum's bounds in paper"],
      ]),
    )
    .action((document: string | undefined, options: Options) =>
      act((context) => printSchema(context, document, options)),
    );
}

async function printSchema(
  context: CommandContext,
  document: string | undefined,
  { environment, team }: Options,
): Promise<CommandResult> {
  const folder = findPackage().schemas;
  const names = (await readdir(folder))
    .filter((file) => file.endsWith(".schema.json"))
    .map((file) => file.replace(".schema.json", ""))
    .sort();
  if (document === undefined) {
    for (const name of names) context.out.line(`  ${name.padEnd(14)}${join(folder, `${name}.schema.json`)}`);
    return done({ documents: names });
  }
  if (!names.includes(document)) {
    return refused(context, [
      finding("schema-unknown", `there is no document ${JSON.stringify(document)}`, `write one of ${names.join(", ")}`),
    ]);
  }
  const text = await readFile(join(folder, `${document}.schema.json`), "utf8");
  // The file is our own, checked by the generator: an object.
  const schema = JSON.parse(text) as JsonObject;
  if (environment === undefined && team === undefined) {
    context.out.line(text.trimEnd());
    return { exitCode: 0, document: schema };
  }
  if (environment === undefined || document !== "strategy") {
    const message = environment === undefined ? "--team is of an environment" : `${document} has no bounds`;
    const fix = "write slipway schema strategy --environment <name>";
    return refused(context, [finding("schema-without-bounds", message, fix)]);
  }
  const bounded = await withBounds(context, schema, environment, team);
  if (!bounded.ok) return refused(context, bounded.error);
  context.out.line(JSON.stringify(bounded.value, null, 2));
  return { exitCode: 0, document: bounded.value };
}

async function withBounds(
  context: CommandContext,
  schema: JsonObject,
  environment: string,
  team: string | undefined,
): Promise<Result<JsonObject, readonly Finding[]>> {
  const place = findPlace(context);
  if (!place.ok) return err([place.error]);
  const { readFleet } = await import("#delivery/fleet.ts");
  const { createMemo } = await import("#delivery/memo.ts");
  const { readWorkspace } = await import("#delivery/tree.ts");
  const { boundTable } = await import("#core/bound-table.ts");
  const { boundedSchema } = await import("#core/bounded-schema.ts");
  const { policies, policyFindings } = readFleet(await readWorkspace(place.value.checkout), createMemo());
  const known = [...policies.environments.keys()].sort();
  if (!known.includes(environment)) {
    const near = nearest(environment, known);
    const fix = near === undefined ? `name one of ${known.join(", ") || "none"}` : `write ${near}`;
    return err([finding("environment-unknown", `there is no environment ${environment}`, fix)]);
  }
  const table = boundTable(policies, environment, Math.floor(context.now() / 1000));
  const defaults = policies.environments.get(environment)?.document?.spec.defaults;
  if (table === undefined || defaults === undefined) return err([...policyFindings.values()].flat());
  const own = team !== undefined && Object.hasOwn(table.teams, team) ? table.teams[team] : {};
  const whose = { environment, ...(team === undefined ? {} : { team }) };
  return ok(boundedSchema(schema, { ...table.everyone, ...own }, defaults, whose));
}
