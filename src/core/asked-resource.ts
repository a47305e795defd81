import type { EnvironmentDocument } from "./environment.ts";
import type { Parts } from "./parts.ts";
import type { StrategyDocument, StrategyResources } from "./strategy.generated.ts";

/** What a strategy gets of something, and who says so. */
export interface AskedResource {
  /** A quantity as it is written. */
  readonly text: string;
  /** Where the strategy's document says it; `undefined`: the environment's default does. */
  readonly pointer: string | undefined;
}

/** @returns `undefined` where the spec does not name the environment, or what it says is refused */
export function askedResource(
  { spec }: Parts<StrategyDocument>,
  policy: Parts<EnvironmentDocument>,
  environment: string,
  resource: keyof StrategyResources,
): AskedResource | undefined {
  const environments = spec?.environments ?? {};
  if (!Object.hasOwn(environments, environment)) return undefined;
  const places = [
    [`/spec/environments/${environment}/resources`, environments[environment]?.resources],
    ["/spec/resources", spec?.resources],
  ] as const;
  for (const [pointer, said] of places) {
    if (said === undefined || !Object.hasOwn(said, resource)) continue;
    const text = said[resource];
    return text === undefined ? undefined : { text, pointer: `${pointer}/${resource}` };
  }
  const text = policy.spec?.defaults?.[resource];
  return text === undefined ? undefined : { text, pointer: undefined };
}
