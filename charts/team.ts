import type { Chart } from "cdk8s";
import { KubeLimitRange, KubeNamespace, KubeResourceQuota } from "cdk8s-plus-28/lib/imports/k8s.js";
import { type BoundTable, boundIn } from "#core/bound-table.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { type EnvironmentPolicy, totalsIn } from "#core/environment-policy.ts";
import { teamNamespace } from "#core/identity.ts";
import { application, appProject, confirmedDeletion, rootProject, strategyKinds, teamProject } from "./argo.ts";
import { commonLabels, environmentLabel, type Labels, metadata } from "./labels.ts";
import { networkPolicy } from "./network.ts";
import { ephemeralStorage, quantities } from "./pod.ts";
import { executorOverhead, largestCpu, largestMemory, sumOfMemory, teamCompute } from "./resources.ts";

export interface TeamProps {
  readonly team: string;
  readonly policy: EnvironmentPolicy;
  /** The team's own, running or not, held ones too. */
  readonly strategies: readonly EffectiveStrategy[];
  /** Those of them that today's policies refuse: they stand still, and keep their state. */
  readonly held: readonly EffectiveStrategy[];
  readonly repoUrl: string;
}

/** Adds a team's objects: its namespace with what all in it are held to, and the Argo CD project that its strategies sync in. */
export function buildTeam(chart: Chart, props: TeamProps): void {
  const { team } = props;
  const environment = props.policy.document.metadata.name;
  const namespace = teamNamespace(team, environment);
  const labels = { ...commonLabels(team), ...environmentLabel(environment), "slipway.dev/team": team };
  new KubeNamespace(chart, "namespace", {
    metadata: metadata(namespace, undefined, { ...labels, ...podSecurityLabels() }, confirmedDeletion),
  });
  networkPolicy(chart, "default-deny", { name: "default-deny", namespace, labels, selector: {} });
  buildQuota(chart, namespace, labels, props);
  buildLimitRange(chart, namespace, labels, props);
  appProject(chart, "project", {
    name: teamProject(environment, team),
    labels,
    description: `Strategies of ${team} in ${environment}`,
    repoUrl: props.repoUrl,
    namespaces: [namespace],
    clusterKinds: [],
    namespacedKinds: strategyKinds,
    staysForApplications: true,
  });
  application(chart, "application", {
    name: `${environment}-team-${team}`,
    labels,
    project: rootProject(environment),
    repoUrl: props.repoUrl,
    environment,
    path: `teams/${team}`,
    namespace,
    wave: 1,
    cascades: true,
  });
}

/** Pod Security Standard `restricted` [kubernetes.io/docs/concepts/security/pod-security-standards]. */
export function podSecurityLabels(): Labels {
  const labels = ["enforce", "audit", "warn"].flatMap((mode) => [
    [`pod-security.kubernetes.io/${mode}`, "restricted"],
    [`pod-security.kubernetes.io/${mode}-version`, "latest"],
  ]);
  return Object.fromEntries(labels);
}

/** All strategies of the team together, running or stopped. The gate counts no held ones, and they are here all the same. */
function buildQuota(chart: Chart, namespace: string, labels: Labels, props: TeamProps): void {
  const { team, policy, strategies, held } = props;
  const totals = totalsIn(policy, team);
  const starting = strategies.filter(({ name }) => !held.some((one) => one.name === name));
  const compute = teamCompute(policy.document, totals, starting);
  const count = String(totals.strategies + held.length);
  const state = sumOfMemory([totals.state, ...held.map(({ resources }) => resources.state)]);
  new KubeResourceQuota(chart, "quota", {
    metadata: metadata(team, namespace, labels),
    spec: {
      hard: quantities({
        "count/statefulsets.apps": count,
        "limits.cpu": compute.cpu,
        "limits.memory": compute.memory,
        persistentvolumeclaims: count,
        pods: count,
        "requests.cpu": compute.cpu,
        "requests.memory": compute.memory,
        "requests.storage": state,
        "services.loadbalancers": "0",
        "services.nodeports": "0",
      }),
    },
  });
}

/**
 * One container and one claim at most what any strategy of the team may ask for: a range knows no names, so a waiver for one lifts it for the
 * namespace, and the admission policies hold each to its own. A pod that says nothing gets the defaults.
 */
function buildLimitRange(chart: Chart, namespace: string, labels: Labels, props: TeamProps): void {
  const { team, policy, held } = props;
  const defaults = executorOverhead(policy.document);
  const most = (bound: "cpu" | "memory" | "state"): readonly string[] => valuesOf(policy.bounds, team, bound);
  const max = {
    cpu: largestCpu([...most("cpu"), defaults.cpu]),
    memory: largestMemory([...most("memory"), defaults.memory]),
  };
  const storage = largestMemory([...most("state"), ...held.map(({ resources }) => resources.state)]);
  new KubeLimitRange(chart, "limits", {
    metadata: metadata(team, namespace, labels),
    spec: {
      limits: [
        {
          default: quantities({ ...defaults, "ephemeral-storage": ephemeralStorage.limit }),
          defaultRequest: quantities({ ...defaults, "ephemeral-storage": ephemeralStorage.request }),
          max: quantities({ ...max, "ephemeral-storage": ephemeralStorage.limit }),
          type: "Container",
        },
        { max: quantities({ storage }), type: "PersistentVolumeClaim" },
      ],
    },
  });
}

/** The values of a bound that hold for anything of the team. */
function valuesOf(bounds: BoundTable, team: string, bound: "cpu" | "memory" | "state"): readonly string[] {
  const waived = Object.entries(bounds.strategies)
    .filter(([id]) => id.startsWith(`${team}/`))
    .map(([, values]) => values[bound]);
  return [boundIn(bounds, { team, name: "" }, bound), ...waived].filter((value) => typeof value === "string");
}
