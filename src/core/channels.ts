import type { Limits } from "./effective.ts";
import { err, ok, type Result } from "./result.ts";
import { filterContains } from "./topic.ts";

export interface ChannelMalformed {
  readonly code: "channel-malformed";
  /** The channels that were refused, as written. */
  readonly channels: readonly string[];
  readonly message: string;
}

export interface ChannelOutsideCeiling {
  readonly code: "channel-outside-ceiling";
  readonly channels: readonly string[];
  readonly message: string;
}

const venue = "(?:\\+|[a-z][a-z0-9-]{0,39})";
const symbol = "(?:\\+|[A-Za-z0-9][A-Za-z0-9._-]{0,31})";
const label = "(?=[a-z0-9-]{1,40}/)[a-z](?:-?[a-z0-9])*";
const grammar = new RegExp(
  `^(?:quotes|md/${venue}/${symbol}/(?:quote|trade|bar/[1-9][0-9]{0,3}[smhd])|ind/${venue}/${symbol}/[a-z][a-z0-9-]{0,39}(?:/[A-Za-z0-9._-]{1,40}){0,8}|strat/${label}/${label}/signal)$`,
);

/** What a channel may be, for messages. */
export const channelsAllowed =
  "quotes, a topic below md/ or ind/ such as md/+/AAPL/quote or ind/+/AAPL/sma/10, with + only in place of the venue or the symbol, or another strategy's signals, strat/<team>/<name>/signal";

/**
 * `quotes`, `md/{venue}/{symbol}/{quote|trade|bar/1d}` or `ind/{venue}/{symbol}/{name}/{args}`, where venue and symbol may be `+`, or
 * `strat/{team}/{name}/signal`. The pattern in schemas/strategy.schema.json is this one; a test compares them.
 */
export function isChannel(text: string): boolean {
  return grammar.test(text);
}

/** The same as a pattern, for the schema's test. */
export function channelPattern(): string {
  return grammar.source.replaceAll("\\/", "/");
}

/** MQTT filters of the channels, in order, each once: `quotes` becomes `md/+/{instrument}/quote` for each of the limits' instruments. */
export function expandChannels(
  channels: readonly string[],
  limits: Pick<Limits, "instruments">,
): Result<readonly string[], ChannelMalformed> {
  const malformed = channels.filter((channel) => !isChannel(channel));
  if (malformed.length > 0) {
    const message = `${quoted(malformed)} ${malformed.length === 1 ? "is not a channel" : "are not channels"}; allowed: ${channelsAllowed}`;
    return err({ code: "channel-malformed", channels: malformed, message });
  }
  const filters = channels.flatMap((channel) =>
    channel === "quotes" ? limits.instruments.map((instrument) => `md/+/${instrument}/quote`) : [channel],
  );
  return ok([...new Set(filters)]);
}

/**
 * Whether what `initialize()` asked for stays within `spec.channels`. Without `limits`, `quotes` is only within `quotes`; with
 * them it stands for its topics on both sides, so `md/+/AAPL/quote` is within `quotes`.
 *
 * @returns the requested channels, each once, in order
 */
export function withinCeiling(
  requested: readonly string[],
  declared: readonly string[],
  limits: Pick<Limits, "instruments"> = { instruments: [] },
): Result<readonly string[], ChannelMalformed | ChannelOutsideCeiling> {
  const shape = expandChannels(requested, limits);
  if (!shape.ok) return shape;
  const rules = expandChannels(declared, limits);
  if (!rules.ok) return rules;
  const outside = requested.filter((channel) => {
    if (declared.includes(channel)) return false;
    // `quotes` of no instrument stands for nothing, and nothing is not a permission.
    const filters =
      channel === "quotes" ? limits.instruments.map((instrument) => `md/+/${instrument}/quote`) : [channel];
    return filters.length === 0 || !filters.every((filter) => rules.value.some((rule) => filterContains(rule, filter)));
  });
  if (outside.length === 0) return ok([...new Set(requested)]);
  const message = `initialize() asked for ${quoted(outside)}, but spec.channels allows only ${quoted(declared)}`;
  return err({ code: "channel-outside-ceiling", channels: outside, message });
}

function quoted(texts: readonly string[]): string {
  return texts.length === 0 ? "nothing" : texts.map((text) => JSON.stringify(text)).join(", ");
}
