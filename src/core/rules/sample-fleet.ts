import { parseDecimal } from "../decimal.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import { pointerTo } from "../pointer.ts";
import { parseCpu, parseMemory } from "../quantity.ts";
import { parseRate } from "../rate.ts";
import { err, ok, type Result } from "../result.ts";
import { exampleFleetStrategy } from "./example.ts";
import type { FleetStrategy } from "./fleet.ts";
import { isList, isObject, layObject } from "./lay.ts";
import type { SampleFault } from "./sample-shape.ts";

/**
 * The strategies of a sample's fleet, each laid over the example's. Names that are not said follow from the id, or count.
 *
 * @param pointer of the list
 */
export function sampleStrategies(
  items: readonly JsonValue[],
  pointer: string,
): Result<readonly FleetStrategy[], readonly SampleFault[]> {
  const strategies: FleetStrategy[] = [];
  const faults: SampleFault[] = [];
  for (const [index, item] of items.entries()) {
    const laid = layObject(exampleFleetStrategy, named(isObject(item) ? item : {}, index));
    const broken = brokenField(laid);
    // Every field was held against its shape before, and is there now.
    if (broken === undefined) strategies.push(laid as FleetStrategy);
    else
      faults.push({
        code: "sample-malformed",
        message: `the sample's fleet cannot be added up: ${broken} of this strategy is missing or malformed`,
        fix: "write it as a strategy's document would, or leave it out",
        pointer: broken.split(".").reduce(pointerTo, pointerTo(pointer, index)),
      });
  }
  return faults.length === 0 ? ok(strategies) : err(faults);
}

function named(item: JsonObject, index: number): JsonObject {
  const { id } = item;
  const [idTeam, idName] = typeof id === "string" && id.includes("/") ? id.split("/") : [];
  const name = item["name"] ?? idName ?? (index === 0 ? "example" : `example-${index + 1}`);
  const team = item["team"] ?? idTeam ?? exampleFleetStrategy.team;
  return { ...item, name, team, id: id ?? `${String(team)}/${String(name)}` };
}

const anyText = (): boolean => true;
const texts: Readonly<Record<string, (text: string) => boolean>> = {
  owner: anyText,
  "limits.maxOrderNotional": (text) => parseDecimal(text).ok,
  "limits.maxPositionNotional": (text) => parseDecimal(text).ok,
  "limits.orderRate": (text) => parseRate(text).ok,
  "limits.maxDrawdown": (text) => parseDecimal(text).ok,
  "resources.cpu": (text) => parseCpu(text).ok,
  "resources.memory": (text) => parseMemory(text).ok,
  "resources.state": (text) => parseMemory(text).ok,
  "portfolio.startingCash": (text) => parseDecimal(text).ok,
};
const lists = ["limits.instruments", "limits.venues", "channels"];

/** The first field that the sums need and cannot use. */
function brokenField(strategy: JsonObject): string | undefined {
  const text = Object.entries(texts).find(([path, fits]) => {
    const value = fieldAt(strategy, path);
    return typeof value !== "string" || !fits(value);
  });
  if (text !== undefined) return text[0];
  if (typeof strategy["running"] !== "boolean") return "running";
  return lists.find((path) => {
    const value = fieldAt(strategy, path);
    return value === undefined || !isList(value);
  });
}

function fieldAt(strategy: JsonObject, path: string): JsonValue | undefined {
  let value: JsonValue | undefined = strategy;
  for (const key of path.split(".")) value = value !== undefined && isObject(value) ? value[key] : undefined;
  return value;
}
