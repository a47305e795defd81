import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Bus } from "#bus/client.ts";
import { operatorAccess } from "#core/access.ts";
import type { HaltVerb } from "#core/halt.ts";
import type { GatewayCommandMessage, GatewayHaltsMessage } from "#core/messages.ts";
import { Fault } from "#core/result.ts";

export type HeldHalt = GatewayHaltsMessage["halts"][number];

/** What the gateway answered. */
export type Answer =
  /** Acknowledged; `done`: no order of it is open any more, and after a flatten nothing is held. */
  | { readonly is: "held"; readonly halt: HeldHalt; readonly done: boolean }
  | { readonly is: "refused"; readonly code: string; readonly message: string }
  /** Nobody answered in time. */
  | { readonly is: "silent" };

export interface OperatorOptions {
  readonly url: string;
  readonly environment: string;
  readonly tokenFile: string;
  readonly deadlineMs: number;
  readonly now: () => number;
  readonly pause: (milliseconds: number) => Promise<void>;
}

const pollMs = 10;

/** Where the embedded cluster keeps the operator's password. */
export function operatorPasswordFile(clusterDirectory: string, environment: string): string {
  return join(clusterDirectory, "identities", "passwords", operatorAccess(environment).identity.replace("/", "."));
}

/**
 * Tells the gateway to stop something, and waits until it says that it is done.
 *
 * @throws Fault `bus-unreachable`
 */
export async function tellGateway(command: GatewayCommandMessage, options: OperatorOptions): Promise<Answer> {
  const { connectBus } = await import("#bus/client.ts");
  const { readMessage } = await import("#core/payload.ts");
  const { validateGatewayHalts } = await import("#core/bus-validators.generated.js");
  const endMs = options.now() + options.deadlineMs;
  const access = operatorAccess(options.environment);
  const bus = await connectBus({
    url: options.url,
    identity: access.identity,
    password: () => readFileSync(options.tokenFile, "utf8").trim(),
    access,
    connectTimeoutMs: options.deadlineMs,
  });
  try {
    let answer: Answer = { is: "silent" };
    bus.onMessage(({ topic, payload }) => {
      const read = readMessage(topic, payload, { "gateway-halts": validateGatewayHalts });
      if (read.ok && read.value.type === "gateway-halts") answer = answerIn(read.value, command) ?? answer;
    });
    await send(bus, command);
    const final = (): boolean => answer.is === "refused" || (answer.is === "held" && answer.done);
    while (!final() && options.now() < endMs) await options.pause(pollMs);
    return answer;
  } finally {
    await bus.close();
  }
}

async function send(bus: Bus, command: GatewayCommandMessage): Promise<void> {
  const subscribed = await bus.subscribe("gw/halts", { qos: 1 });
  if (!subscribed.ok) throw new Fault("subscription-refused", "the bus refuses to say what is halted");
  await bus.publish(`gw/cmd/${command.verb}`, command, { qos: 1 });
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
