import { type Connected, type ConnectOptions, connectForge } from "../remote/connect.ts";
import { githubApi } from "./api.ts";
import { type Credential, gitAuthorization, type Kit, openKit } from "./kit.ts";
import { githubRulesets } from "./rulesets.ts";

export interface GithubForgeOptions extends ConnectOptions {
  /** Where people read: `https://github.com`, or an Enterprise Server's address. */
  readonly url: string;
  /** Where programs ask. Default: what belongs to `url`. */
  readonly apiUrl?: string;
  readonly credential: Credential;
  readonly paced?: boolean;
  /** Told of the client before it is used. */
  readonly onKit?: (kit: Kit) => void;
}

/** Proposals as pull requests of GitHub, and its repository. */
export function githubForge(options: GithubForgeOptions): Promise<Connected> {
  const { owner, name, credential, writer, trust } = options;
  const webUrl = options.url.replace(/\/+$/, "");
  const kit = openKit({
    credential,
    apiUrl: options.apiUrl ?? apiUrlOf(webUrl),
    ...(options.paced === undefined ? {} : { paced: options.paced }),
    ...(trust === undefined ? {} : { fetch: trust.fetch }),
  });
  options.onKit?.(kit);
  const api = githubApi({
    ...{ kit, webUrl, owner, name },
    ...("token" in credential ? {} : { login: writer }),
    ...(options.pageSize === undefined ? {} : { pageSize: options.pageSize }),
  });
  const rules = githubRulesets({ kit, owner, name, writer });
  return connectForge(options, { api, rules, webUrl, authorization: () => gitAuthorization(kit, credential) });
}

/** Of github.com a host of its own, of GitHub Enterprise Server a folder. */
function apiUrlOf(webUrl: string): string {
  return webUrl === "https://github.com" ? "https://api.github.com" : `${webUrl}/api/v3`;
}
