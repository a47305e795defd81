import type { Chart } from "cdk8s";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentPolicy } from "#core/environment-policy.ts";
import { applicationsGuard, kindsGuard, rightsGuard } from "./admission-argo.ts";
import { withHeld } from "./admission-bounds.ts";
import {
  accountsGuard,
  bookGuard,
  deletionGuard,
  namespaceGuard,
  type TeamRights,
  workloadGuard,
} from "./admission-guards.ts";
import { networkBounds } from "./admission-network.ts";
import { type AdmissionPolicy, admissionPolicy } from "./admission-object.ts";
import { rulePolicies } from "./admission-rules.ts";
import { gatewayBounds, specBounds } from "./admission-spec.ts";
import { claimBounds, podBounds, scaleBounds, statefulSetBounds } from "./admission-workloads.ts";
import { celSet } from "./cel.ts";
import { executorOverhead } from "./resources.ts";
import { localAlgorithms, seccompFiles } from "./strategy.ts";

export interface AdmissionProps {
  readonly policy: EnvironmentPolicy;
  /** Strategies that today's policies refuse, as they were when they last passed: they stand still, and the cluster must take them so. */
  readonly held: readonly EffectiveStrategy[];
  /** Every team that has a strategy here. */
  readonly teams: readonly string[];
}

/** Adds the API server's fence: the same bounds and rules as the gate's, for whoever applies an object. */
export function buildAdmission(chart: Chart, props: AdmissionProps): void {
  for (const policy of admissionPolicies(props)) admissionPolicy(chart, policy);
}

export function admissionPolicies({ policy, held, teams }: AdmissionProps): readonly AdmissionPolicy[] {
  const environment = policy.document.metadata.name;
  const heldIds = celSet(held.map(({ team, name }) => `${team}/${name}`));
  const props = { environment, bounds: withHeld(policy.bounds, held), held: heldIds };
  // A pod of a strategy that stands still is one too many: it keeps nothing there.
  const running = { ...props, bounds: policy.bounds };
  const { isolation } = policy.document.spec;
  const workload = {
    overhead: executorOverhead(policy.document),
    localAlgorithms: Object.values(localAlgorithms),
    seccompFiles: isolation?.seccomp === "Localhost" ? Object.values(seccompFiles) : undefined,
  };
  return [
    specBounds(props),
    gatewayBounds(props),
    statefulSetBounds({ ...props, ...workload }),
    scaleBounds(props),
    podBounds({ ...running, ...workload }),
    claimBounds(props),
    networkBounds(props),
    namespaceGuard(environment, rightsOf(policy, teams)),
    workloadGuard(environment),
    deletionGuard(environment),
    bookGuard(environment),
    accountsGuard(environment),
    kindsGuard(environment),
    applicationsGuard(environment, teams),
    rightsGuard(environment),
    ...policy.rules.flatMap((rule) => rulePolicies(rule, policy, held)),
  ];
}

/** A team keeps its namespace as long as something is in it. */
function rightsOf({ teams: listed, unlisted }: EnvironmentPolicy, present: readonly string[]): TeamRights {
  const allowed = new Set(present);
  const refused: string[] = [];
  for (const [team, { mayRun }] of Object.entries(listed)) {
    if (mayRun) allowed.add(team);
    else if (!allowed.has(team)) refused.push(team);
  }
  return { allowed: [...allowed], refused, others: unlisted };
}
