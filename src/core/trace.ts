import { createHash } from "node:crypto";

/**
 * The W3C Trace Context of one order, `00-<trace>-<span>-01`: the trace is that of what caused it, a tick, a timer's turn or a command, and the span
 * is the order's own. A function of what the messages carry already, so nobody has to hand it on, nobody can lose it, and a replay has the same.
 *
 * @param cause of an order request
 */
export function traceparent(cause: string, clientOrderId: string): string {
  const hex = (text: string): string => createHash("sha256").update(text).digest("hex");
  return `00-${hex(cause).slice(0, 32)}-${hex(clientOrderId).slice(0, 16)}-01`;
}
