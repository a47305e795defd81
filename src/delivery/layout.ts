import { parseEnvironmentName, parsePolicyName, parseStrategyId, type StrategyId } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import { checkPath, fileBytesMax, type SourceFile, type SourceTree } from "./tree.ts";

/** One strategy's folder: its spec file and everything beside it, by path inside the folder. */
export interface StrategyFolder {
  readonly id: StrategyId;
  /** `strategies/<team>/<name>`. */
  readonly folder: string;
  readonly files: SourceTree;
  /** What stands in it too and is refused (a link, too big); each has its finding. Nothing may read through it. */
  readonly refused?: ReadonlySet<string>;
}

export interface PolicyFile {
  readonly name: string;
  readonly path: string;
  readonly file: SourceFile;
}

/** The folders of `policies/` that hold one document a file, named by the file. */
export const policyFolders = ["environments", "rules", "waivers", "freezes", "halts"] as const;
export type PolicyFolder = (typeof policyFolders)[number];

export type PolicyFiles = Readonly<Record<PolicyFolder, ReadonlyMap<string, PolicyFile>>> & {
  readonly teams: PolicyFile | undefined;
};

/** What stands where in a tree, before any document is read. */
export interface Layout {
  readonly strategies: ReadonlyMap<StrategyId, StrategyFolder>;
  readonly policies: PolicyFiles;
  readonly findings: readonly Finding[];
}

const filesMax = 200;
const specName = "strategy.yaml";

/** Sorts a tree into strategies and policies and refuses what may not stand in it: links, odd names, too much of anything. */
export function readLayout(tree: SourceTree): Layout {
  const findings: Finding[] = [];
  const policies = newPolicyFiles();
  const folders = new Map<string, { readonly files: Map<string, SourceFile>; readonly refused: Set<string> }>();
  for (const [path, file] of tree) {
    const refused = refuseFile(path, file);
    if (refused !== undefined) findings.push(refused);
    const [root, team, name, ...rest] = path.split("/");
    if (root === "policies") addPolicy(path, file, refused === undefined, policies, findings);
    else if (team !== undefined && name !== undefined && rest.length > 0) {
      const folder = `strategies/${team}/${name}`;
      const inside = folders.get(folder) ?? { files: new Map(), refused: new Set() };
      if (refused === undefined) inside.files.set(rest.join("/"), file);
      else inside.refused.add(rest.join("/"));
      folders.set(folder, inside);
    } else if (isSpecName(path)) findings.push(misplaced(path));
  }
  const strategies = new Map<StrategyId, StrategyFolder>();
  for (const [folder, { files, refused }] of folders) {
    const id = parseStrategyId(folder.slice("strategies/".length));
    findings.push(...checkFolder(folder, files, refused));
    if (id.ok) strategies.set(id.value, { id: id.value, folder, files, refused });
    else findings.push(badName(folder, id.error.allowed));
  }
  return { strategies, policies, findings };
}

function isSpecName(path: string): boolean {
  return /(?:^|\/)strategy\.ya?ml$/.test(path);
}

function misplaced(path: string): Finding {
  return {
    code: "strategy-misplaced",
    severity: "error",
    message: `${path} is not in a strategy's folder; a spec stands in strategies/<team>/<name>/strategy.yaml`,
    fix: "move the folder one level down, below its team",
    place: { file: path },
  };
}

function badName(folder: string, allowed: string): Finding {
  return {
    code: "name-malformed",
    severity: "error",
    message: `${folder} is not a strategy's folder; allowed is ${allowed}`,
    fix: "rename the folder, and metadata.team and metadata.name with it",
    place: { file: folder },
  };
}

function refuseFile(path: string, file: SourceFile): Finding | undefined {
  const refuse = (code: string, message: string, fix: string): Finding => ({
    code,
    severity: "error",
    message,
    fix,
    place: { file: path },
  });
  const checked = checkPath(path);
  if (!checked.ok)
    return refuse(
      "path-malformed",
      `the path ${JSON.stringify(path)} is refused; allowed is ${checked.error.allowed}`,
      "rename it",
    );
  if (file.mode === "120000")
    return refuse("file-symlink", "this is a symbolic link; only plain files are read", "put the file itself here");
  if (!file.mode.startsWith("100"))
    return refuse("file-special", "this is no plain file; only plain files are read", "remove it");
  if ((file.unreadBytes ?? file.bytes.length) > fileBytesMax) {
    const size = file.unreadBytes ?? file.bytes.length;
    return refuse(
      "file-too-big",
      `this file is ${size} bytes, above the limit of ${fileBytesMax}`,
      "keep data out of the strategy's folder; a feed brings it",
    );
  }
  return undefined;
}

interface NewPolicyFiles extends Record<PolicyFolder, Map<string, PolicyFile>> {
  teams: PolicyFile | undefined;
}

function newPolicyFiles(): NewPolicyFiles {
  return {
    ...{ environments: new Map(), rules: new Map(), waivers: new Map(), freezes: new Map(), halts: new Map() },
    teams: undefined,
  };
}

/** @param readable whether the file is a plain one that may be read */
function addPolicy(
  path: string,
  file: SourceFile,
  readable: boolean,
  policies: NewPolicyFiles,
  findings: Finding[],
): void {
  if (path === "policies/teams.yaml") {
    if (readable) policies.teams = { name: "teams", path, file };
    return;
  }
  const parts = /^policies\/(?<folder>[^/]+)\/(?<name>[^/]+)\.yaml$/.exec(path)?.groups;
  const folder = policyFolders.find((known) => known === parts?.["folder"]);
  const name = parts?.["name"];
  if (folder !== undefined && name !== undefined) {
    const parsed = folder === "environments" ? parseEnvironmentName(name) : parsePolicyName(name);
    if (parsed.ok && readable) policies[folder].set(name, { name, path, file });
    if (!parsed.ok)
      findings.push({
        code: "name-malformed",
        severity: "error",
        message: `${name} is not a name for a file of policies/${folder}; allowed is ${parsed.error.allowed}`,
        fix: "rename the file",
        place: { file: path },
      });
    return;
  }
  if (path.endsWith(".md")) return;
  // A policy that nobody evaluates would be one that nobody enforces.
  findings.push({
    code: "policy-unknown",
    severity: "error",
    message: `this version of Slipway does not know this policy and could not enforce it; it reads policies/teams.yaml and policies/{${policyFolders.join(",")}}/<name>.yaml`,
    fix: path.endsWith(".yml") ? "rename it to .yaml" : "remove the file, or upgrade Slipway",
    place: { file: path },
  });
}

function checkFolder(
  folder: string,
  files: ReadonlyMap<string, SourceFile>,
  refused: ReadonlySet<string>,
): readonly Finding[] {
  const findings: Finding[] = [];
  if (!files.has(specName) && !refused.has(specName)) {
    const other = [...files.keys()].find(isSpecName);
    findings.push({
      code: "strategy-spec-missing",
      severity: "error",
      message: `${folder} has no ${specName}${other === undefined ? "" : `, only ${other}`}`,
      fix:
        other === undefined
          ? `write one (slipway new makes it), or remove the folder`
          : `rename ${other} to ${specName}`,
      place: { file: other === undefined ? folder : `${folder}/${other}` },
    });
  }
  if (files.size > filesMax) {
    findings.push({
      code: "folder-too-big",
      severity: "error",
      message: `${folder} holds ${files.size} files, above the limit of ${filesMax}`,
      fix: "keep data out of the strategy's folder",
      place: { file: folder },
    });
  }
  const seen = new Map<string, string>();
  for (const path of files.keys()) {
    const twin = seen.get(path.toLowerCase());
    if (twin !== undefined) {
      findings.push({
        code: "file-case-clash",
        severity: "error",
        message: `${path} and ${twin} are one file where case is ignored`,
        fix: "rename one of them",
        place: { file: `${folder}/${path}` },
      });
    }
    seen.set(path.toLowerCase(), path);
  }
  return findings;
}
