// Logs in to the bus from the node, many at once, and says what the broker answered. Input and output are JSON.
import { text } from "node:stream/consumers";
import { RawMqtt } from "../contract/raw-mqtt.ts";

export interface Login {
  readonly user: string;
  readonly clientId: string;
  readonly password: string;
  /** A filter to ask for once it is in. */
  readonly filter?: string;
}

export interface LoginAnswer {
  /** Of CONNACK: 0 is in, 5 is "not authorized"; -1: no answer. */
  readonly code: number;
  /** Of SUBACK: 128 is refused. */
  readonly granted?: number;
}

export interface LoginRequest {
  readonly host: string;
  readonly port: number;
  readonly logins: readonly Login[];
}

const limitMs = 60_000;

async function answered(client: RawMqtt, type: number, deadline: number): Promise<Buffer | undefined> {
  while (client.of(type).length === 0 && performance.now() < deadline) {
    if (client.closed && client.of(type).length === 0) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return client.of(type)[0]?.body;
}

async function login({ user, clientId, password, filter }: Login, host: string, port: number): Promise<LoginAnswer> {
  const client = new RawMqtt(port, host).connect({ user, clientId, password });
  const deadline = performance.now() + limitMs;
  const code = (await answered(client, 2, deadline))?.[1] ?? -1;
  if (filter === undefined || code !== 0) return { code };
  const granted = (await answered(client.subscribe(filter, 1), 9, deadline))?.[2] ?? -1;
  client.close();
  return { code, granted };
}

const { host, port, logins }: LoginRequest = JSON.parse(await text(process.stdin));
const answers = await Promise.all(logins.map((one) => login(one, host, port)));
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
