import { join } from "node:path";
import type { Log } from "#bus/process.ts";
import type { Clock } from "./clock.ts";
import { PaperVenue } from "./paper-venue.ts";
import type { Venue } from "./venue.ts";
import type { VenueSettings } from "./venue-settings.ts";

export interface VenueMeans {
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Every venue of the settings, not opened yet. What real ones need is read only if there are any.
 *
 * @param keysFolder one folder a venue, as the Secrets are mounted
 * @throws Fault `ccxt-missing`, `exchange-unknown`, `keys-unreadable`
 */
export async function openVenues(
  settings: ReadonlyMap<string, VenueSettings>,
  keysFolder: string,
  means: VenueMeans,
): Promise<ReadonlyMap<string, Venue>> {
  const venues = new Map<string, Venue>();
  for (const [name, venue] of settings) {
    if (venue.kind === "paper") venues.set(name, new PaperVenue(name, venue.rules, venue.simulation, means.clock));
    else venues.set(name, await openExchange(name, venue, keysFolder, means));
  }
  return venues;
}

async function openExchange(
  name: string,
  { rules, exchange, sandbox }: VenueSettings & { readonly kind: "ccxt" },
  keysFolder: string,
  means: VenueMeans,
): Promise<Venue> {
  const { loadExchange, readKeys } = await import("./ccxt-exchange.ts");
  const { CcxtVenue } = await import("./ccxt-venue.ts");
  const keys = readKeys(join(keysFolder, name));
  return new CcxtVenue({ name, rules, sandbox, exchange: await loadExchange(exchange), keys, ...means });
}
