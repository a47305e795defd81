import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { operatorAccess } from "#core/access.ts";
import type { HaltTarget } from "#core/halt.ts";
import { parseStrategyId, type StrategyId } from "#core/identity.ts";
import type { CommandMessage, Unstamped } from "#core/messages.ts";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { type Act, type CommandContext, type CommandResult, done, finding, refused } from "../context.ts";
import { environmentOption } from "../environment-option.ts";
import { gitUser } from "../git-user.ts";
import { unknownStrategy } from "../known-strategy.ts";
import { connectOperator, type OperatorAddress } from "../operator.ts";
import { chooseAccount } from "../operator-account.ts";
import { examples } from "../program.ts";
import { readServerFile } from "../server-file.ts";
import { embeddedEnvironment, findPlace, strategyMalformed } from "../site.ts";
import { parseSeconds } from "../waiting.ts";

interface Options {
  readonly environment: string;
  readonly expires: string;
  readonly bus?: string;
  readonly token?: string;
}

const connectMs = 10_000;

export function define(command: Command, act: Act): void {
  environmentOption(
    command
      .argument("<strategy>", "<team>/<name>")
      .argument("<verb>", "what to do: a word that its algorithm knows")
      .argument("[arguments]", "what the verb takes, a JSON object", "{}"),
    "where",
    embeddedEnvironment,
  )
    .description(
      "Sends a command to a strategy's algorithm, which is given it once, as onCommand({id, verb, arguments}), and decides itself what it does then, within its limits. It stands in the strategy's log, not in Git: what should last is a parameter.",
    )
    .option("--expires <seconds>", "how long it may wait for the strategy to be there", "60")
    .option("--bus <url>", "the bus, mqtt://host:port (default: that of `slipway up` here)")
    .option("--token <file>", "a token of the account `operator`, or of a group's, with --bus")
    .addHelpText(
      "after",
      examples([
        ["slipway tell momentum/sma-cross pause", "one word"],
        ["slipway tell momentum/sma-cross target '{\"position\": 10}'", "with arguments"],
      ]),
    )
    .action((strategy: string, verb: string, text: string, options: Options) =>
      act((context) => tell(context, strategy, verb, text, options)),
    );
}

async function tell(
  context: CommandContext,
  name: string,
  verb: string,
  text: string,
  options: Options,
): Promise<CommandResult> {
  const strategy = parseStrategyId(name);
  if (!strategy.ok) return refused(context, [strategyMalformed(strategy.error)]);
  const given = parseCommand(verb, text);
  if (!given.ok) return refused(context, [given.error]);
  const expiresMs = parseSeconds("--expires", options.expires);
  if (!expiresMs.ok) return refused(context, [expiresMs.error]);
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const target = `${strategy.value}` as HaltTarget;
  const person = await gitUser(place.value.checkout);
  const account = chooseAccount(place.value, { by: person.name, verb: "command", target }, options);
  if (!account.ok) return refused(context, [account.error]);
  const unknown = options.bus === undefined ? await unknownStrategy(context, target) : undefined;
  if (unknown !== undefined) return refused(context, [unknown]);
  const url = options.bus ?? (await readServerFile(place.value.state))?.busUrl;
  if (url === undefined) {
    return refused(context, [finding("nothing-runs", "nothing runs here that could be told", "start it: slipway up")]);
  }
  const atMs = context.now();
  const message: Unstamped<CommandMessage> = {
    ...{ v: 1, type: "command", id: `tell-${atMs}-${randomBytes(3).toString("hex")}`, verb },
    ...{ by: operatorAccess(options.environment, account.value.group).identity, arguments: given.value },
    ...{ expiresAtMs: atMs + expiresMs.value, atMs },
  };
  await send(message, strategy.value, { url, environment: options.environment, ...account.value });
  context.out.line(`${verb} was sent to ${name} (${message.id})`);
  context.out.line(`what it made of it: slipway logs ${name}`);
  return done({ command: { id: message.id, strategy: name, verb, arguments: given.value } });
}

function parseCommand(verb: string, text: string): Result<CommandMessage["arguments"] & object, Finding> {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(verb)) {
    const message = `${JSON.stringify(verb)} is no verb`;
    return err(finding("verb-malformed", message, "write 1 to 40 lower-case letters, digits and hyphens"));
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return ok({ ...value });
  } catch {
    // Said below.
  }
  const message = `the arguments are no JSON object: ${text.slice(0, 200)}`;
  return err(finding("arguments-malformed", message, `write one in quotes, for example '{"position": 10}'`));
}

/** @throws Fault `bus-unreachable`, `token-missing` */
async function send(message: Unstamped<CommandMessage>, strategy: StrategyId, address: OperatorAddress): Promise<void> {
  const commands = [`${strategy}` as HaltTarget];
  const bus = await connectOperator({ ...address, commands, connectTimeoutMs: connectMs });
  try {
    await bus.publish(`strat/${strategy}/cmd/${message.verb}`, message, { qos: 1 });
  } finally {
    await bus.close();
  }
}
