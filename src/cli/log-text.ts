import { oneLine } from "./up/table.ts";

/** A line that `src/local/log-file.ts` wrote: its time, a space, and what the process wrote. */
const lineForm = /^(?<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) (?<text>.*)$/s;
/** Said already, or for programs. */
const left: readonly string[] = ["time", "level", "message", "traceparent", "strategy", "stack"];

/**
 * A log line for a person: one time, the level where it is not info, the message, and what belongs to it. What is no structured line of ours stays as it
 * is.
 */
export function readableLine(line: string): string {
  const { time, text } = lineForm.exec(line)?.groups ?? {};
  return time === undefined || text === undefined ? line : `${time} ${structured(text) ?? text}`;
}

function structured(text: string): string | undefined {
  const record = recordOf(text);
  if (record === undefined) return undefined;
  const { level, message } = record;
  if (typeof level !== "string" || typeof message !== "string") return undefined;
  const said = level === "info" ? "" : `${oneLine(level).toUpperCase()} `;
  const order = orderText(record);
  const shown = order === undefined ? left : [...left, ...orderFields];
  const more = Object.entries(record).filter(([name, value]) => !shown.includes(name) && value !== undefined);
  const fields = more.map(([name, value]) => ` ${oneLine(name)}=${valueText(value)}`).join("");
  const stack = typeof record["stack"] === "string" ? ` stack=${valueText(record["stack"])}` : "";
  return `${said}${oneLine(message)}${order ?? ""}${fields}${stack}`;
}

const orderFields: readonly string[] = ["side", "sid", "quantity", "filledQuantity", "price", "fee", "status"];

/** `: buy 10 AAPL, 4 filled at 101.25, fee 0.1`; undefined of a line that is not about an order. */
function orderText(record: { readonly [name: string]: unknown }): string | undefined {
  const { side, sid, quantity, filledQuantity, price, fee, status, message } = record;
  if (typeof side !== "string" || typeof sid !== "string" || typeof quantity !== "string") return undefined;
  const told = typeof status === "string" && message === "order" ? ` ${oneLine(status)}` : "";
  const whole = filledQuantity === quantity;
  const part = whole || typeof filledQuantity !== "string" ? "" : `, ${oneLine(filledQuantity)} filled`;
  const at = typeof price === "string" ? ` at ${oneLine(price)}` : "";
  const paid = typeof fee === "string" ? `, fee ${oneLine(fee)}` : "";
  return `${told}: ${oneLine(side)} ${oneLine(quantity)} ${oneLine(sid)}${part}${at}${paid}`;
}

function recordOf(text: string): { readonly [name: string]: unknown } | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as { readonly [name: string]: unknown }) : undefined;
  } catch {
    return undefined;
  }
}

/** Bare where that is clear, else as JSON: an untrusted text brings no control characters. */
function valueText(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return typeof value !== "string" || /^[\p{L}\p{N}._:/+-]+$/u.test(text)
    ? oneLine(text)
    : oneLine(JSON.stringify(text));
}
