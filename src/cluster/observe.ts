import { Fault } from "#core/result.ts";
import type { ClusterStatus } from "#core/status.ts";
import { clusterStatus } from "./status.ts";

// The one file that speaks to a cluster's API, and it only lists: rights to `list` Applications in argocd, pods and events are enough.

const timeoutMs = 15_000;

/**
 * Reads what Argo CD and the API server show of an environment.
 *
 * @param kubeconfig the path of a kubeconfig; its current context is the cluster
 * @throws Fault `client-missing`, `kubeconfig-unreadable`, `cluster-unreachable`
 */
export async function observeCluster(kubeconfig: string, environment: string): Promise<ClusterStatus> {
  const { CoreV1Api, CustomObjectsApi, KubeConfig } = await import("@kubernetes/client-node").catch(
    (cause: unknown) => {
      throw new Fault("client-missing", "npm install @kubernetes/client-node, which reads clusters", { cause });
    },
  );
  const config = new KubeConfig();
  try {
    config.loadFromFile(kubeconfig);
  } catch (cause) {
    throw new Fault("kubeconfig-unreadable", `${kubeconfig} is no kubeconfig: ${String(cause)}`, { cause });
  }
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
    const server = config.getCurrentCluster()?.server ?? "the cluster";
    const why = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
    throw new Fault("cluster-unreachable", `${server} does not say what runs: ${why}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}
