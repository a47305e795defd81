import { randomBytes } from "node:crypto";
import type { Agent } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#core/result.ts";
import { type ApiAnswer, apiAgent, askApiServer } from "../api-request.ts";
import type { ApiServer } from "../api-server.ts";
import type { Log } from "../process.ts";

/** Made empty by `slipway bootstrap`: no Application may bring a Secret. */
export const routesSecret = "bus-routes";
const key = "password";
const waitMsMax = 30_000;
const pauseMs = 1_500;
/** Nodes with another password do not know each other, so they look often: two that take a new one a second apart have had no time to elect. */
const lookMs = 1_000;
/** The API server may ask for a longer pause, and gets it up to this. */
const retryMsMax = 30_000;

/** What a look at the Secret has found. None of all: it was just made, here or by another node, and the next look reads it. */
interface Look {
  readonly password?: string;
  /** Why the API server did not say. */
  readonly problem?: string;
  /** How long it asks to wait. */
  readonly retryMs?: number | undefined;
}

interface SecretObject {
  readonly data?: { readonly [key: string]: string };
}

/**
 * What the nodes of the bus show each other. Whichever comes first makes it, and the API server lets one of two that come at once be the first; it is in
 * no file, and whoever may read that Secret could be a node.
 *
 * @throws Fault `routes-secret` when it is not there, may not be read, or the API server does not answer for half a minute
 */
export async function routesPassword(server: ApiServer, namespace: string, log: Log): Promise<string> {
  const agent = apiAgent(server);
  const endMs = performance.now() + waitMsMax;
  let said: string | undefined;
  try {
    for (;;) {
      const { password, problem, retryMs } = await readOrMake(server, agent, namespace, log).catch(problemOf);
      if (password !== undefined) return password;
      if (problem !== undefined && problem !== said)
        log("warn", "the API server does not say what the nodes show each other; it is asked again", {
          error: problem,
        });
      said = problem ?? said;
      if (performance.now() > endMs)
        throw new Fault(
          "routes-secret",
          `the Secret ${namespace}/${routesSecret} cannot be had: ${said ?? "what is written there is not kept"}`,
        );
      await sleep(pauseOf(pauseMs, retryMs));
    }
  } finally {
    agent.destroy();
  }
}

/** Of what was thrown: a fault is none that goes away by itself. */
function problemOf(cause: unknown): Look {
  if (cause instanceof Fault) throw cause;
  return { problem: String(cause) };
}

function pauseOf(usualMs: number, retryMs = 0): number {
  return Math.max(usualMs, Math.min(retryMs, retryMsMax));
}

export interface RoutesWatch {
  readonly server: ApiServer;
  readonly namespace: string;
  /** What the nodes show each other now. */
  readonly password: string;
  readonly log: Log;
  /** Told of each other one, once; again after it has thrown. */
  readonly changed: (password: string) => void;
}

/** Looks whether somebody has changed or removed what the nodes show each other. While nobody says, what there is goes on. */
export function watchRoutesPassword({ server, namespace, password, log, changed }: RoutesWatch): { close(): void } {
  const agent = apiAgent(server);
  let [current, closed] = [password, false];
  let said: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const take = async (): Promise<Look> => {
    const found = await readOrMake(server, agent, namespace, log);
    if (found.password !== undefined && found.password !== current && !closed) {
      changed(found.password);
      // Not before: one that could not be taken, on a full disk, is tried with the next look.
      current = found.password;
    }
    return found;
  };
  /** @returns how long the next look has time */
  const look = async (): Promise<number> => {
    const { problem, retryMs } = await take().catch((cause: unknown): Look => ({ problem: String(cause) }));
    if (problem !== undefined && problem !== said && !closed)
      log("warn", "the nodes go on with the password that they have: another one is not read, or not taken", {
        error: problem,
      });
    said = problem;
    return pauseOf(lookMs, retryMs);
  };
  const again = (ms: number): void => {
    if (closed) return;
    timer = setTimeout(() => void look().then(again), ms);
    timer.unref();
  };
  again(lookMs);
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      agent.destroy();
    },
  };
}

/** One that was just made is read by the next look: by then the others have had their time to see it, too. */
async function readOrMake(server: ApiServer, agent: Agent, namespace: string, log: Log): Promise<Look> {
  const path = `/api/v1/namespaces/${namespace}/secrets/${routesSecret}`;
  const found = await askApiServer(server, agent, { method: "GET", path });
  if (found.status === 403 || found.status === 404) {
    const why = found.status === 404 ? "is not there" : "may not be read by the bus";
    const fix = "apply `slipway bootstrap` of this environment again";
    throw new Fault("routes-secret", `the Secret ${namespace}/${routesSecret} ${why}: ${fix}`);
  }
  if (found.status !== 200) return refused(found, "");
  const secret: SecretObject = JSON.parse(found.text);
  const password = Buffer.from(secret.data?.[key] ?? "", "base64").toString("utf8");
  if (/^[\w-]{32,}$/.test(password)) return { password };
  const data = { ...secret.data, [key]: Buffer.from(randomBytes(32).toString("base64url")).toString("base64") };
  // It names the version that was read: of two nodes that make one, the later is refused, and reads the first one's.
  const body = JSON.stringify({ ...secret, data });
  const written = await askApiServer(server, agent, { method: "PUT", path, body });
  if (written.status === 200) log("info", "the first node has made the password that the nodes show each other", {});
  // 409: another node was faster.
  return written.status === 200 || written.status === 409 ? {} : refused(written, " to a new password");
}

function refused({ status, retryMs }: ApiAnswer, to: string): Look {
  return { problem: `it answers ${status}${to}`, retryMs };
}
