import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, resolve } from "node:path";
import { Fault } from "#core/result.ts";
import type { ClusterClient, Variables } from "./client.ts";
import type { PluginEntry, SignIns } from "./credential-plugin.ts";
import { asObject, list, object, text, type Unknown } from "./fields.ts";

type Config = ClusterClient["config"];
type Authenticator = Parameters<Config["addAuthenticator"]>[0];
type User = Config["users"][number];

/**
 * Reads a kubeconfig as kubectl does, beyond what the library makes of it: `tokenFile`, which it does not know, is read anew for each request, since
 * tokens rotate; the program of `exec` is told what it is asked for, has a time to answer in, and says why it does not. A person may be asked for
 * who they are here, before a request waits for it.
 *
 * @throws Fault `kubeconfig-unreadable`, `token-unreadable`, `credential-plugin-failed`
 */
export async function readKubeconfig(
  library: ClusterClient["library"],
  file: string,
  { variables, signIns }: Omit<Reading, "file">,
): Promise<Config> {
  const config = new library.KubeConfig();
  let raw: Unknown;
  try {
    raw = asObject(library.loadYaml<unknown>(readFileSync(file, "utf8")));
    config.loadFromFile(file);
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
    throw unreadable(file, `is no kubeconfig: ${why}`, cause);
  }
  checkContext(config, file);
  const user = config.getCurrentUser();
  if (user === null) return config;
  const authenticator = authenticatorOf(raw, user, config, { file, variables, signIns });
  if (authenticator === undefined) return config;
  // What the library itself would do with the entry comes before any other authenticator.
  const { exec: _exec, token: _token, ...rest } = user;
  const ours: User = { ...rest, authProvider: { name: "slipway" } };
  config.users = config.users.map((one) => (one === user ? ours : one));
  config.addAuthenticator(authenticator);
  await authenticator.applyAuthentication(ours, { headers: {} });
  return config;
}

function checkContext(config: Config, file: string): void {
  const name = config.getCurrentContext();
  const known = config.getContexts().map((one) => one.name);
  const mend = `choose one with \`kubectl config use-context <name> --kubeconfig ${file}\`; it has ${known.join(", ") || "none"}`;
  if (!name) throw unreadable(file, `names no current context: ${mend}`);
  const context = config.getContextObject(name);
  if (context === null) throw unreadable(file, `names ${name} as its current context, which it does not have: ${mend}`);
  if (config.getCluster(context.cluster) === null)
    throw unreadable(file, `has no cluster ${context.cluster}, which its context ${name} names`);
  if (context.user !== undefined && config.getUser(context.user) === null)
    throw unreadable(file, `has no user ${context.user}, which its context ${name} names`);
}

function unreadable(file: string, what: string, cause?: unknown): Fault {
  return new Fault("kubeconfig-unreadable", `${file} ${what}`, { cause });
}

interface Reading {
  readonly file: string;
  readonly variables: Variables;
  readonly signIns: SignIns;
}

/** Undefined where the library does all that is asked. A file of a token comes before a token, as with kubectl. */
function authenticatorOf(raw: Unknown, user: User, config: Config, reading: Reading): Authenticator | undefined {
  const entry = entryOf(list(raw, "users"), user.name, "user");
  const of = `${reading.file}: its user ${user.name}`;
  const tokenFile = text(entry, "tokenFile");
  const isOurs = ({ authProvider }: User): boolean => authProvider?.name === "slipway";
  if (tokenFile !== undefined) {
    const path = resolve(dirname(reading.file), tokenFile);
    return {
      isAuthProvider: isOurs,
      async applyAuthentication(_user, options) {
        options.headers = { ...options.headers, Authorization: `Bearer ${await readToken(path, of)}` };
      },
    };
  }
  const exec = object(entry, "exec");
  const command = text(exec, "command");
  if (command === undefined) return undefined;
  const plugin = reading.signIns.pluginOf(pluginOf(exec, command, raw, config, { ...reading, of }));
  return {
    isAuthProvider: isOurs,
    async applyAuthentication(_user, options) {
      const { token, certificate, key } = await plugin.credential();
      if (certificate !== undefined) Object.assign(options, { cert: certificate, key });
      if (token !== undefined) options.headers = { ...options.headers, Authorization: `Bearer ${token}` };
    },
  };
}

async function readToken(path: string, of: string): Promise<string> {
  const token = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new Fault("token-unreadable", `${of} has its token in ${path}, which is not read: ${cause.code}`, { cause });
  });
  if (token.trim() === "") throw new Fault("token-unreadable", `${of} has its token in ${path}, which is empty`);
  return token.trim();
}

function pluginOf(
  exec: Unknown,
  command: string,
  raw: Unknown,
  config: Config,
  { file, variables, of }: Reading & { readonly of: string },
): PluginEntry {
  const own = list(exec, "env").map((one): [string, string] => [text(one, "name") ?? "", text(one, "value") ?? ""]);
  const isPath = /[\\/]/.test(command) && !isAbsolute(command);
  return {
    of,
    apiVersion: text(exec, "apiVersion") ?? "client.authentication.k8s.io/v1",
    command: isPath ? resolve(dirname(file), command) : command,
    args: Array.isArray(exec["args"]) ? exec["args"].map(String) : [],
    variables: { ...variables, ...Object.fromEntries(own.filter(([name]) => name !== "")) },
    installHint: text(exec, "installHint"),
    interactiveMode: text(exec, "interactiveMode"),
    cluster: exec["provideClusterInfo"] === true ? clusterInfo(raw, config, file) : undefined,
  };
}

/** The cluster as its own entry says it, with the authority's certificate as bytes, and what the entry has for such programs. */
function clusterInfo(raw: Unknown, config: Config, file: string): object {
  const cluster = config.getCurrentCluster();
  if (cluster === null) return {};
  const entry = entryOf(list(raw, "clusters"), cluster.name, "cluster");
  const names = ["server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url", "disable-compression"];
  const data = cluster.caFile === undefined ? cluster.caData : readAuthority(cluster.caFile, file);
  const extension = list(entry, "extensions").find((one) => text(one, "name") === "client.authentication.k8s.io/exec");
  return {
    ...Object.fromEntries(names.filter((name) => entry[name] !== undefined).map((name) => [name, entry[name]])),
    ...(data === undefined ? {} : { "certificate-authority-data": data }),
    ...(extension === undefined ? {} : { config: extension["extension"] }),
  };
}

function readAuthority(path: string, file: string): string {
  try {
    return readFileSync(path, "base64");
  } catch (cause) {
    throw unreadable(file, `names ${path}, the cluster's authority, which is not read: ${String(cause)}`, cause);
  }
}

function entryOf(entries: readonly Unknown[], name: string, key: "user" | "cluster"): Unknown {
  return asObject(entries.find((one) => text(one, "name") === name)?.[key]);
}
