// Slipway's server on a Gitea's webhooks, as `slipway server` runs it.
import { setTimeout as delay } from "node:timers/promises";
import type { Forge, Proposal } from "#forge/port.ts";
import type { Mirror } from "#git/port.ts";
import { createControlPlane, type ReconcileReport } from "#server/control-plane.ts";
import type { Observe } from "#server/follow.ts";
import { type ControlLoop, startControlLoop } from "#server/loop.ts";
import { startWebhooks } from "#server/webhooks.ts";
import { value } from "../contract/forge-contract.ts";
import type { GiteaFixture } from "./gitea-fixture.ts";

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const secret = "of the webhooks, long enough";

/** What a Gitea's webhook is set to tell of. */
export const webhookEvents = [
  ...["push", "create", "delete", "status", "issue_comment", "pull_request_comment"],
  ...["pull_request", "pull_request_sync", "pull_request_review_approved", "pull_request_review_rejected"],
];

export interface Served {
  readonly forge: Forge;
  readonly repository: Mirror;
  readonly loop: ControlLoop;
  /** The names of the deliveries so far. */
  readonly events: readonly string[];
  readonly reports: readonly ReconcileReport[];
  seen(number: number): Promise<Proposal>;
  /** `success: all are there`: the newest status of a name; empty where there is none. */
  status(sha: string, context: string): Promise<string>;
  stop(): Promise<void>;
}

interface GiteaStatus {
  readonly id: number;
  readonly context: string;
  readonly status: string;
  readonly description: string;
}

/** Only webhooks start a round, unless `pollMs` says otherwise. */
export async function serve(
  fixture: GiteaFixture,
  more: { readonly observe?: Observe; readonly pollMs?: number } = {},
): Promise<Served> {
  const { owner, name } = fixture;
  const { pollMs = 3_600_000, ...plane } = more;
  const events: string[] = [];
  const reports: ReconcileReport[] = [];
  const { forge, repository } = await fixture.open("slipway");
  let loop: ControlLoop | undefined;
  const webhooks = await startWebhooks({
    secret,
    log: quiet,
    onDelivery: (event) => {
      events.push(event);
      loop?.nudge();
    },
  });
  await fixture.api("keeper", "POST", `/repos/${owner}/${name}/hooks`, {
    ...{ type: "gitea", active: true, branch_filter: "*" },
    config: { url: webhooks.url, content_type: "json", secret },
    events: webhookEvents,
  });
  const controlPlane = createControlPlane({
    ...{
      repository,
      forge,
      renderer: "slipway test",
      clock: Date.now,
      steady: () => performance.now(),
      log: quiet,
      ...plane,
    },
    refresh: () => repository.fetch(),
  });
  loop = startControlLoop({
    ...{ controlPlane, repository, log: quiet, clock: Date.now, remote: true, pollMs },
    onReport: (report) => reports.push(report),
  });
  await loop.settled();
  return {
    ...{ forge, repository, loop, events, reports },
    seen: async (number) => value(await forge.get(number)),
    async status(sha, context) {
      const path = `/repos/${owner}/${name}/statuses/${sha}?sort=leastindex&limit=50`;
      const all = (await fixture.api("keeper", "GET", path)) as readonly GiteaStatus[];
      const [newest] = all.filter((each) => each.context === context).sort((a, b) => b.id - a.id);
      return newest === undefined ? "" : `${newest.status}: ${newest.description}`;
    },
    async stop() {
      await loop?.stop();
      await webhooks.stop();
      // Gitea delivers what it has in hand.
      await delay(100);
    },
  };
}
