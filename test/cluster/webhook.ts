// What a forge tells Argo CD when a branch has moved: GitHub's form of it.
import { createHmac } from "node:crypto";
import type { Cluster } from "./cluster.ts";

export interface Push {
  readonly before: string;
  readonly after: string;
  /** Paths. */
  readonly changed: readonly string[];
}

/** Says that `env/paper` of `forge.git` has moved. */
export async function tellPush({ gitUrl, argo }: Pick<Cluster, "gitUrl" | "argo">, push: Push): Promise<void> {
  const body = JSON.stringify({
    ref: "refs/heads/env/paper",
    before: push.before,
    after: push.after,
    repository: { html_url: `${gitUrl}/forge`, default_branch: "main" },
    commits: [{ added: [], removed: [], modified: push.changed }],
  });
  const signature = createHmac("sha256", argo.webhookSecret).update(body).digest("hex");
  const { ok, status } = await fetch(argo.webhook, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-github-event": "push",
      "x-hub-signature-256": `sha256=${signature}`,
    },
    body,
  });
  if (!ok) throw new Error(`Argo CD answers ${status} to the webhook`);
}
