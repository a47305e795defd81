import { type BoundName, canonicalBound, formatBound, isWithin } from "./bounds.ts";
import { type Decimal, decimal, formatDecimal } from "./decimal.ts";
import type { EffectiveStrategy, Limits, PortfolioSettings, Resources } from "./effective.ts";
import type { EnvironmentDocument } from "./environment.generated.ts";
import type { JsonObject } from "./json.ts";
import { exceeds } from "./limits.ts";
import type { Parsed } from "./parse.ts";
import type { Bounds } from "./policies.ts";
import { cpuOf, formatCpu, formatMemory, memoryOf } from "./quantity.ts";
import { formatRate, mostIn, parseRate, type Rate } from "./rate.ts";
import { byPlace, type Finding, formatPlace, type Place } from "./refusal.ts";
import { assert } from "./result.ts";
import type { EnvironmentEntry, StrategyDocument, StrategySpec } from "./strategy.generated.ts";
import { nearest } from "./suggest.ts";

export interface Resolved {
  /** What the environment runs; undefined if the spec has no entry for it, or if there is any finding. */
  readonly effective: EffectiveStrategy | undefined;
  readonly findings: readonly Finding[];
}

/**
 * What an environment runs of a strategy: defaults filled in, the environment's overrides applied, and every value held against
 * its bound (`boundsFor`). A spec without an entry for the environment, or a document that was refused, gives neither effect nor finding.
 */
export function resolveStrategy(
  strategy: Parsed<StrategyDocument>,
  environment: Parsed<EnvironmentDocument>,
  bounds: Bounds,
): Resolved {
  const { document } = strategy;
  const policy = environment.document;
  if (document === undefined || policy === undefined) return { effective: undefined, findings: [] };
  const name = policy.metadata.name;
  const entries = document.spec.environments ?? {};
  const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
  if (entry === undefined) return { effective: undefined, findings: [] };
  const effective = merge(document, policy, entry);
  const held = new Held({ strategy, environment, name, entry, bounds });
  const findings = [
    ...held.limits(effective.limits),
    ...held.resources(document.spec.resources, effective.resources),
    ...held.algorithm(document.spec, policy),
  ];
  return { effective: findings.length === 0 ? effective : undefined, findings: findings.toSorted(byPlace) };
}

function merge(
  { metadata, spec }: StrategyDocument,
  policy: EnvironmentDocument,
  entry: EnvironmentEntry,
): EffectiveStrategy {
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
  };
}

function canonicalPortfolio({ startingCash, sizing }: StrategySpec["portfolio"]): PortfolioSettings {
  const cash = canonical(startingCash);
  switch (sizing.use) {
    case "fixed-fraction":
      return { startingCash: cash, sizing: { use: sizing.use, fraction: canonical(sizing.fraction) } };
    case "fixed-cash":
      return { startingCash: cash, sizing: { use: sizing.use, cash: canonical(sizing.cash) } };
    case "random":
      return { startingCash: cash, sizing: { use: sizing.use } };
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

function rateOf(text: string): Rate {
  const parsed = parseRate(text);
  assert(parsed.ok, `not a rate: ${JSON.stringify(text)}`);
  return parsed.value;
}

/** Holds values against bounds and says where both stand. */
class Held {
  readonly #strategy: Parsed<StrategyDocument>;
  readonly #environment: Parsed<EnvironmentDocument>;
  readonly #name: string;
  readonly #entry: EnvironmentEntry;
  readonly #bounds: Bounds;

  constructor(from: {
    strategy: Parsed<StrategyDocument>;
    environment: Parsed<EnvironmentDocument>;
    name: string;
    entry: EnvironmentEntry;
    bounds: Bounds;
  }) {
    this.#strategy = from.strategy;
    this.#environment = from.environment;
    this.#name = from.name;
    this.#entry = from.entry;
    this.#bounds = from.bounds;
  }

  limits(limits: Limits): readonly Finding[] {
    const findings: Finding[] = [];
    for (const name of ["maxOrderNotional", "maxPositionNotional", "maxDrawdown", "orderRate"] as const) {
      if (!isWithin(name, this.#bounds[name].value, limits[name]))
        findings.push(this.#above("limits", name, this.#shown(name, limits[name])));
    }
    for (const name of ["instruments", "venues"] as const) {
      for (const [index, item] of limits[name].entries()) {
        if (!isWithin(name, this.#bounds[name].value, [item])) findings.push(this.#outside(name, index, item));
      }
    }
    // An order above its bound is lowered first; the position is then asked again.
    const lowered = findings.some(({ pointer }) => pointer === this.#pointer("limits", "maxOrderNotional"));
    return lowered ? findings : [...findings, ...this.#orderWithinPosition(limits)];
  }

  resources(asked: StrategySpec["resources"], resources: Resources): readonly Finding[] {
    return (["cpu", "memory", "state"] as const)
      .filter((name) => !isWithin(name, this.#bounds[name].value, resources[name]))
      .map((name) => this.#above("resources", name, this.#entry.resources?.[name] ?? asked?.[name] ?? resources[name]));
  }

  /** Without how many orders it lets through in the bound's own time, 100/10s looks lower than 20/1s. */
  #shown(name: BoundName, value: string): string {
    const bound = this.#bounds[name].value;
    if (name !== "orderRate" || typeof bound !== "string") return value;
    const [rate, allowed] = [rateOf(value), rateOf(bound)];
    if (rate.seconds === allowed.seconds) return value;
    return `${value} (it lets ${mostIn(rate, allowed.seconds)} orders through in ${allowed.seconds}s)`;
  }

  algorithm({ algorithm }: StrategySpec, policy: EnvironmentDocument): readonly Finding[] {
    const { runtimes } = policy.spec;
    if ("rpc" in algorithm) {
      const { value, of, place: bound } = this.#bounds.rpcAddresses;
      if (isWithin("rpcAddresses", value, [algorithm.rpc])) return [];
      const message = `algorithm.rpc is ${algorithm.rpc}, which ${of} does not allow; allowed: ${formatBound(value)}`;
      return [
        this.#finding(
          "outside-bound",
          "/spec/algorithm/rpc",
          message,
          `use an allowed address, or propose it in ${formatLine(bound)}`,
          bound,
        ),
      ];
    }
    const known = Object.keys(runtimes);
    const runtime = Object.hasOwn(runtimes, algorithm.runtime) ? runtimes[algorithm.runtime] : undefined;
    const bound = this.#environment.locate("/spec/runtimes");
    if (runtime === undefined) {
      const near = nearest(algorithm.runtime, known);
      const message = `algorithm.runtime is ${algorithm.runtime}, which ${this.#name} does not have; it has: ${known.join(", ") || "none"}`;
      const fix = near === undefined ? `choose one of them, or propose it in ${formatLine(bound)}` : `write ${near}`;
      return [this.#finding("runtime-unknown", "/spec/algorithm/runtime", message, fix, bound)];
    }
    const language = algorithm.entry.endsWith(".py") ? "python" : "typescript";
    if (runtime.language === language) return [];
    const other = known.find((name) => runtimes[name]?.language === language);
    const message = `algorithm.runtime ${algorithm.runtime} runs ${runtime.language}, but ${algorithm.entry} is ${language}`;
    const fix = other === undefined ? "choose another entry file" : `write ${other}`;
    return [this.#finding("runtime-language", "/spec/algorithm/runtime", message, fix, bound)];
  }

  #orderWithinPosition(limits: Limits): readonly Finding[] {
    const position: Decimal = decimal(limits.maxPositionNotional);
    if (!exceeds.maxOrderNotional(position, decimal(limits.maxOrderNotional))) return [];
    const pointer = this.#pointer("limits", "maxOrderNotional");
    const at = this.#strategy.locate(this.#pointer("limits", "maxPositionNotional"));
    const message = `${label(pointer)} is ${limits.maxOrderNotional}, above maxPositionNotional ${limits.maxPositionNotional} (line ${at.line}): no such order could fill`;
    return [
      this.#finding(
        "order-above-position",
        pointer,
        message,
        `lower it to ${limits.maxPositionNotional}, or raise maxPositionNotional`,
      ),
    ];
  }

  #above(group: "limits" | "resources", name: BoundName, value: string): Finding {
    const pointer = this.#pointer(group, name);
    const { value: bound, of, place } = this.#bounds[name];
    const most = formatBound(canonicalBound(name, bound));
    const message = `${label(pointer)} is ${value}, above the bound ${most} of ${of}`;
    return this.#finding(
      "above-bound",
      pointer,
      message,
      `lower it to ${most}, or propose a higher bound in ${formatLine(place)}`,
      place,
    );
  }

  #outside(name: "instruments" | "venues", index: number, item: string): Finding {
    const pointer = `${this.#pointer("limits", name)}/${index}`;
    const { value, of, place } = this.#bounds[name];
    const near = nearest(item, typeof value === "string" ? [value] : value);
    const hint = near === undefined ? "" : `; did you mean "${near}"?`;
    const message = `${label(pointer)} is ${item}, which ${of} does not allow; allowed: ${formatBound(value)}${hint}`;
    return this.#finding("outside-bound", pointer, message, `drop it, or propose it in ${formatLine(place)}`, place);
  }

  /** Where the author wrote the value that holds: the environment's override, or the strategy's own. */
  #pointer(group: "limits" | "resources", name: string): string {
    const overrides: object = this.#entry[group] ?? {};
    return Object.hasOwn(overrides, name)
      ? `/spec/environments/${this.#name}/${group}/${name}`
      : `/spec/${group}/${name}`;
  }

  #finding(code: string, pointer: string, message: string, fix: string, bound?: Place): Finding {
    const place = this.#strategy.locate(pointer);
    return { code, severity: "error", message, fix, pointer, place, ...(bound === undefined ? {} : { bound }) };
  }
}

function label(pointer: string): string {
  return pointer
    .replace("/spec/", "")
    .replace(/\/([0-9]+)$/, "[$1]")
    .replaceAll("/", ".");
}

function formatLine({ file, line }: Place): string {
  return formatPlace(line === undefined ? { file } : { file, line });
}
