// Sends ccxt's Coinbase to the exchange of the storm: `node --import …/venue-hook.ts src/gateway/main.ts` with its address in SLIPWAY_STORM_EXCHANGE.
import { registerHooks } from "node:module";

const address = process.env["SLIPWAY_STORM_EXCHANGE"] ?? "";
/** What stands there in the file whose name ends so, and what is read instead. A minute until an order counts as never arrived is 3 s here. */
const edits: readonly (readonly [file: string, from: string, to: string])[] = [
  ["/js/src/coinbaseexchange.js", "'https://api.{hostname}'", `'${address}'`],
  ["/js/src/coinbaseexchange.js", "'rateLimit': 100", "'rateLimit': 1"],
  ["/gateway/ccxt-venue.ts", "timeoutMs = 10_000", "timeoutMs = 1_500"],
  ["/gateway/ccxt-venue.ts", "pollMs = 1_000", "pollMs = 200"],
  ["/gateway/ccxt-venue.ts", "settleMs = 60_000", "settleMs = 3_000"],
];

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const about = edits.filter(([file]) => url.endsWith(file));
    if (about.length === 0) return loaded;
    let source = Buffer.from(loaded.source as Uint8Array).toString();
    for (const [file, from, to] of about) {
      if (!source.includes(from)) throw new Error(`${file} has no ${from}`);
      source = source.replaceAll(from, to);
    }
    return { ...loaded, source };
  },
});
