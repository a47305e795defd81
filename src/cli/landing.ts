import type { StrategyId } from "#core/identity.ts";
import { ok, type Result } from "#core/result.ts";
import { type MergeRefusal, mergeProposal } from "#delivery/gate.ts";
import { environmentRef } from "#delivery/names.ts";
import type { OpenedChange, ProposalRefusal } from "#delivery/open-change.ts";
import { trailerValues } from "#delivery/trailers.ts";
import type { Proposal } from "#forge/port.ts";
import type { CommitSha } from "#git/port.ts";
import type { Finding } from "#core/refusal.ts";
import { type CommandContext, type CommandResult, done, finding, refused } from "./context.ts";
import type { Person } from "./git-user.ts";
import { formatDuration } from "./output.ts";
import { type Plane, withPlane } from "./plane.ts";
import { proposalJson } from "./proposal-json.ts";
import { askServer } from "./server-file.ts";
import { describeForgeRefusal, embeddedEnvironment, type Site } from "./site.ts";

export interface LandingOptions {
  /** Waits for the gate and merges. */
  readonly merge: boolean;
  readonly by: Person;
}

const gateWaitMs = 30_000;
const renderWaitMs = 30_000;
const runWaitMs = 30_000;
const pollMs = 100;
const historyMax = 50;

/** Opens a proposal, waits for the gate's word, says where it stands, and merges it if that was asked. */
export async function proposeAndLand(
  context: CommandContext,
  site: Site,
  open: () => Promise<Result<OpenedChange, ProposalRefusal>>,
  options: LandingOptions,
): Promise<CommandResult> {
  const opened = await withPlane(context, site, open);
  if (!opened.ok) return refused(context, [opened.error]);
  const { value, plane } = opened.value;
  if (!value.ok) return refusedProposal(context, value.error);
  context.out.findings(value.value.findings);
  const { number, title } = value.value.proposal;
  const { line, colors } = context.out;
  line(`proposal #${number}  ${title}`);
  const proposal = await judged(context, site, number);
  const { gate } = proposal;
  if (gate?.state === "refused") {
    line(`  gate      ${colors.red("✗")} ${gate.summary}`);
    line(`next: see \`slipway proposal ${number}\`, mend it and deploy again`);
    return { exitCode: 2, document: { ok: false, outcome: value.value.outcome, proposal: proposalJson(proposal), comment: proposal.comment ?? null } };
  }
  if (gate === undefined || gate.state === "pending") line("  gate      waits for the server");
  else line(`  gate      ${colors.green("✓")} ${gate.summary}`);
  for (const text of changesIn(proposal.comment)) line(`  changes   ${text}`);
  if (!options.merge) {
    line(`next: slipway merge ${number} · slipway proposal ${number}`);
    return done({ outcome: value.value.outcome, proposal: proposalJson(proposal) });
  }
  return land(context, site, number, options.by, plane);
}

/** Merges a proposal and follows it as far as there is somebody to carry it. */
export async function land(
  context: CommandContext,
  site: Site,
  number: number,
  by: Person,
  knownPlane?: Plane,
): Promise<CommandResult> {
  const startedMs = context.now();
  const { repository, forge } = site;
  const merged = await withPlane(context, site, () => mergeProposal({ repository, forge, number, by, clock: context.now }));
  if (!merged.ok) return refused(context, [merged.error]);
  if (!merged.value.value.ok) return refusedMerge(context, merged.value.value.error);
  const { commit, proposal } = merged.value.value.value;
  const plane = knownPlane ?? merged.value.plane;
  const { line } = context.out;
  const since = (): string => formatDuration(context.now() - startedMs);
  line(`  merged    ${commit.slice(0, 7)} on main by ${by.name}`);
  const rendered = await waitFor(context, renderWaitMs, () => renderedFrom(site, commit));
  if (rendered === undefined) line(`  rendered  nothing changed on env/${embeddedEnvironment}, or it is still being rendered`);
  else line(`  rendered  ${rendered.commit.slice(0, 7)} on env/${embeddedEnvironment}   ${since()}`);
  const document = { proposal: proposalJson(proposal), merged: commit, rendered: rendered?.commit ?? null };
  if (plane === "here" || rendered === undefined) {
    if (plane === "here") line("next: no server runs here; what was deployed starts with `slipway up`");
    return done({ ...document, plane });
  }
  const [strategy] = rendered.strategies;
  const states = strategy === undefined ? {} : await followRun(context, site, rendered.strategies, since);
  if (strategy !== undefined) line(`next: slipway status ${strategy} · slipway logs ${strategy} --follow`);
  return done({ ...document, plane, states });
}

/** Waits until each strategy is in a state that lasts, and says each step once. */
async function followRun(
  context: CommandContext,
  site: Site,
  strategies: readonly StrategyId[],
  since: () => string,
): Promise<{ readonly [strategy: string]: string }> {
  const last = new Map<string, string>();
  const settled = await waitFor(context, runWaitMs, async () => {
    const server = await askServer(site.state);
    if (server === undefined) return undefined;
    const rows = server.overview.rows.filter((row) => strategies.some((id) => id === row.strategy));
    for (const row of rows) {
      const shown = row.stage === "running" || row.stage === "stopped" ? row.stage : row.state;
      if (last.get(row.strategy) !== shown && row.sync === "Synced") {
        context.out.line(`  ${row.stage === "synced" ? "synced   " : row.stage.padEnd(9)} ${row.strategy}: ${row.state}   ${since()}`);
        last.set(row.strategy, shown);
      }
    }
    const present = strategies.filter((id) => rows.some((row) => row.strategy === id));
    const all = rows.every((row) => row.sync === "Synced" && (row.stage === "running" || row.stage === "stopped"));
    return all && present.length > 0 ? true : undefined;
  });
  if (settled === undefined) context.out.line("  not running yet; `slipway status` says why");
  return Object.fromEntries(last);
}

async function renderedFrom(
  { repository }: Site,
  dry: CommitSha,
): Promise<{ readonly commit: CommitSha; readonly strategies: readonly StrategyId[] } | undefined> {
  const tip = await repository.resolve(environmentRef(embeddedEnvironment));
  if (tip === undefined) return undefined;
  for (const { sha, message } of await repository.history(tip, { limit: historyMax })) {
    if (!trailerValues(message, "Dry-Commit").includes(dry)) continue;
    // Slipway wrote these trailers itself, from checked names.
    return { commit: sha, strategies: trailerValues(message, "Strategy") as readonly StrategyId[] };
  }
  return undefined;
}

/** The proposal once the gate has spoken, or as it stands when the wait is over. */
async function judged(context: CommandContext, { forge }: Site, number: number): Promise<Proposal> {
  let last: Proposal | undefined;
  await waitFor(context, gateWaitMs, async () => {
    const found = await forge.get(number);
    if (found.ok) last = found.value;
    const gate = last?.gate;
    return gate !== undefined && gate.state !== "pending" && gate.head === last?.head ? true : undefined;
  });
  if (last === undefined) throw new Error(`proposal #${number} was opened and is gone`);
  return last;
}

async function waitFor<Value>(
  context: CommandContext,
  limitMs: number,
  look: () => Promise<Value | undefined>,
): Promise<Value | undefined> {
  const endMs = context.now() + limitMs;
  for (;;) {
    const value = await look();
    if (value !== undefined || context.now() >= endMs) return value;
    await context.pause(pollMs);
  }
}

/** The rows of the comment's table, which say per strategy what changes and restarts. */
function changesIn(comment: string | undefined): readonly string[] {
  const rows = (comment ?? "").split("\n").filter((row) => row.startsWith("| ") && !/^\| (?:strategy|-)/.test(row));
  return rows.slice(0, 10).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim())
      .filter((cell) => cell !== "")
      .join(" · "),
  );
}

export function refusedProposal(context: CommandContext, refusal: ProposalRefusal): CommandResult {
  const { code, message, fix, findings } = refusal;
  const main: Finding = refusal.refusal === undefined ? finding(code, message, fix) : describeForgeRefusal(refusal.refusal);
  return refused(context, [...findings, main]);
}

function refusedMerge(context: CommandContext, refusal: MergeRefusal): CommandResult {
  const { code, message, fix, findings } = refusal;
  const main = refusal.refusal === undefined ? finding(code, message, fix) : describeForgeRefusal(refusal.refusal);
  return refused(context, [...findings, main]);
}

/** The forge of this checkout, made and seeded with its policies if it is not there. */
export async function seededSite(context: CommandContext): Promise<Result<Site, Finding>> {
  const { createSite, findPlace } = await import("./site.ts");
  const { readWorkspace } = await import("#delivery/tree.ts");
  const { seedForge } = await import("#server/seed.ts");
  const { gitUser } = await import("./git-user.ts");
  const place = findPlace(context);
  if (!place.ok) return place;
  const site = await createSite(place.value, context.now);
  const author = await gitUser(place.value.checkout);
  await seedForge(site.repository, await readWorkspace(place.value.checkout), { author, clock: context.now });
  return ok(site);
}
