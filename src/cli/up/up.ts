import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { Lock } from "#server/lock.ts";
import { type CommandContext, type CommandResult, finding, refused } from "../context.ts";
import { takeForgeLock } from "../forge-lock.ts";
import { formatDuration, formatTime } from "../output.ts";
import { findPlace, type Place } from "../site.ts";
import type { ChosenBroker } from "./broker.ts";
import { choosePort } from "./ports.ts";
import { runSession } from "./session.ts";
import type { SessionPorts } from "./start-parts.ts";

export interface UpOptions {
  readonly busPort: number | undefined;
  readonly consolePort: number | undefined;
  readonly seconds: number | undefined;
  readonly deploy: boolean;
  readonly broker: ChosenBroker;
}

/** Runs everything on this machine until it is asked to stop. */
export async function up(context: CommandContext, options: UpOptions): Promise<CommandResult> {
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const elsewhere = await proposalsElsewhere(place.value);
  if (elsewhere.length > 0) return refused(context, elsewhere);
  const stopped = AbortSignal.any([context.stopped(), context.unread]);
  const lock = await takeLock(context, place.value, stopped);
  if (!lock.ok) return refused(context, [lock.error]);
  try {
    const chosen = await choosePorts(options);
    if (!chosen.ok) return refused(context, [chosen.error]);
    const [{ value: ports }, { broker }] = [chosen, options];
    return await runSession(context, options, { place: place.value, lock: lock.value, ports, broker, stopped });
  } finally {
    await lock.value.release();
  }
}

/** With a `forge.yaml` the other commands propose there, and would find nothing of what a forge on this machine holds. */
async function proposalsElsewhere({ checkout }: Place): Promise<readonly Finding[]> {
  const { readForgeFile } = await import("../forge-site.ts");
  const document = await readForgeFile(checkout);
  if (!document.ok) return document.error;
  if (document.value === undefined) return [];
  const { provider, repository } = document.value.spec;
  return [
    finding(
      "forge-elsewhere",
      `forge.yaml says that proposals live in ${repository} on ${provider}, and slipway up would start a forge of its own that no other command here looks at`,
      "run `slipway server` to judge and render for that one; to run strategies on this machine alone, use a checkout without forge.yaml",
    ),
  ];
}

async function takeLock(
  context: CommandContext,
  { state }: Place,
  stopped: AbortSignal,
): Promise<Result<Lock, Finding>> {
  const taken = await takeForgeLock(context, { state, note: "slipway up", aborted: () => stopped.aborted });
  if (taken.is === "taken") return ok(taken.lock);
  if (taken.is === "busy") {
    const message = `other commands have held the forge for ${formatDuration(taken.waitedMs)}`;
    return err(finding("forge-busy", message, "wait for them to end, then run this again"));
  }
  const { pid, startedAtMs, note } = taken.holder;
  const since = startedAtMs === 0 ? "" : `, since ${formatTime(startedAtMs / 1_000)} UTC`;
  const where = note.replace(/^slipway up,? ?/, "");
  const message = `slipway runs here already (process ${pid}${since}${where === "" ? "" : `, ${where}`})`;
  return err(
    finding(
      "already-running",
      message,
      "use that one, end it with Ctrl-C in its terminal, or give this one a --state of its own",
    ),
  );
}

async function choosePorts(options: UpOptions): Promise<Result<SessionPorts, Finding>> {
  const bus = await choosePort({ part: "bus", option: "--bus-port", usual: 1883, given: options.busPort });
  if (!bus.ok) return bus;
  const console = await choosePort({
    part: "console",
    option: "--console-port",
    usual: 8080,
    given: options.consolePort,
  });
  return console.ok ? ok({ bus: bus.value, console: console.value }) : console;
}
