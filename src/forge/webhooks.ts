import type { Finding } from "#core/refusal.ts";

/** A forge's webhook of the repository, as far as its administrators are told. */
export interface Webhook {
  readonly url: string;
  readonly active: boolean;
  /** What it should tell of and does not, by the forge's own names. */
  readonly missing: readonly string[];
}

/** Where Slipway's server takes them. */
const path = "/webhooks";

/** Without one the server looks by itself, only later: nothing here is an error. */
export function compareWebhooks(webhooks: readonly Webhook[]): readonly Finding[] {
  const own = webhooks.filter(({ url }) => URL.canParse(url) && new URL(url).pathname === path);
  const warn = (message: string, fix: string): readonly Finding[] => [
    { code: "forge-webhook", severity: "warning", message, fix },
  ];
  if (own.length === 0)
    return warn(
      "no webhook tells Slipway's server of what changes: it looks by itself, once a minute unless --poll says otherwise",
      "where a server runs, add one in the repository's settings: https://<where it is reached>/webhooks, content type JSON, the secret of SLIPWAY_WEBHOOK_SECRET, for pushes, pull requests, reviews, statuses and comments",
    );
  if (own.some(({ active, missing }) => active && missing.length === 0)) return [];
  return own.flatMap(({ url, active, missing }) =>
    active
      ? warn(
          `the webhook to ${url} says nothing of ${missing.join(", ")}`,
          "add these events to it, in the repository's settings",
        )
      : warn(`the webhook to ${url} is not active`, "switch it on, in the repository's settings"),
  );
}
