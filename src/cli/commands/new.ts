import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Command } from "commander";
import { languageOf } from "#core/effective.ts";
import { parseStrategyId, type StrategyId, splitStrategyId } from "#core/identity.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { findRepository } from "../paths.ts";
import { examples } from "../program.ts";
import { findPackage } from "../programs.ts";
import { readTemplates } from "../templates.ts";

interface Options {
  readonly language: string;
  readonly owner?: string;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Starts a strategy: a folder with strategy.yaml, an algorithm and a README. It passes check as it is. Nothing is overwritten.",
    )
    .argument("<strategy>", "<team>/<name>, for example momentum/sma-cross")
    .option("-l, --language <language>", "typescript or python", "typescript")
    .option("--owner <name>", "who answers for it (default: your Git user name)")
    .addHelpText(
      "after",
      examples(
        [
          ["slipway new me/first", "a moving average in TypeScript"],
          ["slipway new me/first --language python", "the same in Python"],
        ],
        { 2: "refused: a bad name, or the folder is there already" },
      ),
    )
    .action((strategy: string, options: Options) => act((context) => createStrategy(context, strategy, options)));
}

async function createStrategy(context: CommandContext, strategy: string, options: Options): Promise<CommandResult> {
  const repository = findRepository(context.cwd, context.options.directory);
  if (!repository.ok) return refused(context, [repository.error]);
  const id = parseStrategyId(strategy);
  if (!id.ok)
    return refused(context, [
      finding(id.error.code, `${JSON.stringify(strategy)} is no strategy's name`, `write ${id.error.allowed}`),
    ]);
  if (options.language !== "typescript" && options.language !== "python") {
    return refused(context, [
      finding("language-unknown", `there is no template for ${options.language}`, "write typescript or python"),
    ]);
  }
  const folder = join(repository.value, "strategies", id.value);
  const shown = relative(context.cwd, folder) || ".";
  if (existsSync(folder)) {
    return refused(context, [
      finding("strategy-exists", `${shown} is there already, and nothing is overwritten`, "choose another name"),
    ]);
  }
  const { team, name } = splitStrategyId(id.value);
  // Slipway's own repository brings its schemas; one made by `slipway init` has them in the package.
  const own = existsSync(join(repository.value, "schemas", "strategy.schema.json"));
  const files = await readTemplates(join(findPackage().templates, "strategy", options.language), {
    team,
    name,
    owner: options.owner ?? (await gitUserName(repository.value)) ?? "me",
    className: pascalCase(name),
    schema: own ? "../../../schemas" : "../../../node_modules/slipway/schemas",
  });
  await mkdir(folder, { recursive: true });
  for (const [path, text] of files) await writeFile(join(folder, path), text, { flag: "wx" });
  const made = [...files.keys()].map((path) => join(shown, path));
  for (const path of made) context.out.line(`  made  ${path}`);
  for (const line of await takes(id.value, files)) context.out.line(line);
  context.out.line(`next: slipway check ${id.value} · slipway deploy ${id.value} --merge`);
  return done({ strategy: id.value, files: made });
}

/** What the new algorithm says that it takes, and where that is set; nothing where it cannot be asked here. */
async function takes(id: StrategyId, texts: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const { bundleAlgorithm } = await import("#delivery/bundle.ts");
  const { describeAlgorithm } = await import("#delivery/describe.ts");
  const { createMemo } = await import("#delivery/memo.ts");
  const { paramsText } = await import("../params-text.ts");
  const entry = [...texts.keys()].find((path) => /^algorithm\.(?:ts|py)$/.test(path)) ?? "";
  const language = languageOf(entry);
  const files = new Map(
    [...texts].map(([path, text]) => [path, { mode: "100644", bytes: Buffer.from(text) } as const]),
  );
  const algorithm = { kind: "entry", entry, runtime: language } as const;
  const folder = { id, folder: `strategies/${id}`, files };
  const bundled = await bundleAlgorithm(folder, algorithm, { language, packages: undefined });
  if (!bundled.ok) return [];
  const described = await describeAlgorithm({ ...bundled.value, entry, files, packages: [] }, createMemo());
  if (described.kind !== "described") return [];
  return ["it takes, under params in strategy.yaml:", ...paramsText(described.description)];
}

function pascalCase(name: string): string {
  return name
    .split("-")
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join("");
}

/** A strategy's owner is a label; a Git user name that cannot be one is not used. */
async function gitUserName(repository: string): Promise<string | undefined> {
  const { gitUser } = await import("../git-user.ts");
  const user = await gitUser(repository);
  return /^[a-z][a-z0-9-]{0,38}$/.test(user.name) ? user.name : undefined;
}
