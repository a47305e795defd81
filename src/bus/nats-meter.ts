import { randomBytes } from "node:crypto";
import type { FloodGuard } from "./flood-guard.ts";
import { busAccount, kickUser } from "./nats.ts";
import { NatsConnection, type NatsConnectionOptions, parseSaid, type Said } from "./nats-connection.ts";

export interface NatsMeterOptions extends Pick<NatsConnectionOptions, "host" | "port" | "password" | "log"> {
  readonly guard: Pick<FloodGuard, "published" | "stalled">;
  /** What all clients together may say in a second before it is asked who says how much: no more than what one of them may. */
  readonly quiet: { readonly messages: number; readonly bytes: number };
}

const lookEveryMs = 100;
/** Who says how much is asked this often anyway, so that it is known what each had said before. */
const baselineEveryMs = 4_000;
/** Those that said most; so many fit in what a connection takes. */
const connectionsMax = 1_024;

interface Counts {
  readonly messages: number;
  readonly bytes: number;
}

/**
 * Tells a guard what each client publishes, as nats-server counts it for each connection: whatever the topic, and whether it was let through or not.
 * What all say together costs next to nothing to ask, so it is asked ten times a second, and who says how much only when that is much
 * [nats-server 2.15.2: a client has no rate there]. Ends each connection of whom the guard keeps out that still says something.
 *
 * @throws Fault `nats-unreachable`
 */
export async function startNatsMeter({ guard, quiet, ...there }: NatsMeterOptions): Promise<{ close(): void }> {
  const inbox = `_INBOX.${randomBytes(12).toString("hex")}`;
  let before: Counts & { readonly slow: number } = { messages: 0, bytes: 0, slow: 0 };
  let known = new Map<number, Counts>();
  /** Whether there were more than `known` has. */
  let partial = false;
  let baselineMs = Number.NEGATIVE_INFINITY;
  /** Of those that ended last who was told of: by their numbers, since their times are the wall's clock's, which may be set. */
  let ended: ReadonlySet<number> = new Set();
  const ask = (what: string, options: object, question: string): void =>
    connection.request(`$SYS.REQ.SERVER.${connection.server}.${what}`, JSON.stringify(options), `${inbox}.${question}`);

  const takeTotals = (said: Said): void => {
    const { statsz } = Object(said);
    const received = Object(Object(statsz).received_from_clients ?? Object(statsz).received);
    const now = { ...countsOf(received.msgs, received.bytes), slow: numberOf(Object(statsz).slow_consumers) };
    const much =
      now.messages - before.messages > (quiet.messages * lookEveryMs) / 1_000 ||
      now.bytes - before.bytes > (quiet.bytes * lookEveryMs) / 1_000;
    const nowMs = performance.now();
    if (much || nowMs - baselineMs >= baselineEveryMs) {
      baselineMs = nowMs;
      ask("CONNZ", { acc: busAccount, sort: "msgs_from", limit: connectionsMax }, "open");
    }
    if (now.slow > before.slow) ask("CONNZ", { state: 1, sort: "stop", limit: 64 }, "closed");
    before = now;
  };
  const takeOpen = (said: Said): void => {
    const next = new Map<number, Counts>();
    const open = connectionsOf(said);
    for (const { cid, mqtt_client: client, in_msgs: messages, in_bytes: bytes } of open) {
      if (typeof client !== "string") continue;
      const now = countsOf(messages, bytes);
      // One that is not known has come since, or was there, and what it had said before must not count as said now.
      const { messages: m, bytes: b } = known.get(numberOf(cid)) ?? (partial ? now : { messages: 0, bytes: 0 });
      next.set(numberOf(cid), now);
      if (now.messages <= m) continue;
      const why = guard.published(identityOf(client), now.messages - m, now.bytes - b);
      // By its number: of two that come under one name the server may have kept the one that was let in first.
      if (why !== undefined) ask("KICK", { cid }, "kicked");
    }
    known = next;
    partial = open.length >= connectionsMax;
  };
  const takeClosed = (said: Said): void => {
    const closed = connectionsOf(said);
    for (const { cid, mqtt_client: client, reason } of closed) {
      if (typeof client !== "string" || ended.has(numberOf(cid))) continue;
      if (String(reason).startsWith("Slow Consumer")) guard.stalled(identityOf(client));
    }
    ended = new Set(closed.map(({ cid }) => numberOf(cid)));
  };
  const takers: Readonly<Record<string, (said: Said) => void>> = {
    totals: takeTotals,
    open: takeOpen,
    closed: takeClosed,
  };
  const connection = new NatsConnection({
    ...{ ...there, user: kickUser },
    subscription: {
      subject: `${inbox}.*`,
      queue: "meter",
      take({ subject, payload }) {
        const said = parseSaid(payload);
        if (said !== undefined) takers[subject.slice(inbox.length + 1)]?.(said);
      },
    },
  });
  await connection.open(10_000);
  const looking = setInterval(() => ask("STATSZ", {}, "totals"), lookEveryMs);
  return {
    close() {
      clearInterval(looking);
      connection.close();
    },
  };
}

function connectionsOf({ data }: Said): readonly Said[] {
  const { connections } = Object(data);
  return Array.isArray(connections) ? connections.map((connection) => Object(connection)) : [];
}

/** The client id of an identity is its name with `_` for `/`, which is in no name. */
function identityOf(client: string): string {
  return client.replace("_", "/");
}

function countsOf(messages: unknown, bytes: unknown): Counts {
  return { messages: numberOf(messages), bytes: numberOf(bytes) };
}

function numberOf(value: unknown): number {
  return Number.isSafeInteger(value) ? Number(value) : 0;
}
