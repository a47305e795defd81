import { connect, type Socket } from "node:net";

const readBytes = 64 * 1024;

/** What takes some of a connection's messages out of its bytes, and gives them on later. */
export interface Intake {
  /** How many wait. */
  readonly size: number;
  /** @returns the bytes that the client gets at once, and acknowledgements for the broker; copies, so `chunk` may be used again */
  take(chunk: Uint8Array): { readonly passed: readonly Buffer[]; readonly answers?: readonly Buffer[] };
  /** Gives some of them on. @returns whether it goes on with the others */
  handOn(socket: Socket): boolean;
}

/** Connects for an MQTT client through an intake: what waits there is given on in parts, and before each the socket is read, so that what has come is seen. */
export function connectThrough(
  intake: Intake,
  address: { readonly host: string; readonly port: number; readonly noDelay: boolean },
): Socket {
  let due = false;
  const later = (): void => {
    if (due || intake.size === 0) return;
    due = true;
    setImmediate(handOn);
  };
  const handOn = (): void => {
    due = false;
    if (intake.handOn(socket)) later();
  };
  const callback = (bytes: number, buffer: Uint8Array): boolean => {
    const { passed, answers = [] } = intake.take(buffer.subarray(0, bytes));
    let goesOn = true;
    for (const part of passed) goesOn = socket.push(part);
    // One that has said goodbye and ends would fail by it, and its goodbye with it.
    if (answers.length > 0 && socket.writable) socket.write(Buffer.concat(answers));
    later();
    return goesOn;
  };
  const socket = connect({ ...address, onread: { buffer: Buffer.alloc(readBytes), callback } });
  return socket;
}
