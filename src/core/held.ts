import { type BoundName, canonicalBound, formatBound, isWithin, knownBound } from "./bounds.ts";
import { languageOf } from "./effective.ts";
import { defaultNames, type EnvironmentDocument } from "./environment.ts";
import type { Known } from "./parse.ts";
import { isRefused, namedIn, type Parts } from "./parts.ts";
import { pointerTo } from "./pointer.ts";
import type { Bound, KnownBounds } from "./policies.ts";
import { mostIn, rateOf } from "./rate.ts";
import { type Finding, formatPlace, type Place } from "./refusal.ts";
import { mayRead, publisherOf } from "./sharing.ts";
import { type SlotFiles, slotNames } from "./slots.ts";
import type { LimitsOverride, StrategyDocument, StrategyResources, StrategySpec } from "./strategy.generated.ts";
import { nearest } from "./suggest.ts";

/** What is known of where the algorithm is: of one behind an address the address, else the file and what runs it. */
export interface AlgorithmParts {
  readonly entry?: string | undefined;
  readonly runtime?: string | undefined;
  readonly rpc?: string | undefined;
}

type LimitParts = Parts<LimitsOverride>;
type ResourceParts = Parts<StrategyResources>;

/** The bounds on one value each, and where a spec has it. */
const valueBounds = [
  ["limits", "maxOrderNotional"],
  ["limits", "maxPositionNotional"],
  ["limits", "maxDrawdown"],
  ["limits", "orderRate"],
  ["resources", "cpu"],
  ["resources", "memory"],
  ["resources", "state"],
] as const;

/**
 * Holds what is known of a strategy against what is known of its bounds, and says where both stand. A pair of which one is refused
 * or missing says nothing here: that has its finding already.
 */
export class Held {
  readonly #strategy: Known<StrategyDocument>;
  readonly #environment: Known<EnvironmentDocument>;
  readonly #name: string;
  readonly #bounds: KnownBounds;
  /** What the spec itself says for the environment, without defaults. */
  readonly #asked: LimitParts & ResourceParts;
  /** What holds: the environment's overrides over the strategy's own values over defaults. */
  readonly #values: LimitParts & ResourceParts;

  /** @param name the environment, which the spec has an entry for */
  constructor(
    strategy: Known<StrategyDocument>,
    environment: Known<EnvironmentDocument>,
    name: string,
    bounds: KnownBounds,
  ) {
    this.#strategy = strategy;
    this.#environment = environment;
    this.#name = name;
    this.#bounds = bounds;
    const { spec = {} } = strategy.parts;
    const entry = spec.environments?.[name] ?? {};
    const { cpu, memory, state, ...limits } = soundDefaults(environment);
    this.#asked = { ...limitsOver({}, spec, entry), ...resourcesOver({}, spec, entry) };
    this.#values = { ...limitsOver(limits, spec, entry), ...resourcesOver({ cpu, memory, state }, spec, entry) };
  }

  findings(): readonly Finding[] {
    return [
      ...this.#eachValue(),
      ...this.#eachItem(),
      ...this.#orderWithinPosition(),
      ...this.#algorithm(),
      ...this.#slots(),
      ...this.#sharing(),
    ];
  }

  #eachValue(): readonly Finding[] {
    const findings: Finding[] = [];
    for (const [group, name] of valueBounds) {
      const [bound, value] = [this.#bounds[name], this.#values[name]];
      if (bound === undefined || value === undefined || isWithin(name, bound.value, value)) continue;
      findings.push(this.#above(group, name, value, bound));
    }
    return findings;
  }

  #eachItem(): readonly Finding[] {
    const findings: Finding[] = [];
    for (const name of ["instruments", "venues"] as const) {
      const bound = this.#bounds[name];
      for (const [index, item] of (this.#values[name] ?? []).entries()) {
        if (bound === undefined || item === undefined || isWithin(name, bound.value, [item])) continue;
        findings.push(this.#outside(name, index, item, bound));
      }
    }
    return findings;
  }

  #orderWithinPosition(): readonly Finding[] {
    const { maxOrderNotional: order, maxPositionNotional: position } = this.#values;
    // Of two defaults the environment's own check says it.
    if (this.#asked.maxOrderNotional === undefined && this.#asked.maxPositionNotional === undefined) return [];
    if (order === undefined || position === undefined || isWithin("maxOrderNotional", position, order)) return [];
    // An order above its bound is lowered first; the position is then asked again.
    const bound = this.#bounds.maxOrderNotional;
    if (bound !== undefined && !isWithin("maxOrderNotional", bound.value, order)) return [];
    const pointer = this.#pointer("limits", "maxOrderNotional");
    const at = this.#strategy.locate(this.#pointer("limits", "maxPositionNotional"));
    const message = `${label(pointer)} is ${order}, above maxPositionNotional ${position} (line ${at.line}): no such order could fill`;
    const fix = `lower it to ${position}, or raise maxPositionNotional`;
    return [this.#finding("order-above-position", pointer, message, fix)];
  }

  #algorithm(): readonly Finding[] {
    const { entry, runtime, rpc }: AlgorithmParts = this.#strategy.parts.spec?.algorithm ?? {};
    if (rpc !== undefined) return this.#address(rpc);
    return runtime === undefined ? [] : this.#runtime(runtime, entry);
  }

  #address(rpc: string): readonly Finding[] {
    const bound = this.#bounds.rpcAddresses;
    if (bound === undefined || isWithin("rpcAddresses", bound.value, [rpc])) return [];
    const message = `algorithm.rpc is ${rpc}, which ${bound.of} does not allow; allowed: ${formatBound(bound.value)}`;
    const fix = `use an allowed address, or propose it in ${formatLine(bound.place)}`;
    return [this.#finding("outside-bound", "/spec/algorithm/rpc", message, fix, bound.place)];
  }

  #runtime(runtime: string, entry: string | undefined): readonly Finding[] {
    const { runtimes = {} } = this.#environment.parts.spec ?? {};
    const known = Object.keys(runtimes);
    const found = namedIn(this.#environment, "/spec/runtimes", this.#environment.parts.spec?.runtimes, runtime);
    if (found === "refused") return [];
    const bound = this.#environment.locate("/spec/runtimes");
    if (found === undefined) {
      const near = nearest(runtime, known);
      const message = `algorithm.runtime is ${runtime}, which ${this.#name} does not have; it has: ${known.join(", ") || "none"}`;
      const fix = near === undefined ? `choose one of them, or propose it in ${formatLine(bound)}` : `write ${near}`;
      return [this.#finding("runtime-unknown", "/spec/algorithm/runtime", message, fix, bound)];
    }
    const runs = found.language;
    if (entry === undefined || runs === undefined || runs === languageOf(entry)) return [];
    const other = known.find((name) => runtimes[name]?.language === languageOf(entry));
    const message = `algorithm.runtime ${runtime} runs ${runs}, but ${entry} is ${languageOf(entry)}`;
    const fix = other === undefined ? "choose another entry file" : `write ${other}`;
    return [this.#finding("runtime-language", "/spec/algorithm/runtime", message, fix, bound)];
  }

  /** Code of a slot runs where the algorithm does, so it is in the same language, and in a file of its own. */
  #slots(): readonly Finding[] {
    const { entry, rpc }: AlgorithmParts = this.#strategy.parts.spec?.algorithm ?? {};
    const files = slotParts(this.#strategy);
    return slotNames.flatMap((name) => {
      const file = files[name];
      if (file === undefined) return [];
      const pointer = `/spec/portfolio/${name}/file`;
      const refuse = (code: string, message: string, fix: string): readonly Finding[] => [
        this.#finding(code, pointer, `${label(pointer)} is ${file}, but ${message}`, fix),
      ];
      const named = `use one that has a name, or an algorithm of this folder`;
      if (rpc !== undefined) return refuse("slot-elsewhere", `the algorithm runs elsewhere (${rpc})`, named);
      if (entry === undefined) return [];
      if (file === entry)
        return refuse("slot-shared", "that is the algorithm's own file", "move it to a file of its own");
      if (languageOf(file) === languageOf(entry)) return [];
      const fix = `write it in ${languageOf(entry)}`;
      return refuse("slot-language", `the algorithm, ${entry}, is ${languageOf(entry)}`, fix);
    });
  }

  /** Signals of others: only those that the environment shares with this strategy. */
  #sharing(): readonly Finding[] {
    const { metadata, spec } = this.#strategy.parts;
    const policy = this.#environment.parts.spec;
    if (metadata?.team === undefined || metadata.name === undefined) return [];
    // Of what cannot be read nothing is known; it has its finding.
    if (policy === undefined || isRefused(policy, "sharing")) return [];
    const lists = Object.keys(policy.sharing ?? {}).map((key) => pointerTo("/spec/sharing", key));
    if (!["/spec/sharing", ...lists].every((pointer) => this.#environment.whole(pointer))) return [];
    const reader = `${metadata.team}/${metadata.name}`;
    const bound = this.#environment.locate("/spec/sharing");
    return (spec?.channels ?? []).flatMap((channel, index) => {
      const publisher = channel === undefined ? undefined : publisherOf(channel);
      if (publisher === undefined || mayRead(policy.sharing, publisher, reader)) return [];
      const pointer = `/spec/channels/${index}`;
      if (publisher === reader) {
        const message = `${label(pointer)} is ${channel}, its own signals, which it has already`;
        return [this.#finding("channel-own", pointer, message, "drop it")];
      }
      const message = `${label(pointer)} is ${channel}, but ${this.#name} does not share the signals of ${publisher} with ${reader}`;
      const fix = `drop it, or propose "${publisher}: [${reader}]" under sharing in ${formatLine(bound)}`;
      return [this.#finding("sharing-not-allowed", pointer, message, fix, bound)];
    });
  }

  #above(group: "limits" | "resources", name: BoundName, value: string, { value: bound, of, place }: Bound): Finding {
    const pointer = this.#pointer(group, name);
    const most = formatBound(canonicalBound(name, bound));
    const shown = name === "orderRate" && typeof bound === "string" ? `${value}${burstOf(bound, value)}` : value;
    const message = `${label(pointer)} is ${shown}, above the bound ${most} of ${of}`;
    return this.#finding(
      "above-bound",
      pointer,
      message,
      `lower it to ${most}, or propose a higher bound in ${formatLine(place)}`,
      place,
    );
  }

  #outside(name: "instruments" | "venues", index: number, item: string, bound: Bound): Finding {
    const pointer = `${this.#pointer("limits", name)}/${index}`;
    const { value, of, place } = bound;
    const near = nearest(item, typeof value === "string" ? [value] : value);
    const hint = near === undefined ? "" : `; did you mean "${near}"?`;
    const message = `${label(pointer)} is ${item}, which ${of} does not allow; allowed: ${formatBound(value)}${hint}`;
    return this.#finding("outside-bound", pointer, message, `drop it, or propose it in ${formatLine(place)}`, place);
  }

  /** Where the author wrote the value that holds: the environment's override, or the strategy's own. */
  #pointer(group: "limits" | "resources", name: string): string {
    const overrides = this.#strategy.parts.spec?.environments?.[this.#name]?.[group] ?? {};
    return Object.hasOwn(overrides, name)
      ? `/spec/environments/${this.#name}/${group}/${name}`
      : `/spec/${group}/${name}`;
  }

  #finding(code: string, pointer: string, message: string, fix: string, bound?: Place): Finding {
    const place = this.#strategy.locate(pointer);
    return { code, severity: "error", message, fix, pointer, place, ...(bound === undefined ? {} : { bound }) };
  }
}

/** Without how many orders it lets through in the bound's own time, 100/10s looks lower than 20/1s. */
function burstOf(bound: string, value: string): string {
  const [{ seconds }, rate] = [rateOf(bound), rateOf(value)];
  return rate.seconds === seconds ? "" : ` (it lets ${mostIn(rate, seconds)} orders through in ${seconds}s)`;
}

/** The files of slots, as far as the spec can be read. */
export function slotParts({ parts }: Pick<Known<StrategyDocument>, "parts">): SlotFiles {
  const { sizing, guard } = parts.spec?.portfolio ?? {};
  const chosen: { readonly use?: unknown; readonly file?: unknown } = sizing ?? {};
  return {
    ...(chosen.use === "file" && typeof chosen.file === "string" ? { sizing: chosen.file } : {}),
    ...(typeof guard?.file === "string" ? { guard: guard.file } : {}),
  };
}

type Entry = Parts<NonNullable<StrategySpec["environments"]>[string]>;

/** Of overrides that cannot be read nothing is known, nor of what they would cover. */
function limitsOver(below: LimitParts, spec: Parts<StrategySpec>, entry: Entry): LimitParts {
  if (isRefused(entry, "limits")) return {};
  return isRefused(spec, "limits") ? { ...entry.limits } : { ...below, ...spec.limits, ...entry.limits };
}

function resourcesOver(below: ResourceParts, spec: Parts<StrategySpec>, entry: Entry): ResourceParts {
  if (isRefused(entry, "resources")) return {};
  return isRefused(spec, "resources") ? { ...entry.resources } : { ...below, ...spec.resources, ...entry.resources };
}

/** The defaults within the environment's own bounds: the others are its mistake, and not the strategy's. */
function soundDefaults(environment: Known<EnvironmentDocument>): LimitParts & ResourceParts {
  const { defaults = {}, bounds = {} } = environment.parts.spec ?? {};
  const isSound = (name: (typeof defaultNames)[number]): boolean => {
    const bound = knownBound(environment, `/spec/bounds/${name}`, bounds[name]);
    const value = knownBound(environment, `/spec/defaults/${name}`, defaults[name]);
    return bound !== undefined && value !== undefined && isWithin(name, bound, value);
  };
  return Object.fromEntries(defaultNames.filter(isSound).map((name) => [name, defaults[name]]));
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
