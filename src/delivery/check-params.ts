import { withinCeiling } from "#core/channels.ts";
import { checkParams as checkAgainst, type Description, withDefaults } from "#core/description.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { JsonObject } from "#core/json.ts";
import type { Finding } from "#core/refusal.ts";
import { algorithmOf, type Code } from "./check-code.ts";
import { refuseSlots } from "./check-slots.ts";
import { askChannels, type DescribeRequest, describeAlgorithm, mentions } from "./describe.ts";
import type { StrategySource } from "./fleet.ts";
import type { Memo } from "./memo.ts";

export interface CheckedParams {
  readonly findings: readonly Finding[];
  /** What the algorithm says of itself, if it can be known here. */
  readonly description?: Description;
}

/**
 * Holds what a spec gives and allows to what the algorithm says of itself, in one environment. An algorithm that does not describe itself, or
 * cannot here, takes any params; its executor asks it again.
 *
 * @param effective undefined where something else is refused: then channels stay open
 */
export async function checkParams(
  strategy: StrategySource,
  environment: string,
  effective: EffectiveStrategy | undefined,
  { bundle, packages }: Code,
  memo: Memo,
): Promise<CheckedParams> {
  const { entry } = algorithmOf(strategy);
  if (bundle === undefined || entry === undefined) return { findings: [] };
  const { files } = strategy.folder;
  const request = { bundle, entry, files, packages };
  const checked = await checkDescription(strategy, environment, effective, request, memo);
  return { ...checked, findings: [...checked.findings, ...(await refuseSlots(strategy, request, memo))] };
}

async function checkDescription(
  strategy: StrategySource,
  environment: string,
  effective: EffectiveStrategy | undefined,
  request: DescribeRequest,
  memo: Memo,
): Promise<CheckedParams> {
  const { entry } = request;
  const described = await describeAlgorithm(request, memo);
  switch (described.kind) {
    case "described": {
      const { description } = described;
      const findings = [
        ...refuseParams(strategy, environment, description),
        ...(effective === undefined ? [] : refuseChannels(strategy, effective, description)),
      ];
      if (findings.length > 0 || effective === undefined) return { findings, description };
      const params = withDefaults(effective.params, description);
      return { findings: await refuseAsked(strategy, effective, params, request, memo), description };
    }
    case "none":
      if (effective === undefined) return { findings: [] };
      return { findings: await refuseAsked(strategy, effective, effective.params, request, memo) };
    case "unknown":
      return { findings: [] };
    case "failed": {
      const finding: Finding = {
        code: "describe-failed",
        severity: "error",
        message: `describe() of ${entry} ${described.message}`,
        fix: "let describe() return what it describes and touch nothing else; the file's own code runs before it",
        place: { file: `${strategy.folder.folder}/${entry}` },
      };
      return { findings: [finding] };
    }
  }
}

/** Topics beside quotes, in code or in params. */
const otherChannel = /\b(?:md|ind|strat)\//;

/**
 * The executor refuses to start an algorithm that asks for more than its spec allows. Here it is called to see what it asks for, where it could be
 * more at all.
 */
async function refuseAsked(
  { parsed }: StrategySource,
  { channels, limits, environment, portfolio }: EffectiveStrategy,
  params: JsonObject,
  request: DescribeRequest,
  memo: Memo,
): Promise<readonly Finding[]> {
  const others = mentions(request, otherChannel) || otherChannel.test(JSON.stringify(params));
  if (parsed === undefined || (channels.includes("quotes") && !others)) return [];
  const start = {
    params: { ...params, starting_cash: portfolio.startingCash },
    mode: environment === "live" ? "live" : "paper",
  } as const;
  const asked = await askChannels(request, start, memo);
  const within = withinCeiling(asked ?? [], channels, limits);
  if (within.ok) return [];
  const pointer = "/spec/channels";
  return [
    {
      code: "channels-asked",
      severity: "error",
      message: `${within.error.message}: its executor would not start`,
      fix: "add them to spec.channels, or let initialize() ask for less",
      pointer,
      place: parsed.locate(pointer),
    },
  ];
}

function refuseParams({ parsed }: StrategySource, environment: string, description: Description): readonly Finding[] {
  if (parsed === undefined) return [];
  const { spec } = parsed.parts;
  const own = `/spec/environments/${environment}/params`;
  // Of params that are refused in places it is not known what they are.
  if (![own, "/spec/params"].every((pointer) => parsed.whole(pointer))) return [];
  const there = (spec?.environments?.[environment]?.params ?? {}) as JsonObject;
  const params = { ...spec?.params, ...there } as JsonObject;
  return checkAgainst(params, description).map(({ code, name, message, fix }) => {
    const holder = Object.hasOwn(there, name) ? own : "/spec/params";
    const pointer = code === "param-missing" ? holder : `${holder}/${name}`;
    return { code, severity: "error", message, fix, pointer, place: parsed.locate(pointer) };
  });
}

function refuseChannels(
  { parsed }: StrategySource,
  { channels, limits }: EffectiveStrategy,
  description: Description,
): readonly Finding[] {
  const within = withinCeiling(description.channels ?? [], channels, limits);
  if (within.ok || parsed === undefined) return [];
  const pointer = "/spec/channels";
  return [
    {
      code: "channels-described",
      severity: "error",
      message: `describe() names channels beyond the spec: ${within.error.message}`,
      fix: "add them to spec.channels, or take them out of describe()",
      pointer,
      place: parsed.locate(pointer),
    },
  ];
}
