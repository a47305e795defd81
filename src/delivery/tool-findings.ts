import { dirname, posix } from "node:path";
import { type Owner, ownerOf } from "#core/owners.ts";
import type { Finding } from "#core/refusal.ts";
import { type TeamsDocument, teamsFile } from "#core/teams.ts";
import { inOneLine } from "#core/visible.ts";
import type { TreeEntry } from "#git/port.ts";
import { isData, takenForData } from "./proposal-class.ts";
import { isWorkflow, type ToolFile } from "./tool-files.ts";

// What the gate says of files outside of strategies/ and policies/ without a look at what they mean: whose they are, and what they are to Git.

const symlink = "120000";
const submodule = "160000";
const targetMax = 200;
const executable = "100755";

function say(severity: Finding["severity"], code: string, file: string, message: string, fix?: string): Finding {
  return { code, severity, message, ...(fix === undefined ? {} : { fix }), place: { file } };
}

/** Whose each file is by the base's policies, in the order of the files. */
export function ownersOf(teams: TeamsDocument | undefined, files: readonly ToolFile[]): readonly (Owner | undefined)[] {
  return files.map(({ path }) => ownerOf(teams, path));
}

/** Files that nobody owns are changed by nobody. */
export function unowned(teams: TeamsDocument | undefined, files: readonly ToolFile[]): readonly Finding[] {
  const [group] = Object.keys(teams?.spec.groups ?? {});
  const line = `- { path: /, group: ${group ?? "maintainers"} }`;
  const fix =
    teams === undefined
      ? `write ${teamsFile} with a group of people and, under spec.owners, ${line}; propose that first, by itself`
      : `say who, in a proposal of its own before this one: add under spec.owners in ${teamsFile} ${line}${group === undefined ? ", and define the group" : ""}`;
  return files
    .filter(({ path }) => ownerOf(teams, path) === undefined)
    .map(({ path }) =>
      say("error", "owner-missing", path, "main's policies do not say whose approval a change of this file needs", fix),
    );
}

/**
 * @param after the merge result, all of it
 * @param targets where each changed symlink leads
 */
export function fileFindings(
  files: readonly ToolFile[],
  after: ReadonlyMap<string, TreeEntry>,
  targets: ReadonlyMap<string, string>,
): readonly Finding[] {
  const known = spellings(after.keys());
  return files.flatMap((file) => (file.after === undefined ? removed(file) : present(file, after, targets, known)));
}

function removed({ path }: ToolFile): readonly Finding[] {
  if (!isWorkflow(path) && path !== "forge.yaml") return [];
  const lost =
    path === "forge.yaml" ? "without it proposals live on one machine, and nobody judges here" : "it runs no more";
  return [say("warning", "tool-removed", path, `removed: ${lost}`)];
}

function present(
  { path, before, after: now }: ToolFile,
  after: ReadonlyMap<string, TreeEntry>,
  targets: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, readonly string[]>,
): readonly Finding[] {
  const findings: Finding[] = [];
  const add = (...said: Parameters<typeof say>): void => {
    findings.push(say(...said));
  };
  const root = takenForData(path);
  if (root !== undefined)
    add("error", "path-like-data", path, `people and some file systems take this for ${root}/`, "name it otherwise");
  const others = before === undefined && root === undefined ? collisions(path, known) : [];
  if (others.length > 0)
    add("error", "path-collides", path, `on some machines this is ${others.join(", ")}`, "name it otherwise");
  if (now?.mode === submodule)
    add(
      "error",
      "submodule",
      path,
      "what is in a submodule stands in another repository",
      "bring the files themselves",
    );
  if (now?.mode === symlink) findings.push(linked(path, after, targets.get(path)));
  if (now?.mode === executable && before?.mode !== executable)
    add("warning", "file-executable", path, "may now be run as a program");
  if (path.endsWith(".gitattributes"))
    add(
      "warning",
      "git-attributes",
      path,
      "says how Git merges, shows and converts files; what it hides from a diff is there",
    );
  if (path.endsWith(".gitmodules")) add("warning", "git-modules", path, "says from where submodules are fetched");
  return findings;
}

/** A link to data would let a proposal of data change what stands here; one to a folder or out of the repository, too. */
function linked(path: string, after: ReadonlyMap<string, TreeEntry>, target: string | undefined): Finding {
  const fix = "bring the file itself";
  if (target === undefined) return say("error", "symlink", path, "a link that leads nowhere", fix);
  const led = posix.join(dirname(path), target);
  const entry = after.get(led);
  const shown = JSON.stringify(inOneLine(target).slice(0, targetMax));
  if (target.startsWith("/") || led.startsWith(".."))
    return say("error", "symlink", path, `a link out of the repository, to ${shown}`, fix);
  if (isData(led) || entry?.mode.startsWith("100") !== true)
    return say("error", "symlink", path, `a link to ${shown}, which is no file of the tool's class`, fix);
  return say("warning", "symlink", path, `a link to ${led}: what is changed there is changed here`);
}

/** All paths and folders, by what a file system makes of them that knows no case and no composed letters. */
function spellings(paths: Iterable<string>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const path of paths) {
    for (let end = path.indexOf("/"); ; end = path.indexOf("/", end + 1)) {
      const part = end < 0 ? path : path.slice(0, end);
      const known = found.get(folded(part));
      if (known === undefined) found.set(folded(part), [part]);
      else if (!known.includes(part)) known.push(part);
      if (end < 0) break;
    }
  }
  return found;
}

function collisions(path: string, known: ReadonlyMap<string, readonly string[]>): readonly string[] {
  for (let end = path.indexOf("/"); ; end = path.indexOf("/", end + 1)) {
    const part = end < 0 ? path : path.slice(0, end);
    const others = (known.get(folded(part)) ?? []).filter((other) => other !== part);
    if (others.length > 0 || end < 0) return others;
  }
}

function folded(path: string): string {
  return path.normalize("NFKC").toLowerCase();
}
