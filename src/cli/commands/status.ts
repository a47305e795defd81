import type { Command } from "commander";
import type { ClusterClient } from "#cluster/client.ts";
import type { Overview } from "#console/overview.ts";
import type { StrategyId } from "#core/identity.ts";
import type { JsonObject, JsonValue } from "#core/json.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, findingsJson, refused } from "../context.ts";
import { environmentOption } from "../environment-option.ts";
import { examples } from "../program.ts";
import type { RunningServer } from "../server-file.ts";
import { embeddedEnvironment, findPlace, openSite, type Site } from "../site.ts";
import { parseIds } from "../strategy-ids.ts";

interface Options {
  readonly environment?: string;
  readonly kubeconfig?: string;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "Says where strategies are on their way: proposed, merged, rendered, synced, running; and why one stands still. From Git, and from the running server if there is one; with --kubeconfig from a cluster, which is only read: Argo CD, pods, and what its console heard on the bus.",
    )
    .argument("[strategy]", "<team>/<name> (default: all, a line each)");
  environmentOption(command, "in this environment alone (default: every embedded one that it is in)")
    .option("--kubeconfig <file>", "ask the cluster that this file's current context names")
    .addHelpText(
      "after",
      examples([
        ["slipway status", "all"],
        ["slipway status momentum/sma-cross", "one, step by step"],
        ["slipway status --environment paper", "all of one environment"],
      ]),
    )
    .action((strategy: string | undefined, options: Options) => act((context) => status(context, strategy, options)));
}

async function status(
  context: CommandContext,
  name: string | undefined,
  { environment: named, kubeconfig }: Options,
): Promise<CommandResult> {
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const ids = parseIds(name === undefined ? [] : [name], { cwd: context.cwd, checkout: place.value.checkout });
  if (!ids.ok) return refused(context, ids.findings);
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const { chooseEnvironments, readEnvironments, withinEnvironment } = await import("../environments.ts");
  const known = await readEnvironments(site.value.repository);
  const environments = chooseEnvironments(known, named);
  if (!environments.ok) return refused(context, [environments.error]);
  const { askServer } = await import("../server-file.ts");
  const server = kubeconfig === undefined ? await askServer(site.value.state) : undefined;
  const client = kubeconfig === undefined ? undefined : await clientOf(context, kubeconfig);
  const overviews: Overview[] = [];
  for (const environment of environments.value) {
    const overview =
      server?.overview.environment === environment
        ? server.overview
        : await fromGit(context, site.value, environment, client);
    overviews.push(known.length > 1 ? await withinEnvironment(site.value.repository, known, overview) : overview);
  }
  const [strategy] = ids.ids;
  const shown = { overviews, server, kubeconfig };
  return strategy === undefined
    ? showAll(context, site.value, shown)
    : showOne(context, site.value, shown, strategy, named);
}

interface Shown {
  /** One an environment, the one that `slipway up` runs first. */
  readonly overviews: readonly Overview[];
  readonly server: RunningServer | undefined;
  /** Of the cluster that was asked, if one was. */
  readonly kubeconfig: string | undefined;
}

/** A table an environment; with one environment it needs no heading. */
async function showAll(context: CommandContext, site: Site, shown: Shown): Promise<CommandResult> {
  const { overviews, server, kubeconfig } = shown;
  const { line } = context.out;
  const { describeProblems, drawTable } = await import("../up/table.ts");
  const { elsewhere } = await import("../status-text.ts");
  const { describeStoppedByPolicy, findingsToday } = await import("../policy-stop.ts");
  const { readStandstill, describeStandstill, standstillJson } = await import("../skipped.ts");
  const filled = overviews.filter(({ rows }) => rows.length > 0);
  const noServer = "  no server runs here; start it with `slipway up`";
  if (filled.length === 0) line("nothing is deployed or proposed yet: slipway deploy <team>/<name>");
  if (filled.length === 0 && server === undefined && kubeconfig === undefined) line(noServer);
  for (const overview of filled) {
    if (overviews.length > 1) line(`env/${overview.environment}`);
    line(drawTable(overview, context.out.columns, context.out.colors));
    const problems = describeProblems(overview, askedBy(shown, overview.environment));
    if (problems.length > 0) line();
    for (const problem of problems) line(context.out.colors.yellow(problem));
    const stopped = overview.rows
      .filter(({ stage }) => stage === "stopped")
      .map(({ strategy }) => strategy as StrategyId);
    const today = await findingsToday(site.repository, stopped, overview.environment);
    for (const text of describeStoppedByPolicy(today)) line(text);
    const cluster = clusterOf(overview.environment, shown);
    if (cluster === "none") line(noServer);
    if (cluster === "elsewhere") line(`  ${elsewhere(overview.environment)}`);
  }
  const { describeDeadlines } = await import("../deadlines.ts");
  const { readTimed } = await import("#delivery/waivers.ts");
  for (const text of describeDeadlines(await readTimed(site.repository), Math.floor(context.now() / 1000))) line(text);
  const running = server !== undefined;
  const environments: JsonObject[] = [];
  for (const overview of overviews) {
    const { environment } = overview;
    const standstill = await readStandstill(site.repository, environment);
    for (const text of describeStandstill(standstill)) line(text);
    environments.push({
      environment,
      running: isRunning(clusterOf(environment, shown)),
      overview: toJson(overview),
      ...standstillJson(standstill),
    });
  }
  const { describePastGates, pastGateJson, readPastGate } = await import("../skipped.ts");
  const past = await readPastGate(site, context.now);
  for (const text of describePastGates(past)) line(text);
  return done({ running, overview: environments[0]?.["overview"] ?? null, environments, pastGate: pastGateJson(past) });
}

interface OneStatus extends JsonObject {
  readonly environment: string;
  readonly running: boolean;
  readonly strategy: JsonValue;
  readonly path: JsonValue;
  /** What main's policies have against it. */
  readonly refused: JsonValue;
}

async function showOne(
  context: CommandContext,
  site: Site,
  shown: Shown,
  strategy: StrategyId,
  named: string | undefined,
): Promise<CommandResult> {
  const { readPath } = await import("../status-path.ts");
  const { describeStatus } = await import("../status-text.ts");
  const { describeRefusedToday, describeSilence, findingsToday } = await import("../policy-stop.ts");
  const { describeWaiversOf } = await import("../deadlines.ts");
  const { readTimed } = await import("#delivery/waivers.ts");
  const { concerning, describeStandstill, readStandstill, standstillJson } = await import("../skipped.ts");
  const timed = await readTimed(site.repository);
  const nowSeconds = Math.floor(context.now() / 1000);
  const environments: OneStatus[] = [];
  for (const overview of shown.overviews) {
    const row = overview.rows.find((candidate) => candidate.strategy === strategy);
    if (row === undefined) continue;
    const { environment } = overview;
    const path = await readPath(site, strategy, environment);
    const cluster = clusterOf(environment, shown);
    const standstill = concerning(await readStandstill(site.repository, environment), strategy);
    const isSkipped = standstill.skipped.some(({ commit }) => commit.sha === path.deploy?.commit);
    const asked = askedBy(shown, environment);
    const view = { row, overview, path, isSkipped, cluster, asked, nowMs: context.now() };
    for (const text of describeStatus(view)) context.out.line(text);
    for (const text of describeWaiversOf(strategy, environment, timed, nowSeconds)) context.out.line(text);
    // What runs is not refused, and what hears something is told something: only the others are judged again.
    const isFine = row.stage === "proposed" || (row.stage === "running" && row.events !== 0);
    const today = await findingsToday(site.repository, isFine ? [] : [strategy], environment);
    const findings = today.get(strategy) ?? [];
    const refusals = row.stage === "running" ? [] : findings.filter(({ severity }) => severity === "error");
    if (row.stage === "running") for (const text of describeSilence(findings)) context.out.line(text);
    for (const text of describeRefusedToday(refusals)) context.out.line(text);
    if (row.stage === "stopped" && refusals.length === 0) context.out.line(`            → slipway start ${strategy}`);
    for (const text of describeStandstill(standstill)) context.out.line(text);
    const one = { environment, running: isRunning(cluster), strategy: toJson(row), path: toJson(path) };
    environments.push({ ...one, refused: findingsJson(refusals), ...standstillJson(standstill) });
  }
  const [first] = environments;
  if (first === undefined) {
    const where = named === undefined ? "here" : `in ${named}`;
    const fix = named === undefined ? "" : ` with ${named} under spec.environments`;
    const message = `${strategy} is neither deployed nor proposed ${where}`;
    return refused(context, [finding("strategy-unknown", message, `deploy it${fix}: slipway deploy ${strategy}`)]);
  }
  return done({ running: shown.server !== undefined, strategy: first.strategy, path: first.path, environments });
}

async function clientOf({ variables, now }: CommandContext, kubeconfig: string): Promise<ClusterClient> {
  const { openCluster } = await import("#cluster/client.ts");
  return openCluster(kubeconfig, { variables, nowMs: now });
}

type Where = "here" | "asked" | "none" | "elsewhere";

function isRunning(where: Where): boolean {
  return where === "here" || where === "asked";
}

/** What another command needs to ask the same cluster. */
function askedBy({ kubeconfig }: Shown, environment: string): string {
  return kubeconfig === undefined ? "" : ` --environment ${environment} --kubeconfig ${kubeconfig}`;
}

function clusterOf(environment: string, { server, kubeconfig }: Shown): Where {
  if (kubeconfig !== undefined) return "asked";
  if (environment !== (server?.overview.environment ?? embeddedEnvironment)) return "elsewhere";
  return server === undefined ? "none" : "here";
}

/** Our own readonly interfaces are JSON; the compiler does not see it. */
function toJson(value: object): JsonValue {
  return JSON.parse(JSON.stringify(value)) as JsonValue;
}

async function fromGit(
  context: CommandContext,
  { repository, forge }: Site,
  environment: string,
  client: ClusterClient | undefined,
): Promise<Overview> {
  const { readGitView } = await import("#console/git-view.ts");
  const { createOverview } = await import("#console/overview.ts");
  const git = await readGitView(repository, forge, environment);
  if (client === undefined)
    return createOverview({ environment, git, cluster: undefined, telemetry: undefined, nowMs: context.now() });
  const { observeCluster } = await import("#cluster/observe.ts");
  const { hearCluster } = await import("../cluster-bus.ts");
  const { heldToGit } = await import("#delivery/unapplied.ts");
  const [cluster, heard] = await Promise.all([
    observeCluster(client, environment).then((seen) => heldToGit(repository, seen)),
    hearCluster(client, environment),
  ]);
  if (!heard.ok) context.out.error(`warning: the bus of ${environment} is not read: ${heard.error}`);
  if (cluster.applications.length === 0)
    context.out.error(
      `warning: Argo CD has no Application of ${environment} in that cluster: is it the one that \`slipway bootstrap\` was applied to? \`kubectl config current-context --kubeconfig <file>\` says which one it is`,
    );
  // No row of the overview is of the platform or a team.
  for (const { strategy, application, message } of cluster.applications)
    if (strategy === undefined && message !== undefined) context.out.error(`warning: ${application}: ${message}`);
  const telemetry = heard.ok ? heard.value : undefined;
  // What is old is judged by the clock of who heard it.
  return createOverview({ environment, git, cluster, telemetry, nowMs: telemetry?.nowMs() ?? context.now() });
}
