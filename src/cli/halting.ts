import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import {
  formatTarget,
  type Halt,
  type HaltTarget,
  type HaltVerb,
  parseTargetArgument,
  plainText,
  type TargetMalformed,
} from "#core/halt.ts";
import type { JsonObject } from "#core/json.ts";
import type { GatewayCommandMessage } from "#core/messages.ts";
import type { Finding } from "#core/refusal.ts";
import { Fault } from "#core/result.ts";
import type { Memo } from "#delivery/memo.ts";
import { type CommandContext, type CommandResult, done, finding, type JsonDocument, refused } from "./context.ts";
import { environmentOption } from "./environment-option.ts";
import { gitUser, type Person } from "./git-user.ts";
import { unknownStrategy } from "./known-strategy.ts";
import { type Answer, type HeldHalt, tellGateway } from "./operator.ts";
import { type Account, chooseAccount } from "./operator-account.ts";
import { formatDuration } from "./output.ts";
import { readServerFile } from "./server-file.ts";
import { embeddedEnvironment, findPlace, openSite, type Place } from "./site.ts";
import { parseSeconds } from "./waiting.ts";

export interface HaltOptions {
  readonly environment: string;
  readonly reason: string;
  readonly timeout: string;
  readonly bus?: string;
  readonly token?: string;
}

/** A command that comes later than this is not carried out any more. */
const expiresMs = 600_000;

/** What `halt`, `reduce` and `flatten` have in common. */
export function haltOptions(command: Command): Command {
  return environmentOption(
    command.argument("<target>", "<team>/<name>, team/<team>, or all"),
    "where",
    embeddedEnvironment,
  )
    .requiredOption("--reason <text>", "why, for everyone who will ask")
    .option("--timeout <seconds>", "how long to wait for the gateway", "10")
    .option("--bus <url>", "the bus, mqtt://host:port (default: that of `slipway up` here)")
    .option("--token <file>", "a token of the account `operator`, with --bus");
}

export function targetMalformed({ code, text, allowed }: TargetMalformed): Finding {
  return finding(code, `${JSON.stringify(text)} is nobody who could be halted`, `allowed is ${allowed}`);
}

/** First the gateway, at once; then Git, so that both say the same. */
export async function halt(
  context: CommandContext,
  verb: HaltVerb,
  text: string,
  options: HaltOptions,
): Promise<CommandResult> {
  const target = parseTargetArgument(text);
  if (!target.ok) return refused(context, [targetMalformed(target.error)]);
  const timeoutMs = parseSeconds("--timeout", options.timeout);
  if (!timeoutMs.ok) return refused(context, [timeoutMs.error]);
  if (options.reason.trim() === "")
    return refused(context, [finding("reason-missing", "--reason is empty", "say why in one sentence")]);
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const person = await gitUser(place.value.checkout);
  const account = chooseAccount(place.value, { by: person.name, verb, target: target.value }, options);
  if (!account.ok) return refused(context, [account.error]);
  const startedMs = context.steady();
  const command = commandFor(context, verb, target.value, person, options);
  const told = await tell(context, place.value, command, { ...options, ...account.value }, timeoutMs.value);
  const tookMs = context.steady() - startedMs;
  describeAnswer(context, told, verb, target.value, tookMs);
  if ("is" in told && told.is === "refused") {
    const fix = told.code === "halt-not-allowed" ? "ask one of them" : "slipway status shows what is halted";
    return refused(context, [finding(told.code, told.message, fix)]);
  }
  const held = "is" in told && told.is === "held" ? told.halt : undefined;
  const document: JsonDocument = {
    halt: {
      id: command.id,
      verb,
      target: formatTarget(target.value),
      environment: options.environment,
      reason: command.reason,
      by: command.by,
    },
    gateway: gatewayJson(told, tookMs),
  };
  if (options.bus !== undefined) {
    context.out.line("the server of that environment writes it to Git");
    return held === undefined ? late(context, told, document) : done(document);
  }
  const halted: Halt = {
    ...{ id: command.id, verb, target: target.value, by: held?.by ?? command.by },
    ...{ reason: held?.reason ?? command.reason, atMs: held?.atMs ?? command.atMs },
  };
  const recorded = await recordHalt(context, halted, person, options.environment);
  if (recorded.exitCode !== 0) return { ...recorded, document: { ...document, ...recorded.document } };
  context.out.line(`resume with: slipway resume ${formatTarget(target.value)}      (a proposal that removes it)`);
  const whole = { ...document, ...recorded.document };
  const unknown =
    held === undefined || held.strategies === 0 ? await unknownStrategy(context, target.value) : undefined;
  if (unknown !== undefined) {
    const fix = `${unknown.fix}; slipway resume ${formatTarget(target.value)} takes this one back`;
    return refused(context, [{ ...unknown, fix }], whole);
  }
  return held === undefined && "is" in told ? late(context, told, whole) : done(whole);
}

function commandFor(
  context: CommandContext,
  verb: HaltVerb,
  target: HaltTarget,
  { name }: Person,
  { reason }: HaltOptions,
): GatewayCommandMessage {
  const atMs = context.now();
  const time = new Date(atMs)
    .toISOString()
    .replace(/[-:]|\.\d+/g, "")
    .toLowerCase();
  return {
    ...{ v: 1, type: "gateway-command", id: `${verb}-${time}-${randomBytes(3).toString("hex")}`, verb, scope: target },
    ...{ by: plainText(name, 100), reason: plainText(reason, 500), expiresAtMs: atMs + expiresMs, atMs },
  };
}

/** Nobody to tell: nothing of `slipway up` runs here, so nothing trades. */
interface NobodyThere {
  readonly nobody: true;
}

type Told = Answer | NobodyThere | { readonly fault: Fault };

async function tell(
  context: CommandContext,
  { state }: Place,
  command: GatewayCommandMessage,
  { environment, bus, group, tokenFile }: HaltOptions & Account,
  deadlineMs: number,
): Promise<Told> {
  const url = bus ?? (await readServerFile(state))?.busUrl;
  if (url === undefined) return { nobody: true };
  try {
    const { steady, pause } = context;
    return await tellGateway(command, { url, environment, group, tokenFile, deadlineMs, steady, pause });
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    return { fault: cause };
  }
}

function describeAnswer(context: CommandContext, told: Told, verb: HaltVerb, target: HaltTarget, tookMs: number): void {
  const { out } = context;
  if ("nobody" in told) out.line(`nothing runs here, so nothing had to be stopped; it is written to Git all the same`);
  else if ("fault" in told) out.error(`the gateway was not told: ${told.fault.message}; Git is next`);
  else if (told.is === "silent") out.error(`${silence(told)}; Git is next`);
  else if (told.is === "held") {
    out.line(describeHeld(told.halt, verb, target, tookMs, told.done));
    for (const line of describeClosing(told.halt)) out.line(line);
  }
}

function silence({ offline }: Extract<Answer, { readonly is: "silent" }>): string {
  return offline === undefined ? "the gateway did not answer in time" : `the gateway is offline: ${offline}`;
}

/** What a flatten has closed and what is still held, a line each: `  momentum/sma-cross: sold 3 AAPL at 102.5, fee 0.03`. */
function describeClosing({ closed = [], held = [] }: HeldHalt): readonly string[] {
  return [
    ...closed.map(({ strategy, sid, side, quantity, filledQuantity, price, fee, status }) => {
      const did = side === "sell" ? "sold" : "bought";
      const at = price === undefined ? "" : ` at ${price}, fee ${fee ?? "0"}`;
      const part = filledQuantity === quantity ? "" : ` of ${quantity} (${status})`;
      return `  ${strategy}: ${did} ${filledQuantity}${part} ${sid}${at}`;
    }),
    ...held.map(({ strategy, sid, quantity }) => `  ${strategy}: still holds ${quantity} ${sid}`),
  ];
}

/** `halted 3 strategies in 0.08 s: 2 open orders canceled, positions kept` */
function describeHeld(halt: HeldHalt, verb: HaltVerb, target: HaltTarget, tookMs: number, isDone: boolean): string {
  const { strategies, ordersCanceled, ordersOpen, positionsOpen } = halt;
  const words = { halt: "halted", reduce: "reducing", flatten: "flattened" };
  const whom = strategies === 1 ? "1 strategy" : `${strategies} strategies`;
  const canceled = `${ordersCanceled} open ${ordersCanceled === 1 ? "order" : "orders"} canceled`;
  const open = ordersOpen === 0 ? "" : `, ${ordersOpen} still open`;
  const sold = halt.closed?.filter(({ filledQuantity }) => filledQuantity !== "0").length ?? 0;
  const closing = sold === 0 ? "" : `, ${sold} ${sold === 1 ? "position" : "positions"} closed`;
  const held = `${positionsOpen} ${positionsOpen === 1 ? "position" : "positions"} ${verb === "flatten" ? "being closed" : "kept"}`;
  const positions = positionsOpen === 0 ? "nothing is held" : held;
  const none = strategies === 0 ? ` (${formatTarget(target)} has none now; those of later are held, too)` : "";
  return `${words[verb]} ${whom} in ${formatDuration(tookMs)}${none}: ${canceled}${open}${closing}, ${positions}${isDone ? "" : "; the gateway goes on"}`;
}

function gatewayJson(told: Told, tookMs: number): JsonObject {
  if ("nobody" in told) return { answered: false, why: "nothing-runs" };
  if ("fault" in told) return { answered: false, why: told.fault.code };
  if (told.is !== "held") return { answered: false, why: told.is };
  const { strategies, ordersCanceled, ordersOpen, positionsOpen, closed, held } = told.halt;
  return {
    ...{ answered: true, done: told.done, tookMs, strategies, ordersCanceled, ordersOpen, positionsOpen },
    ...(closed === undefined ? {} : { closed: closed.map((order) => ({ ...order })) }),
    ...(held === undefined ? {} : { held: held.map((position) => ({ ...position })) }),
  };
}

/** The proposal that keeps it, merged at once: it only tightens. */
async function recordHalt(
  context: CommandContext,
  halted: Halt,
  person: Person,
  environment: string,
): Promise<CommandResult> {
  const site = await openSite(context);
  if (!site.ok) return refused(context, [site.error]);
  const { repository, forge } = site.value;
  const { proposeHalt, recordOf } = await import("#delivery/halts.ts");
  const { mergeProposal } = await import("#delivery/gate.ts");
  const { withPlane } = await import("./plane.ts");
  const { awaiting } = await import("./forge-ship.ts");
  const { turnFor } = await import("./merge-turn.ts");
  const { refusedDelivery } = await import("./findings.ts");
  const clock = context.now;
  const say = (number: number | undefined): void => {
    const by = number === undefined ? "already" : `proposal #${number} merged`;
    context.out.line(`recorded, ${by} (policies/halts/${halted.id}.yaml)`);
  };
  const work = async (memo: Memo): Promise<CommandResult> => {
    const opened = await proposeHalt({ repository, forge, author: person, clock, memo, environment, halt: halted });
    if (!opened.ok && opened.error.code === "nothing-to-deploy") {
      // The server was told of it by the gateway, and was faster.
      const record = await recordOf(forge, halted);
      say(record?.number);
      return done({ recorded: true, proposal: record?.number ?? null, mergedAs: record?.mergedAs ?? null });
    }
    if (!opened.ok) return refusedDelivery(context, opened.error);
    const { number } = opened.value.proposal;
    const waiting = awaiting(context, site.value);
    const turn = await turnFor(context, site.value, { number, by: person });
    const merged = await mergeProposal({ repository, forge, number, by: person, clock, memo, turn, ...waiting });
    if (!merged.ok) return refusedDelivery(context, merged.error, { recorded: false, proposal: number });
    say(number);
    return done({ recorded: true, proposal: number, mergedAs: merged.value.commit });
  };
  const held = await withPlane(context, site.value, work);
  return held.ok ? held.value.value : refused(context, [held.error]);
}

function late(context: CommandContext, told: Told, document: JsonDocument): CommandResult {
  const silent = "is" in told && told.is === "silent" ? silence(told) : "the gateway did not answer in time";
  const message = "fault" in told ? told.fault.message : silent;
  const fix =
    "look at the gateway: slipway status, slipway logs gateway; while it is offline, executors halt themselves";
  context.out.error(`not sure that it holds: ${message}`);
  context.out.error(`next: ${fix}`);
  return {
    exitCode: 1,
    document: { ok: false, ...document, error: { code: "gateway-silent", message, causes: [], fix } },
  };
}
