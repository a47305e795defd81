import type { Access } from "#core/access.ts";
import type { JsonObject, JsonValue } from "#core/json.ts";
import { Fault } from "#core/result.ts";
import { connectBus } from "./client.ts";
import { adminAccess, clientCommand, roleCommand, rolename } from "./mosquitto.ts";
import type { Log } from "./process.ts";

export interface DynamicSecurityOptions {
  readonly url: string;
  /** Of the client that may change rights. */
  readonly password: string;
  /** Whom the broker knows already. */
  readonly start: ReadonlyMap<string, Access>;
  /** Everyone's rules as they are now; the same object means the same rules. */
  readonly rules: () => ReadonlyMap<string, Access>;
  /** Undefined while an identity has none: it is let in once it has. */
  readonly passwordOf: (identity: string) => string | undefined;
  readonly log: Log;
}

export interface DynamicSecurity {
  /** What the broker counts, as it said last. */
  readonly server: { readonly connections?: number; readonly published?: number; readonly dropped?: number };
  close(): Promise<void>;
}

const lookMs = 250;
/** Within one message's size. */
const commandsMax = 40;
const answerMsMax = 10_000;
const controlTopic = "$CONTROL/dynamic-security/v1";
const countTopics: ReadonlyMap<string, "connections" | "published" | "dropped"> = new Map([
  ["$SYS/broker/clients/connected", "connections"],
  ["$SYS/broker/publish/messages/received", "published"],
  ["$SYS/broker/publish/messages/dropped", "dropped"],
]);

/**
 * Tells a running Mosquitto of changed rights. The plugin cuts the clients whose role changes, and nobody else.
 *
 * @throws Fault `bus-unreachable`
 */
export async function startDynamicSecurity(options: DynamicSecurityOptions): Promise<DynamicSecurity> {
  const { url, password, rules, passwordOf, log } = options;
  const bus = await connectBus({
    ...{ url, identity: adminAccess.identity, password: () => password, access: adminAccess, log },
  });
  const server: { connections?: number; published?: number; dropped?: number } = {};
  let answered: (errors: readonly string[]) => void = () => undefined;
  bus.onMessage(({ topic, payload }) => {
    const text = Buffer.from(payload).toString("utf8");
    const name = countTopics.get(topic);
    if (name !== undefined && /^\d+$/.test(text)) server[name] = Number(text);
    else if (topic.startsWith(controlTopic)) answered(errorsOf(text));
  });
  for (const filter of adminAccess.subscribe) await bus.subscribe(filter);
  const send = async (commands: readonly JsonObject[]): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    const answer = new Promise<readonly string[]>((resolve, reject) => {
      answered = resolve;
      timer = setTimeout(
        () => reject(new Fault("broker-silent", "Mosquitto did not answer a change of rights")),
        answerMsMax,
      );
    });
    try {
      await Promise.all([bus.publish(controlTopic, { commands }, { qos: 1 }), answer]);
      for (const error of await answer) log("error", "Mosquitto refused a change of rights", { error });
    } finally {
      clearTimeout(timer);
    }
  };
  const known = new Map(options.start);
  let working = false;
  const look = async (): Promise<void> => {
    const changes = changesOf(known, rules(), passwordOf);
    for (let at = 0; at < changes.length; at += commandsMax) {
      const some = changes.slice(at, at + commandsMax);
      await send(some.flatMap(({ commands }) => commands));
      for (const { identity, next } of some) {
        if (next === undefined) known.delete(identity);
        else known.set(identity, next);
      }
    }
    if (changes.length > 0) log("info", "rights changed", { identities: changes.length });
  };
  const timer = setInterval(() => {
    if (working) return;
    working = true;
    look()
      .catch((cause: unknown) => log("error", "rights could not be changed, trying again", { error: String(cause) }))
      .finally(() => {
        working = false;
      });
  }, lookMs);
  return {
    server,
    async close() {
      clearInterval(timer);
      await bus.close();
    },
  };
}

interface Change {
  readonly identity: string;
  readonly next: Access | undefined;
  readonly commands: readonly JsonObject[];
}

/** What the broker must be told. One whose password is not there yet comes later. */
export function changesOf(
  known: ReadonlyMap<string, Access>,
  rules: ReadonlyMap<string, Access>,
  passwordOf: (identity: string) => string | undefined,
): readonly Change[] {
  const changes: Change[] = [];
  for (const [identity] of known) {
    if (rules.has(identity)) continue;
    const commands = [
      { command: "deleteClient", username: identity },
      { command: "deleteRole", rolename: rolename(identity) },
    ];
    changes.push({ identity, next: undefined, commands });
  }
  for (const [identity, next] of rules) {
    const before = known.get(identity);
    if (before === next) continue;
    if (before !== undefined) {
      changes.push({ identity, next, commands: [roleCommand("modifyRole", next)] });
      continue;
    }
    const password = passwordOf(identity);
    if (password === undefined) continue;
    changes.push({ identity, next, commands: [roleCommand("createRole", next), clientCommand(identity, password)] });
  }
  return changes;
}

function errorsOf(text: string): readonly string[] {
  let answer: JsonValue;
  try {
    answer = JSON.parse(text);
  } catch {
    return [`an answer that is no JSON: ${text.slice(0, 200)}`];
  }
  const responses: unknown =
    typeof answer === "object" && answer !== null && "responses" in answer ? answer["responses"] : [];
  if (!Array.isArray(responses)) return [];
  return responses.flatMap((response: unknown) => {
    const error: unknown =
      typeof response === "object" && response !== null ? Reflect.get(response, "error") : undefined;
    return typeof error === "string" ? [`${String(Reflect.get(Object(response), "command"))}: ${error}`] : [];
  });
}
