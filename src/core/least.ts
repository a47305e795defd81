import { askedResource } from "./asked-resource.ts";
import { canonicalBound, isWithin } from "./bounds.ts";
import type { EnvironmentDocument } from "./environment.ts";
import type { AlgorithmParts } from "./held.ts";
import type { Known } from "./parse.ts";
import { type Finding, formatPlace, type Place } from "./refusal.ts";
import type { StrategyDocument } from "./strategy.ts";

type Compute = "cpu" | "memory";

/**
 * What a process needs at least, found by trying: with 16Mi the kernel ends an executor before it trades and with 24Mi it trades, the Python server
 * ends with 12Mi and goes on with 16Mi. Less than a hundredth of a core the kubelet gives to nobody, whatever is asked, and with that a start takes
 * most of its minute.
 */
const leastOf: Readonly<Record<"typescript" | "python", Readonly<Record<Compute, string>>>> = {
  typescript: { cpu: "10m", memory: "32Mi" },
  python: { cpu: "10m", memory: "16Mi" },
};

/**
 * Where a strategy has less than it can start with, or the executor beside its algorithm has. A runtime may need more than its language
 * (`runtimes.<name>.needs`).
 *
 * @param environment the name, which the spec has an entry for
 */
export function checkLeast(
  strategy: Known<StrategyDocument>,
  policy: Known<EnvironmentDocument>,
  environment: string,
): readonly Finding[] {
  const { runtime, rpc }: AlgorithmParts = strategy.parts.spec?.algorithm ?? {};
  const known = policy.parts.spec?.runtimes ?? {};
  const runs = runtime !== undefined && Object.hasOwn(known, runtime) ? known[runtime] : undefined;
  const language = rpc === undefined ? runs?.language : "typescript";
  if (language === undefined) return [];
  const findings: Finding[] = [];
  for (const name of ["cpu", "memory"] as const) {
    const needed = rpc === undefined ? runs?.needs?.[name] : undefined;
    const isMore = needed !== undefined && !isWithin(name, leastOf[language][name], needed);
    const least = isMore ? needed : leastOf[language][name];
    const whose = rpc === undefined ? `runtime ${runtime}` : "an executor";
    const by = isMore ? { bound: policy.locate(`/spec/runtimes/${runtime}/needs/${name}`) } : {};
    findings.push(...short(strategy, policy, environment, name, { least, whose, by }));
    if (language === "python") findings.push(...shortBeside(strategy, policy, environment, name));
  }
  return findings;
}

interface Need {
  readonly least: string;
  readonly whose: string;
  readonly by: { readonly bound?: Place };
}

function short(
  strategy: Known<StrategyDocument>,
  policy: Known<EnvironmentDocument>,
  environment: string,
  name: Compute,
  { least, whose, by }: Need,
): readonly Finding[] {
  const asked = askedResource(strategy.parts, policy.parts, environment, name);
  if (asked === undefined || isWithin(name, asked.text, least)) return [];
  const pointer = asked.pointer ?? `/spec/resources/${name}`;
  const value = canonicalBound(name, asked.text);
  const is =
    asked.pointer === undefined
      ? `resources.${name} is the default ${value} of ${environment}`
      : `${asked.pointer.split("/").slice(2).join(".")} is ${value}`;
  const at = formatPlace(policy.locate(`/spec/defaults/${name}`));
  return [
    {
      code: "below-least",
      severity: "error",
      message: `${is}, and ${whose} needs ${canonicalBound(name, least)} at least to start`,
      fix:
        asked.pointer === undefined
          ? `say ${name}: ${least}, or propose a higher default in ${at}`
          : `raise it to ${least}`,
      pointer,
      place: strategy.locate(pointer),
      ...by,
    },
  ];
}

/** Beside an algorithm in Python runs an executor, which has the environment's defaults. */
function shortBeside(
  strategy: Known<StrategyDocument>,
  policy: Known<EnvironmentDocument>,
  environment: string,
  name: Compute,
): readonly Finding[] {
  const value = policy.parts.spec?.defaults?.[name];
  const least = leastOf.typescript[name];
  if (value === undefined || isWithin(name, value, least)) return [];
  const pointer = "/spec/algorithm/runtime";
  const bound = policy.locate(`/spec/defaults/${name}`);
  return [
    {
      code: "below-least",
      severity: "error",
      message: `the executor beside it has the default ${name} of ${environment}, ${canonicalBound(name, value)}, and needs ${least} at least to start`,
      fix: `propose a higher default in ${formatPlace(bound)}`,
      pointer,
      place: strategy.locate(pointer),
      bound,
    },
  ];
}
