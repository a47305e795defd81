import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isChannel } from "#core/channels.ts";
import { parseDecimal } from "#core/decimal.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { err, ok, type Result } from "#core/result.ts";

export interface SpecRefused {
  readonly code: "spec-refused";
  readonly message: string;
}

/**
 * Reads `spec.json`: the effective strategy as the charts write it, without `resources` and `running`. It was checked when it was
 * rendered; this looks at what the executor counts with, because a mounted file is outside all the same.
 */
export function readSpec(
  directory: string,
  strategy: string,
  environment: string,
): Result<EffectiveStrategy, SpecRefused> {
  const path = join(directory, "spec.json");
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    return refused(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const spec = Object(value) as Partial<EffectiveStrategy>;
  const { team, name, channels, limits, params, portfolio } = spec;
  if (`${team}/${name}` !== strategy) return refused(`it is ${team}/${name}, but this is the pod of ${strategy}`);
  if (spec.environment !== environment) return refused(`it is for ${spec.environment}, but this is ${environment}`);
  if (!Array.isArray(channels) || !channels.every((item) => typeof item === "string" && isChannel(item))) {
    return refused("channels is not a list of channels");
  }
  if (!isTexts(limits?.instruments) || !isTexts(limits?.venues))
    return refused("limits name no instruments and venues");
  if (typeof limits?.maxOrderNotional !== "string" || !parseDecimal(limits.maxOrderNotional).ok) {
    return refused("limits.maxOrderNotional is no decimal");
  }
  if (typeof params !== "object" || params === null) return refused("params is missing");
  const { file: _guardFile, ...guard } = portfolio?.guard ?? {};
  const amounts = [portfolio?.startingCash, ...sizes(portfolio?.sizing), ...Object.values(guard)];
  if (amounts.some((text) => typeof text !== "string" || !parseDecimal(text).ok)) {
    return refused("portfolio holds an amount that is no decimal");
  }
  const whole = {
    resources: { cpu: "0", memory: "0", state: "0" },
    running: true,
    publishes: [],
    errorPolicy: "halt",
    ...spec,
  };
  return ok(whole as EffectiveStrategy);
}

function sizes(sizing: unknown): readonly unknown[] {
  const { use, fraction, cash, target, lookback } = Object(sizing);
  if (use === "random" || use === "equal-weight" || use === "file") return [];
  if (use === "volatility-target") return [target, lookback];
  if (use === "fixed-fraction") return [fraction];
  return use === "fixed-cash" ? [cash] : [undefined];
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string");
}

function refused(message: string): Result<never, SpecRefused> {
  return err({ code: "spec-refused", message: `the spec is refused: ${message}` });
}
