import { createHash } from "node:crypto";
import type { Agent } from "node:https";
import { Fault } from "#core/result.ts";
import { apiAgent, askApiServer } from "./api-request.ts";
import type { ApiServer } from "./api-server.ts";
import type { Refused, Verified, Verify } from "./nats-callout.ts";
import type { Log } from "./process.ts";
import { expiryOf } from "./token-expiry.ts";

export interface TokenReviewOptions extends ApiServer {
  /** The wall's clock, which nats-server has too. */
  readonly nowMs: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly steadyMs: () => number;
  readonly log: Log;
  /** How long an answer holds. A burst of connections after a restart asks once each. */
  readonly cacheMs?: number;
}

/** What a token of the bus must be for, so that one for anything else is worth nothing here. */
export const busAudience = "bus";

const path = "/apis/authentication.k8s.io/v1/tokenreviews";
const cacheEntriesMax = 10_000;

/** A clock that is off by less is put right without anybody's help; the answer's own date is to the second. */
const skewMsMin = 10_000;
const skewToldEveryMs = 60_000;

interface Answer {
  readonly username: string | undefined;
  /** Why it is not good, in the API server's words. */
  readonly error: string | undefined;
  /** When the token ends, by the steady clock; undefined: it never does. */
  readonly endsMs: number | undefined;
  readonly untilMs: number;
}

/**
 * Verifies ServiceAccount tokens with the API server: signature, audience and time, and that the pod and the account that it is bound to are
 * still there. The identity `<namespace>/<account>` must be the token's own. How long it still lives is counted by the API server's clock, which made
 * it: were this machine's an hour ahead, nobody would be let in.
 */
export function tokenReviewer(options: TokenReviewOptions): Verify {
  const { cacheMs = 10_000, nowMs, steadyMs, log } = options;
  const agent = apiAgent(options);
  const cache = new Map<string, Answer>();
  let toldMs = Number.NEGATIVE_INFINITY;
  const compare = (apiMs: number): void => {
    const skewMs = nowMs() - apiMs;
    if (Math.abs(skewMs) < skewMsMin || steadyMs() - toldMs < skewToldEveryMs) return;
    toldMs = steadyMs();
    const off = `${Math.round(Math.abs(skewMs) / 1_000)} s ${skewMs > 0 ? "ahead of" : "behind"}`;
    const error = `it is ${off} the API server's, which tokens are held to; put the clock of this node or of the control plane right (chronyc tracking, timedatectl)`;
    log("error", "alarm: this machine's clock is not the API server's", { error });
  };
  const ask = async (token: string): Promise<Answer> => {
    const { username, error, dateMs } = await review(options, agent, token);
    if (dateMs !== undefined) compare(dateMs);
    const expiresAtSeconds = expiryOf(token);
    const leftMs = expiresAtSeconds === undefined ? undefined : expiresAtSeconds * 1_000 - (dateMs ?? nowMs());
    const endsMs = leftMs === undefined ? undefined : steadyMs() + leftMs;
    return { username, error, endsMs, untilMs: steadyMs() + cacheMs };
  };
  return async (identity, token): Promise<Verified | Refused> => {
    const key = createHash("sha256").update(token).digest("base64url");
    let answer = cache.get(key);
    if (answer === undefined || answer.untilMs <= steadyMs()) {
      answer = await ask(token);
      cache.delete(key);
      cache.set(key, answer);
      for (const [oldest] of cache) {
        if (cache.size <= cacheEntriesMax) break;
        cache.delete(oldest);
      }
    }
    const { username, error, endsMs } = answer;
    if (error !== undefined) return { refused: error };
    if (username !== `system:serviceaccount:${identity.replace("/", ":")}`)
      return { refused: "the token is another's" };
    if (endsMs === undefined) return { refused: "a token without an end is no projected one" };
    const leftMs = endsMs - steadyMs();
    if (leftMs <= 0) return { refused: "the token has ended" };
    return { expiresAtSeconds: Math.floor((nowMs() + leftMs) / 1_000) };
  };
}

interface Review {
  readonly username: string | undefined;
  readonly error: string | undefined;
  readonly dateMs: number | undefined;
}

/** @returns whose token it is, or why it is not good for the bus. @throws Fault `token-review-failed` */
async function review(options: TokenReviewOptions, agent: Agent, token: string): Promise<Review> {
  const body = JSON.stringify({
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token, audiences: [busAudience] },
  });
  const { status, text, dateMs } = await askApiServer(options, agent, { method: "POST", path, body }).catch(
    (cause: Error) => {
      throw new Fault("token-review-failed", `no TokenReview from ${options.url}: ${cause.message}`, { cause });
    },
  );
  if (status !== 200 && status !== 201)
    throw new Fault("token-review-failed", `the API server answers ${status} to a TokenReview: ${text.slice(0, 300)}`);
  const verdict: {
    status?: { authenticated?: unknown; audiences?: unknown; error?: unknown; user?: { username?: unknown } };
  } = JSON.parse(text);
  const { authenticated, audiences, user, error } = verdict.status ?? {};
  const { username } = user ?? {};
  const isFor = Array.isArray(audiences) && audiences.includes(busAudience);
  if (authenticated === true && isFor && typeof username === "string") return { username, error: undefined, dateMs };
  const why = typeof error === "string" && error !== "" ? error.slice(0, 300) : "no token for the bus";
  return { username: undefined, error: why, dateMs };
}
