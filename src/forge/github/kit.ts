import { createAppAuth } from "@octokit/auth-app";
import { retry } from "@octokit/plugin-retry";
import { throttling } from "@octokit/plugin-throttling";
import { Octokit } from "@octokit/rest";
import { Fault } from "#core/result.ts";
import type { Fetch } from "../remote/trust.ts";
import { conditional } from "./conditional.ts";
import { ask } from "./faults.ts";

/** A person's token, or the installation of a GitHub App. */
export type Credential =
  | { readonly token: string }
  | { readonly appId: string; readonly privateKey: string; readonly installationId: number };

export interface KitOptions {
  readonly credential: Credential;
  /** `https://api.github.com`; of an Enterprise Server `https://host/api/v3`. */
  readonly apiUrl: string;
  /** Whether writes keep the distance that GitHub asks for: a second between two, three between comments. Default true. */
  readonly paced?: boolean;
  /** Default: Node's own. */
  readonly fetch?: Fetch;
}

export type Kit = Octokit;

const retriesMax = 3;
/** A limit that ends later than this is a fault: whoever waits is told. */
const retryAfterSecondsMax = 60;
const requestTimeoutMs = 30_000;

/** Octokit with its own answers to limits and faults. Reads are tried again; of writes only those that GitHub refused to count. */
export function openKit({ credential, apiUrl, paced = true, fetch: ask = fetch }: KitOptions): Kit {
  const Plugged = Octokit.plugin(throttling, retry);
  const near = (retryAfterSeconds: number, _options: object, _kit: unknown, count: number): boolean =>
    retryAfterSeconds <= retryAfterSecondsMax && count < retriesMax;
  const kit = new Plugged({
    ...authOf(credential),
    baseUrl: apiUrl,
    userAgent: "slipway",
    request: { fetch: withTimeout(ask) },
    // Limits are the other plugin's: this one would ask again at once.
    retry: { doNotRetry: [400, 401, 403, 404, 409, 410, 422, 429, 451] },
    throttle: { enabled: paced, onRateLimit: near, onSecondaryRateLimit: near },
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  });
  kit.hook.before("request", (options) => {
    // The link to a next page is the answer's word; a token goes to the host that it is for.
    if (/^https?:/.test(options.url) && !options.url.startsWith(`${apiUrl}/`))
      throw new Fault("forge-answer-malformed", `the next page of a list is at ${options.url}, which is not ${apiUrl}`);
    options.headers["x-github-api-version"] = "2022-11-28";
    // A write may have taken effect: only its caller knows how to find out.
    if (options.method !== "GET") options.request = { ...options.request, retries: 0 };
  });
  conditional(kit);
  return kit;
}

function nothing(): void {
  // What the forge says reaches whoever asked, as a fault.
}

function authOf(credential: Credential): object {
  return "token" in credential ? { auth: credential.token } : { authStrategy: createAppAuth, auth: credential };
}

function withTimeout(ask: Fetch): Fetch {
  return (url, init = {}) => {
    const signals = [AbortSignal.timeout(requestTimeoutMs), ...(init.signal ? [init.signal] : [])];
    return ask(url, { ...init, redirect: "error", signal: AbortSignal.any(signals) });
  };
}

/** What Git sends with a fetch or a push. */
export async function gitAuthorization(kit: Kit, credential: Credential): Promise<string> {
  const token = "token" in credential ? credential.token : await installationToken(kit);
  return `Basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
}

async function installationToken(kit: Kit): Promise<string> {
  const answer = await ask("POST access_tokens", () => kit.auth({ type: "installation" }));
  const auth: unknown = "value" in answer ? answer.value : undefined;
  const token = typeof auth === "object" && auth !== null && "token" in auth ? auth.token : undefined;
  if (typeof token !== "string") throw new Error("the App's installation gives no token");
  return token;
}
