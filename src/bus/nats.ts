import { createPublicKey, type KeyObject } from "node:crypto";
import { isAbsolute } from "node:path";
import type { Access } from "#core/access.ts";
import { assert } from "#core/result.ts";
import { payloadBytesMax } from "./client.ts";

// A nats-server as the bus: it speaks MQTT 3.1.1 and asks `nats-callout.ts` who each client is and what it may do.

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
}

/** Of a message of QoS 1 the server counts headers of its own, too. */
const headerBytesMax = 4_096;

/** The user names of the callout and of whoever cuts connections, and the account that keeps both apart from the clients. */
export const calloutUser = "callout";
export const kickUser = "kick";
export const busAccount = "BUS";

/**
 * The server's configuration. Limits are the server's: those in a client's own JWT are not applied to what a callout lets in
 * [nats-server 2.15.2]. One server, or three of a cluster, never two.
 */
export function natsConfiguration(options: NatsOptions): string {
  const { host, mqttPort, natsPort, storeDirectory, issuer, calloutPassword, storeBytesMax = 2 ** 30 } = options;
  assert(isAbsolute(storeDirectory), "the store directory is absolute");
  const quoted = JSON.stringify;
  return `server_name: bus
listen: "127.0.0.1:${natsPort}"
max_payload: ${payloadBytesMax + headerBytesMax}
max_subscriptions: 60
# A subscriber that lets more than this wait is cut.
max_pending: 8388608
write_deadline: "5s"
jetstream { store_dir: ${quoted(storeDirectory)}, max_memory_store: 67108864, max_file_store: ${storeBytesMax} }
mqtt { listen: "${host}:${mqttPort}", ack_wait: "2s", max_ack_pending: 1000 }
system_account: SYS
accounts {
  SYS { users: [ { user: ${kickUser}, password: ${quoted(calloutPassword)} } ] }
  AUTH { users: [ { user: ${calloutUser}, password: ${quoted(calloutPassword)} } ] }
  ${busAccount} { jetstream: enabled }
}
authorization {
  timeout: 3
  auth_callout { issuer: ${natsKey("account", issuer)}, account: AUTH, auth_users: [ ${calloutUser}, ${kickUser} ] }
}
`;
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
