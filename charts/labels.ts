import type { ObjectMeta } from "cdk8s-plus-28/lib/imports/k8s.js";

export type Labels = { readonly [key: string]: string };

/** What a pod of ours is to others: NetworkPolicies choose by it. */
export type Component = "executor" | "bus" | "console" | "gateway" | "feed" | "server";

/** On every object. `name` is the application's: the strategy, the team, or the platform's part. */
export function commonLabels(name: string): Labels {
  return {
    "app.kubernetes.io/managed-by": "slipway",
    "app.kubernetes.io/name": name,
    "app.kubernetes.io/part-of": "slipway",
  };
}

/**
 * What a strategy's StatefulSet, Service and NetworkPolicy select by. Explicit, because cdk8s would hash the construct's path into it and
 * Kubernetes never lets a selector change; whole identity, so that it holds wherever it is read.
 */
export function strategySelector(team: string, name: string, environment: string): Labels {
  return { "slipway.dev/environment": environment, "slipway.dev/strategy": name, "slipway.dev/team": team };
}

export function strategyLabels(team: string, name: string, environment: string): Labels {
  return { ...commonLabels(name), ...strategySelector(team, name, environment) };
}

export function environmentLabel(environment: string): Labels {
  return { "slipway.dev/environment": environment };
}

export function componentLabel(component: Component): Labels {
  return { "app.kubernetes.io/component": component };
}

/** Of a strategy's pod, and of what of the platform may be away while strategies trade. */
export function priorityClassOf(environment: string): string {
  return `slipway-${environment}`;
}

/** Of what every strategy needs: on a node that is short of something, strategies go first. No environment's name has a hyphen. */
export function vitalPriorityClassOf(environment: string): string {
  return `slipway-${environment}-vital`;
}

/** The metadata of an object. The namespace is always said, never a chart's default, which cdk8s would write on cluster objects too. */
export function metadata(
  name: string,
  namespace: string | undefined,
  labels: Labels,
  annotations?: { readonly [key: string]: string },
): ObjectMeta {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: { ...labels },
    ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
  };
}
