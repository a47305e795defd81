import { Agent, request } from "node:https";
import type { ApiServer } from "./api-server.ts";

const answerBytesMax = 64 * 1024;
const timeoutMs = 2_500;

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly body?: string;
}

export function apiAgent({ ca }: Pick<ApiServer, "ca">): Agent {
  return new Agent({ ca, keepAlive: true, maxSockets: 16 });
}

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
  /** When it was given by the API server's own clock, to the second below; undefined if it did not say. */
  readonly dateMs: number | undefined;
  /** How long it asks to wait before the next try (`Retry-After`, in whole seconds); undefined if it does not. */
  readonly retryMs: number | undefined;
}

/** @throws Error when there is no whole answer within 2.5 s */
export function askApiServer(
  { url, token }: Pick<ApiServer, "url" | "token">,
  agent: Agent,
  { method, path, body }: ApiRequest,
): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token()}`, accept: "application/json" };
    const outgoing = request(new URL(path, url), {
      ...{ agent, method, timeout: timeoutMs },
      headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      let text = "";
      incoming.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (text.length > answerBytesMax) outgoing.destroy(new Error("an answer without end"));
      });
      incoming.on("error", reject);
      incoming.on("end", () => {
        const dateMs = Date.parse(incoming.headers.date ?? "");
        const { "retry-after": retry = "" } = incoming.headers;
        resolve({
          ...{ status: incoming.statusCode ?? 0, text },
          dateMs: Number.isNaN(dateMs) ? undefined : dateMs,
          retryMs: /^\d{1,6}$/.test(retry) ? Number(retry) * 1000 : undefined,
        });
      });
    });
    outgoing.end(body);
  });
}
