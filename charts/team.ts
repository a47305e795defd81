import type { Chart } from "cdk8s";
import { KubeLimitRange, KubeNamespace, KubeResourceQuota } from "cdk8s-plus-28/lib/imports/k8s.js";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentDocument } from "#core/environment.ts";
import { teamNamespace } from "#core/identity.ts";
import { application, appProject, rootProject, strategyKinds, teamProject } from "./argo.ts";
import { commonLabels, environmentLabel, type Labels, metadata } from "./labels.ts";
import { networkPolicy } from "./network.ts";
import { ephemeralStorage, quantities } from "./pod.ts";
import { canonicalMemory, executorOverhead, largest, teamCompute } from "./resources.ts";

export interface TeamProps {
  readonly team: string;
  readonly environment: EnvironmentDocument;
  /** The team's own, running or not. */
  readonly strategies: readonly EffectiveStrategy[];
  readonly repoUrl: string;
}

/** Adds a team's objects: its namespace with what all in it are held to, and the Argo CD project that its strategies sync in. */
export function buildTeam(chart: Chart, props: TeamProps): void {
  const { team } = props;
  const environment = props.environment.metadata.name;
  const namespace = teamNamespace(team, environment);
  const labels = { ...commonLabels(team), ...environmentLabel(environment), "slipway.dev/team": team };
  new KubeNamespace(chart, "namespace", {
    metadata: metadata(namespace, undefined, { ...labels, ...podSecurityLabels() }),
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

/** All strategies of the team together, running or stopped. */
function buildQuota(chart: Chart, namespace: string, labels: Labels, props: TeamProps): void {
  const compute = teamCompute(props.environment, props.strategies);
  const { state, strategies } = props.environment.spec.teamTotals;
  new KubeResourceQuota(chart, "quota", {
    metadata: metadata(props.team, namespace, labels),
    spec: {
      hard: quantities({
        "count/statefulsets.apps": String(strategies),
        "limits.cpu": compute.cpu,
        "limits.memory": compute.memory,
        persistentvolumeclaims: String(strategies),
        pods: String(strategies),
        "requests.cpu": compute.cpu,
        "requests.memory": compute.memory,
        "requests.storage": canonicalMemory(state),
        "services.loadbalancers": "0",
        "services.nodeports": "0",
      }),
    },
  });
}

/** One container and one claim at most what one strategy may ask for; a pod that says nothing gets the defaults. */
function buildLimitRange(chart: Chart, namespace: string, labels: Labels, props: TeamProps): void {
  const { bounds } = props.environment.spec;
  const defaults = executorOverhead(props.environment);
  new KubeLimitRange(chart, "limits", {
    metadata: metadata(props.team, namespace, labels),
    spec: {
      limits: [
        {
          default: quantities({ ...defaults, "ephemeral-storage": ephemeralStorage.limit }),
          defaultRequest: quantities({ ...defaults, "ephemeral-storage": ephemeralStorage.request }),
          max: quantities({ ...largest(bounds, defaults), "ephemeral-storage": ephemeralStorage.limit }),
          type: "Container",
        },
        { max: quantities({ storage: canonicalMemory(bounds.state) }), type: "PersistentVolumeClaim" },
      ],
    },
  });
}
