import { createHash, type KeyObject, sign } from "node:crypto";
import type { Access } from "#core/access.ts";
import { busClientId } from "#core/identity.ts";
import { base32, busAccount, calloutUser, natsKey, natsPermissions } from "./nats.ts";
import { NatsConnection } from "./nats-connection.ts";
import type { Log } from "./process.ts";

export interface CalloutOptions {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  /** The private key whose public half is the configuration's issuer. It never leaves the pod. */
  readonly issuer: KeyObject;
  /** Asked at each connection. */
  readonly access: () => ReadonlyMap<string, Access>;
  readonly verify: (identity: string, password: string) => boolean;
  readonly nowMs: () => number;
  readonly log: Log;
}

export interface Callout {
  /** Connections that were refused for who they said they were. */
  readonly refused: number;
  close(): void;
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
}

/**
 * Tells nats-server who may connect and what each may do: the rules of the embedded broker, as a signed permission. A client is its user name, its
 * password and the client id of that name; only MQTT is let in. While it is away connected clients carry on and new ones are refused.
 *
 * The signatures are Node's own: with a library in JavaScript a login costs 43 ms, and after a restart of the server all would time out together.
 */
export async function startCallout(options: CalloutOptions): Promise<Callout> {
  const state = { refused: 0 };
  const connection = new NatsConnection({
    host: options.host,
    port: options.port,
    user: calloutUser,
    password: options.password,
    subject: "$SYS.REQ.USER.AUTH",
    queue: "auth",
    log: options.log,
    take({ payload, respond }) {
      const asked = parseAsked(payload);
      if (asked === undefined) return;
      const verdict = judge(asked, options);
      const refused = typeof verdict === "string";
      if (refused) {
        state.refused += 1;
        options.log("warn", "connection refused", { user: asked.user.slice(0, 200), error: verdict });
      }
      const nats = {
        type: "authorization_response",
        version: 2,
        ...(refused ? { error: verdict } : { jwt: verdict.jwt }),
      };
      respond(signed({ sub: asked.key, aud: asked.server, nats }, options));
    },
  });
  await connection.open(10_000);
  return {
    get refused() {
      return state.refused;
    },
    close: () => connection.close(),
  };
}

/** Why not, or the permission. One sentence for an unknown name and a wrong password: a stranger learns no names. */
function judge(asked: Asked, options: CalloutOptions): string | { readonly jwt: string } {
  const { user, password, clientId, kind, key } = asked;
  const access = options.access().get(user);
  if (password === "" || !options.verify(user, password) || access === undefined) {
    return "unknown identity or wrong password";
  }
  if (kind !== "mqtt") return "not an MQTT client";
  if (clientId !== busClientId(user)) return "not the client id of this identity";
  const nats = { type: "user", version: 2, ...natsPermissions(access), allowed_connection_types: ["MQTT"] };
  return { jwt: signed({ sub: key, aud: busAccount, name: user, nats }, options) };
}

function parseAsked(payload: Uint8Array): Asked | undefined {
  try {
    const body = Buffer.from(payload).toString("latin1").split(".")[1] ?? "";
    const { nats } = JSON.parse(Buffer.from(body, "base64url").toString("utf8"));
    const { server_id: server, client_info: info, connect_opts: options } = nats;
    const asked = {
      ...{ server: server.id, key: nats.user_nkey, user: options.user ?? "", password: options.pass ?? "" },
      ...{ clientId: info.mqtt_id ?? "", kind: info.type ?? "" },
    };
    return Object.values(asked).every((text) => typeof text === "string") ? asked : undefined;
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
