import { once as event } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import pino from "pino";
import type { Mirror } from "#git/port.ts";
import type { ControlPlaneOptions } from "#server/control-plane.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { examples } from "../program.ts";
import { findPlace, siteMemo } from "../site.ts";
import { parseSeconds } from "../waiting.ts";

interface Options {
  readonly host: string;
  readonly port: string;
  readonly poll: string;
  readonly once?: boolean;
  readonly kubeconfig?: string;
}

export function define(command: Command, act: Act): void {
  command
    .description(
      "The control plane of the forge that forge.yaml names: judges open pull requests, writes the status slipway/gate and one comment, and renders what is merged to the branches env/<environment>. " +
        "Webhooks tell it at once of what changes; it also looks by itself. Where SLIPWAY_ARGOCD_WEBHOOK names Argo CD's webhook, it tells Argo CD of what it renders. One is enough, and a second one on the same state ends at once.",
    )
    .option("--host <address>", "where webhooks are taken; something that speaks TLS stands in front", "127.0.0.1")
    .option("--port <port>", "of the webhooks; 0 for any free one", "8787")
    .option("--poll <seconds>", "looks by itself at least this often", "60")
    .option(
      "--kubeconfig <file>",
      "follows what is merged into the cluster that this file's current context names, and says on the proposal whether it runs",
    )
    .option("--once", "judges and renders what is there now, takes no webhooks, and ends")
    .addHelpText(
      "after",
      examples(
        [
          ["slipway server", "with SLIPWAY_FORGE_TOKEN and SLIPWAY_WEBHOOK_SECRET in the environment"],
          ["slipway server --poll 10", "where the forge cannot reach this machine"],
          ["slipway server --once", "from a job of main's own workflow, for teams without a server"],
        ],
        {
          1: "something outside failed; with --once also: something was raised that a person must look at",
          2: "refused: no forge.yaml, no token, or another one runs",
        },
      ),
    )
    .action((options: Options) => act((context) => serve(context, options)));
}

async function serve(context: CommandContext, options: Options): Promise<CommandResult> {
  // First of all: nobody waits for a start that is to end. With --once a signal is no good end.
  const stopped = options.once === true ? undefined : context.stopped();
  const poll = parseSeconds("--poll", options.poll);
  if (!poll.ok) return refused(context, [poll.error]);
  const { parsePort } = await import("../up/ports.ts");
  const port = parsePort(options.port);
  if (port === undefined)
    return refused(context, [finding("port-malformed", `--port ${options.port} is no port`, "write 1 to 65535, or 0")]);
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const { openNamed } = await import("../forge-site.ts");
  const named = await unlessStopped(stopped, openNamed(context, place.value, stopped));
  if (named === undefined) return done({ state: place.value.state });
  if (!named.ok) return refused(context, [named.error]);
  if (named.value === undefined)
    return refused(context, [
      finding(
        "forge-file-missing",
        "there is no forge.yaml, so proposals live on this machine",
        "run `slipway up`, or write forge.yaml",
      ),
    ]);
  const log = pino({ base: { part: "server" }, serializers: { error: pino.stdSerializers.err } });
  const { openArgo } = await import("../argo-site.ts");
  const argo = await openArgo(context, named.value.provider, log);
  if (!argo.ok) return refused(context, [argo.error]);
  const { acquireServerLock } = await import("#server/lock.ts");
  const holder = { pid: process.pid, startedAtMs: context.now(), note: "slipway server" };
  const lock = await acquireServerLock(place.value.state, holder);
  if (!lock.ok)
    return refused(context, [
      finding("already-running", `process ${lock.error.pid} holds ${place.value.state}`, "end that one first"),
    ]);
  try {
    const { forge, mirror } = named.value;
    const memo = await siteMemo(place.value);
    const { kubeconfig } = options;
    const observed = kubeconfig === undefined ? {} : { observe: await observer(context, kubeconfig) };
    const parts = { repository: mirror, forge, memo, clock: context.now, steady: context.steady, ...observed };
    if (options.once === true) return await once(context, parts);
    const told = argo.value === undefined ? {} : { argo: argo.value };
    return await run(context, mirror, { ...parts, ...told, log }, { pollMs: poll.value, port, host: options.host });
  } finally {
    await argo.value?.stop();
    await lock.value.release();
  }
}

/** How long what was begun has to end. */
const endingMs = 2_000;

/** @returns undefined once the stop was asked for: what a forge does not answer is waited for no longer */
async function unlessStopped<Value>(
  stopped: AbortSignal | undefined,
  work: Promise<Value>,
): Promise<Value | undefined> {
  if (stopped === undefined) return await work;
  const late = async (): Promise<undefined> => {
    if (!stopped.aborted) await event(stopped, "abort");
    await delay(endingMs);
  };
  const ended = work.catch((cause: unknown) => {
    if (stopped.aborted) return undefined;
    throw cause;
  });
  const first = await Promise.race([ended, late()]);
  return stopped.aborted ? undefined : first;
}

type Parts = Omit<ControlPlaneOptions, "log" | "refresh" | "argo">;

async function observer(
  { variables, now }: CommandContext,
  kubeconfig: string,
): Promise<NonNullable<Parts["observe"]>> {
  const { clusterObserver } = await import("#cluster/observe.ts");
  return clusterObserver(kubeconfig, { variables, nowMs: now });
}

async function once(context: CommandContext, parts: Parts): Promise<CommandResult> {
  const { createControlPlane } = await import("#server/control-plane.ts");
  const controlPlane = createControlPlane({ ...parts, log: quietLog });
  const { judged, rendered, raised } = await controlPlane.reconcile();
  for (const { number, state, summary } of judged) context.out.line(`  judged    #${number} ${state}: ${summary}`);
  for (const { environment, outcome, dry } of rendered)
    context.out.line(`  rendered  ${dry.slice(0, 7)} to env/${environment}: ${outcome}`);
  for (const { message } of raised) context.out.error(`warning: ${message}`);
  const document = {
    judged: judged.map(({ number, state, summary }) => ({ number, state, summary })),
    rendered: rendered.map(({ environment, outcome, dry }) => ({ environment, outcome, dry })),
    raised: raised.map(({ code, message }) => ({ code, message })),
  };
  // A person must look at it, and the server has done all that it could.
  const open = raised.filter(({ code }) => code !== "tool-past-gate");
  return open.length === 0 ? done(document) : { exitCode: 1, document: { ok: false, ...document } };
}

const quietLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

async function run(
  context: CommandContext,
  mirror: Mirror,
  parts: Omit<ControlPlaneOptions, "refresh">,
  { pollMs, port, host }: { readonly pollMs: number; readonly port: number; readonly host: string },
): Promise<CommandResult> {
  const { createControlPlane } = await import("#server/control-plane.ts");
  const { startControlLoop } = await import("#server/loop.ts");
  const { startWebhooks } = await import("#server/webhooks.ts");
  const stopped = context.stopped();
  const { log, argo } = parts;
  const controlPlane = createControlPlane({ ...parts, refresh: () => mirror.fetch() });
  let looked = false;
  const loop = startControlLoop({
    ...{ controlPlane, repository: mirror, log, clock: context.now, remote: true, pollMs },
    onReport: ({ raised }) => {
      looked = true;
      for (const { code, message, ...about } of raised) log.warn({ code, ...about }, message);
    },
  });
  const probes = await answerProbes(context, host, () => (looked ? undefined : "it has not looked at the forge yet"));
  const { readSecret } = await import("../forge-credential.ts");
  const secret = await readSecret(context.variables, "SLIPWAY_WEBHOOK_SECRET");
  const webhooks =
    secret === undefined ? undefined : await startWebhooks({ secret, host, port, log, onDelivery: () => loop.nudge() });
  const unset = (name: string): string => `none: ${name} is not set`;
  const told = argo === undefined ? unset("SLIPWAY_ARGOCD_WEBHOOK") : context.variables["SLIPWAY_ARGOCD_WEBHOOK"];
  log.info({ webhooks: webhooks?.url ?? unset("SLIPWAY_WEBHOOK_SECRET"), argocd: told, pollMs }, "ready");
  while (!stopped.aborted) await delay(3_600_000, undefined, { signal: stopped }).catch(() => undefined);
  await probes?.close();
  await webhooks?.stop();
  await loop.stop();
  return done({ state: join(mirror.directory, "..") });
}

/** In a pod, where the kubelet asks (docs/runtime.md). */
async function answerProbes(
  { variables }: CommandContext,
  host: string,
  ready: () => string | undefined,
): Promise<{ close(): Promise<void> } | undefined> {
  const port = variables["SLIPWAY_PORT_PROBE"];
  if (port === undefined) return undefined;
  const { parsePort, startProbes } = await import("#bus/process.ts");
  const fine = (): undefined => undefined;
  return startProbes({ port: parsePort("SLIPWAY_PORT_PROBE", port), host, startup: fine, ready, live: fine });
}
