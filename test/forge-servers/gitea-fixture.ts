import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { inject } from "vitest";
import { giteaForge } from "#forge/gitea/gitea.ts";
import type { Forge } from "#forge/port.ts";
import { branchRef, initBareRepository } from "#git/open.ts";
import type { Mirror, Repository } from "#git/port.ts";
import { type ForgeFixture, push, type Someone } from "../contract/forge-contract.ts";
import type { Account } from "./gitea-server.ts";

export interface GiteaFixture extends ForgeFixture {
  readonly owner: string;
  readonly name: string;
  readonly folder: string;
  /** A request of Gitea's own API, for what a test does beside the forge. */
  api(account: Account, method: string, path: string, body?: object): Promise<unknown>;
  /** Forge and repository with the rights of this account. */
  open(account: Account): Promise<{ readonly forge: Forge; readonly repository: Mirror }>;
}

const owner = "keeper";

/** What of an adapter is tested: in these tests a page holds two entries, so that lists have several. */
export type Adapter = (place: {
  readonly owner: string;
  readonly name: string;
  readonly token: string;
  readonly mirror: Repository;
}) => Promise<{ readonly forge: Forge; readonly repository: Mirror }>;

export const shared = {
  writer: "slipway",
  steady: () => performance.now(),
  pause: (ms: number) => delay(ms),
  pageSize: 2,
} as const;

const giteaAdapter: Adapter = (place) => giteaForge({ ...place, ...shared, url: inject("gitea").url });

/** A request of Gitea's own API. */
async function giteaCall(account: Account, method: string, path: string, body?: object): Promise<unknown> {
  const { url, tokens } = inject("gitea");
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { authorization: `token ${tokens[account]}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
  return text === "" ? undefined : JSON.parse(text);
}

/**
 * A repository whose `main` only its keeper may push to and nobody merges into without `slipway/gate`; alice, bob and carol may write, and so may
 * Slipway.
 */
export async function openGitea(adapter: Adapter = giteaAdapter): Promise<GiteaFixture> {
  const { tokens } = inject("gitea");
  const name = `r-${randomBytes(6).toString("hex")}`;
  const folder = await mkdtemp(join(tmpdir(), "slipway-forge-"));
  await giteaCall("keeper", "POST", "/user/repos", { name, private: true, default_branch: "main" });
  const path = `/repos/${owner}/${name}`;
  for (const account of ["alice", "bob", "carol", "slipway"])
    await giteaCall("keeper", "PUT", `${path}/collaborators/${account}`, { permission: "write" });
  const open = async (account: Account): ReturnType<GiteaFixture["open"]> => {
    const mirror = await initBareRepository(join(folder, `${account}.git`));
    const opened = await adapter({ owner, name, token: tokens[account], mirror });
    await opened.repository.fetch();
    return opened;
  };
  const { repository } = await open("keeper");
  await push(repository, branchRef("main"), { "README.md": "one\n", "a/file": "1\n" });
  await giteaCall("keeper", "POST", `${path}/branch_protections`, {
    rule_name: "main",
    ...{ enable_push: true, enable_push_whitelist: true, push_whitelist_usernames: ["keeper"] },
    ...{ enable_status_check: true, status_check_contexts: ["slipway/gate"] },
  });
  const { forge } = await open("slipway");
  const forges = new Map<Someone, Forge>();
  for (const someone of ["alice", "bob", "carol"] as const) forges.set(someone, (await open(someone)).forge);
  return {
    owner,
    name,
    folder,
    forge,
    repository,
    open,
    api: giteaCall,
    as: (person) => forges.get(person) ?? forge,
    look: () => repository.fetch(),
    marks: async (number) => {
      const { labels, requested_reviewers: asked } = (await giteaCall("keeper", "GET", `${path}/pulls/${number}`)) as {
        readonly labels: readonly { readonly name: string }[];
        readonly requested_reviewers: readonly { readonly login: string }[] | null;
      };
      return { labels: labels.map((label) => label.name).sort(), asked: (asked ?? []).map(({ login }) => login) };
    },
    close: async () => {
      await giteaCall("keeper", "DELETE", path);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
