import type { Socket } from "node:net";
import { connectThrough } from "./intake-socket.ts";
import { type NewestQuote, NewestQuotes } from "./newest-quotes.ts";

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
  const intake = {
    get size() {
      return quotes.size;
    },
    take: (chunk: Uint8Array) => ({ passed: quotes.take(chunk) }),
    handOn() {
      for (let count = 0; count < quotesPerTurn; count += 1) {
        const quote = quotes.next();
        if (quote === undefined) return false;
        hand(quote);
      }
      return true;
    },
  };
  return connectThrough(intake, address);
}
