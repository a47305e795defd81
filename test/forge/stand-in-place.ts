// The stand-in of a forge on loopback, behind an authority of its own.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { giteaForge } from "#forge/gitea/gitea.ts";
import type { Connected } from "#forge/remote/connect.ts";
import type { Trust } from "#forge/remote/trust.ts";
import { initBareRepository } from "#git/open.ts";
import type { Repository } from "#git/port.ts";
import { readAuthority } from "../../src/cli/forge-authority.ts";
import { makeAuthority, sign } from "./authorities.ts";
import { standIn } from "./stand-in.ts";

export type Login = "alice" | "bob" | "carol" | "slipway";

export interface StandInPlace {
  readonly url: string;
  readonly folder: string;
  /** As it lies on the forge's own disk. */
  readonly bare: Repository;
  /** @param file of the authority that is believed, below the folder; default: the one that signed */
  trust(file?: string): Promise<Trust>;
  /** Forge and repository in the hands of someone, with a mirror of their own. @param as the mirror's name */
  open(login: Login, trust: Trust | undefined, as?: string): Promise<Connected>;
  /** What stands there, in the forge's own words. */
  comments(number: number): Promise<readonly { readonly body: string }[]>;
  statuses(commit: string, context: string): Promise<readonly StandInStatus[]>;
  pull(number: number): Promise<StandInPull>;
  close(): Promise<void>;
}

export interface StandInStatus {
  readonly context: string;
  readonly status: string;
  readonly description: string;
  readonly target_url: string;
}

export interface StandInPull {
  readonly labels: readonly { readonly name: string }[];
  readonly requested_reviewers: readonly { readonly login: string }[];
}

const people: readonly Login[] = ["alice", "bob", "carol", "slipway"];

export async function startStandIn(): Promise<StandInPlace> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-forge-"));
  const tls = sign(folder, makeAuthority(folder, "authority"), "127.0.0.1");
  const bare = await initBareRepository(join(folder, "forge.git"));
  const logins = Object.fromEntries(people.map((login) => [`token-of-${login}`, login]));
  const server = standIn({ repository: bare, root: folder, folder: "forge.git", name: "o/n", logins, tls });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const url = `https://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  const trust = async (file = "authority.crt"): Promise<Trust> => {
    const read = await readAuthority({ checkout: folder, now: Date.now }, file);
    if (!read.ok) throw new Error(read.error.message);
    return read.value;
  };
  const ask = async <Answer>(path: string): Promise<Answer> => {
    const headers = { authorization: "token token-of-slipway" };
    const { fetch } = await trust();
    const response = await fetch(`${url}/api/v1/repos/o/n${path}`, { headers });
    return (await response.json()) as Answer;
  };
  return {
    ...{ url, folder, bare, trust },
    comments: (number) => ask(`/issues/${number}/comments`),
    statuses: async (commit, context) =>
      (await ask<readonly StandInStatus[]>(`/statuses/${commit}`)).filter((status) => status.context === context),
    pull: (number) => ask(`/pulls/${number}`),
    async open(login, believed, as = login) {
      const mirror = await initBareRepository(join(folder, `${as}.git`));
      const opened = await giteaForge({
        ...{
          url,
          mirror,
          owner: "o",
          name: "n",
          token: `token-of-${login}`,
          writer: "slipway",
          steady: () => performance.now(),
        },
        ...{ pause: () => Promise.resolve(), ...(believed === undefined ? {} : { trust: believed }) },
      });
      return opened;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
