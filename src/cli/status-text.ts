import type { Overview, OverviewRow } from "#console/overview.ts";
import { refreshCommand } from "#core/status.ts";
import { count, formatDuration, formatTime } from "./output.ts";
import { embeddedEnvironment } from "./site.ts";
import type { DeployPath } from "./status-path.ts";
import { describeFeeds, formatMoney, oneLine } from "./up/table.ts";

const positionsShown = 12;
const silentMs = 30_000;

export interface StatusView {
  readonly row: OverviewRow;
  readonly overview: Overview;
  readonly path: DeployPath;
  /** The last change of it came past the gate, and the policies refuse it. */
  readonly isSkipped: boolean;
  /** Whether its processes are in this machine's cluster: none without a server, and `slipway up` runs one environment. Or another was `asked`. */
  readonly cluster: "here" | "asked" | "none" | "elsewhere";
  /** What a command needs to ask the same cluster: ` --environment paper --kubeconfig config`; empty for this machine's. */
  readonly asked: string;
  readonly nowMs: number;
}

/** Where a strategy is on its way, a line a step, the last one with why it stands still. */
export function describeStatus(view: StatusView): readonly string[] {
  const { row, overview, cluster } = view;
  const lines = [`${row.strategy} · ${overview.environment}`, ...describeGit(view)];
  const open = overview.proposals.find(
    ({ state, strategies }) => state === "open" && strategies.includes(row.strategy),
  );
  // Nobody runs what nobody merged.
  if (row.stage === "proposed" && row.sync === null) return [...lines, ...describeOpen(open)];
  if (row.stage === "merged" && view.path.rendered !== undefined) lines.push(nowhere(overview.environment));
  else if (cluster === "none") lines.push("  running   nothing runs here: no server is up   → slipway up");
  else if (cluster === "elsewhere") lines.push(`  running   ${elsewhere(overview.environment)}`);
  else lines.push(...describeCluster(view));
  return [...lines, ...describeOpen(open)];
}

function describeOpen(open: Overview["proposals"][number] | undefined): readonly string[] {
  if (open === undefined) return [];
  return [
    `  waiting   #${open.number} by ${open.author}: gate ${open.gate}, ${open.gateSummary}`,
    `            → ${nextOf(open)}`,
  ];
}

function nowhere(environment: string): string {
  return `  running   nowhere here: its spec does not name ${environment}   → environments: { ${environment}: { running: true } }, and deploy`;
}

/** What a person does about an open proposal, by what the gate says of it. */
function nextOf({ number, gate, strategies: [strategy] }: Overview["proposals"][number]): string {
  if (gate !== "refused") return `slipway merge ${number}`;
  const again = strategy === undefined ? "propose it again" : `slipway deploy ${strategy}`;
  return `slipway proposal ${number} says why; mend it (${again}), or give it up (slipway close ${number})`;
}

export function elsewhere(environment: string): string {
  return `not here: \`slipway up\` runs ${embeddedEnvironment}; another cluster syncs env/${environment}`;
}

function describeGit({ path: { deploy, proposal, rendered }, overview, isSkipped }: StatusView): readonly string[] {
  if (deploy === undefined) return ["  merged    never: only a proposal knows it"];
  const lines: string[] = [];
  if (proposal !== undefined)
    lines.push(step("proposed", `#${proposal.number} by ${proposal.author}`, proposal.openedSeconds));
  const approved = deploy.approvedBy.length === 0 ? "" : `   approved by ${deploy.approvedBy.join(", ")}`;
  lines.push(
    `${step("merged", `${deploy.commit.slice(0, 7)} by ${deploy.author}`, deploy.timeSeconds)}   deploy ${deploy.number}${approved}`,
  );
  if (rendered === undefined && isSkipped)
    lines.push("  rendered  ✗ skipped: it came past the gate, which would refuse it");
  else if (rendered === undefined) lines.push("  rendered  not yet");
  else if (rendered.outcome === "unchanged")
    lines.push(`  rendered  it changed nothing on env/${overview.environment}`);
  else
    lines.push(step("rendered", `${rendered.commit.slice(0, 7)} on env/${overview.environment}`, rendered.timeSeconds));
  return lines;
}

function describeCluster({ row, overview, cluster, asked, nowMs }: StatusView): readonly string[] {
  const lines: string[] = [];
  if (row.sync === "Synced")
    lines.push(
      row.syncedAtMs === null
        ? "  synced"
        : step("synced", cluster === "asked" ? "Argo CD" : "embedded cluster", row.syncedAtMs / 1_000),
    );
  else lines.push(`  synced    ✗ ${notSynced(row, overview.environment, cluster)}`);
  if (row.state === "ending")
    return [...lines, `  ending    its process was asked to end   → ${row.problem ?? "some seconds more"}`];
  const good = row.stage === "running" || row.stage === "stopped";
  const since =
    row.startedAtMs === null || row.stage === "stopped" ? "" : ` since ${formatDuration(nowMs - row.startedAtMs)}`;
  const restarts = row.restarts === 0 ? "" : `, ${row.restarts} restart${row.restarts === 1 ? "" : "s"}`;
  const again =
    row.startsAgainAtMs === null || row.stage === "stopped"
      ? ""
      : `, started again in ${formatDuration(Math.max(0, row.startsAgainAtMs - nowMs))}`;
  const label = row.stage === "stopped" ? "stopped" : "running";
  lines.push(`  ${label.padEnd(9)} ${good ? "" : "✗ "}${oneLine(row.state)}${since}${restarts}${again}`);
  if (row.events !== null && row.stage !== "stopped")
    lines.push(`            ${row.events} events, ${row.orders} orders, ${row.fills} fills`);
  const firsts = row.stage === "stopped" ? undefined : describeFirsts(row, overview.heardSinceMs);
  if (firsts !== undefined) lines.push(`            ${firsts}`);
  if (row.cash !== null) lines.push(`            ${describeAccount(row)}`);
  if (row.logLinesDropped > 0)
    lines.push(
      `            ${count(row.logLinesDropped, "log line")} dropped since it was started: it may write 50 lines and 128 KiB a second`,
    );
  if (row.stage === "running" && row.lastRestart !== null)
    lines.push(
      `            last restart ${formatDuration(nowMs - row.lastRestart.atMs)} ago: ${oneLine(row.lastRestart.message)}`,
    );
  if (row.stage === "running") lines.push(...describeFeeds(overview.feeds, asked).map((text) => `          ${text}`));
  for (const text of [row.problem, row.fix]) if (text !== null) lines.push(`            → ${oneLine(text)}`);
  if (saysNothing(row, overview.heardSinceMs, nowMs))
    lines.push(
      `            → its pod is ready, and its executor says nothing on the bus: is it let in?   → slipway logs bus${asked}`,
    );
  // What never ran has written nothing.
  const ran = row.startedAtMs !== null || row.lastRestart !== null || row.restarts > 0;
  if (ran && (row.problem !== null || row.lastRestart !== null))
    lines.push(`            → slipway logs ${row.strategy}${asked}`);
  return lines;
}

/** An executor says its numbers every second once it is let in. */
function saysNothing({ stage, events, startedAtMs }: OverviewRow, heardSinceMs: number | null, nowMs: number): boolean {
  if (stage !== "running" || events !== null || heardSinceMs === null || startedAtMs === null) return false;
  return nowMs - Math.max(startedAtMs, heardSinceMs) > silentMs;
}

/** Argo CD looks by itself every few minutes; the embedded cluster at once. */
function notSynced(
  { sync, strategy, problem }: OverviewRow,
  environment: string,
  cluster: StatusView["cluster"],
): string {
  if (cluster !== "asked") return sync ?? "the cluster has not looked yet";
  const look = (application: string): string => `within minutes, or at once: ${refreshCommand(application)}`;
  if (sync === null)
    return `Argo CD has no Application of it yet   → ${environment}-root makes it, ${look(`${environment}-root`)}`;
  if (problem !== null) return sync;
  return `${sync}   → Argo CD syncs it ${look(`${environment}-${strategy.replace("/", "-")}`)}`;
}

/** `first event 2026-11-27 08:00:01, first order 2026-11-27 08:00:05`; what came before the bus was heard is dated by that. */
function describeFirsts(
  { before, events, orders, firstEventAtMs, firstOrderAtMs }: OverviewRow,
  heardSinceMs: number | null,
): string | undefined {
  if (before === null || heardSinceMs === null) return undefined;
  const first = (what: "event" | "order", now: number | null, earlier: number, atMs: number | null): string => {
    if (earlier > 0) return `first ${what} before ${formatTime(heardSinceMs / 1_000)}`;
    if (now === null || now === 0 || atMs === null) return `no ${what} yet`;
    return `first ${what} ${formatTime(atMs / 1_000)}`;
  };
  return `${first("event", events, before.events, firstEventAtMs)}, ${first("order", orders, before.orders, firstOrderAtMs)}`;
}

/** By the gateway's book: `holds 3 AAPL, cash 9 700.00, equity 10 012.20, drawdown 0.1%, 1 open order`. */
function describeAccount({ positions, cash, equity, drawdown, openOrders }: OverviewRow): string {
  const held = Object.entries(positions);
  const shown = held.slice(0, positionsShown).map(([sid, quantity]) => `${quantity} ${oneLine(sid)}`);
  const more = held.length > shown.length ? ` and ${count(held.length - shown.length, "position")} more` : "";
  const holds = held.length === 0 ? "holds nothing" : `holds ${shown.join(", ")}${more}`;
  const worth =
    equity === null
      ? ", equity unknown: a price is missing"
      : `, equity ${formatMoney(equity)}, drawdown ${(Number(drawdown ?? "0") * 100).toFixed(1)}%`;
  const open = openOrders === null || openOrders === 0 ? "" : `, ${count(openOrders, "open order")}`;
  return `${holds}, cash ${formatMoney(cash ?? "0")}${worth}${open}`;
}

function step(name: string, what: string, seconds: number): string {
  return `  ${name.padEnd(9)} ${what.padEnd(38)} ${formatTime(seconds)}`;
}
