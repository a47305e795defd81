import { withinCeiling } from "#core/channels.ts";
import { checkParams as checkAgainst, type Description } from "#core/description.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { JsonObject } from "#core/json.ts";
import type { Finding } from "#core/refusal.ts";
import { algorithmOf, type Code } from "./check-code.ts";
import { describeAlgorithm } from "./describe.ts";
import type { StrategySource } from "./fleet.ts";
import type { Memo } from "./memo.ts";

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
): Promise<readonly Finding[]> {
  const { entry } = algorithmOf(strategy);
  if (bundle === undefined || entry === undefined) return [];
  const { files, folder } = strategy.folder;
  const described = await describeAlgorithm({ bundle, entry, files, packages }, memo);
  if (described.kind === "described") {
    const { description } = described;
    return [
      ...refuseParams(strategy, environment, description),
      ...(effective === undefined ? [] : refuseChannels(strategy, effective, description)),
    ];
  }
  if (described.kind !== "failed") return [];
  return [
    {
      code: "describe-failed",
      severity: "error",
      message: `describe() of ${entry} ${described.message}`,
      fix: "let describe() return what it describes and touch nothing else; the file's own code runs before it",
      place: { file: `${folder}/${entry}` },
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
