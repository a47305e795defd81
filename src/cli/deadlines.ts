import { describeVerb, formatTarget, isTargeted } from "#core/halt.ts";
import type { StrategyId } from "#core/identity.ts";
import { formatInstant } from "#core/instant.ts";
import type { TimedChange } from "#delivery/expiries.ts";
import type { FreezeView, HaltView, TimedPolicies, WaiverView } from "#delivery/waivers.ts";
import { formatDuration } from "./output.ts";

const daySeconds = 86_400;
/** What ends within this is said where people look. */
export const soonSeconds = 7 * daySeconds;

/** `ends in 2 days`, `ends in 5 h`, `ended 12 s ago and is not taken away yet`. */
export function describeEnd(endSeconds: number, nowSeconds: number): string {
  const left = endSeconds - nowSeconds;
  if (left <= 0) return `ended ${duration(-left)} ago and is not taken away yet; slipway up does it`;
  return `ends in ${duration(left)}`;
}

/** The largest unit that is not zero, rounded down: nothing is promised for longer than it lasts. */
function duration(seconds: number): string {
  const [days, hours, minutes] = [daySeconds, 3_600, 60].map((unit) => Math.floor(seconds / unit));
  if (days !== undefined && days > 0) return `${days} day${days === 1 ? "" : "s"}`;
  if (hours !== undefined && hours > 0) return `${hours} h`;
  return minutes !== undefined && minutes > 0 ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

/** `waiver big ended 2026-12-04 00:00:00 UTC: committed and rendered 0.8 s later`. Told after the round that did both. */
export function describeExpiry({ kind, name, atSeconds }: TimedChange, nowMs: number): string {
  const [what, verb] = kind.split("-");
  const took = formatDuration(nowMs - atSeconds * 1_000);
  return `${what} ${name} ${verb === "start" ? "started" : "ended"} ${formatInstant(atSeconds)}: committed and rendered ${took} later`;
}

/** What is halted, freezes that hold, and in one line the waivers that end soon: what a person should know who looks at anything. */
export function describeDeadlines({ waivers, freezes, halts }: TimedPolicies, nowSeconds: number): readonly string[] {
  const soon = waivers.filter(({ endSeconds }) => endSeconds - nowSeconds <= soonSeconds);
  const frozen = freezes.filter(
    ({ fromSeconds, untilSeconds }) => fromSeconds <= nowSeconds && nowSeconds < untilSeconds,
  );
  return [...halts.map(describeHalt), ...frozen.map(describeFreeze), ...describeSoon(soon, nowSeconds)];
}

/** `paper: team/seed is halted by alice since 2026-12-04 17:00:00 UTC (a bad tick)   → slipway resume team/seed` */
export function describeHalt({ environment, target, verb, by, atMs, reason }: HaltView): string {
  const since = formatInstant(Math.floor(atMs / 1_000));
  const whom = formatTarget(target);
  return `  ${environment}: ${whom} is ${describeVerb(verb)} by ${by} since ${since} (${reason})   → slipway resume ${whom}`;
}

function describeFreeze({ name, environments, until, timeZone }: FreezeView): string {
  return `  ${environments.join(", ")} frozen by ${name} until ${until} ${timeZone}: only what tightens is merged`;
}

function describeSoon(soon: readonly WaiverView[], nowSeconds: number): readonly string[] {
  const [first, ...others] = soon;
  if (first === undefined) return [];
  const more = others.length === 0 ? "" : `, and ${others.length} more within a week`;
  const what = `${first.name} (${first.what} for ${first.scope} in ${first.environment})`;
  return [`  waiver ${what} ${describeEnd(first.endSeconds, nowSeconds)}${more}   → slipway waivers`];
}

/** What bears on one strategy, a line each. */
export function describeWaiversOf(
  strategy: StrategyId,
  environment: string,
  { waivers, halts }: TimedPolicies,
  nowSeconds: number,
): readonly string[] {
  const [team] = strategy.split("/");
  const held = halts.filter((halt) => halt.environment === environment && isTargeted(halt.target, strategy));
  const lifted = waivers
    .filter((waiver) => waiver.environment === environment && (waiver.scope === strategy || waiver.scope === team))
    .map(
      ({ name, what, endSeconds }) =>
        `  waiver    ${name}: ${what} until ${formatInstant(endSeconds)}, ${describeEnd(endSeconds, nowSeconds)}`,
    );
  return [...held.map(describeHalt), ...lifted];
}
