import type { Aedes } from "aedes";
import { assert } from "#core/result.ts";

interface Enqueued {
  readonly clientId: string;
}
/** No packet of MQTT has it. */
const refusedId = -1;

type Enqueue = (subscribers: readonly Enqueued[], packet: object) => Promise<void>;

/**
 * Bounds what the broker keeps for a client until it acknowledges: aedes' memory persistence would collect QoS 1 messages for ever. Beyond
 * `perClientMax` the newest is not kept. Who is connected gets it all the same, once; whoever comes back asks again for what matters (the gateway
 * answers from its book).
 *
 * @returns how many messages were not kept
 */
export function limitSessions(broker: Aedes, perClientMax: number): () => number {
  // The persistence is not in aedes' types, and giving our own would mean importing a package that is not our dependency.
  const persistence: unknown = Reflect.get(broker, "persistence");
  assert(typeof persistence === "object" && persistence !== null, "aedes has a persistence after createBroker");
  const enqueue = Reflect.get(persistence, "outgoingEnqueueCombi") as Enqueue;
  const clear = Reflect.get(persistence, "outgoingClearMessageId") as (
    client: { readonly id: string },
    packet: object,
  ) => Promise<object | undefined>;
  const update = Reflect.get(persistence, "outgoingUpdate") as (
    client: { readonly id: string },
    packet: object,
  ) => Promise<void>;
  const waiting = new Map<string, number>();
  let dropped = 0;
  Reflect.set(persistence, "outgoingEnqueueCombi", (subscribers: readonly Enqueued[], packet: object) => {
    const taken = subscribers.filter(({ clientId }) => {
      const count = waiting.get(clientId) ?? 0;
      if (count >= perClientMax) {
        dropped += 1;
        return false;
      }
      waiting.set(clientId, count + 1);
      return true;
    });
    return enqueue.call(persistence, taken, packet);
  });
  // aedes would cut a connection whose message is not kept.
  Reflect.set(persistence, "outgoingUpdate", (client: { readonly id: string }, packet: object) =>
    update.call(persistence, client, packet).catch(() => undefined),
  );
  Reflect.set(
    persistence,
    "outgoingClearMessageId",
    async (client: { readonly id: string }, packet: object): Promise<object | undefined> => {
      let cleared: object | undefined;
      if (Reflect.get(packet, "messageId") === undefined) {
        // One that may not be delivered has no id yet. Without one aedes would take the oldest that was never sent.
        const named = { ...packet, messageId: refusedId };
        const known = await update.call(persistence, client, named).then(
          () => true,
          () => false,
        );
        cleared = known ? await clear.call(persistence, client, named) : undefined;
      } else cleared = await clear.call(persistence, client, packet);
      if (cleared !== undefined) {
        const left = (waiting.get(client.id) ?? 1) - 1;
        if (left > 0) waiting.set(client.id, left);
        else waiting.delete(client.id);
      }
      return cleared;
    },
  );
  return () => dropped;
}
