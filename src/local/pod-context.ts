import { join } from "node:path";
import { busIdentity, platformNamespace } from "#core/identity.ts";
import { Fault } from "#core/result.ts";
import { type Placed, portName, resolver } from "./addresses.ts";
import type { LocalClusterOptions } from "./cluster.ts";
import { type Desired, type DesiredApplication, objectsOf, serviceAccounts } from "./desired.ts";
import type { Identities } from "./identities.ts";
import type { Isolation } from "./isolation.ts";
import type { StatefulSetManifest } from "./manifests.ts";
import type { PodContext } from "./pod-plan.ts";
import type { Ports } from "./ports.ts";

/** What a machine gives its pods. */
export interface PodGround {
  readonly options: LocalClusterOptions;
  readonly isolation: Isolation;
  readonly identities: Identities;
  readonly ports: Ports;
  readonly runtimeDirectory: string;
}

export function statefulSets(applications: readonly DesiredApplication[]): readonly Placed<StatefulSetManifest>[] {
  return [...objectsOf(applications, "StatefulSet").values()];
}

/**
 * Gives every pod of the branch its ports and passwords, and says where each thing is.
 *
 * @param first whether a port that is taken is a fault; later the pod alone has the trouble
 * @throws Fault `port-in-use`
 */
export async function createPodContext(ground: PodGround, desired: Desired, first: boolean): Promise<PodContext> {
  const { options, isolation, identities, ports, runtimeDirectory } = ground;
  const sets = statefulSets(desired.applications);
  for (const { namespace, manifest } of sets) {
    for (const port of manifest.spec.template.spec.containers.flatMap((container) => container.ports ?? [])) {
      await ports.give(namespace, `${manifest.metadata.name}/${portName(port)}`).catch((error: unknown) => {
        if (first || !(error instanceof Fault)) throw error;
        options.log({ level: "error", message: error.message });
      });
    }
  }
  const accounts = sets.map(({ namespace, manifest }) =>
    busIdentity(namespace, manifest.spec.template.spec.serviceAccountName ?? "default"),
  );
  // Accounts without a pod are clients of people: the operators'.
  await identities.setAccounts([...new Set([...accounts, ...serviceAccounts(desired.applications)])]);
  const passwords = new Map<string, string>();
  for (const identity of accounts) passwords.set(identity, await identities.password(identity));
  const hostPort = (namespace: string, set: string, port: string): number | undefined =>
    ports.get(namespace, `${set}/${port}`);
  const platform = platformNamespace(options.environment);
  return {
    podsDirectory: join(options.directory, "pods"),
    claimsDirectory: join(options.directory, "volumes"),
    runtimeDirectory,
    configMaps: objectsOf(desired.applications, "ConfigMap"),
    password: (identity) => passwords.get(identity),
    images: options.images,
    hostPort,
    resolve: resolver(objectsOf(desired.applications, "Service"), sets, hostPort),
    extra: (namespace, set) => (namespace === platform && set === "bus" ? identities.variables : {}),
    canIsolateNetwork: isolation.tools.networkless !== undefined,
    lowPriority: !isolation.limits("cpu"),
  };
}
