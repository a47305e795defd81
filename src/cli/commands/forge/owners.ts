import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { codeOwners, codeOwnersFile, isGenerated } from "#core/code-owners.ts";
import { hasErrors } from "#core/refusal.ts";
import { parseTeams, teamsFile } from "#core/teams.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../../context.ts";
import { examples } from "../../program.ts";
import { findPlace } from "../../site.ts";

export function define(command: Command, act: Act): void {
  command
    .description(
      `Makes ${codeOwnersFile} of ${teamsFile}, so that GitHub asks those for reviews whose approvals Slipway waits for. The gate tells of a file that is made this way and no longer what the teams make of it; one that somebody wrote is left alone.`,
    )
    .option("--write", `write ${codeOwnersFile} here (default: print it)`)
    .addHelpText(
      "after",
      examples(
        [
          ["slipway forge owners", "look at it"],
          ["slipway forge owners --write", "then propose it by itself"],
        ],
        { 2: "there are no teams, or somebody else wrote the file" },
      ),
    )
    .action((options: { readonly write?: boolean }) => act((context) => owners(context, options.write === true)));
}

async function owners(context: CommandContext, write: boolean): Promise<CommandResult> {
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const { checkout } = place.value;
  const teams = await readIfThere(join(checkout, teamsFile));
  if (teams === undefined)
    return refused(context, [
      finding("teams-missing", `there is no ${teamsFile}`, "write it; docs/policies.md, Teams"),
    ]);
  const { document, findings } = parseTeams(teamsFile, teams);
  if (document === undefined || hasErrors(findings)) return refused(context, findings);
  const text = codeOwners(document);
  if (write) {
    const there = await readIfThere(join(checkout, codeOwnersFile));
    if (there !== undefined && !isGenerated(there))
      return refused(context, [
        finding("code-owners-exist", `${codeOwnersFile} is there, and Slipway did not make it`, "remove it first"),
      ]);
    await mkdir(dirname(join(checkout, codeOwnersFile)), { recursive: true });
    await writeFile(join(checkout, codeOwnersFile), text);
    context.out.line(`  made  ${codeOwnersFile}`);
  } else for (const line of text.trimEnd().split("\n")) context.out.line(line);
  return done({ file: codeOwnersFile, text, written: write });
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw cause;
  }
}
