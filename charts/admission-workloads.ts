import { boundExpression } from "./admission-bounds.ts";
import { type AdmissionPolicy, type Validation, whenSpecChanges } from "./admission-object.ts";
import { type BoundsProps, subject, subjectVariables } from "./admission-spec.ts";
import { type CelVariable, celSet, celString } from "./cel.ts";
import { priorityClassOf } from "./labels.ts";
import type { ComputeResources } from "./pod.ts";

export interface WorkloadProps extends BoundsProps {
  /** What the executor's container takes beside an algorithm that has a container of its own. */
  readonly overhead: ComputeResources;
  /** Where the executor finds an algorithm of this repository: addresses that need no bound. */
  readonly localAlgorithms: readonly string[];
  /** The files of which each container must name one as its seccomp profile; undefined: none has to. */
  readonly seccompFiles: readonly string[] | undefined;
}

/** A strategy's StatefulSet, and any other of the team: what its pods may take and reach. */
export function statefulSetBounds(props: WorkloadProps): AdmissionPolicy {
  const { environment, held } = props;
  const { variables, validations } = podLimits(props, "object.spec.template.spec");
  return {
    name: "bounds-statefulset",
    environment,
    reach: "teams",
    resources: [{ group: "apps", version: "v1", names: ["statefulsets"], operations: ["CREATE", "UPDATE"] }],
    conditions: [whenSpecChanges],
    variables: [
      ...subjectVariables(environment, "object.metadata.name"),
      { name: "held", expression: held },
      ...variables,
    ],
    validations: [...validations, atMostOneReplica],
    denies: true,
  };
}

/** The same by the other door, where nothing but the number is seen. */
export function scaleBounds({ environment, held }: BoundsProps): AdmissionPolicy {
  return {
    name: "bounds-scale",
    environment,
    reach: "teams",
    resources: [{ group: "apps", version: "v1", names: ["statefulsets/scale"], operations: ["CREATE", "UPDATE"] }],
    conditions: [],
    variables: [...subjectVariables(environment, "object.metadata.name"), { name: "held", expression: held }],
    validations: [atMostOneReplica],
    denies: true,
  };
}

const atMostOneReplica: Validation = {
  expression: "!has(object.spec.replicas) || object.spec.replicas <= (variables.strategy in variables.held ? 0 : 1)",
  message: "one replica at most, since two of one strategy would trade twice; none while today's policies refuse it",
};

/**
 * A pod, whoever made it, and what is done to a running one. The controller names it `<strategy>-0`; of another name it is held to what its team
 * is. What a held strategy keeps, it keeps without pods.
 */
export function podBounds(props: WorkloadProps): AdmissionPolicy {
  const { environment } = props;
  const { variables, validations } = podLimits(props, "object.spec");
  const name =
    "(object.metadata.name.endsWith('-0') ? object.metadata.name.substring(0, object.metadata.name.size() - 2) : '')";
  return {
    name: "bounds-pod",
    environment,
    reach: "teams",
    resources: [
      {
        group: "",
        version: "v1",
        names: ["pods", "pods/ephemeralcontainers", "pods/resize"],
        operations: ["CREATE", "UPDATE"],
      },
    ],
    conditions: [whenSpecChanges],
    variables: [...subjectVariables(environment, name), ...variables],
    validations: [
      ...validations,
      ...profilesNamed(props),
      {
        expression: "!has(object.spec.ephemeralContainers) || object.spec.ephemeralContainers.size() == 0",
        message: "an ephemeral container has no limits and nothing to do beside a strategy",
      },
    ],
    denies: true,
  };
}

/** Of pods alone: a StatefulSet that comes before or after this policy, when the environment changes, then waits for it instead of failing its sync. */
function profilesNamed({ environment, seccompFiles }: WorkloadProps): readonly Validation[] {
  if (seccompFiles === undefined) return [];
  const profile = "container.securityContext.seccompProfile";
  return [
    {
      expression: `variables.containers.all(container, has(container.securityContext) && has(${profile}) && has(${profile}.localhostProfile) && ${profile}.localhostProfile in ${celSet(seccompFiles)})`,
      message: `in ${environment} each container has one of the seccomp profiles ${seccompFiles.join(", ")} (isolation.seccomp: Localhost)`,
    },
  ];
}

/** @param spec the expression of a pod's spec */
function podLimits(
  { bounds, environment, overhead, localAlgorithms }: WorkloadProps,
  spec: string,
): { readonly variables: readonly CelVariable[]; readonly validations: readonly Validation[] } {
  const rpc = boundExpression(bounds, "rpcAddresses", subject, environment);
  const local = localAlgorithms.map((address) => `env.value == ${celString(address)}`);
  const variables: CelVariable[] = [
    { name: "containers", expression: `${spec}.containers` },
    {
      name: "limited",
      // For the kubelet a limit of zero is none.
      expression: `variables.containers.size() <= 2 && variables.containers.all(container, has(container.resources) && has(container.resources.limits) && ['cpu', 'memory'].all(resource, resource in container.resources.limits && quantity(container.resources.limits[resource]).isGreaterThan(quantity('0'))))`,
    },
    { name: "beside", expression: "variables.containers.exists(container, container.name == 'algorithm')" },
  ];
  const validations: Validation[] = [
    {
      expression: `variables.limited && (!has(${spec}.initContainers) || ${spec}.initContainers.size() == 0)`,
      message: "a pod has an executor, at most one algorithm beside it, and cpu and memory limits on both",
    },
  ];
  const priority = priorityClassOf(environment);
  validations.push({
    expression: `has(${spec}.priorityClassName) && ${spec}.priorityClassName == ${celString(priority)}`,
    message: `a strategy's pod has the priority class ${priority}: a higher one would push out others, and what all of them need`,
  });
  for (const name of ["cpu", "memory"] as const) {
    const { variables: more, value } = boundExpression(bounds, name, subject, environment);
    const limit = (index: number): string => `variables.containers[${index}].resources.limits['${name}']`;
    const sum = `quantity(${limit(0)}).add(quantity(variables.containers.size() > 1 ? ${limit(1)} : '0'))`;
    const most = `quantity(${value}).add(quantity(variables.beside ? ${celString(overhead[name])} : '0'))`;
    variables.push(...more);
    validations.push({
      expression: `!variables.limited || !${sum}.isGreaterThan(${most})`,
      message: `the ${name} of all containers is above the bound of ${environment}`,
      messageExpression: `'the ${name} of all containers is above the bound ' + ${value} + ' of ${environment}'`,
    });
  }
  variables.push(...rpc.variables);
  validations.push({
    expression: `variables.containers.all(container, !has(container.envFrom) && (!has(container.env) || container.env.all(env, env.name != 'SLIPWAY_ALGORITHM' || (has(env.value) && (${[...local, rpc.holds("env.value")].join(" || ")})))))`,
    message: `SLIPWAY_ALGORITHM is an address that ${environment} does not allow, or comes from elsewhere`,
  });
  return { variables, validations };
}

/** The disk space of a claim. A claim can never shrink, so one that is there already is only held to it when it changes. */
export function claimBounds({ environment, bounds }: BoundsProps): AdmissionPolicy {
  const { variables, value } = boundExpression(bounds, "state", subject, environment);
  const asked = "variables.asked";
  return {
    name: "bounds-claim",
    environment,
    reach: "teams",
    resources: [{ group: "", version: "v1", names: ["persistentvolumeclaims"], operations: ["CREATE", "UPDATE"] }],
    conditions: [
      {
        name: "changed",
        expression: "request.operation == 'CREATE' || object.spec.resources != oldObject.spec.resources",
      },
    ],
    variables: [
      ...subjectVariables(environment, "object.metadata.name"),
      // Kubernetes' type checker does not know maps of quantities.
      { name: "asked", expression: "dyn(object.spec.resources).requests['storage']" },
      ...variables,
    ],
    validations: [
      {
        expression: `!quantity(${asked}).isGreaterThan(quantity(${value}))`,
        message: `the claim asks for more than the bound of ${environment}`,
        messageExpression: `'resources.state is ' + ${asked} + ', above the bound ' + ${value} + ' of ${environment}'`,
      },
    ],
    denies: true,
  };
}
