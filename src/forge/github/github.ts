import { mirrorOf } from "#git/mirror.ts";
import type { Mirror, Repository } from "#git/port.ts";
import type { Forge } from "../port.ts";
import { contentBudget } from "../remote/budget.ts";
import { remoteForge } from "../remote/forge.ts";
import { githubApi } from "./api.ts";
import { type Credential, gitAuthorization, type Kit, openKit } from "./kit.ts";

export interface GithubForgeOptions {
  /** Where people read: `https://github.com`, or an Enterprise Server's address. */
  readonly url: string;
  /** Where programs ask. Default: what belongs to `url`. */
  readonly apiUrl?: string;
  readonly owner: string;
  readonly name: string;
  readonly credential: Credential;
  /** The login of Slipway's own account, of an App `<name>[bot]`: only its statuses and comments are believed. */
  readonly writer: string;
  /** A bare repository on this machine, for nothing else. */
  readonly mirror: Repository;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly pause: (ms: number) => Promise<void>;
  readonly pageSize?: number;
  readonly paced?: boolean;
  /** Told of the client before it is used. */
  readonly onKit?: (kit: Kit) => void;
}

/** Proposals as pull requests of GitHub, and its repository. */
export async function githubForge(
  options: GithubForgeOptions,
): Promise<{ readonly forge: Forge; readonly repository: Mirror }> {
  const { owner, name, credential, writer, clock, pause } = options;
  const webUrl = options.url.replace(/\/+$/, "");
  const kit = openKit({
    credential,
    apiUrl: options.apiUrl ?? apiUrlOf(webUrl),
    ...(options.paced === undefined ? {} : { paced: options.paced }),
  });
  options.onKit?.(kit);
  const repository = await mirrorOf(options.mirror, {
    url: `${webUrl}/${encodeURIComponent(owner)}/${encodeURIComponent(name)}.git`,
    authorization: () => gitAuthorization(kit, credential),
  });
  const api = githubApi({
    ...{ kit, webUrl, owner, name },
    ...("token" in credential ? {} : { login: writer }),
    ...(options.pageSize === undefined ? {} : { pageSize: options.pageSize }),
  });
  return {
    repository,
    forge: remoteForge({ api, repository, writer, budget: contentBudget({ clock, pause }), pause }),
  };
}

/** Of github.com a host of its own, of GitHub Enterprise Server a folder. */
export function apiUrlOf(webUrl: string): string {
  return webUrl === "https://github.com" ? "https://api.github.com" : `${webUrl}/api/v3`;
}
