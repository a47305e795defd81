import { topicMatches } from "./topic.ts";

/** What a source of market data brings: the instruments, and the end of their topics (`quote`, `bar/1d`). */
export interface SourceContent {
  readonly instruments: readonly string[];
  readonly kinds: readonly string[];
}

/** The sources that an environment's feeds may name; a test holds this against what the feed reads. */
export const marketSources: Readonly<Record<string, SourceContent>> = {
  "vega-stocks": { instruments: ["AAPL", "AMZN", "GOOG", "IBM", "MSFT"], kinds: ["quote"] },
  "vega-sp500": { instruments: ["SPX"], kinds: ["bar/1d"] },
};

export interface FeedOf {
  readonly source: string;
  readonly venue: string;
}

/** Whether any of the feeds publishes anything of an MQTT filter below `md/`; of a source that is not known everything is taken for possible. */
export function isFed(feeds: readonly FeedOf[], filter: string): boolean {
  return feeds.some(({ source, venue }) => {
    const content = Object.hasOwn(marketSources, source) ? marketSources[source] : undefined;
    if (content === undefined) return ["+", venue].includes(filter.split("/")[1] ?? "");
    return content.instruments.some((sid) =>
      content.kinds.some((kind) => topicMatches(filter, `md/${venue}/${sid}/${kind}`)),
    );
  });
}

/** `vega-stocks as md/replay/…: quote of AAPL, AMZN`. */
export function describeFeed({ source, venue }: FeedOf): string {
  const content = Object.hasOwn(marketSources, source) ? marketSources[source] : undefined;
  const what = content === undefined ? "" : `: ${content.kinds.join(", ")} of ${content.instruments.join(", ")}`;
  return `${source} as md/${venue}/…${what}`;
}
