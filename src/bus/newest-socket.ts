import { connect, type Socket } from "node:net";
import { type NewestQuote, NewestQuotes } from "./newest-quotes.ts";

const readBytes = 64 * 1024;
/** Quotes that are handed on before the socket is read again. */
const quotesPerTurn = 64;

/**
 * Connects for an MQTT client that wants the newest quotes alone: they go to `hand`, once what else has come was read, and the client gets the bytes of all
 * other packets.
 */
export function connectForNewest(
  address: { readonly host: string; readonly port: number; readonly noDelay: boolean },
  hand: (quote: NewestQuote) => void,
): Socket {
  const quotes = new NewestQuotes();
  let due = false;
  const later = (): void => {
    if (due || quotes.size === 0) return;
    due = true;
    // First the socket is read: what is late is seen to be.
    setImmediate(handOn);
  };
  const handOn = (): void => {
    due = false;
    for (let count = 0; count < quotesPerTurn; count += 1) {
      const quote = quotes.next();
      if (quote === undefined) return;
      hand(quote);
    }
    later();
  };
  const callback = (bytes: number, buffer: Uint8Array): boolean => {
    let goesOn = true;
    for (const part of quotes.take(buffer.subarray(0, bytes))) goesOn = socket.push(part);
    later();
    return goesOn;
  };
  const socket = connect({ ...address, onread: { buffer: Buffer.alloc(readBytes), callback } });
  return socket;
}
