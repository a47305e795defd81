import { createHash, type KeyObject, randomBytes, sign } from "node:crypto";
import type { Access } from "#core/access.ts";
import { busClientId } from "#core/identity.ts";
import type { FloodGuard } from "./flood-guard.ts";
import { base32, busAccount, calloutUser, kickUser, natsKey, natsPermissions } from "./nats.ts";
import { NatsConnection, parseSaid, type Said } from "./nats-connection.ts";
import type { Log } from "./process.ts";

const countsEveryMs = 4_000;
const healthEveryMs = 1_000;

/** A password that is good. */
export interface Verified {
  /** When it ends, and the connection with it; seconds since the epoch. Absent: never. */
  readonly expiresAtSeconds?: number;
}

/** A password that is not good. */
export interface Refused {
  /** Why not, for the bus's own log alone. */
  readonly refused: string;
}

/** Undefined if it is not that identity's password, and there is no more to say. @throws when it cannot be known now */
export type Verify = (identity: string, password: string) => Promise<Verified | Refused | undefined>;

export interface CalloutOptions {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  /** The private key whose public half is the configuration's issuer. It never leaves the pod. */
  readonly issuer: KeyObject;
  /** Asked at each connection. The same object means the same rules. */
  readonly access: () => ReadonlyMap<string, Access>;
  readonly verify: Verify;
  /** Why nobody can be let in now; undefined: they can. Asked at each connection, last of all. */
  readonly admits?: () => Promise<string | undefined>;
  /** Told of each login; it keeps out who floods. */
  readonly guard?: Pick<FloodGuard, "login" | "keptOut">;
  /** Whether `health` is asked for: of a server in a cluster. */
  readonly asksHealth?: boolean;
  readonly nowMs: () => number;
  readonly log: Log;
}

export interface Callout {
  /** Connections that were refused for who they said they were. */
  readonly refused: number;
  /** What the server counts since its start, as it said last; nothing before it has. */
  readonly server: ServerCounts;
  /** As it said last. */
  readonly health: ServerHealth;
  /** Looks again at each open connection: one whose rules have changed is cut, or, asked about `all`, one whose password is no longer good. */
  recheck(about: "rules" | "all"): Promise<void>;
  /** Ends its connection. Whoever is to stay away is kept out by `guard`. */
  cut(identity: string, why: string): void;
  close(): void;
}

export interface ServerCounts {
  /** Open ones, those of this process among them. */
  readonly connections?: number;
  /** Messages from clients. */
  readonly messages?: number;
  /** Connections that it cut for not taking what they were sent. */
  readonly slowConsumers?: number;
}

/** Whether a server has all that its cluster has, so that another one may be away. */
export interface ServerHealth {
  /** Why not; undefined if it has. */
  readonly problem: string | undefined;
  /** When it was said, by `performance.now()`: the wall's clock may be set. */
  readonly atMs: number;
}

/** What a client said of itself, as nats-server passes it on. */
interface Asked {
  readonly server: string;
  /** The key that the server made for this connection. */
  readonly key: string;
  readonly user: string;
  readonly password: string;
  readonly clientId: string;
  readonly kind: string;
  /** The server's number of the connection. */
  readonly connection: number;
}

interface Admitted extends Asked {
  readonly access: Access;
}

/**
 * Tells nats-server who may connect and what each may do: the rules of the embedded broker, as a signed permission. A client is its user name, its
 * password and the client id of that name; only MQTT is let in. While it is away connected clients carry on and new ones are refused.
 *
 * The signatures are Node's own: with a library in JavaScript a login costs 43 ms, and after a restart of the server all would time out together.
 */
export async function startCallout(options: CalloutOptions): Promise<Callout> {
  const { host, port, password, log } = options;
  const state = { refused: 0 };
  // One connection an identity: the server cuts the older of two with the same client id.
  const admitted = new Map<string, Admitted>();
  const answer = async (asked: Asked): Promise<string> => {
    const kept = options.guard?.keptOut(asked.user);
    const verdict = kept ?? (await judge(asked, options));
    if (typeof verdict === "string") {
      state.refused += 1;
      // Who is kept out and asks all the time was told of once.
      if (kept === undefined) log("warn", "connection refused", { user: asked.user.slice(0, 200), error: verdict });
    } else admitted.set(asked.user, { ...asked, access: verdict.access });
    const outcome = typeof verdict === "string" ? { error: verdict } : { jwt: verdict.jwt };
    const nats = { type: "authorization_response", version: 2, ...outcome };
    return signed({ sub: asked.key, aud: asked.server, nats }, options);
  };
  const take = ({ payload, respond }: { payload: Uint8Array; respond: (text: string) => void }): void => {
    const asked = parseAsked(payload);
    if (asked !== undefined) void answer(asked).then(respond);
  };
  const subscription = { subject: "$SYS.REQ.USER.AUTH", queue: "auth", take };
  const connection = new NatsConnection({ host, port, password, log, user: calloutUser, subscription });
  let server: ServerCounts = {};
  let health: ServerHealth = { problem: "it has not said yet how it is", atMs: performance.now() };
  // In a cluster all servers share the system's account: the answers for one must not come to another.
  const answersTo = `_INBOX.${randomBytes(12).toString("hex")}`;
  const counting = {
    subject: answersTo,
    queue: "counts",
    take({ payload }: { payload: Uint8Array }) {
      const said = dataOf(payload);
      if (said?.["status"] === undefined) server = countsOf(said ?? {});
      else health = { problem: problemOf(said), atMs: performance.now() };
    },
  };
  const kicker = new NatsConnection({ host, port, password, log, user: kickUser, subscription: counting });
  await Promise.all([connection.open(10_000), kicker.open(10_000)]);
  const cut = (one: Admitted, why: string): void => {
    admitted.delete(one.user);
    log("info", "connection cut", { user: one.user, error: why });
    kicker.request(`$SYS.REQ.SERVER.${one.server}.KICK`, JSON.stringify({ cid: one.connection }));
  };
  const question = (what: "VARZ" | "HEALTHZ") => () =>
    kicker.request(`$SYS.REQ.SERVER.${kicker.server}.${what}`, "", answersTo);
  const asking = [setInterval(question("VARZ"), countsEveryMs)];
  if (options.asksHealth === true) asking.push(setInterval(question("HEALTHZ"), healthEveryMs));
  return {
    get server() {
      return server;
    },
    get health() {
      return health;
    },
    get refused() {
      return state.refused;
    },
    async recheck(about) {
      for (const one of [...admitted.values()]) {
        const why = changeOf(one, options) ?? (about === "all" ? await refusalOf(one, options) : undefined);
        // Whoever came again meanwhile has been judged anew.
        if (why !== undefined && admitted.get(one.user) === one) cut(one, why);
      }
    },
    cut(identity, why) {
      const one = admitted.get(identity);
      if (one !== undefined) cut(one, why);
    },
    close() {
      for (const timer of asking) clearInterval(timer);
      connection.close();
      kicker.close();
    },
  };
}

/** What the server says of itself; another version may say it in another way: then it says nothing. */
function dataOf(payload: Uint8Array): Said | undefined {
  const data = parseSaid(payload)?.["data"];
  return typeof data === "object" && data !== null ? (data as Said) : undefined;
}

function countsOf(said: Said): ServerCounts {
  const counts = {
    connections: said["connections"],
    messages: said["in_msgs"],
    slowConsumers: said["slow_consumers"],
  };
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => Number.isSafeInteger(count)));
}

function problemOf({ status, error }: Said): string | undefined {
  return status === "ok" ? undefined : String(error ?? status);
}

/** Why not, or the permission. One sentence for an unknown name and a wrong password: a stranger learns no names. */
async function judge(
  asked: Asked,
  options: CalloutOptions,
): Promise<string | { readonly jwt: string; readonly access: Access }> {
  const { user, password, clientId, kind, key } = asked;
  const access = options.access().get(user);
  const verified = await ask(user, password, options);
  if (typeof verified === "string") return verified;
  // nats-server tells a client of MQTT no words: why is for its log, beside ours.
  if (verified === undefined) return "unknown identity or wrong password";
  if ("refused" in verified) return `unknown identity or wrong password: ${verified.refused}`;
  if (access === undefined) return "unknown identity or wrong password: it has no access rule here";
  if (kind !== "mqtt") return "not an MQTT client";
  if (clientId !== busClientId(user)) return "not the client id of this identity";
  const full = options.guard?.login(user) ?? (await options.admits?.());
  if (full !== undefined) return full;
  const nats = { type: "user", version: 2, ...natsPermissions(access), allowed_connection_types: ["MQTT"] };
  const { expiresAtSeconds } = verified;
  const ends = expiresAtSeconds === undefined ? {} : { exp: expiresAtSeconds };
  return { jwt: signed({ sub: key, aud: busAccount, name: user, ...ends, nats }, options), access };
}

/** What cannot be known is refused, and said as that. */
async function ask(
  user: string,
  password: string,
  { verify, log }: CalloutOptions,
): Promise<Verified | Refused | undefined | string> {
  if (password === "") return undefined;
  try {
    return await verify(user, password);
  } catch (cause) {
    log("error", "who connects cannot be verified", { user: user.slice(0, 200), error: String(cause) });
    return "cannot be verified now";
  }
}

function changeOf({ user, access }: Admitted, options: CalloutOptions): string | undefined {
  const rules = options.access().get(user);
  if (rules === undefined) return "it has no access rule any more";
  return rules === access ? undefined : "its access rules have changed";
}

async function refusalOf({ user, password }: Admitted, options: CalloutOptions): Promise<string | undefined> {
  // Nobody is cut because the question could not be asked.
  const verified = await ask(user, password, options);
  if (verified === undefined) return "its password is no longer good";
  if (typeof verified === "string" || !("refused" in verified)) return undefined;
  return `its password is no longer good: ${verified.refused}`;
}

function parseAsked(payload: Uint8Array): Asked | undefined {
  try {
    const body = Buffer.from(payload).toString("latin1").split(".")[1] ?? "";
    const { nats } = JSON.parse(Buffer.from(body, "base64url").toString("utf8"));
    const { server_id: server, client_info: info, connect_opts: options } = nats;
    const texts = {
      ...{ server: server.id, key: nats.user_nkey, user: options.user ?? "", password: options.pass ?? "" },
      ...{ clientId: info.mqtt_id ?? "", kind: info.type ?? "" },
    };
    if (!Object.values(texts).every((text) => typeof text === "string")) return undefined;
    return { ...texts, connection: Number(info.id ?? 0) };
  } catch {
    // Nobody but the server may publish there.
    return undefined;
  }
}

function signed(claims: object, { issuer, nowMs }: CalloutOptions): string {
  const dated = { iat: Math.floor(nowMs() / 1_000), iss: natsKey("account", issuer), ...claims };
  const jti = base32(createHash("sha256").update(JSON.stringify(dated)).digest());
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${encode({ typ: "JWT", alg: "ed25519-nkey" })}.${encode({ ...dated, jti })}`;
  return `${text}.${sign(null, Buffer.from(text), issuer).toString("base64url")}`;
}
