// Git over HTTP, by Git's own `http-backend`.
import { spawn } from "node:child_process";
import type { IncomingMessage, ServerResponse } from "node:http";

export interface GitPlace {
  /** The folder of bare repositories. */
  readonly root: string;
  /** Of the request below it: `/forge.git/info/refs`. */
  readonly path: string;
  readonly query: string;
  /** Who may push; nobody may where there is none. */
  readonly user?: string;
}

/** @returns when the answer is whole */
export function answerGit(
  request: IncomingMessage,
  response: ServerResponse,
  { root, path, query, user }: GitPlace,
): Promise<void> {
  const backend = spawn("git", ["http-backend"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: {
      PATH: process.env["PATH"],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
      ...(user === undefined ? {} : { REMOTE_USER: user }),
    },
  });
  request.pipe(backend.stdin);
  backend.stdin.on("error", () => undefined); // It had enough.
  let head = Buffer.alloc(0);
  const onHead = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    const fields = head.subarray(0, end).toString("latin1").split("\r\n");
    const headers = fields.map((line) => line.split(/:\s*/, 2) as [string, string]);
    const status = headers.find(([name]) => name.toLowerCase() === "status")?.[1];
    response.writeHead(Number(status?.split(" ")[0] ?? 200), Object.fromEntries(headers));
    response.write(head.subarray(end + 4));
    backend.stdout.off("data", onHead);
    backend.stdout.pipe(response);
  };
  backend.stdout.on("data", onHead);
  return new Promise((resolve) => {
    backend.on("close", () => {
      response.end();
      resolve();
    });
  });
}
