// A small exchange on this machine, of the dialect of Coinbase Exchange, that fails in every way that one can.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { add, type Decimal, decimal, divide, formatDecimal, multiply, subtract } from "#core/decimal.ts";

/** What becomes of one request: of a request that does not match nothing does. */
export interface Mishap {
  readonly on: RegExp;
  readonly do:
    | "timeout-after" // It took effect, and no answer comes.
    | "timeout-before" // It did not, and no answer comes.
    | "cut-after"
    | "cut-before"
    | "500-after"
    | "500-before"
    | "garbage-after" // A page of HTML, with the code of success.
    | "garbage-before"
    | "emptiness-before" // An object without anything in it.
    | "429" // Too many requests; nothing was done.
    | "funds" // Refused: insufficient funds.
    | "precision"
    | "clock" // Refused: dated by a clock that is off.
    | "not-found"
    | "maintenance";
  /** How often; then it works. */
  times: number;
}

interface ExchangeOrder {
  readonly id: string;
  readonly client_oid: string;
  readonly product_id: string;
  readonly side: "buy" | "sell";
  readonly size: Decimal;
  readonly price: Decimal;
  readonly createdMs: number;
  filled: Decimal;
  value: Decimal;
  fees: Decimal;
  status: "open" | "done";
  done_reason: "filled" | "canceled" | undefined;
  /** What of it is filled, the first at once and the rest by `fill`. */
  rest: Decimal;
}

const zero = decimal("0");
const basis = decimal("10000");

export class StandInExchange {
  readonly orders: ExchangeOrder[] = [];
  readonly requests: string[] = [];
  /** How often an order was sent again that it had. */
  readonly repeated = new Map<string, number>();
  mishaps: Mishap[] = [];
  price = decimal("100");
  feeBps = decimal("10");
  /** The part of an order that is filled at once, in hundredths. */
  fillsPercent = 100;
  /** What is not filled at once stays open; else it is canceled, as immediate-or-cancel means. */
  keepsRest = false;
  /** Its clock against the real one. */
  skewMs = 0;
  /** Extra orders of others in its lists. */
  crowd = 0;
  readonly #server: Server;
  readonly #hanging = new Set<ServerResponse>();

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const response of this.#hanging) response.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Fills what is left of an order, or ends it. */
  fill(order: ExchangeOrder, quantity = order.rest): void {
    order.rest = subtract(order.rest, quantity);
    order.filled = add(order.filled, quantity);
    const value = multiply(quantity, this.price, "half-even");
    order.value = add(order.value, value);
    order.fees = add(order.fees, divide(multiply(value, this.feeBps, "ceiling"), basis, "ceiling"));
    if (order.rest === zero) this.end(order, "filled");
  }

  end(order: ExchangeOrder, reason: "filled" | "canceled"): void {
    order.status = "done";
    order.done_reason = reason;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const line = `${request.method} ${request.url}`;
    this.requests.push(line);
    const mishap = this.mishaps.find(({ on, times }) => times > 0 && on.test(line));
    if (mishap !== undefined) mishap.times -= 1;
    const what = mishap?.do ?? "";
    if (what.endsWith("-before") || ["429", "funds", "precision", "clock", "not-found", "maintenance"].includes(what))
      return this.#fail(response, what);
    const [code, body] = this.#answer(
      request.method ?? "",
      new URL(request.url ?? "/", "http://x"),
      Buffer.concat(chunks).toString(),
    );
    if (what.endsWith("-after")) return this.#fail(response, what);
    response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  #fail(response: ServerResponse, what: string): void {
    const say = (code: number, message: string): void => {
      response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify({ message }));
    };
    if (what.startsWith("timeout")) this.#hanging.add(response);
    else if (what.startsWith("cut")) response.destroy();
    else if (what.startsWith("500")) say(500, "Internal server error");
    else if (what.startsWith("emptiness")) response.writeHead(200, { "content-type": "application/json" }).end("{}");
    else if (what.startsWith("garbage")) response.writeHead(200).end("<html>upstream connect error</html>");
    else if (what === "429") say(429, "Private rate limit exceeded");
    else if (what === "funds") say(400, "Insufficient funds");
    else if (what === "precision") say(400, "price too precise");
    else if (what === "clock") say(400, "request timestamp expired");
    else if (what === "not-found") say(404, "NotFound");
    else say(503, "under maintenance");
  }

  #answer(method: string, url: URL, body: string): readonly [code: number, body: unknown] {
    const [, root, id] = decodeURIComponent(url.pathname).split("/");
    if (root === "products") return [200, [product("BTC-USD"), product("ETH-USD")]];
    if (root === "currencies") return [200, []];
    if (root === "time") return [200, { epoch: (Date.now() + this.skewMs) / 1000 }];
    if (root === "fills") return [200, []];
    if (root !== "orders") return [404, { message: "NotFound" }];
    if (method === "POST") return this.#create(JSON.parse(body) as Record<string, string>);
    if (id === undefined) return [200, this.#list(url.searchParams.get("status") === "done")];
    const found = this.orders.find((order) => id === order.id || id === `client:${order.client_oid}`);
    if (found === undefined) return [404, { message: "NotFound" }];
    if (method === "GET") return [200, told(found)];
    if (found.status === "done") return [400, { message: "Order already done" }];
    this.end(found, "canceled");
    return [200, found.id];
  }

  #create(fields: Record<string, string>): readonly [code: number, body: unknown] {
    const { client_oid = "", product_id = "", side, size = "0", price = "0", time_in_force } = fields;
    if (this.orders.some((order) => order.client_oid === client_oid)) {
      this.repeated.set(client_oid, (this.repeated.get(client_oid) ?? 0) + 1);
      return [400, { message: "Duplicate client_oid" }];
    }
    const quantity = decimal(size);
    const limit = decimal(price);
    const order: ExchangeOrder = {
      ...{ id: `ex-${this.orders.length + 1}`, client_oid, product_id, side: side === "sell" ? "sell" : "buy" },
      ...{ size: quantity, price: limit, createdMs: Date.now() + this.skewMs, rest: quantity },
      ...{ filled: zero, value: zero, fees: zero, status: "open", done_reason: undefined },
    };
    this.orders.push(order);
    const crosses = order.side === "buy" ? limit >= this.price : limit <= this.price;
    const now = crosses ? (((quantity * BigInt(this.fillsPercent)) / 100n) as Decimal) : zero;
    if (now !== zero) this.fill(order, now);
    if (order.status === "open" && time_in_force === "IOC" && !this.keepsRest) this.end(order, "canceled");
    return [200, told(order)];
  }

  #list(done: boolean): readonly unknown[] {
    const own = this.orders.filter((order) => (order.status === "done") === done).toReversed();
    const others = Array.from({ length: done ? this.crowd : 0 }, (_, index) => ({
      ...{
        id: `other-${index}`,
        client_oid: `other-${index}`,
        product_id: "BTC-USD",
        side: "buy",
        size: "1",
        status: "done",
      },
      ...{ filled_size: "1", executed_value: "1", fill_fees: "0", created_at: new Date().toISOString() },
    }));
    return [...others, ...own.map(told)];
  }
}

function told(order: ExchangeOrder): object {
  const { id, client_oid, product_id, side, status, done_reason, createdMs } = order;
  return {
    ...{ id, client_oid, product_id, side, type: "limit", status, created_at: new Date(createdMs).toISOString() },
    ...(done_reason === undefined ? {} : { done_reason }),
    ...{ size: formatDecimal(order.size), price: formatDecimal(order.price), filled_size: formatDecimal(order.filled) },
    ...{ executed_value: formatDecimal(order.value), fill_fees: formatDecimal(order.fees) },
  };
}

function product(id: string): object {
  const [base, quote] = id.split("-");
  return {
    ...{ id, base_currency: base, quote_currency: quote, quote_increment: "0.01", base_increment: "0.0001" },
    ...{ base_min_size: "0.001", min_market_funds: "1", status: "online", trading_disabled: false },
    ...{ post_only: false, limit_only: false, cancel_only: false, auction_mode: false, margin_enabled: false },
  };
}
