import { pbkdf2Sync, randomBytes } from "node:crypto";
import type { Access } from "#core/access.ts";
import { busClientId } from "#core/identity.ts";
import type { JsonObject } from "#core/json.ts";
import { payloadBytesMax } from "./client.ts";

/** The files that make a Mosquitto 2 the bus: write them, then `mosquitto -c mosquitto.conf`. */
export interface MosquittoFiles {
  readonly "mosquitto.conf": string;
  /** State of the dynamic security plugin. It holds hashes of passwords, no password. */
  readonly "dynamic-security.json": string;
}

export interface MosquittoOptions {
  readonly access: readonly Access[];
  /** Of each identity; one without a password cannot connect. */
  readonly passwords: ReadonlyMap<string, string>;
  readonly host: string;
  readonly port: number;
  /** Holds the two files, and what Mosquitto keeps. Absolute. */
  readonly directory: string;
  /** Of Debian's package: /usr/lib/<architecture>/mosquitto_dynamic_security.so. */
  readonly plugin: string;
  /** Whom it runs as when root starts it: it reads the files as that user. */
  readonly user?: string;
  /** Whether sessions and retained messages outlive a restart. */
  readonly persistent: boolean;
  /**
   * Password of the client that changes rights while it runs. Without one nobody can, there are no counters, and what is denied is said nowhere: Mosquitto
   * says that among its debug lines alone, of which there are several a message.
   */
  readonly admin?: string;
}

/** Who tells a running broker of changed rights, and hears what it counts. Its name is no one's in an environment. */
export const adminAccess: Access = {
  identity: "slipway/dynamic-security",
  publish: ["$CONTROL/dynamic-security/v1"],
  subscribe: ["$CONTROL/dynamic-security/v1/response", "$SYS/broker/clients/#", "$SYS/broker/publish/messages/#"],
};

/** Generated passwords are long; stretching them buys nothing and costs each connection. This is `mosquitto_passwd`'s own number. */
const iterations = 101;
const headerBytesMax = 4_096;

/**
 * Every client has an identity and touches its own topics only, as with the embedded broker. The plugin and not an ACL file: with the file
 * Mosquitto grants every subscription and only drops what does not match, and it knows no client ids [Debian's 2.0.11].
 *
 * What differs from the embedded broker: a denied publish is acknowledged as if it were fine (MQTT 3.1.1); who changes rights while it runs is
 * `dynamic-security.ts`; sessions and retained messages outlive it.
 */
export function mosquittoFiles(options: MosquittoOptions): MosquittoFiles {
  return { "mosquitto.conf": configuration(options), "dynamic-security.json": security(options) };
}

function configuration({ host, port, directory, plugin, user, persistent, admin }: MosquittoOptions): string {
  const lines = [
    ...(user === undefined ? [] : [`user ${user}`]),
    `listener ${port} ${host}`,
    "allow_anonymous false",
    `plugin ${plugin}`,
    `plugin_opt_config_file ${directory}/dynamic-security.json`,
    // A round trip takes 90 ms without.
    "set_tcp_nodelay true",
    `message_size_limit ${payloadBytesMax}`,
    `max_packet_size ${payloadBytesMax + headerBytesMax}`,
    // What is kept for a client that is away or slow; beyond it the newest is not kept.
    "max_inflight_messages 100",
    "max_queued_messages 1000",
    "max_keepalive 120",
    "persistent_client_expiration 7d",
    "connection_messages false",
    `sys_interval ${admin === undefined ? 0 : 5}`,
    "log_dest stdout",
    ...["error", "warning", "notice", ...(admin === undefined ? [] : ["debug"])].map((type) => `log_type ${type}`),
    `persistence ${persistent}`,
    // Written every few seconds and at its end: at each change, deliveries would wait for the disk.
    ...(persistent ? [`persistence_location ${directory}/`, "autosave_interval 5"] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function security({ access: others, passwords, admin }: MosquittoOptions): string {
  const access = admin === undefined ? others : [...others, adminAccess];
  return `${JSON.stringify({
    defaultACLAccess: { publishClientSend: false, publishClientReceive: false, subscribe: false, unsubscribe: true },
    clients: access.flatMap(({ identity }) => {
      const password = identity === adminAccess.identity ? admin : passwords.get(identity);
      return password === undefined ? [] : [clientOf(identity, password)];
    }),
    groups: [],
    roles: access.map((rules) => ({ rolename: rolename(rules.identity), acls: aclsOf(rules) })),
  })}\n`;
}

function clientOf(identity: string, password: string): object {
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, iterations, 64, "sha512");
  return {
    username: identity,
    clientid: busClientId(identity),
    roles: [{ rolename: rolename(identity) }],
    ...{ password: hash.toString("base64"), salt: salt.toString("base64"), iterations },
  };
}

/** Each identity has one role, of the same name. */
export function rolename(identity: string): string {
  return identity;
}

/** For the plugin's control topic. `modifyRole` takes the place of all that it allowed before. */
export function roleCommand(command: "createRole" | "modifyRole", rules: Access): JsonObject {
  return { command, rolename: rolename(rules.identity), acls: aclsOf(rules) };
}

/** For the plugin's control topic; the broker itself stretches the password. */
export function clientCommand(identity: string, password: string): JsonObject {
  const roles = [{ rolename: rolename(identity) }];
  return { command: "createClient", username: identity, clientid: busClientId(identity), password, roles };
}

/** `publishClientReceive` holds each delivery to the rules of now: a session that is resumed may have had others. */
function aclsOf({ publish, subscribe }: Pick<Access, "publish" | "subscribe">): readonly JsonObject[] {
  const acl =
    (acltype: string) =>
    (topic: string): JsonObject => ({ acltype, topic, priority: 0, allow: true });
  return [
    ...publish.map(acl("publishClientSend")),
    ...subscribe.map(acl("publishClientReceive")),
    ...subscribe.map(acl("subscribePattern")),
  ];
}
