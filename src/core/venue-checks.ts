import type { EnvironmentDocument } from "./environment.generated.ts";
import type { Known } from "./parse.ts";
import type { Finding } from "./refusal.ts";
import { nearest } from "./suggest.ts";
import { timeZoneNames } from "./time-zone.ts";
import { parseTradingHours } from "./trading-hours.ts";

/** What an environment says of its venues must be possible, and an embedded one has no keys. */
export function checkVenues({ parts, locate }: Known<EnvironmentDocument>): readonly Finding[] {
  const findings: Finding[] = [];
  const add = (code: string, pointer: string, message: string, fix: string): void => {
    findings.push({ code, severity: "error", message, fix, pointer, place: locate(pointer) });
  };
  const { venues = {}, embedded } = parts.spec ?? {};
  for (const [name, settings] of Object.entries(venues)) {
    const at = `/spec/venues/${name}`;
    if (settings?.kind === "ccxt" && embedded === true) {
      add(
        "venue-keys-embedded",
        `${at}/kind`,
        `venues.${name}.kind is ccxt, which needs keys, and this environment is embedded: it runs beside code that nobody has reviewed, on a machine that checks nobody's identity`,
        "take embedded: true out and run it in a cluster, or trade on paper",
      );
    }
    const { timeZone, from, until } = settings?.hours ?? {};
    if (timeZone === undefined || from === undefined || until === undefined) continue;
    const hours = parseTradingHours({ timeZone, days: [], from, until });
    if (hours.ok) continue;
    const { code, key, message } = hours.error;
    const near = key === "timeZone" ? nearest(timeZone, timeZoneNames()) : undefined;
    const zone = near === undefined ? "UTC, or a place of the IANA database such as America/New_York" : near;
    const fix = `write ${key === "timeZone" ? zone : "a later end"}`;
    add(code, `${at}/hours/${key}`, `venues.${name}.hours: ${message}`, fix);
  }
  return findings;
}
