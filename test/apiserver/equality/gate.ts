// What the gate says: the functions that judge a proposal, asked about one value, one strategy or one object.
import { boundIn } from "#core/bound-table.ts";
import { type BoundName, type BoundValue, boundNames, isWithin, limitNames } from "#core/bounds.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { parseEnvironment } from "#core/environment.ts";
import type { JsonObject } from "#core/json.ts";
import type { Parsed } from "#core/parse.ts";
import { boundsFor, ruleWaivers } from "#core/policies.ts";
import { formatMemory, parseMemory } from "#core/quantity.ts";
import { resolveStrategy } from "#core/resolve.ts";
import { evaluateRule } from "#core/rules/compile.ts";
import { objectEnvironment, specSurroundings, specVariables } from "#core/rules/variables.ts";
import { parseStrategy, type StrategyDocument } from "#core/strategy.ts";
import { asObject } from "../client.ts";
import { atSeconds, type Setting } from "./setting.ts";

export interface Subject {
  readonly team: string;
  readonly name: string;
}

/** Where a spec has the value of a bound. */
export function specWith(bound: BoundName, value: unknown): JsonObject {
  if (bound === "rpcAddresses") return { algorithm: { rpc: value } as JsonObject };
  const group = (limitNames as readonly string[]).includes(bound) ? "limits" : "resources";
  return { [group]: { [bound]: value } as JsonObject };
}

/** What a person writes; parts are laid over a plain strategy. */
export function strategyDocument(
  { team, name }: Subject,
  environment: string,
  parts: JsonObject = {},
): Parsed<StrategyDocument> {
  const { limits = {}, resources = {}, running = true, ...rest } = parts as { [key: string]: JsonObject };
  const document = {
    apiVersion: "slipway.dev/v1",
    kind: "Strategy",
    metadata: { name, team },
    spec: {
      owner: "alice",
      algorithm: { entry: "algorithm.ts", runtime: "node" },
      channels: ["quotes"],
      publishes: ["signal"],
      params: { fast: 10 },
      portfolio: { startingCash: "10000", sizing: { use: "fixed-fraction", fraction: "0.1" } },
      limits: { ...plainLimits(environment), ...limits },
      resources: { cpu: "100m", memory: "1Mi", state: "64Mi", ...resources },
      ...rest,
      environments: { [environment]: { running } },
    },
  };
  return parseStrategy(`strategies/${team}/${name}/strategy.yaml`, JSON.stringify(document));
}

/** Within all bounds of everyone. */
function plainLimits(environment: string): JsonObject {
  const instruments = environment === "paper" ? ["AAPL"] : ["A"];
  return {
    instruments,
    venues: ["paper"],
    maxOrderNotional: "1000",
    maxPositionNotional: "1200",
    orderRate: "2/1s",
    maxDrawdown: "0.2",
  };
}

/** Whether the gate lets a strategy through here, and what would run if nothing were bound. */
export function gateOn(
  setting: Setting,
  subject: Subject,
  parts: JsonObject,
): {
  readonly refusals: readonly string[];
  readonly effective: EffectiveStrategy | undefined;
  readonly document: StrategyDocument | undefined;
} {
  const { environment, policies } = setting;
  const { name } = environment.metadata;
  const parsed = strategyDocument(subject, name, parts);
  const bounds = boundsFor(policies, name, subject, atSeconds);
  const real = policies.environments.get(name);
  if (bounds === undefined || real === undefined) throw new Error(`no bounds in ${name}`);
  const { findings } = resolveStrategy(parsed, real, name, bounds);
  const refusals = [...parsed.findings, ...findings].map(({ code, pointer }) => `${code} ${pointer ?? ""}`);
  return { refusals, effective: unbound(setting, subject, parsed), document: parsed.document };
}

/** The same strategy where everything is allowed: what somebody applies by hand who was refused. */
function unbound(
  { environment }: Setting,
  subject: Subject,
  parsed: Parsed<StrategyDocument>,
): EffectiveStrategy | undefined {
  const { document } = parsed;
  if (document === undefined) return undefined;
  const { name } = environment.metadata;
  const { limits, algorithm } = document.spec;
  const most = "999999999999999.99999999";
  const bounds = {
    instruments: limits.instruments,
    venues: limits.venues ?? ["paper"],
    ...{ maxOrderNotional: most, maxPositionNotional: most, orderRate: "999999/1s", maxDrawdown: "1" },
    ...{ cpu: "999999", memory: "8388607Gi", state: "8388607Gi" },
    rpcAddresses: "rpc" in algorithm ? [algorithm.rpc] : [],
  };
  const venue = { kind: "paper", feeBps: "0", slippageBps: "0" };
  const venues = Object.fromEntries([...bounds.venues, "paper"].map((each) => [each, venue]));
  const open = parseEnvironment(
    `policies/environments/${name}.yaml`,
    JSON.stringify({
      ...environment,
      spec: { ...environment.spec, bounds, venues, defaults: { ...environment.spec.defaults, venues: bounds.venues } },
    }),
  );
  const place = { file: "" };
  const all = boundNames.map((bound) => [bound, { value: bounds[bound], place, of: subject.team }] as const);
  return resolveStrategy(parsed, open, name, Object.fromEntries(all)).effective;
}

/**
 * Whether a text is what Slipway writes for a value that the gate accepts as this bound's. A held strategy keeps what it had.
 *
 * @param text lists are separated by commas
 */
export function gateAllows(setting: Setting, subject: Subject, bound: BoundName, text: string): boolean {
  const key = [setting.environment.metadata.name, subject.team, subject.name, bound, text].join("\n");
  const known = asked.get(key) ?? judgeText(setting, subject, bound, text);
  asked.set(key, known);
  return known;
}

const asked = new Map<string, boolean>();

function judgeText(setting: Setting, subject: Subject, bound: BoundName, text: string): boolean {
  // Bytes without a unit are what is left of a fraction, `1.5Ki`; a spec does not write them.
  if ((bound === "memory" || bound === "state") && /^\d+$/.test(text))
    return bytesAreAllowed(setting, subject, bound, text);
  const isList = bound === "instruments" || bound === "venues";
  const value = isList ? text.split(",") : text;
  const { refusals, effective } = gateOn(setting, subject, alone(bound, value));
  const pointer = bound === "rpcAddresses" ? "/spec/algorithm/rpc" : `/${bound}`;
  if (effective === undefined || textOf(effective, bound) !== text) return false;
  const refused = refusals.some(
    (refusal) => refusal.startsWith("order-above-position") === false && refusal.includes(pointer),
  );
  const kept = isHeld(setting, subject) ? keptValue(setting, bound) : undefined;
  return kept === undefined ? !refused : isWithin(bound, kept, value);
}

function bytesAreAllowed(setting: Setting, subject: Subject, bound: "memory" | "state", text: string): boolean {
  const bytes = parseMemory(text);
  const bounds = boundsFor(setting.policies, setting.environment.metadata.name, subject, atSeconds);
  if (!bytes.ok || bounds === undefined || bytes.value === 0 || formatMemory(bytes.value) !== text) return false;
  const kept = isHeld(setting, subject) ? keptValue(setting, bound) : undefined;
  return isWithin(bound, kept ?? bounds[bound].value, text);
}

/** An order above the position is refused too, and not what is asked here. */
function alone(bound: BoundName, value: BoundValue): JsonObject {
  const parts = specWith(bound, value);
  const limits = parts["limits"] as JsonObject | undefined;
  if (bound === "maxOrderNotional")
    return { ...parts, limits: { ...limits, maxPositionNotional: "999999999999999.99999999" } };
  return bound === "maxPositionNotional" ? { ...parts, limits: { ...limits, maxOrderNotional: "0.00000001" } } : parts;
}

export function isHeld({ held }: Setting, { team, name }: Subject): boolean {
  return held.team === team && held.name === name;
}

/** What holds for a held strategy in place of the bound: what it had, if that is beyond the bound. */
function keptValue({ held, policy }: Setting, bound: BoundName): BoundValue | undefined {
  if (bound === "rpcAddresses") return undefined;
  const own = bound in held.limits ? held.limits[bound as keyof typeof held.limits] : held.resources[bound as "cpu"];
  const usual = boundIn(policy.bounds, held, bound);
  if (isWithin(bound, usual, own)) return undefined;
  return typeof own === "string" || typeof usual === "string" ? own : [...own, ...usual];
}

export function textOf({ limits, resources, algorithm }: EffectiveStrategy, bound: BoundName): string | undefined {
  switch (bound) {
    case "instruments":
    case "venues":
      return limits[bound].join(",");
    case "cpu":
    case "memory":
    case "state":
      return resources[bound];
    case "rpcAddresses":
      return algorithm.kind === "rpc" ? algorithm.rpc : undefined;
    default:
      return limits[bound];
  }
}

/** Whether a rule lets an object through; `undefined` where a waiver takes it out, or it stands still. */
export function ruleOnObject(
  setting: Setting,
  rule: string,
  owner: Subject | { readonly team: string },
  object: JsonObject,
): boolean | undefined {
  const { environment, policies, policy } = setting;
  const subject = { name: "", ...owner };
  const compiled = policies.rules.get(rule)?.compiled;
  if (compiled === undefined) throw new Error(`no rule ${rule}`);
  if (isExempt(setting, rule, subject)) return undefined;
  const seen = objectEnvironment(environment, (bound) => boundIn(policy.bounds, subject, bound));
  return evaluateRule(compiled, { object, environment: seen }).outcome === "holds";
}

export function ruleOnSpec(setting: Setting, rule: string, effective: EffectiveStrategy): boolean | undefined {
  const { environment, policies } = setting;
  const compiled = policies.rules.get(rule)?.compiled;
  const bounds = boundsFor(policies, environment.metadata.name, effective, atSeconds);
  if (compiled === undefined || bounds === undefined) throw new Error(`no rule ${rule}`);
  if (isExempt(setting, rule, effective)) return undefined;
  const variables = specVariables(effective, specSurroundings(environment, bounds, policies, effective.team));
  return evaluateRule(compiled, variables).outcome === "holds";
}

function isExempt(setting: Setting, rule: string, subject: Subject): boolean {
  const { name } = setting.environment.metadata;
  return isHeld(setting, subject) || ruleWaivers(setting.policies, rule, name, subject, atSeconds).length > 0;
}

/** What a ConfigMap says that somebody wrote by hand, whatever its texts are; a key that is not there is a field that is not. */
export function specIn(
  setting: Setting,
  owner: Subject,
  { metadata, data }: JsonObject,
): { readonly document: StrategyDocument; readonly effective: EffectiveStrategy } | undefined {
  // Anything else says nothing of a spec, whoever it belongs to.
  if (!String(asObject(metadata)["name"]).endsWith("-spec")) return undefined;
  const { document, effective } = gateOn(setting, owner, {});
  if (document === undefined || effective === undefined) throw new Error("the plain strategy is refused");
  const texts = new Map(Object.entries(asObject(data)).map(([key, text]) => [key, String(text)]));
  const list = (key: string): readonly string[] | undefined => {
    const text = texts.get(key);
    return text === "" ? [] : text?.split(",");
  };
  const group = (prefix: string): { readonly [key: string]: unknown } =>
    Object.fromEntries(
      [...texts]
        .filter(([key]) => key.startsWith(`${prefix}.`))
        .map(([key, text]) => [key.slice(prefix.length + 1), text]),
    );
  const algorithm = group("algorithm");
  const written = {
    ...effective,
    owner: texts.get("owner"),
    running: texts.get("running") === "true",
    errorPolicy: texts.get("onError"),
    channels: list("channels"),
    publishes: list("publishes"),
    limits: { ...group("limits"), instruments: list("limits.instruments"), venues: list("limits.venues") },
    resources: group("resources"),
    algorithm: { kind: "rpc" in algorithm ? "rpc" : "entry", ...algorithm },
    portfolio: { startingCash: texts.get("portfolio.startingCash"), sizing: group("portfolio.sizing") },
  };
  return { document, effective: written as unknown as EffectiveStrategy };
}
