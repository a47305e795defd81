import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { Fault } from "#core/result.ts";

export interface ConsoleOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** Folder with index.html, page.css and page.js. */
  readonly page: string;
  /** What `/api/overview` answers. */
  readonly overview: () => Promise<object>;
  /** What `/metrics` answers, in the text format of Prometheus. */
  readonly metrics: () => Promise<string>;
  /** Calls back when something may have changed; returns a function that ends it. */
  readonly onChange: (handler: () => void) => () => void;
}

export interface Console {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** No more than four updates a second to a page. */
const updateMs = 250;
/** A page that hears nothing for this long cannot tell a quiet server from a dead one. */
const heartbeatMs = 15_000;
const streamsMax = 32;

const files: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.css": ["page.css", "text/css; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript; charset=utf-8"],
};

const securityHeaders = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-store",
};

/**
 * The web console: one page and what it reads, on 127.0.0.1 only, nothing that changes anything. Any page a browser shows can send requests to
 * loopback, so a foreign `Host` (DNS rebinding) or `Origin` is refused on every path.
 *
 * @throws Fault `port-in-use`
 */
export async function startConsole(options: ConsoleOptions): Promise<Console> {
  const streams = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    answer(request, response, options, streams, server).catch((error: unknown) => fail(response, error));
  });
  // A client that sends its headers slowly must not hold a socket for ever.
  server.headersTimeout = 10_000;
  server.maxConnections = 128;
  await listen(server, options.port);
  const port = portOf(server);
  const beat = setInterval(() => {
    for (const stream of streams) stream.write(": still here\n\n");
  }, heartbeatMs);
  beat.unref();
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async stop() {
      clearInterval(beat);
      for (const stream of streams) stream.end();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: ConsoleOptions,
  streams: Set<ServerResponse>,
  server: Server,
): Promise<void> {
  for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
  const port = portOf(server);
  if (!isOwnHost(request.headers.host, port) || !isOwnOrigin(request, port)) {
    return send(response, 403, "text/plain; charset=utf-8", "this console answers pages of its own address only\n");
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return send(
      response,
      405,
      "text/plain; charset=utf-8",
      "this console changes nothing: a change is a proposal (slipway deploy)\n",
    );
  }
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  if (path === "/healthz") return send(response, 200, "text/plain; charset=utf-8", "ok\n");
  if (path === "/api/overview")
    return send(response, 200, "application/json; charset=utf-8", `${JSON.stringify(await options.overview())}\n`);
  if (path === "/metrics")
    return send(response, 200, "text/plain; version=0.0.4; charset=utf-8", await options.metrics());
  if (path === "/api/events") return stream(response, options, streams);
  const file = Object.hasOwn(files, path) ? files[path] : undefined;
  if (file === undefined) return send(response, 404, "text/plain; charset=utf-8", "there is no such page\n");
  return send(response, 200, file[1], await readFile(join(options.page, file[0]), "utf8"));
}

/** Server-sent events: an overview at once, then one after each change, at most four a second. */
async function stream(response: ServerResponse, options: ConsoleOptions, streams: Set<ServerResponse>): Promise<void> {
  if (streams.size >= streamsMax)
    return send(response, 503, "text/plain; charset=utf-8", "too many pages are open; close one\n");
  streams.add(response);
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", connection: "keep-alive" });
  response.flushHeaders();
  let timer: NodeJS.Timeout | undefined;
  let busy = false;
  let again = false;
  const push = async (): Promise<void> => {
    busy = true;
    try {
      const text = JSON.stringify(await options.overview());
      // A page that does not read gets the newest later instead of a growing queue.
      if (!response.destroyed && response.writableLength < 1_000_000)
        response.write(`event: overview\ndata: ${text}\n\n`);
    } catch (error) {
      if (!response.destroyed)
        response.write(`event: fault\ndata: ${JSON.stringify({ message: messageOf(error) })}\n\n`);
    } finally {
      busy = false;
    }
    if (again && !response.destroyed) schedule();
  };
  const schedule = (): void => {
    again = busy || timer !== undefined;
    if (again) return;
    timer = setTimeout(() => {
      timer = undefined;
      again = false;
      void push();
    }, updateMs);
  };
  const unfollow = options.onChange(schedule);
  response.on("close", () => {
    streams.delete(response);
    clearTimeout(timer);
    unfollow();
  });
  await push();
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(response.req.method === "HEAD" ? undefined : body);
}

function fail(response: ServerResponse, error: unknown): void {
  if (!response.headersSent) send(response, 500, "text/plain; charset=utf-8", `${messageOf(error)}\n`);
  else response.end();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isOwnHost(host: string | undefined, port: number): boolean {
  return host === `127.0.0.1:${port}` || host === `localhost:${port}`;
}

/** A browser names the origin of every cross-site request in `Origin`, or says `cross-site` where it sends none (images, scripts). */
function isOwnOrigin(request: IncomingMessage, port: number): boolean {
  const { origin } = request.headers;
  const site = request.headers["sec-fetch-site"];
  if (origin !== undefined) return origin === `http://127.0.0.1:${port}` || origin === `http://localhost:${port}`;
  // A link from elsewhere to the page itself is a person's click and shows only them what is theirs.
  return (
    site === undefined || site === "same-origin" || site === "none" || request.headers["sec-fetch-mode"] === "navigate"
  );
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const code = cause.code === "EADDRINUSE" ? "port-in-use" : "listen-failed";
      reject(new Fault(code, `the console could not listen on 127.0.0.1:${port}`, { cause }));
    });
    server.listen(port, "127.0.0.1", () => resolve());
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
