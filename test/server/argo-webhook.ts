// Argo CD's webhook as far as its server answers it (util/webhook of Argo CD 3.6): which form a request is of, by its headers; whether it is signed with
// that form's secret; 200 as soon as it is queued.
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface TakenPush {
  readonly form: "github" | "gogs";
  readonly ref: string;
  readonly after: string;
  readonly page: string;
  readonly paths: readonly string[];
}

export interface ArgoWebhook {
  readonly url: string;
  readonly taken: readonly TakenPush[];
  /** How often it was asked, whatever it answered. */
  asked(): number;
  /** What it does with the next requests; after those it answers as Argo CD does. */
  readonly next: (number | "hang" | "cut")[];
  stop(): Promise<void>;
  /** At the same address. */
  start(): Promise<void>;
}

const bodySchema = { ref: "", after: "", repository: { html_url: "" }, commits: [{ modified: [""] }] };

export async function startArgoWebhook(
  secrets: { readonly github?: string; readonly gogs?: string },
  tls?: { readonly key: string; readonly cert: string },
): Promise<ArgoWebhook> {
  const taken: TakenPush[] = [];
  const next: (number | "hang" | "cut")[] = [];
  let asked = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    asked += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const planned = next.shift();
    if (planned === "hang") return;
    if (planned === "cut") return void request.socket.destroy();
    const status = planned ?? judge(request, body);
    if (status === 200 && planned === undefined) taken.push(read(request, body));
    response.writeHead(status).end(status === 200 ? "" : "Webhook processing failed");
  };
  const listen = async (port: number) => {
    const handler = (request: IncomingMessage, response: ServerResponse) => void answer(request, response);
    const server = tls === undefined ? createServer(handler) : createTlsServer(tls, handler);
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return server;
  };
  let server = await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}/api/webhook`,
    ...{ taken, next },
    asked: () => asked,
    async start() {
      server = await listen(port);
    },
    async stop() {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };

  function judge({ method, url, headers }: IncomingMessage, body: Buffer): number {
    if (method !== "POST" || url !== "/api/webhook") return 404;
    const form = headers["x-gogs-event"] === undefined ? "github" : "gogs";
    if (headers[form === "gogs" ? "x-gogs-event" : "x-github-event"] !== "push") return 400;
    const secret = secrets[form];
    if (secret === undefined) return 200;
    const signature = createHmac("sha256", secret).update(body).digest("hex");
    const shown = form === "gogs" ? headers["x-gogs-signature"] : headers["x-hub-signature-256"];
    return shown === (form === "gogs" ? signature : `sha256=${signature}`) ? 200 : 400;
  }
}

function read({ headers }: IncomingMessage, body: Buffer): TakenPush {
  const { ref, after, repository, commits }: typeof bodySchema = JSON.parse(body.toString("utf8"));
  return {
    form: headers["x-gogs-event"] === undefined ? "github" : "gogs",
    ...{ ref, after, page: repository.html_url },
    paths: commits.flatMap(({ modified }) => modified),
  };
}
