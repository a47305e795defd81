// A client of the Kubernetes API for tests: objects of any kind in, what the server said out. It retries nothing.
import { Agent, request } from "node:https";
import type { JsonObject, JsonValue } from "#core/json.ts";

/** What the server answered. A refusal is an answer; only a lost connection or a timeout is thrown. */
export interface Reply {
  readonly ok: boolean;
  /** HTTP's: 200, 201, 403 (an admission plugin that forbids), 409, 422 (invalid, or denied by an admission policy) … */
  readonly code: number;
  /** The server's word for a refusal, for example `Invalid` or `Forbidden`; empty when it accepted. */
  readonly reason: string;
  /** The server's sentence for a refusal; empty when it accepted. */
  readonly message: string;
  /** The object as the server has it (or would have it, in a dry run); of a refusal its `Status`. */
  readonly object: JsonObject;
  /** `Warning` headers: deprecations, PodSecurity's `warn` level, and policies whose action is `Warn`. */
  readonly warnings: readonly string[];
}

export interface WriteOptions {
  /** Every admission step, and nothing is stored. */
  readonly dryRun?: boolean;
}

export interface ApplyOptions extends WriteOptions {
  /** Whose fields these are; `slipway-test` unless told. Conflicts with another's are taken over. */
  readonly fieldManager?: string;
  readonly subresource?: "status";
}

/** An object by name; any object will do, its other fields are not read. */
export type Reference = JsonObject;

export interface ApiClient {
  /** POST. Unknown fields and doubled keys are refused, as in every write of this client. */
  create(object: JsonObject, options?: WriteOptions): Promise<Reply>;
  /** Server-side apply, as Argo CD does it. */
  apply(object: JsonObject, options?: ApplyOptions): Promise<Reply>;
  /** PUT: `metadata.resourceVersion` must be the stored one, where there is one. */
  replace(object: JsonObject, options?: WriteOptions): Promise<Reply>;
  get(reference: Reference): Promise<Reply>;
  /** All of a kind, in one namespace or, without `metadata.namespace`, in all; in `object.items`. */
  list(kind: Reference): Promise<Reply>;
  delete(reference: Reference, options?: WriteOptions): Promise<Reply>;
  /** Any other request, for example `GET /readyz`. */
  request(method: string, path: string, body?: JsonValue, contentType?: string): Promise<Reply>;
  /** GET of what is no object: a pod's log. @throws with the refusal */
  text(path: string): Promise<string>;
  close(): void;
}

export interface Connection {
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
  /** How many requests at once, the rest waits; 8 unless told. */
  readonly concurrency?: number;
  readonly timeoutMs?: number;
}

interface Resource {
  readonly name: string;
  readonly namespaced: boolean;
}

export function connect(connection: Connection): ApiClient {
  const agent = new Agent({ ca: connection.ca, keepAlive: true, maxSockets: connection.concurrency ?? 8 });
  const resources = new Map<string, ReadonlyMap<string, Resource>>();

  const exchange = (
    method: string,
    path: string,
    body?: JsonValue,
    contentType = "application/json",
  ): Promise<Exchanged> =>
    new Promise((resolve, reject) => {
      const outgoing = request(new URL(path, connection.url), {
        agent,
        method,
        timeout: connection.timeoutMs ?? 30_000,
        headers: {
          authorization: `Bearer ${connection.token}`,
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": contentType }),
        },
      });
      outgoing.on("timeout", () => outgoing.destroy(new Error(`${method} ${path}: no answer in time`)));
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () => {
          const warnings = (incoming.headersDistinct["warning"] ?? []).flatMap(warningTexts);
          resolve({ code: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8"), warnings });
        });
      });
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });

  const send: ApiClient["request"] = async (...asked) => replyOf(await exchange(...asked));

  async function resourceOf(apiVersion: string, kind: string): Promise<Resource> {
    const known = resources.get(apiVersion)?.get(kind);
    if (known !== undefined) return known;
    // Read again for an unknown kind: its CRD may be newer than what was read.
    const { object, message } = await send("GET", groupPath(apiVersion));
    const entries = asObjects(object["resources"]).filter(({ name }) => !String(name).includes("/"));
    const found = new Map(
      entries.map(({ kind, name, namespaced }) => [
        String(kind),
        { name: String(name), namespaced: namespaced === true },
      ]),
    );
    resources.set(apiVersion, found);
    const resource = found.get(kind);
    if (resource === undefined)
      throw new Error(`the server has no kind ${kind} in ${apiVersion}: ${message || "it is not listed"}`);
    return resource;
  }

  async function pathOf(object: JsonObject, named: boolean): Promise<string> {
    const apiVersion = String(object["apiVersion"]);
    const { name, namespaced } = await resourceOf(apiVersion, String(object["kind"]));
    const metadata = asObject(object["metadata"]);
    const namespace = metadata["namespace"];
    const inNamespace = namespaced && typeof namespace === "string" ? `/namespaces/${namespace}` : "";
    return `${groupPath(apiVersion)}${inNamespace}/${name}${named ? `/${String(metadata["name"])}` : ""}`;
  }

  return {
    request: send,
    create: async (object, options) => send("POST", (await pathOf(object, false)) + query(options), object),
    apply: async (object, options = {}) => {
      const path = (await pathOf(object, true)) + (options.subresource === undefined ? "" : `/${options.subresource}`);
      const more = { fieldManager: options.fieldManager ?? "slipway-test", force: "true" };
      return send("PATCH", path + query(options, more), object, "application/apply-patch+yaml");
    },
    replace: async (object, options) => send("PUT", (await pathOf(object, true)) + query(options), object),
    get: async (reference) => send("GET", await pathOf(reference, true)),
    list: async (kind) => send("GET", await pathOf(kind, false)),
    delete: async (reference, options = {}) =>
      send("DELETE", (await pathOf(reference, true)) + (options.dryRun === true ? "?dryRun=All" : "")),
    async text(path) {
      const { code, text } = await exchange("GET", path);
      if (code !== 200) throw new Error(`${path}: ${code} ${text}`);
      return text;
    },
    close: () => agent.destroy(),
  };
}

function groupPath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function query(options: WriteOptions = {}, more: { readonly [name: string]: string } = {}): string {
  const dryRun = options.dryRun === true ? { dryRun: "All" } : {};
  return `?${new URLSearchParams({ fieldValidation: "Strict", ...dryRun, ...more })}`;
}

interface Exchanged {
  readonly code: number;
  readonly text: string;
  readonly warnings: readonly string[];
}

function replyOf({ code, text, warnings }: Exchanged): Reply {
  const object = parseObject(text);
  const ok = code >= 200 && code < 300;
  const reason = ok ? "" : String(object["reason"] ?? "");
  const message = ok ? "" : String(object["message"] ?? text);
  return { ok, code, reason, message, object, warnings };
}

/** Some paths answer with plain text, for example `ok`. */
function parseObject(text: string): JsonObject {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
}

export function asObject(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

export function asObjects(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.map(asObject) : [];
}

/** The texts of a header `299 - "text", 299 - "text"`, where a quote inside is escaped [RFC 7234, 5.5]. */
function warningTexts(header: string): readonly string[] {
  return [...header.matchAll(/\d{3} \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) => text.replace(/\\(.)/g, "$1"));
}

/** A reply without the one warning that is Argo CD's own doing: its finalizer of an AppProject has no path, and it knows no other name. */
export function unsurprising<R extends Reply>(reply: R): R {
  const known =
    'metadata.finalizers: "resources-finalizer.argocd.argoproj.io": prefer a domain-qualified finalizer name';
  return { ...reply, warnings: reply.warnings.filter((warning) => !warning.startsWith(known)) };
}
