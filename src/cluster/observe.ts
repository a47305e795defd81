import { consoleService, platformNamespace } from "#core/identity.ts";
import type { ClusterStatus } from "#core/status.ts";
import { type ClusterClient, isUnauthorized, type OpeningOptions, openCluster, unreachable } from "./client.ts";
import { SignIns } from "./credential-plugin.ts";
import { clusterStatus } from "./status.ts";

// It only lists and gets: `slipway bootstrap` brings roles with the rights that are enough.

const timeoutMs = 15_000;

/**
 * Reads what Argo CD and the API server show of an environment.
 *
 * @throws Fault `cluster-unreachable`, and what signing in throws
 */
export async function observeCluster({ library, config }: ClusterClient, environment: string): Promise<ClusterStatus> {
  const { CoreV1Api, CustomObjectsApi } = library;
  const labelSelector = `slipway.dev/environment=${environment}`;
  const core = config.makeApiClient(CoreV1Api);
  const custom = config.makeApiClient(CustomObjectsApi);
  const argo = { group: "argoproj.io", version: "v1alpha1", namespace: "argocd", plural: "applications" };
  const listing = Promise.all([
    custom.listNamespacedCustomObject({ ...argo, labelSelector }) as Promise<{ readonly items: readonly unknown[] }>,
    core.listPodForAllNamespaces({ labelSelector }),
    core.listEventForAllNamespaces({ fieldSelector: "reason=FailedCreate" }),
    core.listEventForAllNamespaces({ fieldSelector: "reason=Evicted" }),
  ]);
  try {
    const [applications, pods, failures, evictions] = await withinTime(listing);
    return clusterStatus(environment, {
      applications: applications.items,
      pods: pods.items,
      failures: failures.items,
      evictions: evictions.items,
    });
  } catch (cause) {
    throw unreachable(config, "what runs", cause);
  }
}

/**
 * For who looks again and again. The kubeconfig is read anew at each look, as what it says of who asks may have been renewed; a program that signs in is
 * run when what it said is over or is refused, as kubectl does.
 *
 * @returns a look at an environment, which throws what `openCluster` and `observeCluster` throw
 */
export function clusterObserver(
  kubeconfig: string,
  from: Omit<OpeningOptions, "signIns">,
): (environment: string) => Promise<ClusterStatus> {
  const signIns = new SignIns(from.nowMs);
  return async (environment) => {
    for (;;) {
      const { runs } = signIns;
      try {
        return await observeCluster(await openCluster(kubeconfig, { ...from, signIns }), environment);
      } catch (cause) {
        if (!isUnauthorized(cause)) throw cause;
        const isKept = runs === signIns.runs;
        // One that was run for this look would say nothing else.
        if (!signIns.refused() || !isKept) throw cause;
      }
    }
  };
}

/** What the environment's console says that it heard on the bus, as JSON; or why it says nothing, as a sentence. */
export type ConsoleAnswer = { readonly said: unknown } | { readonly silent: string };

/** Asks the console of a cluster, through the API server: a GET of one page of one Service, for who may `get` its `services/proxy`. */
export async function askConsole({ library, config }: ClusterClient, environment: string): Promise<ConsoleAnswer> {
  const namespace = platformNamespace(environment);
  const page = { namespace, name: consoleService, path: "api/telemetry" };
  try {
    const core = config.makeApiClient(library.CoreV1Api);
    return { said: await withinTime(core.connectGetNamespacedServiceProxyWithPath(page)) };
  } catch (cause) {
    const code = cause instanceof library.ApiException ? cause.code : 0;
    if (code === 404)
      return { silent: `there is no console in ${namespace}; the environment's images.console adds it` };
    if (code === 503)
      return { silent: `the console in ${namespace} does not answer: kubectl -n ${namespace} get pod console-0` };
    return { silent: unreachable(config, "what the console heard", cause).message };
  }
}

async function withinTime<Value>(work: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
