import { parseStrategyId } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import { publisherOf } from "#core/sharing.ts";
import type { EffectiveSpecs } from "./effective-specs.ts";
import type { Fleet, StrategySource } from "./fleet.ts";

/**
 * Says of channels that nobody will speak on: the strategy is not there, not in that environment, or publishes no signal. It is no error, or one
 * team's deletion would stop another team's deploys.
 */
export function checkSignals(
  fleet: Fleet,
  specs: EffectiveSpecs,
  wanted: readonly StrategySource[],
  { environments: only }: { readonly environments?: readonly string[] },
): readonly Finding[] {
  const findings: Finding[] = [];
  for (const environment of fleet.environments.keys()) {
    if (only?.includes(environment) === false) continue;
    for (const strategy of wanted) {
      const channels = specs.resolve(strategy, environment).effective?.channels ?? [];
      for (const [index, channel] of channels.entries()) {
        const publisher = publisherOf(channel);
        if (publisher === undefined || speaks(specs, publisher, environment)) continue;
        const pointer = `/spec/channels/${index}`;
        findings.push({
          code: "signal-unpublished",
          severity: "warning",
          message: `channels[${index}] is ${channel}, but ${publisher} publishes no signal in ${environment}: nothing will come`,
          fix: `drop it, or ask the owner of ${publisher} for "publishes: [signal]"`,
          pointer,
          ...(strategy.parsed === undefined ? {} : { place: strategy.parsed.locate(pointer) }),
        });
      }
    }
  }
  return findings;
}

function speaks(specs: EffectiveSpecs, publisher: string, environment: string): boolean {
  const id = parseStrategyId(publisher);
  return id.ok && specs.all(environment).get(id.value)?.publishes.includes("signal") === true;
}
