import type { ClusterStatus } from "#core/status.ts";
import { loadClient, unreachable } from "./client.ts";
import { clusterStatus } from "./status.ts";

// It only lists: rights to `list` Applications in argocd, pods and events are enough.

const timeoutMs = 15_000;

/**
 * Reads what Argo CD and the API server show of an environment.
 *
 * @param kubeconfig the path of a kubeconfig; its current context is the cluster
 * @throws Fault `client-missing`, `kubeconfig-unreadable`, `cluster-unreachable`
 */
export async function observeCluster(kubeconfig: string, environment: string): Promise<ClusterStatus> {
  const { library, config } = await loadClient(kubeconfig);
  const { CoreV1Api, CustomObjectsApi } = library;
  const labelSelector = `slipway.dev/environment=${environment}`;
  const core = config.makeApiClient(CoreV1Api);
  const custom = config.makeApiClient(CustomObjectsApi);
  const argo = { group: "argoproj.io", version: "v1alpha1", namespace: "argocd", plural: "applications" };
  const listing = Promise.all([
    custom.listNamespacedCustomObject({ ...argo, labelSelector }) as Promise<{ readonly items: readonly unknown[] }>,
    core.listPodForAllNamespaces({ labelSelector: `${labelSelector},slipway.dev/strategy` }),
    core.listEventForAllNamespaces({ fieldSelector: "reason=FailedCreate" }),
  ]);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  });
  try {
    const [applications, pods, failures] = await Promise.race([listing, late]);
    return clusterStatus(environment, { applications: applications.items, pods: pods.items, failures: failures.items });
  } catch (cause) {
    throw unreachable(config, "what runs", cause);
  } finally {
    clearTimeout(timer);
  }
}
