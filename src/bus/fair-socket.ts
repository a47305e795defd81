import type { Socket } from "node:net";
import { FairIntake, type Turns } from "./fair-intake.ts";
import { connectThrough } from "./intake-socket.ts";

/**
 * Messages that are handed on before the socket is read again, of all and of each: what they write is one commit, and whoever speaks meanwhile is behind
 * no more than these.
 */
const perTurn = { messages: 256, each: 16 };

/** Connects for an MQTT client that many speak to: it gets what they say in turns, and all else at once. */
export function connectForTurns(
  address: { readonly host: string; readonly port: number; readonly noDelay: boolean },
  turns: Turns,
): Socket {
  const rows = new FairIntake(turns);
  let ended = false;
  const intake = {
    get size() {
      return rows.size;
    },
    take: (chunk: Uint8Array) => rows.take(chunk, performance.now()),
    handOn(socket: Socket) {
      const frames = rows.turn(perTurn.messages, perTurn.each);
      // What the connection's end leaves here has no acknowledgement, and comes again.
      if (ended || socket.destroyed || frames.length === 0) return false;
      socket.push(Buffer.concat(frames));
      return true;
    },
  };
  const socket = connectThrough(intake, address);
  socket.on("end", () => {
    ended = true;
  });
  return socket;
}
