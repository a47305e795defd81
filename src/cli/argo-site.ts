import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { validateArgocdWebhook } from "#core/validators.generated.js";
import type { Fetch } from "#forge/remote/trust.ts";
import type { ArgoForm } from "#server/argo-push.ts";
import type { ArgoTeller } from "#server/argo-teller.ts";
import type { ServerLog } from "#server/control-plane.ts";
import { type CommandContext, finding } from "./context.ts";
import { readSecret } from "./forge-credential.ts";

/**
 * Who tells the Argo CD whose webhook the environment names (`SLIPWAY_ARGOCD_WEBHOOK`), signed with `SLIPWAY_ARGOCD_WEBHOOK_SECRET`; over https believing
 * the certificate in the file `SLIPWAY_ARGOCD_CERTIFICATE_FILE`, where that is there.
 *
 * @returns undefined where none is named; or `argocd-webhook-malformed`, `argocd-certificate-unreadable`, `argocd-certificate-malformed`
 */
export async function openArgo(
  { variables, steady }: Pick<CommandContext, "variables" | "steady">,
  form: ArgoForm,
  log: ServerLog,
): Promise<Result<ArgoTeller | undefined, Finding>> {
  const { SLIPWAY_ARGOCD_WEBHOOK: url = "" } = variables;
  if (url === "") return ok(undefined);
  if (!validateArgocdWebhook(url))
    return err(
      finding(
        "argocd-webhook-malformed",
        `SLIPWAY_ARGOCD_WEBHOOK is ${url}, which is no webhook of an Argo CD`,
        "write its address: http://argocd-server.argocd.svc/api/webhook",
      ),
    );
  const believed = await readBelieved(variables["SLIPWAY_ARGOCD_CERTIFICATE_FILE"]);
  if (!believed.ok) return believed;
  const secret = await readSecret(variables, "SLIPWAY_ARGOCD_WEBHOOK_SECRET");
  const { createArgoTeller } = await import("#server/argo-teller.ts");
  return ok(
    createArgoTeller({
      ...{ url, form, log, steady },
      ...(secret === undefined ? {} : { secret }),
      ...(believed.value === undefined ? {} : { fetch: believed.value }),
    }),
  );
}

/** Argo CD signs its own certificate unless it is given one, so that one itself may be named. */
async function readBelieved(path: string | undefined): Promise<Result<Fetch | undefined, Finding>> {
  if (path === undefined || path === "") return ok(undefined);
  const refuse = (code: string, is: string, fix: string): Result<never, Finding> =>
    err(finding(code, `SLIPWAY_ARGOCD_CERTIFICATE_FILE names ${path}, ${is}`, fix));
  let pem: string;
  try {
    pem = await readFile(path, "utf8");
  } catch (cause) {
    // Of a pod's Secret that does not have it.
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return ok(undefined);
    return refuse(
      "argocd-certificate-unreadable",
      `which cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      "name a file that this process may read; `ls -l` there says whose it is, and `id` who this is",
    );
  }
  try {
    new X509Certificate(pem);
  } catch {
    return refuse(
      "argocd-certificate-malformed",
      "which holds no certificate",
      "put Argo CD's certificate there, or that of whoever signed it (PEM): kubectl -n argocd get secret argocd-secret -o jsonpath='{.data.tls\\.crt}' | base64 -d",
    );
  }
  const { trustOf } = await import("#forge/remote/trust.ts");
  return ok(trustOf(path, pem).fetch);
}
