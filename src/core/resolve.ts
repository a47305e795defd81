import { decimal, formatDecimal } from "./decimal.ts";
import type { EffectiveStrategy, Limits, PortfolioSettings, Sizing } from "./effective.ts";
import type { EnvironmentDocument } from "./environment.generated.ts";
import { Held } from "./held.ts";
import type { JsonObject } from "./json.ts";
import type { Parsed } from "./parse.ts";
import { isComplete, type KnownBounds } from "./policies.ts";
import { cpuOf, formatCpu, formatMemory, memoryOf } from "./quantity.ts";
import { formatRate, rateOf } from "./rate.ts";
import { byPlace, type Finding } from "./refusal.ts";
import type { StrategyDocument, StrategySpec } from "./strategy.generated.ts";

export interface Resolved {
  /** What the environment runs; undefined where anything is refused, in either document, the bounds, or between them. */
  readonly effective: EffectiveStrategy | undefined;
  /** What is wrong between the documents, in the order of the text. */
  readonly findings: readonly Finding[];
}

/**
 * What an environment runs of a strategy: defaults filled in, the environment's overrides applied, and every value held against
 * its bound (`knownBoundsFor`). Of documents that are refused in places the rest is judged. A spec without an entry for the environment
 * gives neither effect nor finding.
 *
 * @param name the environment's, as its file says it
 */
export function resolveStrategy(
  strategy: Parsed<StrategyDocument>,
  environment: Parsed<EnvironmentDocument>,
  name: string,
  bounds: KnownBounds,
): Resolved {
  if (!Object.hasOwn(strategy.parts.spec?.environments ?? {}, name)) return { effective: undefined, findings: [] };
  const findings = new Held(strategy, environment, name, bounds).findings().toSorted(byPlace);
  if (findings.length > 0 || !isComplete(bounds)) return { effective: undefined, findings };
  return { effective: merge(strategy.document, environment.document, name), findings };
}

/** Only of documents without any error: they alone are run. */
function merge(
  strategy: StrategyDocument | undefined,
  policy: EnvironmentDocument | undefined,
  name: string,
): EffectiveStrategy | undefined {
  const entry = strategy?.spec.environments?.[name];
  if (strategy === undefined || policy === undefined || entry === undefined) return undefined;
  const { metadata, spec } = strategy;
  const { cpu, memory, state, ...limitDefaults } = policy.spec.defaults;
  const limits = { ...limitDefaults, ...spec.limits, ...entry.limits };
  const resources = { cpu, memory, state, ...spec.resources, ...entry.resources };
  const params: JsonObject = { ...spec.params, ...entry.params };
  const { algorithm } = spec;
  return {
    team: metadata.team,
    name: metadata.name,
    environment: policy.metadata.name,
    owner: spec.owner,
    algorithm: "rpc" in algorithm ? { kind: "rpc", ...algorithm } : { kind: "entry", ...algorithm },
    running: entry.running,
    channels: spec.channels,
    publishes: spec.publishes ?? [],
    params,
    portfolio: canonicalPortfolio(spec.portfolio),
    limits: canonicalLimits(limits),
    resources: {
      cpu: formatCpu(cpuOf(resources.cpu)),
      memory: formatMemory(memoryOf(resources.memory)),
      state: formatMemory(memoryOf(resources.state)),
    },
    errorPolicy: spec.onError ?? "halt",
    ...(spec.retire === undefined ? {} : { retire: spec.retire }),
  };
}

function canonicalPortfolio({ startingCash, sizing, guard }: StrategySpec["portfolio"]): PortfolioSettings {
  const portfolio = { startingCash: canonical(startingCash), sizing: canonicalSizing(sizing) };
  if (guard === undefined) return portfolio;
  const { drawdown, ordersPerEvent, file } = guard;
  return {
    ...portfolio,
    guard: {
      ...(drawdown === undefined ? {} : { drawdown: canonical(drawdown) }),
      ...(ordersPerEvent === undefined ? {} : { ordersPerEvent: String(ordersPerEvent) }),
      ...(file === undefined ? {} : { file }),
    },
  };
}

function canonicalSizing(sizing: StrategySpec["portfolio"]["sizing"]): Sizing {
  switch (sizing.use) {
    case "fixed-fraction":
      return { use: sizing.use, fraction: canonical(sizing.fraction) };
    case "fixed-cash":
      return { use: sizing.use, cash: canonical(sizing.cash) };
    case "volatility-target":
      return { use: sizing.use, target: canonical(sizing.target), lookback: String(sizing.lookback) };
    case "file":
      return { use: sizing.use, file: sizing.file };
    case "equal-weight":
    case "random":
      return { use: sizing.use };
  }
}

function canonicalLimits(limits: Limits): Limits {
  return {
    instruments: limits.instruments,
    venues: limits.venues,
    maxOrderNotional: canonical(limits.maxOrderNotional),
    maxPositionNotional: canonical(limits.maxPositionNotional),
    orderRate: formatRate(rateOf(limits.orderRate)),
    maxDrawdown: canonical(limits.maxDrawdown),
  };
}

function canonical(text: string): string {
  return formatDecimal(decimal(text));
}
