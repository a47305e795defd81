import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Fault } from "#core/result.ts";
import type { ServerLog } from "./control-plane.ts";

export interface WebhookOptions {
  /** Shared with the forge, at least 16 characters. */
  readonly secret: string;
  /** Told of each delivery once. */
  readonly onDelivery: (event: string) => void;
  readonly log: ServerLog;
  /** Default 127.0.0.1: something that speaks TLS stands in front. */
  readonly host?: string;
  /** Default 0: any. */
  readonly port?: number;
  /** Longer ones are refused; what they told of is found when the server looks by itself. Default 2 MiB. */
  readonly bytesMax?: number;
}

export interface Webhooks {
  /** Where the forge sends to: `http://127.0.0.1:8443/webhooks`. */
  readonly url: string;
  stop(): Promise<void>;
}

const path = "/webhooks";
const secretCharactersMin = 16;
const deliveriesKept = 2_000;
const bodyTimeoutMs = 10_000;
const connectionsMax = 64;

/**
 * Takes a forge's webhooks. A delivery is a hint that something changed, never what: nothing of its content is read, so one that comes late, twice,
 * out of order or from the past does no harm. Only one that is signed with the secret is a hint at all.
 */
export async function startWebhooks(options: WebhookOptions): Promise<Webhooks> {
  const { secret, host = "127.0.0.1", port = 0 } = options;
  if (secret.length < secretCharactersMin)
    throw new Fault("webhook-secret-short", `the webhooks' secret has fewer than ${secretCharactersMin} characters`);
  const known = new Set<string>();
  const server = createServer((request, response) => {
    answer(options, known, request)
      .catch((error: unknown) => {
        options.log.warn({ error }, "a webhook could not be read");
        return { status: 400, text: "the request could not be read" };
      })
      .then(({ status, text }) => reply(response, status, text));
  });
  server.requestTimeout = bodyTimeoutMs;
  server.headersTimeout = bodyTimeoutMs;
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new Fault("webhook-port", `webhooks cannot be taken: ${cause.message}`, { cause })),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}${path}`,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

interface Reply {
  readonly status: number;
  readonly text: string;
}

async function answer(options: WebhookOptions, known: Set<string>, request: IncomingMessage): Promise<Reply> {
  if (request.url?.split("?")[0] !== path) return { status: 404, text: "not found" };
  if (request.method !== "POST") return { status: 405, text: "only POST" };
  const body = await readBody(request, options.bytesMax ?? 2 * 1024 * 1024);
  if (body === undefined) return { status: 413, text: "too long; it is found when the server looks by itself" };
  if (!isSigned(body, header(request, "x-hub-signature-256"), options.secret)) {
    options.log.warn({ from: request.socket.remoteAddress }, "a webhook with a wrong signature was refused");
    return { status: 401, text: "the signature is missing or wrong" };
  }
  const event = header(request, "x-github-event") ?? header(request, "x-gitea-event");
  const delivery = header(request, "x-github-delivery") ?? header(request, "x-gitea-delivery");
  if (event === undefined || delivery === undefined || !/^[\w-]{1,100}$/.test(delivery) || !/^\w{1,60}$/.test(event))
    return { status: 400, text: "the event or the delivery's number is missing" };
  if (known.has(delivery)) return { status: 200, text: "known" };
  known.add(delivery);
  const [oldest] = known;
  if (known.size > deliveriesKept && oldest !== undefined) known.delete(oldest);
  options.onDelivery(event);
  return { status: 202, text: "accepted" };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

/** @returns undefined when it is too long; what is left of it is not read */
async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  // The answer still goes out where the rest is not read.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function isSigned(body: Buffer, signature: string | undefined, secret: string): boolean {
  const given = /^sha256=([0-9a-f]{64})$/.exec(signature ?? "")?.[1];
  if (given === undefined) return false;
  const wanted = createHmac("sha256", secret).update(body).digest();
  return timingSafeEqual(Buffer.from(given, "hex"), wanted);
}

function reply(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent || response.destroyed) return;
  // One that is not read to its end keeps no connection.
  const close = status === 413 ? { connection: "close" } : {};
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", ...close });
  response.end(`${text}\n`);
}
