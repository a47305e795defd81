import type { KubeConfig } from "@kubernetes/client-node";
import { Fault } from "#core/result.ts";

/** The client of Kubernetes, an optional peer, and whom it speaks to. */
export interface ClusterClient {
  readonly library: typeof import("@kubernetes/client-node");
  readonly config: KubeConfig;
}

/**
 * Loads the client and a kubeconfig; its current context is the cluster.
 *
 * @throws Fault `client-missing`, `kubeconfig-unreadable`
 */
export async function loadClient(kubeconfig: string): Promise<ClusterClient> {
  const library = await import("@kubernetes/client-node").catch((cause: unknown) => {
    throw new Fault("client-missing", "npm install @kubernetes/client-node, which reads clusters", { cause });
  });
  const config = new library.KubeConfig();
  try {
    config.loadFromFile(kubeconfig);
  } catch (cause) {
    throw new Fault("kubeconfig-unreadable", `${kubeconfig} is no kubeconfig: ${String(cause)}`, { cause });
  }
  return { library, config };
}

/** What the API server did not do, in one line: its own words where it has answered. */
export function unreachable(config: KubeConfig, what: string, cause: unknown): Fault {
  const server = config.getCurrentCluster()?.server ?? "the cluster";
  const said = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
  return new Fault("cluster-unreachable", `${server} does not say ${what}: ${statusMessage(cause) ?? said}`, { cause });
}

/** The message of the `Status` in an answer, which the client has read or left as text. */
function statusMessage(cause: unknown): string | undefined {
  const { body } = Object(cause) as { readonly body?: unknown };
  try {
    const { message } = Object(typeof body === "string" ? JSON.parse(body) : body) as { readonly message?: unknown };
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}
