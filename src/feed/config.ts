import { parseLabel } from "#core/identity.ts";
import { err, ok, type Result } from "#core/result.ts";
import { csvQuotes } from "./csv.ts";
import type { MarketSource } from "./port.ts";
import { vegaFiles, vegaSp500, vegaStocks } from "./vega.ts";

/** `feed.json` of docs/runtime.md. */
export interface FeedConfig {
  readonly name: string;
  /** `vega-stocks`, `vega-sp500` or `csv:<path>`. */
  readonly source: string;
  /** The venue in the topics, `md/{venue}/…`. */
  readonly venue: string;
  /** Milliseconds between two steps of the data. */
  readonly msPerStep: number;
  /** How many steps are history when a session starts. */
  readonly warmup: number;
}

export interface FeedConfigRefused {
  readonly code: "feed-config-malformed" | "feed-source-unknown";
  readonly message: string;
}

const keys = ["msPerStep", "name", "source", "venue", "warmup"];
const countMax = 86_400_000;

export function parseFeedConfig(text: string): Result<FeedConfig, FeedConfigRefused> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return refused(`it is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refused("it is not an object");
  if (Object.keys(value).sort().join() !== keys.join()) return refused(`its keys are not ${keys.join(", ")}`);
  const { name, source, venue, msPerStep, warmup } = value as { readonly [key: string]: unknown };
  if (typeof name !== "string" || !parseLabel(name).ok) return refused(`name is ${JSON.stringify(name)}`);
  if (typeof source !== "string" || source === "") return refused(`source is ${JSON.stringify(source)}`);
  if (typeof venue !== "string" || !parseLabel(venue).ok) return refused(`venue is ${JSON.stringify(venue)}`);
  if (!isCount(msPerStep)) return refused(`msPerStep is ${JSON.stringify(msPerStep)}, not 0 to ${countMax}`);
  if (!isCount(warmup)) return refused(`warmup is ${JSON.stringify(warmup)}, not 0 to ${countMax}`);
  return ok({ name, source, venue, msPerStep, warmup });
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= countMax;
}

function refused(message: string): Result<never, FeedConfigRefused> {
  return err({ code: "feed-config-malformed", message: `the feed's configuration is wrong: ${message}` });
}

/** @throws Fault `market-data-unreadable`, `market-data-malformed` */
export function openSource(source: string): Result<MarketSource, FeedConfigRefused> {
  if (source === "vega-stocks") return ok(vegaStocks(vegaFiles().stocks));
  if (source === "vega-sp500") return ok(vegaSp500(vegaFiles().sp500));
  if (source.startsWith("csv:")) return ok(csvQuotes(source.slice("csv:".length)));
  const message = `there is no source ${JSON.stringify(source)}; use vega-stocks, vega-sp500 or csv:<path>`;
  return err({ code: "feed-source-unknown", message });
}
