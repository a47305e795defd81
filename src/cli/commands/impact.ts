import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { JsonObject } from "#core/json.ts";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { type Act, type CommandContext, type CommandResult, finding, findingsJson, refused } from "../context.ts";
import { describeComparison, describeFleet } from "../impact-text.ts";
import { examples } from "../program.ts";
import { findPlace, forgeDirectory, openSite, type Place, parseNumber } from "../site.ts";

interface Options {
  readonly base?: string;
  readonly head?: string;
  readonly environment?: string;
  readonly all?: boolean;
  readonly upgrade?: boolean;
}

/** A tree that is compared, and what a person calls it. */
interface Revision {
  readonly tree: SourceTree;
  readonly name: string;
  /** The committer date, in seconds since the epoch; absent for files on disk. */
  readonly timeSeconds: number | undefined;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Says what a change of policies, runtimes or strategies does to every strategy of every environment: which are now refused and by what, which become allowed, which limits move in which direction, which executors restart. Complete, not sampled, and the same for the same files. Nothing is written.",
    )
    .option("--base <revision>", "compare with this: a commit, branch or proposal's number (default: main as deployed)")
    .option("--head <revision>", "and this (default: this folder as it stands)")
    .option("-e, --environment <name>", "show this environment alone")
    .option("--upgrade", "what this version of Slipway renders otherwise than the environment branches hold")
    .option("--all", "list every strategy that changes, however many")
    .addHelpText(
      "after",
      examples(
        [
          ["slipway impact", "what the edits in this folder would do"],
          ["slipway impact --head 42", "what proposal #42 does to main as it is now"],
          ["slipway impact --upgrade", "after a version bump: which executors would restart"],
          ["slipway impact --base 3f9a1c2… --head main", "what happened since a commit"],
        ],
        {
          0: "nothing that passes now is refused after it",
          2: "a strategy that passes now would be refused, or the policies themselves are",
        },
      ),
    )
    .action((options: Options) => act((context) => impact(context, options)));
}

async function impact(context: CommandContext, options: Options): Promise<CommandResult> {
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  if (options.upgrade === true) return upgrade(context, place.value, options);
  const base = await readBase(place.value, options.base);
  if (!base.ok) return refused(context, [base.error]);
  const head = await readHead(place.value, options.head);
  if (!head.ok) return refused(context, [head.error]);
  const { compareTrees } = await import("#delivery/compare.ts");
  const { createMemo } = await import("#delivery/memo.ts");
  const atSeconds = base.value.timeSeconds ?? Math.floor(context.now() / 1000);
  const comparison = await compareTrees(base.value.tree, head.value.tree, atSeconds, createMemo());
  const { environments, findings } = comparison.fleet;
  const shown = environments.filter(
    ({ environment }) => options.environment === undefined || environment === options.environment,
  );
  if (options.environment !== undefined && shown.length === 0) {
    const known = environments.map(({ environment }) => environment).join(", ") || "none";
    return refused(context, [
      finding(
        "environment-unknown",
        `there is no environment ${JSON.stringify(options.environment)}; there are ${known}`,
        "name one of them with --environment",
      ),
    ]);
  }
  const flips = shown
    .flatMap(({ strategies }) => strategies)
    .filter(({ before, after }) => before !== "refused" && after === "refused");
  const broken = flips.length > 0 || findings.length > 0;
  context.out.findings(findings);
  const words = {
    base: base.value.name,
    head: head.value.name,
    all: options.all === true,
    columns: context.out.columns,
  };
  for (const line of describeComparison({ ...comparison, fleet: { ...comparison.fleet, environments: shown } }, words))
    context.out.line(line);
  const document = {
    ok: !broken,
    base: base.value.name,
    head: head.value.name,
    policies: JSON.parse(JSON.stringify(comparison.fleet.policies)) as JsonObject[],
    findings: findingsJson(findings),
    environments: JSON.parse(JSON.stringify(shown)) as JsonObject[],
  };
  return { exitCode: broken ? 2 : 0, document };
}

/** What a version bump of the tool does: no policy and no strategy differs, only how they are rendered. */
async function upgrade(context: CommandContext, place: Place, options: Options): Promise<CommandResult> {
  const opened = await openSite(context);
  if (!opened.ok) return refused(context, [opened.error]);
  const { repository } = opened.value;
  const { upgradeImpact } = await import("#delivery/upgrade.ts");
  const { createMemo } = await import("#delivery/memo.ts");
  const { readRenderer } = await import("#delivery/renderer.ts");
  const now = await readRenderer();
  const shown: JsonObject[] = [];
  for (const ref of (await repository.refs("refs/heads/env/")).keys()) {
    const environment = ref.slice("refs/heads/env/".length);
    if (options.environment !== undefined && environment !== options.environment) continue;
    const impact = await upgradeImpact(repository, environment, createMemo());
    if (impact === undefined) continue;
    const words = { base: impact.renderedBy, head: now, all: options.all === true, columns: context.out.columns };
    context.out.line(`${environment}: rendered by ${impact.renderedBy}, now by ${now}`);
    for (const line of describeFleet(impact.fleet, [], words)) context.out.line(line);
    shown.push(JSON.parse(JSON.stringify({ ...impact.fleet, renderedBy: impact.renderedBy })) as JsonObject);
  }
  if (shown.length === 0)
    return refused(context, [
      finding(
        "nothing-rendered",
        `nothing was rendered from ${place.checkout} yet, so nothing can differ`,
        "deploy first",
      ),
    ]);
  return { exitCode: 0, document: { ok: true, renderer: now, environments: shown } };
}

/** Main as deployed, or where nothing was deployed from here, the checkout's own main. */
async function readBase(place: Place, text: string | undefined): Promise<Result<Revision, Finding>> {
  if (text !== undefined) return readRevision(place, text);
  const main = await readRevision(place, "main");
  if (main.ok) return main;
  return err(
    finding(
      "base-missing",
      "there is nothing to compare with: nothing was deployed from this folder, and its Git repository has no branch main",
      "name a commit or branch with --base, or deploy first",
    ),
  );
}

async function readHead(place: Place, text: string | undefined): Promise<Result<Revision, Finding>> {
  if (text !== undefined) return readRevision(place, text);
  const { readWorkspace } = await import("#delivery/tree.ts");
  return ok({ tree: await readWorkspace(place.checkout), name: "this folder", timeSeconds: undefined });
}

/** A proposal's number, or a branch or commit of the forge or, where it has none such, of this checkout. */
async function readRevision(place: Place, text: string): Promise<Result<Revision, Finding>> {
  const { openRepository, parseCommitSha, parseRefName } = await import("#git/open.ts");
  const number = parseNumber(text);
  const sha = parseCommitSha(text);
  const branch = parseRefName(`refs/heads/${text}`);
  for (const directory of [forgeDirectory(place.state), join(place.checkout, ".git")]) {
    if (!existsSync(directory)) continue;
    const repository = await openRepository(directory);
    if (number !== undefined) return readProposal(repository, number);
    const found = branch.ok ? await repository.resolve(branch.value) : undefined;
    if (found !== undefined) return readCommitOf(repository, found, text);
    if (sha.ok && (await repository.has(sha.value))) return readCommitOf(repository, sha.value, text.slice(0, 7));
  }
  return err(
    finding(
      "revision-unknown",
      `${JSON.stringify(text)} is no proposal, branch or commit of the forge or of this checkout`,
      "write a proposal's number (slipway proposals), a branch, or a whole commit id",
    ),
  );
}

type Repository = Awaited<ReturnType<typeof import("#git/open.ts").openRepository>>;

async function readCommitOf(
  repository: Repository,
  sha: Parameters<Repository["commit"]>[0],
  name: string,
): Promise<Result<Revision, Finding>> {
  const { readCommit } = await import("#delivery/tree.ts");
  const commit = await repository.commit(sha);
  return ok({ tree: await readCommit(repository, sha), name, timeSeconds: commit.committer.timeSeconds });
}

/** What main would be with the proposal merged. */
async function readProposal(repository: Repository, number: number): Promise<Result<Revision, Finding>> {
  const { localForge } = await import("#forge/local.ts");
  const { readCommit } = await import("#delivery/tree.ts");
  const { mainRef } = await import("#delivery/names.ts");
  const found = await localForge({ repository, clock: () => 0 }).get(number);
  if (!found.ok)
    return err(finding(found.error.code, `there is no proposal #${number}`, "slipway proposals lists them"));
  const main = await repository.resolve(mainRef);
  const { head, mergedAs } = found.value;
  if (mergedAs !== undefined) return readCommitOf(repository, mergedAs, `#${number}`);
  const merged = main === undefined ? undefined : await repository.mergeTree(main, head);
  if (merged?.ok !== true)
    return err(
      finding("merge-conflict", `proposal #${number} conflicts with main`, "deploy it again from main as it is"),
    );
  return ok({ tree: await readCommit(repository, merged.value), name: `#${number} merged`, timeSeconds: undefined });
}
