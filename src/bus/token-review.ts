import { createHash } from "node:crypto";
import type { Agent } from "node:https";
import { Fault } from "#core/result.ts";
import { apiAgent, askApiServer } from "./api-request.ts";
import type { ApiServer } from "./api-server.ts";
import type { Verified, Verify } from "./nats-callout.ts";
import { expiryOf } from "./token-expiry.ts";

export interface TokenReviewOptions extends ApiServer {
  readonly nowMs: () => number;
  /** How long an answer holds. A burst of connections after a restart asks once each. */
  readonly cacheMs?: number;
}

/** What a token of the bus must be for, so that one for anything else is worth nothing here. */
export const busAudience = "bus";

const path = "/apis/authentication.k8s.io/v1/tokenreviews";
const cacheEntriesMax = 10_000;

interface Answer {
  readonly username: string | undefined;
  readonly expiresAtSeconds: number | undefined;
  readonly untilMs: number;
}

/**
 * Verifies ServiceAccount tokens with the API server: signature, audience and time, and that the pod and the account that it is bound to are
 * still there. The identity `<namespace>/<account>` must be the token's own.
 */
export function tokenReviewer(options: TokenReviewOptions): Verify {
  const { cacheMs = 10_000, nowMs } = options;
  const agent = apiAgent(options);
  const cache = new Map<string, Answer>();
  return async (identity, token): Promise<Verified | undefined> => {
    const key = createHash("sha256").update(token).digest("base64url");
    let answer = cache.get(key);
    if (answer === undefined || answer.untilMs <= nowMs()) {
      const username = await review(options, agent, token);
      answer = { username, expiresAtSeconds: expiryOf(token), untilMs: nowMs() + cacheMs };
      cache.delete(key);
      cache.set(key, answer);
      for (const [oldest] of cache) {
        if (cache.size <= cacheEntriesMax) break;
        cache.delete(oldest);
      }
    }
    const { username, expiresAtSeconds } = answer;
    if (username !== `system:serviceaccount:${identity.replace("/", ":")}`) return undefined;
    // A token without an end is no projected one.
    if (expiresAtSeconds === undefined || expiresAtSeconds * 1_000 <= nowMs()) return undefined;
    return { expiresAtSeconds };
  };
}

/** @returns whose token it is, undefined if it is not good for the bus. @throws Fault `token-review-failed` */
async function review(options: TokenReviewOptions, agent: Agent, token: string): Promise<string | undefined> {
  const body = JSON.stringify({
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token, audiences: [busAudience] },
  });
  const { status, text } = await askApiServer(options, agent, { method: "POST", path, body }).catch((cause: Error) => {
    throw new Fault("token-review-failed", `no TokenReview from ${options.url}: ${cause.message}`, { cause });
  });
  if (status !== 200 && status !== 201)
    throw new Fault("token-review-failed", `the API server answers ${status} to a TokenReview: ${text.slice(0, 300)}`);
  const verdict: { status?: { authenticated?: unknown; audiences?: unknown; user?: { username?: unknown } } } =
    JSON.parse(text);
  const { authenticated, audiences, user } = verdict.status ?? {};
  if (authenticated !== true || !Array.isArray(audiences) || !audiences.includes(busAudience)) return undefined;
  return typeof user?.username === "string" ? user.username : undefined;
}
