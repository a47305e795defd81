import { createServer, type Socket } from "node:net";
import { Fault } from "#core/result.ts";

/** Undefined is good; a text says why not. */
export type Probe = () => string | undefined;

export interface Probes {
  readonly port: number;
  close(): Promise<void>;
}

const headBytesMax = 4_096;
const idleMs = 5_000;
const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  503: "Service Unavailable",
};

/**
 * Answers `/startup`, `/ready` and `/live` on 127.0.0.1, or on `host`; and `/leave`, which is no question but the kubelet's preStop hook: it is answered
 * when the process may end. It shares the event loop with the work, so a process whose
 * algorithm never returns stops answering, which is what the liveness probe is for.
 *
 * It speaks as much HTTP/1.1 as a probe needs, one request a connection: `node:http` would cost every executor 14 MiB (measured, Node
 * 24), a quarter of its budget.
 *
 * @throws Fault `probe-port` if the port cannot be had
 */
export async function startProbes(options: {
  readonly port: number;
  readonly host?: string;
  readonly startup: Probe;
  readonly ready: Probe;
  readonly live: Probe;
  readonly leave?: () => Promise<void>;
}): Promise<Probes> {
  const probes = new Map<string, Probe>([
    ["/startup", options.startup],
    ["/ready", options.ready],
    ["/live", options.live],
  ]);
  const { leave } = options;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    serve(socket, (head) => answer(probes, leave, head));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new Fault("probe-port", `the probe port ${options.port} cannot be had: ${cause.message}`, { cause }));
    });
    server.listen(options.port, options.host ?? "127.0.0.1", resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

/** Collects the head of one request, up to its empty line, and ends the connection with the answer. */
function serve(socket: Socket, respond: (head: string) => string | Promise<string>): void {
  let head = "";
  let asked = false;
  socket.setEncoding("latin1");
  socket.setTimeout(idleMs, () => socket.destroy());
  // Who asked is gone; there is nothing to mend.
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    if (socket.writableEnded || asked) return;
    head += String(chunk);
    if (head.includes("\r\n\r\n")) {
      asked = true;
      const answered = respond(head);
      if (typeof answered === "string") return void socket.end(answered);
      socket.setTimeout(0);
      void answered.then((text) => socket.end(text));
    } else if (head.length > headBytesMax) socket.end(response(400, "the request is too long"));
  });
}

function answer(
  probes: ReadonlyMap<string, Probe>,
  leave: (() => Promise<void>) | undefined,
  head: string,
): string | Promise<string> {
  const [, method, path] = /^([A-Z]+) (\S+) HTTP\/1\.[01]\r\n/.exec(head) ?? [];
  if (method === undefined || path === undefined) return response(400, "not an HTTP request");
  const probe = probes.get(path);
  if (path === "/leave" && method === "GET" && leave !== undefined)
    return leave().then(() => response(200, "it may end"));
  if (probe === undefined) return response(404, `${path} is not a probe`);
  if (method !== "GET") return response(405, "probes are asked with GET");
  const why = probe();
  return response(why === undefined ? 200 : 503, why ?? "ok");
}

function response(status: number, text: string): string {
  const body = `${text}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${reasons[status] ?? ""}`,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}
