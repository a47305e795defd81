import { mirrorOf } from "#git/mirror.ts";
import type { Mirror, Repository } from "#git/port.ts";
import type { Forge } from "../port.ts";
import { contentBudget } from "../remote/budget.ts";
import { remoteForge } from "../remote/forge.ts";
import { giteaApi } from "./api.ts";
import { giteaClient } from "./client.ts";

export interface GiteaForgeOptions {
  /** `https://git.example.org`. */
  readonly url: string;
  readonly owner: string;
  readonly name: string;
  readonly token: string;
  /** The login of Slipway's own account: only its statuses and comments are believed. */
  readonly writer: string;
  /** A bare repository on this machine, for nothing else. */
  readonly mirror: Repository;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly pause: (ms: number) => Promise<void>;
  readonly pageSize?: number;
}

/** Proposals as pull requests of a Gitea, and its repository. */
export async function giteaForge(
  options: GiteaForgeOptions,
): Promise<{ readonly forge: Forge; readonly repository: Mirror }> {
  const { owner, name, token, writer, clock, pause, pageSize } = options;
  const webUrl = options.url.replace(/\/+$/, "");
  const basic = Buffer.from(`slipway:${token}`).toString("base64");
  const repository = await mirrorOf(options.mirror, {
    url: `${webUrl}/${encodeURIComponent(owner)}/${encodeURIComponent(name)}.git`,
    authorization: () => Promise.resolve(`Basic ${basic}`),
  });
  const client = giteaClient({ baseUrl: `${webUrl}/api/v1`, token: () => Promise.resolve(token), pause });
  const api = giteaApi({ client, webUrl, owner, name, ...(pageSize === undefined ? {} : { pageSize }) });
  return {
    repository,
    forge: remoteForge({ api, repository, writer, budget: contentBudget({ clock, pause }), pause }),
  };
}
