import type { StrategyId } from "#core/identity.ts";
import { type ApplicationStatus, type ContainerStatus, refreshCommand, type Termination } from "#core/status.ts";

/** Why a pod of the strategy was restarted last, and which pod's containers that concerns. */
export interface LastEnd {
  readonly cause: Termination;
  readonly containers: readonly ContainerStatus[];
}

export function lastEnd(application: ApplicationStatus | undefined): LastEnd | undefined {
  for (const { cause, containers } of application?.pods ?? []) if (cause !== undefined) return { cause, containers };
  return undefined;
}

/** What its owner can do about such an end; null where only its message says. */
export function adviseEnd({ cause, containers }: LastEnd, strategy: StrategyId, environment: string): string | null {
  const policies = `policies/environments/${environment}.yaml`;
  if (cause.reason === "OOMKilled") {
    // An algorithm with a container of its own has the spec's memory, and the executor beside it the environment's.
    if (cause.container === "executor" && containers.length > 1)
      return `propose a higher defaults.memory in ${policies}: an executor beside its algorithm gets that`;
    return `use less memory, or raise resources.memory in strategies/${strategy}/strategy.yaml, at most to the bound in ${policies}`;
  }
  if (cause.reason === "Completed")
    return "let the algorithm return from its functions instead of ending its process (process.exit, os._exit)";
  // An executor's own page comes from the loop that its algorithm keeps; a Python algorithm says itself where it is.
  if (cause.container === "executor" && /liveness probe .* does not answer/.test(cause.message))
    return "its algorithm does not return from event() or another call: look for a loop without an end";
  if (cause.container === "executor" && /did not start within .* does not answer/.test(cause.message))
    return "its algorithm does not return from initialize(), warm() or its first event(): look for a loop without an end";
  return null;
}

/** What can be done about an order that one of its limits refused; null of any other reason, and of a drawdown, which no limit should follow. */
export function adviseRefusedOrder(reason: string, strategy: StrategyId): string | null {
  const limit = /^limits\.(?<name>maxOrderNotional|maxPositionNotional|orderRate)\b/.exec(reason)?.groups?.["name"];
  if (limit === undefined) return null;
  return `let it order less, or propose another limits.${limit} in strategies/${strategy}/strategy.yaml`;
}

/** What can be done about what Argo CD or the API server says; null where that is not known, or said already. */
export function adviseWords(said: string, application: ApplicationStatus, environment: string): string | null {
  const policies = `policies/environments/${environment}.yaml`;
  const { strategy = "" } = application;
  if (/exceeded quota/.test(said))
    return "propose higher totals for the team in policies/teams.yaml, or stop another one of its strategies";
  if (/\b(?:ErrImagePull|ImagePullBackOff|InvalidImageName)\b/.test(said))
    return `is that image in the registry, and may the nodes pull it? ${policies} names it; push what was built, or propose its digest`;
  if (/cannot load seccomp profile/.test(said))
    return `put the profile on the node (docs/operations.md, Seccomp profiles), or propose isolation.seccomp: RuntimeDefault in ${policies}`;
  if (/^no node takes .*unbound .*PersistentVolumeClaim/.test(said)) return "set a default StorageClass in the cluster";
  if (/^no node takes .*Insufficient (?:cpu|memory)/.test(said))
    return `add a node, stop something, or ask for less: resources in strategies/${strategy}/strategy.yaml`;
  if (/denied request/.test(said))
    return `wait until ${environment}-platform is synced, since policies of two commits may have met, then let Argo CD look again: ${refreshCommand(application.application)}; if it stays, propose it again`;
  return null;
}
