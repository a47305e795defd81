import { createHmac } from "node:crypto";
import { assert } from "#core/result.ts";
import type { CommitSha } from "#git/port.ts";

/** That an environment's branch has moved. */
export interface Push {
  readonly environment: string;
  /** The URL by which Argo CD reads the branch. */
  readonly repository: string;
  readonly commit: CommitSha;
  /** What has changed in it; none: anything may have. */
  readonly paths: readonly string[];
}

/**
 * Whose webhook it is like. Argo CD takes each with a secret of its own: `webhook.github.secret`, and `webhook.gogs.secret` for Gitea and Forgejo,
 * which say their pushes as Gogs does.
 */
export type ArgoForm = "github" | "gitea";

/** The key of `argocd-secret` that a push is signed with. */
export const secretKeys: { readonly [form in ArgoForm]: string } = {
  github: "webhook.github.secret",
  gitea: "webhook.gogs.secret",
};

export interface ArgoRequest {
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
}

/**
 * A push as Argo CD's `/api/webhook` takes it. It is a hint to look, and nothing of it is content: without the commit before, Argo CD carries nothing that
 * it remembers of one over to the other.
 *
 * @param secret undefined where Argo CD has none for this form, and believes everybody
 */
export function requestOf(form: ArgoForm, push: Push, secret: string | undefined): ArgoRequest {
  const { environment, repository, commit, paths } = push;
  const body = JSON.stringify({
    ref: `refs/heads/env/${environment}`,
    after: commit,
    repository: { html_url: pageOf(repository), default_branch: "main" },
    commits: [{ id: commit, added: [], removed: [], modified: paths }],
  });
  const signature = createHmac("sha256", secret ?? "")
    .update(body)
    .digest("hex");
  const [event, signed] =
    form === "github"
      ? [{ "x-github-event": "push" }, { "x-hub-signature-256": `sha256=${signature}` }]
      : [{ "x-gogs-event": "push" }, { "x-gogs-signature": signature }];
  const headers = { "content-type": "application/json", "user-agent": "slipway", ...event };
  return { body, headers: secret === undefined ? headers : { ...headers, ...signed } };
}

const addressForm = /^(?:[a-z]+:\/\/(?:git@)?([^:/]+)(?::\d+)?\/|git@([^:/]+):)(.+?)(?:\.git)?$/;

/** Of a repository's URL the page that its forge would name: Argo CD compares host and path with what its Applications read, by whichever protocol. */
function pageOf(repository: string): string {
  const [, host, hostOfShort, path] = addressForm.exec(repository) ?? [];
  assert(path !== undefined, `an environment's repository of another form: ${repository}`);
  return `https://${host ?? hostOfShort}/${path}`;
}
