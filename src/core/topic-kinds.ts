import type { MessageKind } from "./messages.ts";

/** What a topic says about its messages. Names are as they stand there, unchecked. */
export interface TopicKind {
  readonly kind: MessageKind;
  readonly venue?: string;
  readonly sid?: string;
  readonly interval?: string;
  /** An indicator's. */
  readonly name?: string;
  readonly args?: readonly string[];
  readonly verb?: string;
  /** Of operators, whose account it comes from. */
  readonly group?: string;
  readonly service?: string;
}

/**
 * Whose number a message carries. `client`: the session of the connection that published it, which numbers each topic; `publisher`: whoever
 * makes the messages numbers them, a feed for example; `none`: it is known by an id, or is not one of a row.
 */
export type Numbering = "client" | "publisher" | "none";

const kilobyte = 1024;
const kinds: Readonly<Record<MessageKind, { readonly numbering: Numbering; readonly bytesMax: number }>> = {
  quote: { numbering: "publisher", bytesMax: 4 * kilobyte },
  trade: { numbering: "publisher", bytesMax: 4 * kilobyte },
  bar: { numbering: "publisher", bytesMax: 4 * kilobyte },
  history: { numbering: "none", bytesMax: 64 * kilobyte },
  indicator: { numbering: "publisher", bytesMax: 4 * kilobyte },
  signal: { numbering: "client", bytesMax: 4 * kilobyte },
  "order-request": { numbering: "none", bytesMax: 4 * kilobyte },
  "order-event": { numbering: "none", bytesMax: 32 * kilobyte },
  "order-resend": { numbering: "none", bytesMax: 4 * kilobyte },
  "order-statement": { numbering: "none", bytesMax: 64 * kilobyte },
  "turn-request": { numbering: "none", bytesMax: 4 * kilobyte },
  "turn-answer": { numbering: "none", bytesMax: 4 * kilobyte },
  account: { numbering: "client", bytesMax: 64 * kilobyte },
  state: { numbering: "client", bytesMax: 32 * kilobyte },
  metric: { numbering: "client", bytesMax: 64 * kilobyte },
  log: { numbering: "client", bytesMax: 32 * kilobyte },
  command: { numbering: "none", bytesMax: 32 * kilobyte },
  "gateway-state": { numbering: "client", bytesMax: 4 * kilobyte },
  "gateway-command": { numbering: "none", bytesMax: 32 * kilobyte },
  "gateway-halts": { numbering: "client", bytesMax: 64 * kilobyte },
  "feed-state": { numbering: "client", bytesMax: 4 * kilobyte },
  birth: { numbering: "client", bytesMax: 4 * kilobyte },
  "dead-letter": { numbering: "client", bytesMax: 8 * kilobyte },
  "refill-request": { numbering: "none", bytesMax: 4 * kilobyte },
  refill: { numbering: "none", bytesMax: 64 * kilobyte },
  "recorder-state": { numbering: "client", bytesMax: 4 * kilobyte },
  "platform-metric": { numbering: "client", bytesMax: 32 * kilobyte },
};

export function numberingOf(kind: MessageKind): Numbering {
  return kinds[kind].numbering;
}

/** What is larger is not looked at. */
export function bytesMaxOf(kind: MessageKind): number {
  return kinds[kind].bytesMax;
}

/** What travels on a topic [design 7]; a replay's tree below `replay/{run}/` is the same. Undefined: nothing does. */
export function kindOfTopic(topic: string): TopicKind | undefined {
  const levels = topic.split("/");
  const [root, second] = levels;
  if (root === "replay") return second === undefined || second === "" ? undefined : kindOfLevels(levels.slice(2));
  return kindOfLevels(levels);
}

const orderKinds = {
  request: "order-request",
  event: "order-event",
  resend: "order-resend",
  statement: "order-statement",
} as const;
const turnKinds = { request: "turn-request", answer: "turn-answer" } as const;
const gatewayKinds = {
  state: "gateway-state",
  halts: "gateway-halts",
  metric: "platform-metric",
  dead: "dead-letter",
} as const;

function kindOfLevels(levels: readonly string[]): TopicKind | undefined {
  const [root = "", second = "", third = "", fourth = ""] = levels;
  if (second === "" || levels.includes("", 2)) return undefined;
  switch (root) {
    case "md":
      return marketKind(second, third, levels.slice(3));
    case "ind":
      if (levels.length < 4) return undefined;
      return { kind: "indicator", venue: second, sid: third, name: fourth, args: levels.slice(4) };
    case "strat":
      return third === "" ? undefined : strategyKind(levels.slice(3));
    case "gw":
      if (levels.length === 3 && second === "cmd") return { kind: "gateway-command", verb: third };
      if (levels.length === 4 && second === "cmd") return { kind: "gateway-command", group: third, verb: fourth };
      return levels.length === 2 ? oneOf(second, gatewayKinds) : undefined;
    case "feed":
      return levels.length === 3 && third === "state" ? { kind: "feed-state" } : undefined;
    case "bus":
      if (levels.length === 3) return oneOf(third, { metric: "platform-metric" });
      return levels.length === 2 ? oneOf(second, { metric: "platform-metric" }) : undefined;
    case "refill":
      if (levels.length === 2) return oneOf(second, { state: "recorder-state" });
      return levels.length === 4 ? oneOf(fourth, { request: "refill-request", answer: "refill" }) : undefined;
    case "rpc":
      return levels.length === 3 && third === "birth" ? { kind: "birth", service: second } : undefined;
    default:
      return undefined;
  }
}

function marketKind(venue: string, sid: string, leaf: readonly string[]): TopicKind | undefined {
  const [first, interval] = leaf;
  if (leaf.length === 2 && first === "bar" && interval !== undefined) return { kind: "bar", venue, sid, interval };
  const found = leaf.length === 1 ? oneOf(first, { quote: "quote", trade: "trade", history: "history" }) : undefined;
  return found && { ...found, venue, sid };
}

function strategyKind(leaf: readonly string[]): TopicKind | undefined {
  const [first, second] = leaf;
  if (leaf.length === 1)
    return oneOf(first, {
      ...{ signal: "signal", account: "account", state: "state", metric: "metric", log: "log", dead: "dead-letter" },
    });
  if (leaf.length !== 2 || second === undefined) return undefined;
  if (first === "cmd") return { kind: "command", verb: second };
  if (first === "turn") return oneOf(second, turnKinds);
  return first === "order" ? oneOf(second, orderKinds) : undefined;
}

function oneOf(name: string | undefined, known: Readonly<Record<string, MessageKind>>): TopicKind | undefined {
  const kind = name !== undefined && Object.hasOwn(known, name) ? known[name] : undefined;
  return kind && { kind };
}
