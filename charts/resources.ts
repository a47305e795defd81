import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentPart } from "#core/environment.ts";
import { type CpuMillicores, cpuOf, formatCpu, formatMemory, type MemoryBytes, memoryOf } from "#core/quantity.ts";
import type { ComputeResources } from "./pod.ts";

/** What a strategy's pod takes beside the resources of its spec: the executor's container, when the algorithm has one of its own. */
export function executorOverhead(environment: EnvironmentPart<"defaults">): ComputeResources {
  const { cpu, memory } = environment.spec.defaults;
  return { cpu: canonicalCpu(cpu), memory: canonicalMemory(memory) };
}

/** Whether the algorithm runs in a container of its own. */
export function hasAlgorithmContainer(effective: EffectiveStrategy, environment: EnvironmentPart<"runtimes">): boolean {
  if (effective.algorithm.kind !== "entry") return false;
  return environment.spec.runtimes[effective.algorithm.runtime]?.language === "python";
}

/**
 * What the quota of a team must hold: its total, which counts specs as the gate does, and the executors beside algorithms of their own, which
 * are ours and not the team's to pay for.
 */
export function teamCompute(
  environment: EnvironmentPart<"runtimes" | "defaults">,
  totals: ComputeResources,
  strategies: readonly EffectiveStrategy[],
): ComputeResources {
  const beside = strategies.filter((strategy) => hasAlgorithmContainer(strategy, environment)).length;
  const { defaults } = environment.spec;
  return {
    cpu: formatCpu((cpuOf(totals.cpu) + beside * cpuOf(defaults.cpu)) as CpuMillicores),
    memory: formatMemory((memoryOf(totals.memory) + beside * memoryOf(defaults.memory)) as MemoryBytes),
  };
}

/** The largest, for a bound that must let all of them through. */
export function largestCpu(texts: readonly string[]): string {
  return formatCpu(Math.max(...texts.map(cpuOf)) as CpuMillicores);
}

export function largestMemory(texts: readonly string[]): string {
  return formatMemory(Math.max(...texts.map(memoryOf)) as MemoryBytes);
}

export function sumOfMemory(texts: readonly string[]): string {
  let total = 0;
  for (const text of texts) total += memoryOf(text);
  return formatMemory(total as MemoryBytes);
}

/** The API server stores quantities in its own form; another one in Git would be drift for ever. */
export function canonicalCpu(text: string): string {
  return formatCpu(cpuOf(text));
}

export function canonicalMemory(text: string): string {
  return formatMemory(memoryOf(text));
}
