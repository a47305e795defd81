import type { JsonObject } from "./json.ts";

/** The limits of a strategy after defaults and the environment's overrides (EU 2017/589 Art. 8). Money is quote currency as a canonical decimal. */
export interface Limits {
  readonly instruments: readonly string[];
  readonly venues: readonly string[];
  readonly maxOrderNotional: string;
  readonly maxPositionNotional: string;
  /** `<count>/<seconds>s`, for example `10/1s`. */
  readonly orderRate: string;
  /** Fraction of the equity's peak, 0 to 1. */
  readonly maxDrawdown: string;
}

export interface Resources {
  /** Kubernetes quantities, canonical. */
  readonly cpu: string;
  readonly memory: string;
  readonly state: string;
}

export type Sizing =
  | { readonly use: "fixed-fraction"; readonly fraction: string }
  | { readonly use: "fixed-cash"; readonly cash: string }
  | { readonly use: "equal-weight" }
  /** `lookback` is a whole number, as a text like the others. */
  | { readonly use: "volatility-target"; readonly target: string; readonly lookback: string }
  | { readonly use: "random" }
  /** Code of the strategy's own, bundled with the algorithm. */
  | { readonly use: "file"; readonly file: string };

/** What an executor holds back by itself. Texts, as all numbers here. */
export interface Guard {
  readonly drawdown?: string;
  readonly ordersPerEvent?: string;
  /** Code of the strategy's own that is asked about each order, bundled with the algorithm. */
  readonly file?: string;
}

export interface PortfolioSettings {
  readonly startingCash: string;
  readonly sizing: Sizing;
  readonly guard?: Guard;
}

/** What the gateway does with open orders and positions when the strategy is deleted or refused. */
export type Retirement = "cancel" | "flatten" | "keep";

/** Where the algorithm is. `entry` stands in the strategy's folder; `rpc` is an address. */
export type AlgorithmReference =
  | { readonly kind: "entry"; readonly entry: string; readonly runtime: string }
  | { readonly kind: "rpc"; readonly rpc: string };

/** What one environment runs of a strategy: the checked spec with defaults and overrides applied. Everything downstream reads this. */
export interface EffectiveStrategy {
  readonly team: string;
  readonly name: string;
  readonly environment: string;
  readonly owner: string;
  readonly algorithm: AlgorithmReference;
  readonly running: boolean;
  readonly channels: readonly string[];
  readonly publishes: readonly string[];
  readonly params: JsonObject;
  readonly portfolio: PortfolioSettings;
  readonly limits: Limits;
  readonly resources: Resources;
  readonly errorPolicy: "halt" | "skip";
  /** Absent: `cancel`, and nobody may delete it before it says so itself. */
  readonly retire?: Retirement;
}

/** The language of an algorithm's code, which its file's ending says. */
export function languageOf(entry: string): "typescript" | "python" {
  return entry.endsWith(".py") ? "python" : "typescript";
}
