import { connect, type Socket } from "node:net";
import { FairIntake, type Turns } from "./fair-intake.ts";

const readBytes = 64 * 1024;
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
  const intake = new FairIntake(turns);
  let due = false;
  let ended = false;
  const later = (): void => {
    if (due || intake.size === 0) return;
    due = true;
    // First the socket is read: whoever has just come is seen.
    setImmediate(handOn);
  };
  const handOn = (): void => {
    due = false;
    const frames = intake.turn(perTurn.messages, perTurn.each);
    // What the connection's end leaves here has no acknowledgement, and comes again.
    if (ended || socket.destroyed || frames.length === 0) return;
    socket.push(Buffer.concat(frames));
    later();
  };
  const callback = (bytes: number, buffer: Uint8Array): boolean => {
    const { passed, answers } = intake.take(buffer.subarray(0, bytes), performance.now());
    let goesOn = true;
    for (const part of passed) goesOn = socket.push(part);
    // One that has said goodbye and ends would fail by it, and its goodbye with it.
    if (answers.length > 0 && socket.writable) socket.write(Buffer.concat(answers));
    later();
    return goesOn;
  };
  const socket = connect({ ...address, onread: { buffer: Buffer.alloc(readBytes), callback } });
  socket.on("end", () => {
    ended = true;
  });
  return socket;
}
