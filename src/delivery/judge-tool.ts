import { forgeFile, parseForge } from "#core/forge-document.ts";
import { canonicalJson } from "#core/json.ts";
import { type Finding, hasErrors } from "#core/refusal.ts";
import type { BlobSha, Repository, TreeEntry, TreePath, TreeSha } from "#git/port.ts";
import { isEmbedded, merged } from "./approval-needs.ts";
import { knownPeople } from "./approvals.ts";
import {
  compareDependencies,
  type Dependencies,
  type DependencyFiles,
  lockFile,
  manifestFile,
} from "./dependencies.ts";
import { type Fleet, readFleet } from "./fleet.ts";
import { activeFreezes, checkFreezes } from "./freezes.ts";
import { digest, type Memo } from "./memo.ts";
import { codeOwnersFindings } from "./owner-checks.ts";
import { policyDigest } from "./render-plan.ts";
import { isWorkflow, type ToolFile, toolFilesOf } from "./tool-files.ts";
import { fileFindings, ownersOf, unowned } from "./tool-findings.ts";
import type { SourceTree } from "./tree.ts";
import type { ApprovalNeed, MergePair, ToolImpact, Verdict } from "./verdict.ts";
import { workflowWarnings } from "./workflow-warnings.ts";

/** More of a file is not read: npm's lock file of a thousand packages has half of it. */
const readBytesMax = 8 * 1024 ** 2;

export interface ToolQuestion {
  readonly pair: MergePair;
  /** The merge result. */
  readonly tree: TreeSha;
  /** What differs; all of it lies outside of `strategies/` and `policies/`. */
  readonly paths: readonly string[];
  /** The base's policies. */
  readonly before: SourceTree;
  /** The committer date of the base: time in Git. */
  readonly atSeconds: number;
  readonly memo: Memo;
}

export type ToolAnswer = Pick<Verdict, "needs" | "people"> & {
  readonly findings: readonly Finding[];
  readonly tool: ToolImpact;
  readonly policyDigest: string;
  readonly approvalDigest: string;
};

/**
 * Judges a proposal that changes no strategy and no policy. Nothing of it is run: what it does to those who judge from then on is a matter of the
 * people whom the base's policies name. Only what differs is read, as text.
 */
export async function judgeTool(repository: Repository, question: ToolQuestion): Promise<ToolAnswer> {
  const { pair, tree, paths, before, atSeconds, memo } = question;
  const [old, now] = [await repository.list(pair.base), await repository.list(tree)];
  const files = toolFilesOf(paths, old, now);
  const texts = await readTexts(repository, files, old, now);
  const fleet = readFleet(before, memo);
  const { policies } = fleet;
  const teams = policies.teams?.document;
  const dependencies = dependenciesOf(files, texts);
  const findings = [
    ...(policies.teams === undefined || teams !== undefined ? unowned(teams, files) : [teamsUnreadable()]),
    ...fileFindings(files, now, new Map(files.map(({ path }) => [path, texts.after.get(path) ?? ""]))),
    ...unreadFindings(files, texts),
    ...dependencies.findings,
    ...unpinned(dependencies),
    ...forgeFindings(files, texts),
    ...files
      .filter(({ path, after }) => after !== undefined && isWorkflow(path))
      .flatMap(({ path }) => workflowWarnings(path, texts.before.get(path) ?? "", texts.after.get(path) ?? "")),
    ...(teams === undefined ? [] : await codeOwnersFindings(repository, tree, teams)),
    ...checkFreezes(activeFreezes(policies, atSeconds), frozenChanges(files)),
  ];
  const owners = ownersOf(teams, files);
  return {
    findings,
    tool: {
      files: files.map(({ path, kind, before: from, after: to }, index) => ({
        ...{ path, kind, from: from?.mode, to: to?.mode },
        owner: owners[index]?.group,
      })),
      dependencies: dependencies.changes,
      slipway: slipwayOf(dependencies),
    },
    needs: hasErrors(findings) ? [] : needsOf(files, fleet, owners),
    people: knownPeople(policies),
    policyDigest: policyDigest(before),
    approvalDigest: toolDigest(files),
  };
}

/** What an approval is bound to: every changed file's path, mode and content, on the base and after the merge. */
function toolDigest(files: readonly ToolFile[]): string {
  const entry = (held: ToolFile["before"]): readonly string[] | null =>
    held === undefined ? null : [held.mode, held.blob];
  const tool = files.map(({ path, before, after }) => ({ path, before: entry(before), after: entry(after) }));
  return `sha256:${digest(canonicalJson({ tool }))}`;
}

const reasonsMax = 3;

/** One need a group: the most that any of its files asks for. */
function needsOf(
  files: readonly ToolFile[],
  { policies }: Fleet,
  owners: ReturnType<typeof ownersOf>,
): readonly ApprovalNeed[] {
  const environments = [...policies.environments.keys()].sort();
  const groups = [...new Set(owners.flatMap((owner) => owner?.group ?? []))].sort();
  return merged(
    groups.flatMap((group) => {
      const own = files.filter((_, index) => owners[index]?.group === group);
      const asked = owners.filter((owner) => owner?.group === group);
      const more = own.length > reasonsMax ? [`${own.length - reasonsMax} more files`] : [];
      const need: ApprovalNeed = {
        approvals: Math.max(...asked.map((owner) => owner?.count ?? 0)),
        group,
        members: asked[0]?.members ?? [],
        reasons: [...own.slice(0, reasonsMax).map(({ path }) => `changes ${path}`), ...more],
        environments,
        embedded: isEmbedded(policies, policies, environments),
      };
      return [need];
    }),
  );
}

interface Texts {
  readonly before: ReadonlyMap<string, string>;
  readonly after: ReadonlyMap<string, string>;
}

/** Of the files that are looked into; and of links, where they lead. */
async function readTexts(
  repository: Repository,
  files: readonly ToolFile[],
  old: ReadonlyMap<TreePath, TreeEntry>,
  now: ReadonlyMap<TreePath, TreeEntry>,
): Promise<Texts> {
  const wanted = files.some(({ path }) => path === manifestFile || path === lockFile) ? [manifestFile, lockFile] : [];
  const paths = [
    ...wanted,
    ...files.filter(({ path }) => path === forgeFile || isWorkflow(path)).map(({ path }) => path),
  ];
  const links = files.filter(({ after }) => after?.mode === "120000").map(({ path }) => path);
  const blobsOf = (
    entries: ReadonlyMap<string, TreeEntry>,
    read: readonly string[],
  ): readonly (readonly [string, BlobSha])[] =>
    [...new Set(read)].flatMap((path) => {
      const entry = entries.get(path);
      const isRead = entry !== undefined && entry.mode !== "160000" && entry.sizeBytes <= readBytesMax;
      return isRead ? [[path, entry.blob] as const] : [];
    });
  const [was, is] = [blobsOf(old, paths), blobsOf(now, [...paths, ...links])];
  const bytes = await repository.read([...was, ...is].map(([, blob]) => blob));
  const textsOf = (found: typeof was): ReadonlyMap<string, string> =>
    new Map(found.map(([path, blob]) => [path, new TextDecoder().decode(bytes.get(blob))]));
  return { before: textsOf(was), after: textsOf(is) };
}

/** What is too big to be looked into says nothing of itself. */
function unreadFindings(files: readonly ToolFile[], { after }: Texts): readonly Finding[] {
  return files
    .filter(({ path, after: now }) => now !== undefined && isLookedInto(path) && !after.has(path))
    .map(({ path }) => ({
      code: "file-unread",
      severity: "error",
      message: `bigger than ${readBytesMax / 1024 ** 2} MiB, and not read`,
      fix: "make it smaller",
      place: { file: path },
    }));
}

function isLookedInto(path: string): boolean {
  return path === manifestFile || path === lockFile || path === forgeFile || isWorkflow(path);
}

function dependenciesOf(files: readonly ToolFile[], { before, after }: Texts): Dependencies {
  if (!files.some(({ path }) => path === manifestFile || path === lockFile)) return { changes: [], findings: [] };
  const filesOf = (texts: ReadonlyMap<string, string>): DependencyFiles => ({
    manifest: texts.get(manifestFile),
    lock: texts.get(lockFile),
  });
  return compareDependencies(filesOf(before), filesOf(after));
}

/** Without it nobody says which version renders. */
function unpinned({ changes }: Dependencies): readonly Finding[] {
  if (!changes.some(({ name, to }) => name === "slipway" && to === undefined)) return [];
  const message = "slipway is taken out: whoever starts the server then decides which version judges and renders";
  return [{ code: "version-unpinned", severity: "warning", message, place: { file: lockFile } }];
}

function slipwayOf({ changes }: Dependencies): ToolImpact["slipway"] {
  const found = changes.find(({ name }) => name === "slipway");
  return found === undefined ? undefined : { from: found.from, to: found.to };
}

/** One that could not be read would leave the server without a forge; another account would have its word believed. */
function forgeFindings(files: readonly ToolFile[], { before, after }: Texts): readonly Finding[] {
  const text = after.get(forgeFile);
  if (text === undefined || !files.some(({ path }) => path === forgeFile)) return [];
  const parsed = parseForge(forgeFile, text);
  const old = before.has(forgeFile) ? parseForge(forgeFile, before.get(forgeFile) ?? "").document?.spec : undefined;
  const keys = ["provider", "url", "apiUrl", "repository", "writer"] as const;
  const changes = keys
    .filter((key) => parsed.document !== undefined && old?.[key] !== parsed.document.spec[key])
    .map(
      (key): Finding => ({
        code: "forge-changed",
        severity: "warning",
        message: `${key} ${old?.[key] ?? "not there"} → ${parsed.document?.spec[key] ?? "taken away"}${key === "writer" ? ": this account's word is believed, and nobody else's" : ""}`,
        place: parsed.locate(`/spec/${key}`),
      }),
    );
  return [...parsed.findings, ...changes];
}

/** In a freeze nobody changes what judges or runs; words for people are no change. */
function frozenChanges(files: readonly ToolFile[]): Parameters<typeof checkFreezes>[1] {
  return files
    .filter(({ kind }) => kind !== "words")
    .map(({ path, before, after }) => ({
      field: path,
      before: before?.blob.slice(0, 7),
      after: after?.blob.slice(0, 7),
      direction: "incomparable",
      file: path,
      environments: undefined,
    }));
}

function teamsUnreadable(): Finding {
  return {
    code: "owners-unreadable",
    severity: "error",
    message: "main's policies/teams.yaml is refused, so nobody can say whose approval this needs",
    fix: "mend it first, in a proposal of its own",
    place: { file: "policies/teams.yaml" },
  };
}
