import type { KubeConfig } from "@kubernetes/client-node";
import { Fault } from "#core/result.ts";
import { SignIns } from "./credential-plugin.ts";
import { readKubeconfig } from "./kubeconfig.ts";

/** The environment of this process, which a kubeconfig's own programs get. */
export type Variables = { readonly [name: string]: string | undefined };

/** The client of Kubernetes, an optional peer, and whom it speaks to. */
export interface ClusterClient {
  readonly library: typeof import("@kubernetes/client-node");
  readonly config: KubeConfig;
}

export interface OpeningOptions {
  readonly variables: Variables;
  /** Wall time, by which credentials end. */
  readonly nowMs: () => number;
  /** What a program that signs in has said before; default: nothing. */
  readonly signIns?: SignIns;
}

/**
 * Loads the client and a kubeconfig; its current context is the cluster. Who it signs in as is known when it returns.
 *
 * @throws Fault `client-missing`, `kubeconfig-unreadable`, `token-unreadable`, `credential-plugin-failed`
 */
export async function openCluster(
  kubeconfig: string,
  { variables, nowMs, signIns = new SignIns(nowMs) }: OpeningOptions,
): Promise<ClusterClient> {
  const library = await import("@kubernetes/client-node").catch((cause: unknown) => {
    throw new Fault(
      "client-missing",
      "the npm package @kubernetes/client-node, which reads clusters, is not installed",
      {
        cause,
      },
    );
  });
  return { library, config: await readKubeconfig(library, kubeconfig, { variables, signIns }) };
}

/** What the API server did not do, in one line: its own words where it has answered. */
export function unreachable(config: KubeConfig, what: string, cause: unknown): Fault {
  // No request was made.
  if (cause instanceof Fault) return cause;
  const server = config.getCurrentCluster()?.server ?? "the cluster";
  const user = config.getCurrentUser()?.name ?? "nobody";
  const why = isUnauthorized(cause)
    ? `401 Unauthorized, so whoever the kubeconfig's user ${user} signs in as is not known there, or no longer`
    : (statusMessage(cause) ?? reasonOf(cause));
  return new Fault("cluster-unreachable", `${server} does not say ${what}: ${why}`, { cause });
}

/** Whether the API server does not take who asked, by what the client has thrown or by the fault that was made of it. */
export function isUnauthorized(cause: unknown): boolean {
  const { code } = Object(cause instanceof Fault ? cause.cause : cause) as { readonly code?: unknown };
  return code === 401;
}

/** The innermost reason: `fetch failed` alone tells nothing. */
function reasonOf(cause: unknown): string {
  let inner = cause;
  for (let depth = 0; depth < 5 && inner instanceof Error && inner.cause instanceof Error; depth += 1)
    inner = inner.cause;
  const said = inner instanceof Error ? inner.message : String(inner);
  return said.split("\n")[0] ?? "";
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
