import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { codeOwners, codeOwnersFile } from "#core/code-owners.ts";
import { Fault } from "#core/result.ts";
import { parseTeams, teamsFile } from "#core/teams.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { type ForgeOptions, forgeFiles } from "../forge-files.ts";
import { count } from "../output.ts";
import { examples } from "../program.ts";
import { findPackage, type Package } from "../programs.ts";
import { readTemplates } from "../templates.ts";

interface Options extends ForgeOptions {
  readonly git: boolean;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Makes a repository of your own: three example strategies, the paper environment's policies, a CI workflow, editor settings. " +
        "It depends on the package slipway, so an upgrade is a version bump. No file is overwritten; a package.json that is there only gets the keys it lacks.",
    )
    .argument("[folder]", "where; made if it is missing", ".")
    .option("--no-git", "do not run git init")
    .option(
      "--forge <provider>",
      "github or gitea: writes forge.yaml, and for github the workflow of teams without a server",
    )
    .option("--repository <owner/name>", "with --forge: the repository there")
    .option("--writer <login>", "with --forge: Slipway's own account, of a GitHub App its name and [bot]")
    .option("--url <address>", "with --forge: where the forge is, if that is not https://github.com")
    .addHelpText(
      "after",
      examples(
        [
          ["slipway init my-strategies", "then: cd my-strategies && npm install && npm start"],
          ["slipway init .", "in a folder that you have made"],
          ["slipway init . --forge github --repository me/x --writer me-bot", "pull requests"],
        ],
        { 2: "refused: files are in the way, and none was written" },
      ),
    )
    .action((folder: string, options: Options) => act((context) => initialize(context, folder, options)));
}

async function initialize(context: CommandContext, folder: string, options: Options): Promise<CommandResult> {
  const target = resolve(context.cwd, folder);
  const forge = await forgeFiles(join(findPackage().templates, "forge"), options);
  if (!forge.ok) return refused(context, forge.error);
  const own = await filesOf(findPackage(), target);
  const files = new Map([...own, ...forge.value, ...(options.forge === "github" ? codeOwnersOf(own) : [])]);
  const manifest = await existingManifest(target);
  if (manifest === "malformed")
    return refused(context, [
      finding("package-json-malformed", "package.json is there but is no JSON object", "mend or remove it"),
    ]);
  const inTheWay = [...files.keys()].filter((path) => existsSync(join(target, path)) && path !== "package.json");
  if (inTheWay.length > 0) {
    const message = `${count(inTheWay.length, "file")} of a new repository ${inTheWay.length === 1 ? "is" : "are"} there already, and nothing is overwritten: ${inTheWay.join(", ")}`;
    return refused(context, [finding("files-exist", message, "move them away, or choose another folder")], {
      files: inTheWay,
    });
  }
  const shown = relative(context.cwd, target) || ".";
  const made: string[] = [];
  for (const [path, text] of files) {
    const merged =
      path === "package.json" && manifest !== undefined ? mergeManifest(manifest, text) : { text, added: [] };
    await mkdir(dirname(join(target, path)), { recursive: true });
    // `wx` fails on a file that appeared meanwhile: nothing of the user's is lost even then.
    await writeFile(join(target, path), merged.text, {
      flag: path === "package.json" && manifest !== undefined ? "w" : "wx",
    });
    context.out.line(
      `  made  ${join(shown, path)}${merged.added.length > 0 ? `   (kept; added ${merged.added.join(", ")})` : ""}`,
    );
    made.push(path);
  }
  const repository = options.git ? await initializeGit(target) : "not wanted";
  if (repository === "made") context.out.line("  made  an empty Git repository, branch main");
  const enter = shown === "." ? "" : `cd ${shown} && `;
  // With a forge, what runs here is its server, and its rules come first.
  context.out.line(
    options.forge === undefined
      ? `next: ${enter}npm install && npm start`
      : `next: ${enter}npm install, push it to ${options.repository}, then with an administrator's token: npx slipway forge protect   (docs/forges.md)`,
  );
  return done({ folder: target, files: made, git: repository });
}

/** Every file of a new repository, by path. */
async function filesOf(found: Package, target: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map(
    await readTemplates(join(found.templates, "init"), {
      name: packageName(basename(target)),
      dependency: await dependencyOf(found),
      chartsMain: join("node_modules", "slipway", relative(found.root, found.chartsMain)),
    }),
  );
  for (const [path, text] of await copied(found.examples, "strategies")) files.set(path, ownSchemas(text));
  for (const [path, text] of await copied(found.examplePolicies, "policies")) files.set(path, ownSchemas(text));
  return files;
}

/** Whom GitHub asks for reviews, by the teams that are written beside it. */
function codeOwnersOf(files: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const { document } = parseTeams(teamsFile, files.get(teamsFile) ?? "");
  return document === undefined ? new Map() : new Map([[codeOwnersFile, codeOwners(document)]]);
}

/** Editors find the schemas in the package there. */
function ownSchemas(text: string): string {
  return text.replace(/\$schema=((?:\.\.\/)+)schemas\//, "$schema=$1node_modules/slipway/schemas/");
}

async function copied(from: string, to: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const [path, text] of await readTemplates(from, {}))
    if (!/(^|\/)__pycache__\//.test(path)) files.set(join(to, path), text);
  return files;
}

/** An npm package name from a folder's. */
function packageName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+|[._-]+$/g, "");
  return name === "" || name === "slipway" ? "strategies" : name;
}

/** What package.json asks for: this version, or the tarball or folder that this very package was installed from. */
async function dependencyOf(found: Package): Promise<string> {
  if (found.form === "source") return `file:${found.root}`;
  const modules = dirname(found.root);
  try {
    const lock: unknown = JSON.parse(await readFile(join(modules, ".package-lock.json"), "utf8"));
    const resolved = /"node_modules\/slipway":\{[^}]*?"resolved":"file:(?<path>[^"]+)"/.exec(JSON.stringify(lock))
      ?.groups?.["path"];
    if (resolved !== undefined) return `file:${resolve(dirname(modules), resolved)}`;
  } catch (error) {
    // No npm lock beside it (another package manager): the version is the right answer then.
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT"))
      throw new Fault("package-broken", "npm's list of installed packages could not be read", { cause: error });
  }
  return found.version;
}

async function existingManifest(target: string): Promise<Readonly<Record<string, unknown>> | undefined | "malformed"> {
  if (!existsSync(join(target, "package.json"))) return undefined;
  try {
    const parsed: unknown = JSON.parse(await readFile(join(target, "package.json"), "utf8"));
    return isRecord(parsed) ? parsed : "malformed";
  } catch {
    // Not JSON: the caller refuses it.
    return "malformed";
  }
}

/** Adds the keys that are missing, at the top and one level down; what is there stays. */
function mergeManifest(
  mine: Readonly<Record<string, unknown>>,
  template: string,
): { readonly text: string; readonly added: readonly string[] } {
  const theirs: unknown = JSON.parse(template);
  const merged: Record<string, unknown> = {};
  const added: string[] = [];
  for (const [key, value] of Object.entries(isRecord(theirs) ? theirs : {})) {
    const existing = mine[key];
    if (existing === undefined) added.push(key);
    if (isRecord(existing) && isRecord(value)) {
      added.push(
        ...Object.keys(value)
          .filter((inner) => !(inner in existing))
          .map((inner) => `${key}.${inner}`),
      );
      merged[key] = { ...value, ...existing };
    } else merged[key] = existing ?? value;
  }
  Object.assign(
    merged,
    ...Object.keys(mine)
      .filter((key) => !(key in merged))
      .map((key) => ({ [key]: mine[key] })),
  );
  return { text: `${JSON.stringify(merged, undefined, 2)}\n`, added };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function initializeGit(target: string): Promise<"made" | "there already" | "git is not installed"> {
  const inside = await git(target, ["rev-parse", "--is-inside-work-tree"]);
  if (inside === "missing") return "git is not installed";
  if (inside === "done") return "there already";
  const made = await git(target, ["init", "--quiet", "--initial-branch=main"]);
  if (made !== "done") throw new Fault("git-failed", `git init failed in ${target}`);
  return "made";
}

function git(cwd: string, args: readonly string[]): Promise<"done" | "failed" | "missing"> {
  return new Promise((settle) => {
    execFile("git", [...args], { cwd, timeout: 20_000 }, (error) => {
      if (error === null) settle("done");
      else settle(error.code === "ENOENT" ? "missing" : "failed");
    });
  });
}
