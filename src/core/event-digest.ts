import { createHash } from "node:crypto";
import { canonicalJson, type JsonValue } from "./json.ts";
import type { OrderEventMessage } from "./messages.ts";

/** Tells two order events of the same number apart: a book that was set back gives a number away twice. 32 hexadecimal digits. */
export function eventDigest(event: OrderEventMessage): string {
  return createHash("sha256")
    .update(canonicalJson(event as unknown as JsonValue))
    .digest("hex")
    .slice(0, 32);
}
