import { createServer, type ServerResponse } from "node:http";
import type { ListenHost } from "#bus/process.ts";
import { Fault } from "#core/result.ts";

export interface TelemetryServerOptions {
  readonly host: ListenHost;
  /** 0 takes a free one. */
  readonly port: number;
  /** What is answered at a path, asked anew each time. */
  readonly pages: { readonly [path: string]: { readonly type: string; readonly text: () => string | Promise<string> } };
}

export interface TelemetryServer {
  readonly port: number;
  stop(): Promise<void>;
}

const timeoutMs = 10_000;
const connectionsMax = 32;

/**
 * Answers GET with texts, to whom the network lets in: the API server, for who may ask it for that, and a Prometheus. Nothing in it changes
 * anything, nothing of a request is read but its method and path.
 *
 * @throws Fault `telemetry-port` if the port cannot be had
 */
export async function startTelemetryServer({ host, port, pages }: TelemetryServerOptions): Promise<TelemetryServer> {
  const server = createServer(async ({ method, url }, response) => {
    const page = Object.hasOwn(pages, pathOf(url)) ? pages[pathOf(url)] : undefined;
    if (page === undefined) return send(response, 404, "text/plain; charset=utf-8", "there is no such page\n");
    if (method !== "GET" && method !== "HEAD")
      return send(response, 405, "text/plain; charset=utf-8", "only GET: this console changes nothing\n");
    return send(response, 200, page.type, await page.text());
  });
  server.headersTimeout = timeoutMs;
  server.requestTimeout = timeoutMs;
  server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new Fault("telemetry-port", `the port ${port} cannot be had: ${cause.message}`, { cause })),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function pathOf(url: string | undefined): string {
  return (url ?? "/").split("?", 1)[0] ?? "/";
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, {
    ...{ "content-type": type, "content-length": Buffer.byteLength(text), "cache-control": "no-store" },
    "x-content-type-options": "nosniff",
  });
  response.end(response.req.method === "HEAD" ? undefined : text);
}
