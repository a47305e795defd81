import { describeFeed, type FeedOf, isFed } from "#core/market-sources.ts";
import type { Finding } from "#core/refusal.ts";
import { publisherOf } from "#core/sharing.ts";
import type { EffectiveSpecs } from "./effective-specs.ts";
import { environmentsOf, type Fleet, type StrategySource } from "./fleet.ts";

// What would make a strategy wait for ever without a word. None of it is an error: an environment or a feed may come later, and taking one away
// must not stop the deploys of those who listen.

/** Says of a strategy that no environment runs it, and of channels and instruments that no feed of an environment publishes them. */
export function checkFeeds(
  fleet: Fleet,
  specs: EffectiveSpecs,
  wanted: readonly StrategySource[],
  { environments: only }: { readonly environments?: readonly string[] },
): readonly Finding[] {
  const findings: Finding[] = wanted.flatMap((strategy) => nowhere(strategy, [...fleet.environments.keys()]));
  for (const environment of fleet.environments.keys()) {
    const known = fleet.policies.environments.get(environment)?.document?.spec.feeds;
    if (known === undefined || only?.includes(environment) === false) continue;
    const feeds = Object.values(known);
    for (const strategy of wanted) findings.push(...unfed(strategy, environment, feeds, specs));
  }
  return findings;
}

function nowhere(strategy: StrategySource, environments: readonly string[]): readonly Finding[] {
  const document = strategy.parsed?.document;
  if (document === undefined || environmentsOf(document).length > 0) return [];
  const pointer = document.spec.environments === undefined ? "/spec" : "/spec/environments";
  const finding: Finding = {
    code: "environments-empty",
    severity: "warning",
    message: "spec.environments names no environment: once merged, it runs nowhere",
    fix: `write environments: { ${environments[0] ?? "paper"}: { running: true } }`,
    pointer,
  };
  return [withPlace(strategy, finding, pointer)];
}

function unfed(
  strategy: StrategySource,
  environment: string,
  feeds: readonly FeedOf[],
  specs: EffectiveSpecs,
): readonly Finding[] {
  const effective = specs.resolve(strategy, environment).effective;
  if (effective === undefined) return [];
  const { channels, limits } = effective;
  const there = feeds.length === 0 ? "it has none" : `there is ${feeds.map(describeFeed).join("; ")}`;
  const propose = `or propose a feed in policies/environments/${environment}.yaml`;
  const say = (pointer: string, message: string, fix: string): Finding =>
    withPlace(strategy, { code: "channel-unfed", severity: "warning", message, fix, pointer }, pointer);
  const findings = channels.flatMap((channel, index) => {
    const [pointer, what] = [`/spec/channels/${index}`, `channels[${index}] is ${channel}`];
    if (channel.startsWith("ind/"))
      return say(
        pointer,
        `${what}, but nobody publishes indicators: nothing will come`,
        "work it out in the algorithm: context.indicators",
      );
    if (channel === "quotes" || publisherOf(channel) !== undefined || isFed(feeds, channel)) return [];
    const message = `${what}, but no feed of ${environment} publishes it: nothing will come; ${there}`;
    return say(pointer, message, `ask for what is fed, ${propose}`);
  });
  const missing = limits.instruments.filter((instrument) => !isFed(feeds, `md/+/${instrument}/quote`));
  if (!channels.includes("quotes") || missing.length === 0) return findings;
  const message = `no feed of ${environment} publishes quotes of ${missing.join(", ")}, so none will come; ${there}`;
  return [...findings, say("/spec/limits/instruments", message, `trade what is fed, ${propose}`)];
}

function withPlace({ parsed }: StrategySource, finding: Finding, pointer: string): Finding {
  return parsed === undefined ? finding : { ...finding, place: parsed.locate(pointer) };
}
