import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The API server of the cluster that a pod of ours runs in, and as whom to ask it. */
export interface ApiServer {
  readonly url: string;
  /** PEM of who signed its certificate. */
  readonly ca: string;
  /** The pod's own token, read at each question: the kubelet renews it. */
  readonly token: () => string;
}

/**
 * What the platform's chart mounts for it (docs/runtime.md): `token` and `ca.crt`.
 *
 * @throws when the folder is not there
 */
export function readApiServer(folder: string): ApiServer {
  return {
    url: "https://kubernetes.default.svc",
    ca: readFileSync(join(folder, "ca.crt"), "utf8"),
    token: () => readFileSync(join(folder, "token"), "utf8").trim(),
  };
}
