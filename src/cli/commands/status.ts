import type { Command } from "commander";
import { readGitView } from "#console/git-view.ts";
import { createOverview, type Overview, type OverviewRow } from "#console/overview.ts";
import type { JsonValue } from "#core/json.ts";
import { type Deploy, listDeploys } from "#delivery/deploys.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { formatTime } from "../output.ts";
import { examples } from "../program.ts";
import { askServer } from "../server-file.ts";
import { embeddedEnvironment, openSite, type Site } from "../site.ts";
import { parseIds } from "../strategy-ids.ts";
import { drawTable, formatMoney, oneLine } from "../up/table.ts";

export function define(command: Command, act: Act): void {
  command
    .description(
      "Says where strategies are on their way: proposed, merged, rendered, synced, running; and why one stands still. From Git, and from the running server if there is one.",
    )
    .argument("[strategy]", "<team>/<name> (default: all, a line each)")
    .addHelpText(
      "after",
      examples([
        ["slipway status", "all"],
        ["slipway status momentum/sma-cross", "one, step by step"],
      ]),
    )
    .action((strategy: string | undefined) => act((context) => status(context, strategy)));
}

async function status(context: CommandContext, name: string | undefined): Promise<CommandResult> {
  const ids = parseIds(name === undefined ? [] : [name]);
  if (!ids.ok) return refused(context, ids.findings);
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const server = await askServer(site.value.state);
  const overview = server?.overview ?? (await fromGit(context, site.value));
  const [strategy] = ids.ids;
  if (strategy === undefined) {
    if (overview.rows.length === 0)
      context.out.line("nothing is deployed or proposed yet: slipway deploy <team>/<name>");
    else context.out.line(drawTable(overview, context.out.columns, context.out.colors));
    if (server === undefined) context.out.line("  no server runs here; start it with `slipway up`");
    return done({ running: server !== undefined, overview: JSON.parse(JSON.stringify(overview)) as JsonValue });
  }
  const row = overview.rows.find((candidate) => candidate.strategy === strategy);
  if (row === undefined) {
    const message = `${strategy} is neither deployed nor proposed here`;
    return refused(context, [finding("strategy-unknown", message, `deploy it: slipway deploy ${strategy}`)]);
  }
  const last = (await listDeploys(site.value.repository, strategy)).at(-1);
  for (const line of describe(row, overview, last, server !== undefined)) context.out.line(line);
  return done({
    running: server !== undefined,
    strategy: JSON.parse(JSON.stringify(row)) as JsonValue,
    deploy: last === undefined ? null : { number: last.number, commit: last.commit, proposal: last.proposal ?? null },
  });
}

async function fromGit(context: CommandContext, { repository, forge }: Site): Promise<Overview> {
  const git = await readGitView(repository, forge, embeddedEnvironment);
  return createOverview({
    environment: embeddedEnvironment,
    git,
    cluster: undefined,
    telemetry: undefined,
    nowMs: context.now(),
  });
}

function describe(row: OverviewRow, overview: Overview, last: Deploy | undefined, server: boolean): readonly string[] {
  const lines = [`${row.strategy} · ${overview.environment}`];
  const open = overview.proposals.find(
    ({ state, strategies }) => state === "open" && strategies.includes(row.strategy),
  );
  if (open !== undefined)
    lines.push(
      `  proposed  #${open.number} by ${open.author}   ${formatTime(open.openedSeconds)}   gate ${open.gate}: ${open.gateSummary}`,
    );
  if (last !== undefined) {
    const number = last.proposal === undefined ? "" : `   #${last.proposal}`;
    lines.push(
      `  merged    ${last.commit.slice(0, 7)} by ${last.author}   ${formatTime(last.timeSeconds)}${number}   deploy ${last.number}`,
    );
  }
  const rendered = overview.commits.find(({ subject }) => subject.includes(row.strategy));
  if (rendered !== undefined) lines.push(`  rendered  ${rendered.sha.slice(0, 7)} on env/${overview.environment}`);
  if (!server) return [...lines, "  running   nothing runs: no server is up   → slipway up"];
  if (row.sync !== null)
    lines.push(`  synced    ${row.sync}${overview.revision === null ? "" : ` at ${overview.revision.slice(0, 7)}`}`);
  lines.push(
    `  ${row.stage === "stopped" ? "stopped " : "running "}  ${oneLine(row.state)}${row.restarts > 0 ? `   ${row.restarts} restarts` : ""}`,
  );
  if (row.equity !== null) {
    lines.push(
      `            ${row.events} events, ${row.orders} orders, ${row.fills} fills, equity ${formatMoney(row.equity)}, drawdown ${(Number(row.drawdown ?? "0") * 100).toFixed(1)}%`,
    );
  }
  if (row.problem !== null) lines.push(`            → ${oneLine(row.problem)}`);
  return lines;
}
