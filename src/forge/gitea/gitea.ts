import { type Connected, type ConnectOptions, connectForge } from "../remote/connect.ts";
import { giteaApi } from "./api.ts";
import { giteaClient } from "./client.ts";
import { giteaProtections } from "./protections.ts";

export interface GiteaForgeOptions extends ConnectOptions {
  /** `https://git.example.org`. */
  readonly url: string;
  readonly token: string;
}

/** Proposals as pull requests of a Gitea, and its repository. */
export function giteaForge(options: GiteaForgeOptions): Promise<Connected> {
  const { owner, name, token, writer, pause, pageSize, trust } = options;
  const webUrl = options.url.replace(/\/+$/, "");
  const basic = Buffer.from(`slipway:${token}`).toString("base64");
  const client = giteaClient({
    ...{ baseUrl: `${webUrl}/api/v1`, token: () => Promise.resolve(token), pause },
    ...(trust === undefined ? {} : { fetch: trust.fetch }),
  });
  const api = giteaApi({ client, webUrl, owner, name, ...(pageSize === undefined ? {} : { pageSize }) });
  const rules = giteaProtections({ client, owner, name, writer });
  return connectForge(options, { api, rules, webUrl, authorization: () => Promise.resolve(`Basic ${basic}`) });
}
