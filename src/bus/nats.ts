import { createPublicKey, type KeyObject } from "node:crypto";
import { isAbsolute } from "node:path";
import type { Access } from "#core/access.ts";
import { assert } from "#core/result.ts";
import { payloadBytesMax } from "./client.ts";

// A nats-server as the bus: it speaks MQTT 3.1.1 and asks `nats-callout.ts` who each client is and what it may do.

/** A server among the others of its cluster. */
export interface NatsRoutes {
  /** Its name there, which is its own and stays: JetStream knows a server by it. */
  readonly name: string;
  /** Where the others reach it. */
  readonly host: string;
  readonly port: number;
  /** Every server, its own too: name, and `host:port`. */
  readonly servers: readonly { readonly name: string; readonly address: string }[];
  /** Who shows it may be one of them, and so say anything to anyone; the same for all. */
  readonly password: string;
}

export interface NatsOptions {
  readonly host: string;
  /** For MQTT clients. */
  readonly mqttPort: number;
  /** For the callout, on loopback. */
  readonly natsPort: number;
  /** Sessions, retained messages and QoS 1 messages; they outlive the server. Absolute. */
  readonly storeDirectory: string;
  /** Of the callout's Ed25519 key: what it signs is believed. */
  readonly issuer: KeyObject;
  /** The callout's own, on loopback. */
  readonly calloutPassword: string;
  /** What the store may take at most, in bytes; 1 GiB unless told. */
  readonly storeBytesMax?: number;
  /** Absent: it is alone. */
  readonly routes?: NatsRoutes;
}

/** With one of three servers away a new subscription of QoS 1 waits for an election each third time, which takes 4 to 9 s; cut off, it is refused. */
const electionSecondsMax = 10;
/** Of a message of QoS 1 the server counts headers of its own, too. */
const headerBytesMax = 4_096;

/** What one that is alone is called. */
const aloneName = "bus";
/** How many servers keep each message of QoS 1, and how many there are. */
export const clusterNodes = 3;

/** The user names of the callout and of whoever cuts connections, and the account that keeps both apart from the clients. */
export const calloutUser = "callout";
export const kickUser = "kick";
/** Of a cluster: who looks after what all servers must know. */
export const keeperUser = "keeper";
export const busAccount = "BUS";
const routeUser = "route";
/** Where nats-server keeps what is retained [2.15.2]. */
export const retainedStream = "$MQTT_rmsgs";
/** That, sessions, and messages of QoS 1. */
export const busStreams = [retainedStream, "$MQTT_sess", "$MQTT_msgs"] as const;

/**
 * The server's configuration. Limits are the server's: those in a client's own JWT are not applied to what a callout lets in
 * [nats-server 2.15.2]. One server, or three of a cluster, never two.
 */
export function natsConfiguration(options: NatsOptions): string {
  const {
    host,
    mqttPort,
    natsPort,
    storeDirectory,
    issuer,
    calloutPassword,
    storeBytesMax = 2 ** 30,
    routes,
  } = options;
  assert(isAbsolute(storeDirectory), "the store directory is absolute");
  const quoted = JSON.stringify;
  const name = routes?.name ?? aloneName;
  // Of its own, so that a server asks the callout beside it and no other, whose issuer it would not believe.
  const calloutAccount = calloutAccountOf(name);
  // A server logs an error at each login for an account of another one that it has not heard of.
  const others = (routes?.servers ?? [])
    .filter((server) => server.name !== name)
    .map((server) => `${quoted(calloutAccountOf(server.name))} {}`);
  const replicas = routes === undefined ? 1 : clusterNodes;
  return `server_name: ${quoted(name)}
listen: "127.0.0.1:${natsPort}"
max_payload: ${payloadBytesMax + headerBytesMax}
max_subscriptions: 60
# A subscriber that lets more than this wait is cut.
max_pending: 8388608
write_deadline: "5s"
jetstream { store_dir: ${quoted(storeDirectory)}, max_memory_store: 67108864, max_file_store: ${storeBytesMax} }
mqtt { listen: "${host}:${mqttPort}", ack_wait: "2s", max_ack_pending: 1000, stream_replicas: ${replicas}, js_api_timeout: "${electionSecondsMax}s" }
${routes === undefined ? "" : cluster(routes)}system_account: SYS
accounts {
  SYS { users: [ { user: ${kickUser}, password: ${quoted(calloutPassword)} } ] }
  ${quoted(calloutAccount)} { users: [ { user: ${calloutUser}, password: ${quoted(calloutPassword)} } ] }
  ${others.join("\n  ")}
  ${busAccount} { jetstream: enabled${routes === undefined ? "" : `, users: [ ${keeper(calloutPassword)} ]`} }
}
authorization {
  timeout: 3
  auth_callout { issuer: ${natsKey("account", issuer)}, account: ${quoted(calloutAccount)}, auth_users: [ ${calloutUser}, ${kickUser}, ${keeperUser} ] }
}
`;
}

/** It may ask about the streams of MQTT, and change the consumers of one. */
function keeper(password: string): string {
  const asks = [
    `$JS.API.CONSUMER.LIST.${retainedStream}`,
    `$JS.API.CONSUMER.CREATE.${retainedStream}.>`,
    ...busStreams.map((stream) => `$JS.API.STREAM.INFO.${stream}`),
  ];
  const permissions = `publish: ${JSON.stringify(asks)}, subscribe: [ "_INBOX.>" ]`;
  return `{ user: ${keeperUser}, password: ${JSON.stringify(password)}, permissions: { ${permissions} } }`;
}

/** No server tells another of servers that it was not told of: all know all. The shortest end that nats-server takes is 30 s. */
function cluster({ host, port, servers, password }: NatsRoutes): string {
  assert(servers.length === clusterNodes, "a cluster has three servers: of two neither goes on without the other");
  const quoted = JSON.stringify;
  const urls = servers.map(({ address }) => quoted(`nats-route://${routeUser}:${password}@${address}`));
  return `cluster {
  name: bus
  listen: "${host}:${port}"
  no_advertise: true
  authorization { user: ${routeUser}, password: ${quoted(password)}, timeout: 3 }
  routes: [ ${urls.join(", ")} ]
}
lame_duck_duration: "30s"
lame_duck_grace_period: "1s"
`;
}

function calloutAccountOf(name: string): string {
  return `AUTH_${name}`;
}

/** Subjects of NATS as a user's JWT has them. An empty list would mean everything, so it denies everything. */
export interface NatsPermission {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

export function natsPermissions({ publish, subscribe }: Access): {
  readonly pub: NatsPermission;
  readonly sub: NatsPermission;
} {
  return { pub: permission(publish), sub: permission(subscribe) };
}

function permission(filters: readonly string[]): NatsPermission {
  const allow = filters.flatMap(subjectsOf);
  return allow.length === 0 ? { deny: [">"] } : { allow };
}

/** `a/#` stands for `a` too, which is a subject of its own; a dot inside of a level is `//` there. */
function subjectsOf(filter: string): readonly string[] {
  const levels = filter.split("/").map((level) => {
    if (level === "+") return "*";
    return level === "#" ? ">" : level.replaceAll(".", "//");
  });
  const subject = levels.join(".");
  return levels.at(-1) === ">" && levels.length > 1 ? [levels.slice(0, -1).join("."), subject] : [subject];
}

const prefixes = { account: 0, user: 20 << 3 } as const;

/** An Ed25519 public key as NATS writes it: kind, key and checksum in base 32. */
export function natsKey(kind: keyof typeof prefixes, key: KeyObject): string {
  const { x } = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" });
  assert(typeof x === "string", "an Ed25519 key");
  const body = Buffer.concat([Buffer.from([prefixes[kind]]), Buffer.from(x, "base64url")]);
  const checksum = Buffer.alloc(2);
  checksum.writeUInt16LE(crc16(body));
  return base32(Buffer.concat([body, checksum]));
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

/** RFC 4648 without padding. */
export function base32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(value >> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + ("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(value << (5 - bits)) & 31] ?? "");
}
