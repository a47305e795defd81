import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import type { JsonObject } from "#core/json.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { examples } from "../program.ts";
import { findPackage } from "../programs.ts";

export function define(command: Command, act: Act): void {
  command
    .description(
      "Prints the JSON Schema (2020-12) of a document. Without a name it lists what there is. Editors find it by the document's first line.",
    )
    .argument("[document]", "strategy, environment, rule, teams, waiver, freeze or halt")
    .addHelpText(
      "after",
      examples([
        ["slipway schema", "which documents there are"],
        ["slipway schema strategy > strategy.schema.json", "for an editor or another tool"],
      ]),
    )
    .action((document: string | undefined) => act((context) => printSchema(context, document)));
}

async function printSchema(context: CommandContext, document: string | undefined): Promise<CommandResult> {
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
  context.out.line(text.trimEnd());
  // The file is our own, checked by the generator: an object.
  return { exitCode: 0, document: JSON.parse(text) as JsonObject };
}
