import type { Command } from "commander";
import type { Overview } from "#console/overview.ts";
import type { JsonValue } from "#core/json.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { examples } from "../program.ts";
import { embeddedEnvironment, openSite, type Site } from "../site.ts";
import { parseIds } from "../strategy-ids.ts";

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
  const { askServer } = await import("../server-file.ts");
  const server = await askServer(site.value.state);
  const overview = server?.overview ?? (await fromGit(context, site.value));
  const [strategy] = ids.ids;
  if (strategy === undefined) {
    if (overview.rows.length === 0)
      context.out.line("nothing is deployed or proposed yet: slipway deploy <team>/<name>");
    else {
      const { drawTable } = await import("../up/table.ts");
      context.out.line(drawTable(overview, context.out.columns, context.out.colors));
    }
    if (server === undefined) context.out.line("  no server runs here; start it with `slipway up`");
    return done({ running: server !== undefined, overview: JSON.parse(JSON.stringify(overview)) as JsonValue });
  }
  const row = overview.rows.find((candidate) => candidate.strategy === strategy);
  if (row === undefined) {
    const message = `${strategy} is neither deployed nor proposed here`;
    return refused(context, [finding("strategy-unknown", message, `deploy it: slipway deploy ${strategy}`)]);
  }
  const { readPath } = await import("../status-path.ts");
  const path = await readPath(site.value, strategy);
  const { describeStatus } = await import("../status-text.ts");
  for (const line of describeStatus({ row, overview, path, server: server !== undefined, nowMs: context.now() }))
    context.out.line(line);
  return done({
    running: server !== undefined,
    strategy: JSON.parse(JSON.stringify(row)) as JsonValue,
    path: JSON.parse(JSON.stringify(path)) as JsonValue,
  });
}

async function fromGit(context: CommandContext, { repository, forge }: Site): Promise<Overview> {
  const { readGitView } = await import("#console/git-view.ts");
  const { createOverview } = await import("#console/overview.ts");
  const git = await readGitView(repository, forge, embeddedEnvironment);
  return createOverview({
    environment: embeddedEnvironment,
    git,
    cluster: undefined,
    telemetry: undefined,
    nowMs: context.now(),
  });
}
