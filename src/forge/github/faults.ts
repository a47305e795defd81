import { RequestError } from "@octokit/request-error";
import { Fault } from "#core/result.ts";
import { certificateAdvice } from "#git/certificate.ts";
import { oneLine } from "../text.ts";

/** The status of a refusal among `codes`, with what GitHub says of it; everything else is a fault. */
export interface Refused {
  readonly status: number;
  readonly said: string;
}

/**
 * Runs a request; `codes` are answers.
 *
 * @throws Fault `forge-unreachable`, `forge-failed`, `forge-token-refused`, `forge-forbidden`, `forge-rate-limited`
 */
export async function ask<Value>(
  where: string,
  request: () => Promise<Value>,
  codes: readonly number[] = [],
): Promise<{ readonly value: Value } | Refused> {
  try {
    return { value: await request() };
  } catch (cause) {
    if (!(cause instanceof RequestError)) throw cause;
    const limited = isLimit(cause);
    if (!limited && cause.response !== undefined && codes.includes(cause.status))
      return { status: cause.status, said: saidBy(cause) };
    throw faultOf(where, cause, limited);
  }
}

function isLimit({ status, response, message }: RequestError): boolean {
  const spent = response?.headers["x-ratelimit-remaining"] === "0" || response?.headers["retry-after"] !== undefined;
  return status === 429 || (status === 403 && (spent || /rate limit/i.test(message)));
}

/** GitHub's message with the details of its errors, on one line. */
function saidBy({ response, message }: RequestError): string {
  const data: unknown = response?.data;
  const errors = typeof data === "object" && data !== null && "errors" in data ? data.errors : undefined;
  const said = typeof data === "object" && data !== null && "message" in data ? String(data.message) : message;
  return oneLine(errors === undefined ? said : `${said} ${JSON.stringify(errors)}`);
}

function faultOf(where: string, cause: RequestError, limited: boolean): Fault {
  const { response, status } = cause;
  if (response === undefined)
    return new Fault("forge-unreachable", `${where}: ${cause.message}${certificateAdvice(cause.message)}`, { cause });
  const text = `${where} answered ${status}: ${saidBy(cause)}`;
  const give = (code: string, advice: string): Fault => new Fault(code, `${text}. ${advice}`, { cause });
  if (limited) return give("forge-rate-limited", "GitHub limits how often it may be asked; it is asked again later");
  if (new URL(cause.request.url).pathname.endsWith("/access_tokens")) return appFault(give, status);
  if (status === 401) return give("forge-token-refused", "The token is wrong or has ended; make another one");
  if (status === 403) return give("forge-forbidden", "Give the token or the App the permission that this needs");
  if (status === 404)
    return give("forge-forbidden", "What the token may not see looks like nothing: check its permissions");
  return new Fault("forge-failed", text, { cause });
}

/** An App that gets no token of its installation: whatever was asked for with it, this is what is to be mended. */
function appFault(give: (code: string, advice: string) => Fault, status: number): Fault {
  if (status === 401)
    return give(
      "forge-token-refused",
      "GitHub does not know the App by this: check that the App's number and private key belong together, and this machine's clock",
    );
  if (status === 404)
    return give(
      "forge-forbidden",
      "The App has no such installation: copy its number from the address of the installation's settings",
    );
  return give("forge-failed", "The App's installation gave no token");
}
