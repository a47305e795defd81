import { Fault } from "#core/result.ts";
import { certificateAdvice } from "#git/certificate.ts";
import { reasonOf } from "../remote/reason.ts";
import type { Fetch } from "../remote/trust.ts";

export interface ClientOptions {
  /** `https://git.example.org/api/v1`, without a slash at the end. */
  readonly baseUrl: string;
  readonly token: () => Promise<string>;
  readonly pause: (ms: number) => Promise<void>;
  /** For one request with its answer. Default 30,000. */
  readonly timeoutMs?: number;
  /** Default: Node's own. */
  readonly fetch?: Fetch;
}

export interface Call {
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: object;
  /** Statuses of 400 and above that are answers, not faults. */
  readonly codes?: readonly number[];
}

export interface Answer {
  readonly status: number;
  /** Parsed JSON; undefined when there was no body. */
  readonly data: unknown;
  /** Of a list, how long it is in all, where the forge tells. */
  readonly total: number | undefined;
}

export interface Client {
  call(method: "GET" | "POST" | "PATCH" | "DELETE", path: string, call?: Call): Promise<Answer>;
}

const answerBytesMax = 32 * 1024 * 1024;
const readTries = 4;
const retryMs = 500;
const retryAfterSecondsMax = 60;

/** One that was read may be read again; one that was written may have taken effect, and only its caller knows how to find out. */
export function giteaClient(options: ClientOptions): Client {
  return {
    async call(method, path, call = {}) {
      const tries = method === "GET" ? readTries : 1;
      for (let tried = 1; ; tried += 1) {
        const answer = await attempt(options, method, path, call);
        if (!("fault" in answer)) return answer;
        if (tried >= tries || answer.retryMs === undefined) throw answer.fault;
        await options.pause(Math.max(answer.retryMs, retryMs * 2 ** (tried - 1)));
      }
    },
  };
}

interface Failed {
  readonly fault: Fault;
  /** Undefined when another try would end the same. */
  readonly retryMs: number | undefined;
}

async function attempt(
  options: ClientOptions,
  method: string,
  path: string,
  { query = {}, body, codes = [] }: Call,
): Promise<Answer | Failed> {
  const url = new URL(`${options.baseUrl}${path}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
  const where = `${method} ${url.host}${url.pathname}`;
  let response: Response;
  let bytes: Buffer;
  try {
    response = await (options.fetch ?? fetch)(url, {
      method,
      headers: {
        accept: "application/json",
        authorization: `token ${await options.token()}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // A token goes to the host it is for.
      redirect: "error",
      signal: AbortSignal.timeout(options.timeoutMs ?? 30_000),
    });
    bytes = await readBody(response);
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const reason = reasonOf(cause);
    const advice = certificateAdvice(reason);
    const fault = new Fault("forge-unreachable", `${where}: ${reason}${advice}`, { cause });
    return { fault, retryMs: advice === "" ? retryMs : undefined };
  }
  const { status } = response;
  if (status < 400 || codes.includes(status))
    return { status, data: parse(bytes, where, status), total: totalOf(response) };
  return failed(where, response, bytes);
}

async function readBody(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > answerBytesMax)
      throw new Fault("forge-answer-malformed", `${response.url} answered with more than 32 MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function totalOf(response: Response): number | undefined {
  const total = response.headers.get("x-total-count");
  return total === null || !/^\d+$/.test(total) ? undefined : Number(total);
}

function parse(bytes: Buffer, where: string, status: number): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    // Some refusals are plain text.
    if (status >= 400) return { message: bytes.toString("utf8").slice(0, 500) };
    throw new Fault("forge-answer-malformed", `${where} did not answer with JSON`, { cause });
  }
}

/** What the forge says in its own words, on one line. */
export function saidBy(data: unknown): string {
  const message = typeof data === "object" && data !== null && "message" in data ? data.message : undefined;
  return typeof message === "string" ? message.replace(/\s+/g, " ").trim().slice(0, 500) : "";
}

function failed(where: string, response: Response, bytes: Buffer): Failed {
  const { status } = response;
  const said = saidBy(parse(bytes, where, status));
  const text = `${where} answered ${status}${said === "" ? "" : `: ${said}`}`;
  const give = (code: string, advice: string, retry?: number): Failed => ({
    fault: new Fault(code, advice === "" ? text : `${text}. ${advice}`),
    retryMs: retry,
  });
  if (status === 401) return give("forge-token-refused", "The token is wrong or has ended; make another one");
  if (status === 403) return give("forge-forbidden", "Give the token's user the right to do this");
  if (status === 429) {
    const seconds = Number(response.headers.get("retry-after") ?? 1);
    const near = Number.isFinite(seconds) && seconds <= retryAfterSecondsMax;
    return give("forge-rate-limited", "It limits how often it may be asked", near ? seconds * 1_000 : undefined);
  }
  return give("forge-failed", "", status >= 500 ? retryMs : undefined);
}
