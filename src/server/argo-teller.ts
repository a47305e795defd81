import { setTimeout as delay } from "node:timers/promises";
import { reasonOf } from "#forge/remote/reason.ts";
import type { Fetch } from "#forge/remote/trust.ts";
import { type ArgoForm, type Push, requestOf, secretKeys } from "./argo-push.ts";
import type { ServerLog } from "./control-plane.ts";
import type { Raised } from "./raised.ts";

export interface ArgoTellerOptions {
  /** Argo CD's webhook: `http://argocd-server.argocd.svc/api/webhook`. */
  readonly url: string;
  readonly form: ArgoForm;
  readonly secret?: string;
  readonly log: ServerLog;
  /** Milliseconds since any moment, by a clock that nobody sets. */
  readonly steady: () => number;
  /** Default: Node's own. */
  readonly fetch?: Fetch;
  /** For one request. Default 10,000. */
  readonly timeoutMs?: number;
  /** How soon it is said again, at first and at most. Default 1,000 and 30,000. */
  readonly retryMsMin?: number;
  readonly retryMsMax?: number;
}

/** Tells Argo CD that branches have moved, until it has taken that. It is HTTP to its server and no more: no right in the cluster stands behind it. */
export interface ArgoTeller {
  /** Returns at once. Of one environment the newest commit alone is said, with what changed since the last that was taken. */
  tell(push: Push): void;
  /** Whether Argo CD has not taken yet what there is to say of an environment. */
  waits(environment: string): boolean;
  /** What it has refused or not answered so far. */
  untold(): readonly Raised[];
  stop(): Promise<void>;
}

interface Line {
  push: Push;
  /** Why the last try was not taken. */
  failure: string | undefined;
  done: Promise<void>;
}

/**
 * How long to wait after something has gone on for so long: a tenth of it. Who was away for a minute is told within six seconds of being back, and who is
 * away for hours is not asked each second.
 */
export function patience(goesOnMs: number, msMin: number, msMax: number): number {
  return Math.min(msMax, Math.max(msMin, goesOnMs / 10));
}

export function createArgoTeller(options: ArgoTellerOptions): ArgoTeller {
  const { url, log, steady, retryMsMin = 1_000, retryMsMax = 30_000 } = options;
  const lines = new Map<string, Line>();
  const ending = new AbortController();
  const deliver = async (environment: string, line: Line): Promise<void> => {
    const startedMs = steady();
    while (!ending.signal.aborted) {
      const { push } = line;
      const failure = await post(options, push, ending.signal);
      if (ending.signal.aborted) break;
      if (failure === undefined) {
        log.info({ environment, commit: push.commit, paths: push.paths.length }, "Argo CD was told");
        if (line.push === push) break;
        line.failure = undefined;
        continue;
      }
      if (failure !== line.failure)
        log.warn({ environment, commit: push.commit, url, failure }, "Argo CD was not told; it is tried again");
      line.failure = failure;
      const waitMs = patience(steady() - startedMs, retryMsMin, retryMsMax);
      await delay(waitMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
    lines.delete(environment);
  };
  return {
    tell(push) {
      const line = lines.get(push.environment);
      if (line === undefined) {
        const begun: Line = { push, failure: undefined, done: Promise.resolve() };
        lines.set(push.environment, begun);
        begun.done = deliver(push.environment, begun);
      } else line.push = { ...push, paths: union(line.push.paths, push.paths) };
    },
    waits: (environment) => lines.has(environment),
    untold: () =>
      [...lines].flatMap(([environment, { push, failure }]) =>
        failure === undefined ? [] : [untold(url, environment, push, failure)],
      ),
    async stop() {
      ending.abort();
      await Promise.all([...lines.values()].map(({ done }) => done));
    },
  };
}

/** No paths are all paths. */
function union(some: readonly string[], others: readonly string[]): readonly string[] {
  return some.length === 0 || others.length === 0 ? [] : [...new Set([...some, ...others])];
}

function untold(url: string, environment: string, { commit }: Push, failure: string): Raised {
  return {
    code: "argocd-untold",
    environment,
    message: `Argo CD is not told that env/${environment} is at ${commit.slice(0, 7)}: ${url} ${failure}. It is tried again, and Argo CD looks by itself, some minutes later`,
  };
}

/** @returns why it was not taken */
async function post(options: ArgoTellerOptions, push: Push, ending: AbortSignal): Promise<string | undefined> {
  const { url, form, secret, timeoutMs = 10_000 } = options;
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const { status, body } = await (options.fetch ?? fetch)(url, {
      ...requestOf(form, push, secret),
      method: "POST",
      redirect: "manual",
      signal: AbortSignal.any([late, ending]),
    });
    await body?.cancel();
    return status >= 200 && status < 300 ? undefined : refusalOf(status, options);
  } catch (cause) {
    return late.aborted ? `does not answer within ${timeoutMs / 1_000} s` : `cannot be asked: ${reasonOf(cause)}`;
  }
}

function refusalOf(status: number, { form, secret }: ArgoTellerOptions): string {
  if (status >= 300 && status < 400) return `answers ${status}, which leads elsewhere: is it to be https://…?`;
  if (status !== 400 && status !== 401) return `answers ${status}`;
  const own = secret === undefined ? "there is none" : "it has another";
  return `answers ${status}, as to a wrong signature: SLIPWAY_ARGOCD_WEBHOOK_SECRET is to be what argocd-secret has as ${secretKeys[form]}, and ${own}`;
}
