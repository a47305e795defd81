import type { Agent, get } from "node:https";
import { Fault } from "#core/result.ts";
import type { ApiServer } from "./api-server.ts";
import { retryDelayMs } from "./delay.ts";
import type { Log } from "./process.ts";

/** A ConfigMap's `data`, by key. */
export type ConfigData = { readonly [key: string]: string };

export interface ConfigWatchOptions {
  readonly server: ApiServer;
  readonly namespace: string;
  /** Of which ConfigMaps of the namespace it is told. */
  readonly holds: (name: string) => boolean;
  /** Everything, by name: at first, and whenever something of it has changed. */
  readonly onData: (data: ReadonlyMap<string, ConfigData>) => void;
  readonly log: Log;
  readonly nowMs: () => number;
  /** How long a watch lasts before it is asked for anew; 20 s unless told. One that is silent for longer is dead. */
  readonly watchSeconds?: number;
}

export interface ConfigWatch {
  /** Whether the API server tells of changes now. */
  readonly live: boolean;
  /** When it was last heard, even if it had nothing to tell. */
  readonly heardMs: number;
  close(): void;
}

const slackMs = 5_000;
/** A ConfigMap has at most 1 MiB of data, and says it again in its managed fields. */
const lineBytesMax = 8 * 2 ** 20;
const listBytesMax = 64 * 2 ** 20;

/** Loaded in a cluster only: elsewhere it would cost the gateway memory for nothing. */
interface Https {
  readonly agent: Agent;
  readonly get: typeof get;
}

interface Seen {
  readonly data: Map<string, ConfigData>;
  version: string;
}

/**
 * Watches the ConfigMaps of a namespace at the API server: a change is known at once, which over a mounted volume takes the kubelet a minute or so.
 * What was told last is kept while the API server does not answer, and `live` says so.
 */
export function watchConfigMaps(options: ConfigWatchOptions): ConfigWatch {
  const state = { live: false, closed: false, failures: 0, heardMs: Number.NEGATIVE_INFINITY };
  let agent: Agent | undefined;
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  const lost = (cause: unknown): void => {
    const said = cause instanceof Error ? cause.message : String(cause);
    // Said when it begins, and ever more seldom while it lasts.
    if (state.live || (state.failures & (state.failures - 1)) === 0)
      options.log("error", "alarm: the API server tells of no changes; what the kubelet mounts counts, later", {
        namespace: options.namespace,
        error: said,
        attempt: state.failures + 1,
      });
    state.live = false;
    state.failures += 1;
  };
  const run = async (): Promise<void> => {
    const { Agent, get } = await import("node:https");
    agent = new Agent({ ca: options.server.ca, keepAlive: true, maxSockets: 2 });
    const https: Https = { agent, get };
    let seen: Seen | undefined;
    while (!state.closed) {
      try {
        if (seen === undefined) {
          seen = await list(options, https, stop.signal);
          options.onData(seen.data);
        }
        const ended = await follow(options, https, stop.signal, seen, () => {
          if (!state.live) options.log("info", "changes are told by the API server", { namespace: options.namespace });
          state.live = true;
          state.failures = 0;
          state.heardMs = options.nowMs();
        });
        if (ended === "expired") seen = undefined;
      } catch (cause) {
        if (state.closed) return;
        lost(cause);
        // By then another source may have told more: what is seen next is everything, not what followed.
        seen = undefined;
        await new Promise<void>((resolve) => {
          timer = setTimeout(resolve, retryDelayMs(state.failures, options.namespace));
          stop.signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
    }
  };
  void run();
  return {
    get live() {
      return state.live;
    },
    get heardMs() {
      return state.heardMs;
    },
    close() {
      state.closed = true;
      clearTimeout(timer);
      stop.abort();
      agent?.destroy();
    },
  };
}

function pathOf(namespace: string, query: { readonly [name: string]: string } = {}): string {
  return `/api/v1/namespaces/${namespace}/configmaps?${new URLSearchParams(query)}`;
}

interface Item {
  readonly name: string;
  readonly version: string;
  readonly data: ConfigData;
}

async function list(options: ConfigWatchOptions, https: Https, signal: AbortSignal): Promise<Seen> {
  let text = "";
  await ask(options.server, https, signal, pathOf(options.namespace), slackMs, (chunk) => {
    text += chunk;
    if (text.length > listBytesMax) throw new Error("a list without end");
  });
  const answer: { readonly metadata?: { readonly resourceVersion?: unknown }; readonly items?: unknown } =
    JSON.parse(text);
  const version = answer.metadata?.resourceVersion;
  if (typeof version !== "string" || !Array.isArray(answer.items)) throw new Error("the answer is no list");
  const data = new Map<string, ConfigData>();
  for (const item of answer.items.map(parseItem)) if (options.holds(item.name)) data.set(item.name, item.data);
  return { data, version };
}

/** Follows from what was seen until the server ends the watch, as it was asked to; `expired`: it no longer knows that version. */
async function follow(
  options: ConfigWatchOptions,
  https: Https,
  signal: AbortSignal,
  seen: Seen,
  heard: () => void,
): Promise<"ended" | "expired"> {
  const seconds = options.watchSeconds ?? 20;
  const path = pathOf(options.namespace, {
    ...{ watch: "1", resourceVersion: seen.version, allowWatchBookmarks: "true" },
    timeoutSeconds: String(seconds),
  });
  let expired = false;
  let rest = "";
  const take = (line: string): boolean => {
    const { type, object }: { readonly type?: unknown; readonly object?: unknown } = JSON.parse(line);
    if (type === "ERROR") {
      const { code, message } = (object ?? {}) as { readonly code?: unknown; readonly message?: unknown };
      if (code !== 410) throw new Error(`the watch ends with ${code}: ${message}`);
      expired = true;
      return false;
    }
    const { name, version, data } = parseItem(object);
    seen.version = version;
    if (type === "BOOKMARK" || !options.holds(name)) return false;
    if (type === "DELETED") seen.data.delete(name);
    else seen.data.set(name, data);
    return true;
  };
  const onChunk = (chunk: string): void => {
    heard();
    rest += chunk;
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > lineBytesMax) throw new Error("a line without end");
    let changed = false;
    for (const line of lines) changed = (line !== "" && take(line)) || changed;
    if (changed) options.onData(seen.data);
  };
  try {
    await ask(options.server, https, signal, path, seconds * 1_000 + slackMs, onChunk, heard);
  } catch (cause) {
    if (cause instanceof Fault && cause.code === "watch-expired") return "expired";
    throw cause;
  }
  return expired ? "expired" : "ended";
}

function parseItem(value: unknown): Item {
  const { metadata, data } = (value ?? {}) as {
    readonly metadata?: { readonly name?: unknown; readonly resourceVersion?: unknown };
    readonly data?: unknown;
  };
  const { name = "", resourceVersion } = metadata ?? {};
  if (typeof name !== "string" || typeof resourceVersion !== "string") throw new Error("an object without a version");
  const entries = Object.entries(typeof data === "object" && data !== null ? data : {});
  return {
    name,
    version: resourceVersion,
    data: Object.fromEntries(entries.map(([key, text]) => [key, String(text)])),
  };
}

/** One GET; resolves when the answer has ended. @throws Fault `watch-expired` on 410, `config-refused` on any other refusal */
function ask(
  server: ApiServer,
  { agent, get: getOver }: Https,
  signal: AbortSignal,
  path: string,
  silentMs: number,
  onChunk: (chunk: string) => void,
  begun: () => void = () => undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${server.token()}`, accept: "application/json" };
    const outgoing = getOver(new URL(path, server.url), { agent, signal, headers, timeout: silentMs });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`nothing heard for ${silentMs / 1000} s`)));
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      const status = incoming.statusCode ?? 0;
      let refusal = "";
      if (status === 200) begun();
      incoming.setEncoding("utf8").on("data", (chunk: string) => {
        try {
          if (status === 200) onChunk(chunk);
          else refusal = (refusal + chunk).slice(0, 2_000);
        } catch (cause) {
          // Not with the cause: the answer may have ended already, and its connection have another owner.
          reject(cause);
          outgoing.destroy();
        }
      });
      incoming.on("error", reject);
      incoming.on("end", () => {
        if (status === 200) return resolve();
        if (status === 410) return reject(new Fault("watch-expired", "the version is too old"));
        const mend = status === 403 ? "; apply `slipway bootstrap` again, which gives the right" : "";
        reject(new Fault("config-refused", `the API server answers ${status}: ${messageOf(refusal)}${mend}`));
      });
    });
  });
}

function messageOf(text: string): string {
  try {
    const { message }: { readonly message?: unknown } = JSON.parse(text);
    return typeof message === "string" ? message : text;
  } catch {
    return text;
  }
}
