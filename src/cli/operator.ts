import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Bus } from "#bus/client.ts";
import { operatorAccess } from "#core/access.ts";
import type { HaltTarget, HaltVerb } from "#core/halt.ts";
import type { GatewayCommandMessage, GatewayHaltsMessage } from "#core/messages.ts";
import { Fault } from "#core/result.ts";

export type HeldHalt = GatewayHaltsMessage["halts"][number];

/** What the gateway answered. */
export type Answer =
  /** Acknowledged; `done`: no order of it is open any more, and after a flatten nothing is held. */
  | { readonly is: "held"; readonly halt: HeldHalt; readonly done: boolean }
  | { readonly is: "refused"; readonly code: string; readonly message: string }
  /** Nobody answered in time. `offline`: why the gateway takes nothing, as it said itself. */
  | { readonly is: "silent"; readonly offline?: string };

/** Where the embedded cluster says whom the bus knows. */
export function groupAccounts(clusterDirectory: string, environment: string): readonly string[] {
  const prefix = `${operatorAccess(environment).identity}-`;
  try {
    const text = readFileSync(join(clusterDirectory, "identities", "bus", "tokens.json"), "utf8");
    const known = Object.keys(JSON.parse(text) as object);
    return known.filter((identity) => identity.startsWith(prefix)).map((identity) => identity.slice(prefix.length));
  } catch {
    // Nothing runs here, or nothing did yet.
    return [];
  }
}

/** Whose account a ServiceAccount's token is: its claims say it, and the bus proves them. Undefined: the account `operator`. */
export function groupOfToken(tokenFile: string, environment: string): string | undefined {
  try {
    const [, claims = ""] = readFileSync(tokenFile, "utf8").trim().split(".");
    const { sub } = Object(JSON.parse(Buffer.from(claims, "base64url").toString("utf8"))) as { readonly sub?: unknown };
    const prefix = `system:serviceaccount:${operatorAccess(environment).identity.replace("/", ":")}-`;
    return typeof sub === "string" && sub.startsWith(prefix) ? sub.slice(prefix.length) : undefined;
  } catch {
    return undefined;
  }
}

/** Where the bus is, and whose account it is told by. */
export interface OperatorAddress {
  /** Undefined: the account `operator`. */
  readonly group: string | undefined;
  readonly url: string;
  readonly environment: string;
  readonly tokenFile: string;
}

export interface OperatorOptions extends OperatorAddress {
  readonly deadlineMs: number;
  /** Milliseconds since any moment. */
  readonly steady: () => number;
  readonly pause: (milliseconds: number) => Promise<void>;
}

const pollMs = 10;

/** Where the embedded cluster keeps the operator's password. */
export function operatorPasswordFile(clusterDirectory: string, environment: string, group: string | undefined): string {
  const { identity } = operatorAccess(environment, group);
  return join(clusterDirectory, "identities", "passwords", identity.replace("/", "."));
}

/**
 * Connects as an operator.
 *
 * @throws Fault `bus-unreachable`, `token-missing`
 */
export async function connectOperator({
  group,
  url,
  environment,
  tokenFile,
  commands,
  connectTimeoutMs,
}: OperatorAddress & {
  /** Whose algorithms it is going to send commands to. */
  readonly commands?: readonly HaltTarget[];
  readonly connectTimeoutMs: number;
}): Promise<Bus> {
  if (!existsSync(tokenFile)) throw new Fault("token-missing", `there is no token in ${tokenFile}`);
  const { connectBus } = await import("#bus/client.ts");
  const access = operatorAccess(environment, group, commands);
  const password = (): string => readFileSync(tokenFile, "utf8").trim();
  return connectBus({ url, identity: access.identity, access, password, connectTimeoutMs });
}

/**
 * Tells the gateway to stop something, and waits until it says that it is done.
 *
 * @throws Fault `bus-unreachable`, `token-missing`
 */
export async function tellGateway(command: GatewayCommandMessage, options: OperatorOptions): Promise<Answer> {
  const { readMessage } = await import("#core/payload.ts");
  const { validateGatewayHalts, validateGatewayState } = await import("#core/bus-validators.generated.js");
  const endMs = options.steady() + options.deadlineMs;
  const bus = await connectOperator({ ...options, connectTimeoutMs: options.deadlineMs });
  try {
    let answer: Answer = { is: "silent" };
    bus.onMessage(({ topic, payload }) => {
      const read = readMessage(topic, payload, {
        ...{ "gateway-halts": validateGatewayHalts, "gateway-state": validateGatewayState },
      });
      if (!read.ok) return;
      if (read.value.type === "gateway-halts") answer = answerIn(read.value, command) ?? answer;
      if (read.value.type === "gateway-state" && answer.is === "silent") {
        const { state, reason } = read.value;
        answer = { is: "silent", ...(state === "online" ? {} : { offline: reason ?? "it does not say why" }) };
      }
    });
    await send(bus, command, options.group);
    const final = (): boolean => answer.is === "refused" || (answer.is === "held" && answer.done);
    while (!final() && options.steady() < endMs) await options.pause(pollMs);
    return answer;
  } finally {
    await bus.close();
  }
}

async function send(bus: Bus, command: GatewayCommandMessage, group: string | undefined): Promise<void> {
  const [subscribed] = await Promise.all([
    ...["gw/halts", "gw/state"].map((topic) => bus.subscribe(topic, { qos: 1 })),
  ]);
  if (subscribed?.ok !== true) throw new Fault("subscription-refused", "the bus refuses to say what is halted");
  await bus.publish(`gw/cmd/${group === undefined ? "" : `${group}/`}${command.verb}`, command, { qos: 1 });
}

function answerIn({ halts, refused }: GatewayHaltsMessage, { id, verb }: GatewayCommandMessage): Answer | undefined {
  const halt = halts.find((held) => held.id === id);
  if (halt !== undefined) return { is: "held", halt, done: isDone(halt, verb) };
  const refusal = refused.find((one) => one.id === id);
  return refusal && { is: "refused", code: refusal.code, message: refusal.message };
}

function isDone({ ordersOpen, ordersCanceled, positionsOpen }: HeldHalt, verb: HaltVerb): boolean {
  if (verb === "flatten") return ordersOpen === 0 && positionsOpen === 0;
  return ordersCanceled === 0 || ordersOpen === 0;
}
