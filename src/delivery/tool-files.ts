import type { BlobSha, TreeEntry } from "#git/port.ts";

/** What a file outside of `strategies/` and `policies/` decides. */
export type ToolKind = "version" | "workflow" | "forge" | "charts" | "owners" | "git" | "words" | "other";

/** As Git holds a file. */
export interface ToolEntry {
  readonly mode: string;
  readonly blob: BlobSha;
}

/** One file outside of `strategies/` and `policies/` that a proposal changes. */
export interface ToolFile {
  readonly path: string;
  readonly kind: ToolKind;
  readonly before: ToolEntry | undefined;
  readonly after: ToolEntry | undefined;
}

/** What a kind of file decides, in a sentence's second half. */
export const kindWords: Readonly<Record<ToolKind, string>> = {
  version: "which Slipway judges and renders, and with what",
  workflow: "what runs on the forge's machines",
  forge: "which forge and which account are believed",
  charts: "how things are judged and rendered",
  owners: "whom the forge asks for reviews",
  git: "how Git takes files",
  words: "words for people",
  other: "not known to Slipway",
};

const versions = new Set([
  ...["package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"],
  ...[".npmrc", ".yarnrc.yml", "pnpm-workspace.yaml", ".nvmrc", ".node-version", ".tool-versions", "tsconfig.json"],
]);
const words = /(?:^|\/)(?:[^/]+\.(?:md|txt|png|jpg|svg)|LICENSE|NOTICE|AUTHORS)$/i;
const plainMode = "100644";

/** @param paths those that differ */
export function toolFilesOf(
  paths: readonly string[],
  before: ReadonlyMap<string, TreeEntry>,
  after: ReadonlyMap<string, TreeEntry>,
): readonly ToolFile[] {
  return [...paths].sort().map((path) => {
    const [old, now] = [before.get(path), after.get(path)];
    const plain = [old, now].every((entry) => entry === undefined || entry.mode === plainMode);
    return { path, kind: kindOf(path, plain), before: entryOf(old), after: entryOf(now) };
  });
}

function entryOf(entry: TreeEntry | undefined): ToolEntry | undefined {
  return entry === undefined ? undefined : { mode: entry.mode, blob: entry.blob };
}

/** @param plain an ordinary file before and after; words that may be run, or lead elsewhere, are none */
export function kindOf(path: string, plain: boolean): ToolKind {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (versions.has(path)) return "version";
  if (isWorkflow(path)) return "workflow";
  if (path === "forge.yaml") return "forge";
  // The last two where the repository is Slipway's own source.
  if (path === "cdk8s.yaml" || /^(?:charts|src|schemas)\//.test(path)) return "charts";
  if (name === "CODEOWNERS") return "owners";
  if (name === ".gitattributes" || name === ".gitmodules") return "git";
  return plain && words.test(path) ? "words" : "other";
}

/** Where GitHub, Gitea and Forgejo look for what to run, and what those run from the repository. */
export function isWorkflow(path: string): boolean {
  return /^\.(?:github|gitea|forgejo)\/(?:workflows|actions)\//.test(path);
}

/** Whether what is rendered may differ by it. */
export function mayRenderOtherwise(kind: ToolKind): boolean {
  return kind === "version" || kind === "charts";
}
