import type { Overview, OverviewRow } from "#console/overview.ts";
import { count, formatDuration, formatTime } from "./output.ts";
import { embeddedEnvironment } from "./site.ts";
import type { DeployPath } from "./status-path.ts";
import { describeFeeds, formatMoney, oneLine } from "./up/table.ts";

const positionsShown = 12;

export interface StatusView {
  readonly row: OverviewRow;
  readonly overview: Overview;
  readonly path: DeployPath;
  /** The last change of it came past the gate, and the policies refuse it. */
  readonly isSkipped: boolean;
  /** Whether its processes are in this machine's cluster: none without a server, and `slipway up` runs one environment. Or another was `asked`. */
  readonly cluster: "here" | "asked" | "none" | "elsewhere";
  readonly nowMs: number;
}

/** Where a strategy is on its way, a line a step, the last one with why it stands still. */
export function describeStatus(view: StatusView): readonly string[] {
  const { row, overview, cluster } = view;
  const lines = [`${row.strategy} · ${overview.environment}`, ...describeGit(view)];
  const open = overview.proposals.find(
    ({ state, strategies }) => state === "open" && strategies.includes(row.strategy),
  );
  if (row.stage === "merged" && view.path.rendered !== undefined) lines.push(nowhere(overview.environment));
  else if (cluster === "none") lines.push("  running   nothing runs here: no server is up   → slipway up");
  else if (cluster === "elsewhere") lines.push(`  running   ${elsewhere(overview.environment)}`);
  else lines.push(...describeCluster(view));
  if (open !== undefined)
    lines.push(
      `  waiting   #${open.number} by ${open.author}: gate ${open.gate}, ${open.gateSummary}`,
      `            → ${nextOf(open)}`,
    );
  return lines;
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

function describeCluster({ row, overview, cluster, nowMs }: StatusView): readonly string[] {
  const lines: string[] = [];
  if (row.sync === "Synced")
    lines.push(
      row.syncedAtMs === null
        ? "  synced"
        : step("synced", cluster === "asked" ? "Argo CD" : "embedded cluster", row.syncedAtMs / 1_000),
    );
  else lines.push(`  synced    ✗ ${row.sync ?? "the cluster has not looked yet"}`);
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
  if (row.stage === "running") lines.push(...describeFeeds(overview.feeds).map((text) => `          ${text}`));
  for (const text of [row.problem, row.fix]) if (text !== null) lines.push(`            → ${oneLine(text)}`);
  if (row.problem !== null || row.lastRestart !== null) lines.push(`            → slipway logs ${row.strategy}`);
  return lines;
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
