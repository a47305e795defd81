import type { Log } from "#bus/process.ts";
import { decimal, formatDecimal } from "#core/decimal.ts";
import { type CcxtClass, type CcxtExchange, jsonBody, type Unsure } from "./ccxt-exchange.ts";
import {
  cancelAnswer,
  classesOf,
  exchangeOrderId,
  feesIn,
  limitPrice,
  type Market,
  marketOf,
  placeAnswer,
  reachesBackTo,
  reportOf,
  sizeProblem,
} from "./ccxt-orders.ts";
import { RequestQueue } from "./ccxt-queue.ts";
import type { Clock } from "./clock.ts";
import type { OnAnswer, PlacedOrder, Venue, VenueAnswer } from "./venue.ts";
import type { VenueRules } from "./venue-settings.ts";

export interface CcxtVenueOptions {
  readonly name: string;
  readonly rules: VenueRules;
  readonly exchange: CcxtClass;
  readonly keys: { readonly [name: string]: string };
  readonly sandbox: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** How long one request may take; default 10 s. */
  readonly timeoutMs?: number;
  /** How often an open order is asked after; default 1 s. */
  readonly pollMs?: number;
  /** How long after a lost answer it is asked; default 500 ms. */
  readonly askFirstMs?: number;
  /** When "I do not know this order" is believed; default three times over a minute. */
  readonly settleMs?: number;
}

const zero = decimal("0");
const retryFirstMs = 1_000;
const retryLastMs = 60_000;
/** Exchanges whose `fetchOrder` in ccxt takes our own id alone; what they do not find is not there. */
const findsByOwnId: readonly string[] = ["binance", "binanceus", "coinbaseexchange", "kucoin", "okx"];

/**
 * An exchange. Orders are limit orders, immediate or cancel, at the collar's edge: filled near the last price or not at all. Nothing is sent twice:
 * after a lost answer the exchange is asked by our own id. One request an order at a time, so its answers come in their order.
 */
export class CcxtVenue implements Venue {
  readonly name: string;
  readonly rules: VenueRules;
  readonly live = true;
  readonly settling;
  readonly answerMs: number;
  readonly askFirstMs: number;
  readonly pollMs: number;
  readonly #options: CcxtVenueOptions;
  readonly #exchange: CcxtExchange;
  readonly #queue: RequestQueue;
  readonly #secrets: readonly string[];
  #onAnswer: OnAnswer = () => undefined;
  #ready = false;
  #closed = false;
  #stop: () => void = () => undefined;

  constructor(options: CcxtVenueOptions) {
    const {
      name,
      rules,
      exchange,
      keys,
      sandbox,
      clock,
      timeoutMs = 10_000,
      pollMs = 1_000,
      settleMs = 60_000,
    } = options;
    this.name = name;
    this.rules = rules;
    this.#options = options;
    this.settling = { timesMin: 3, forMs: settleMs };
    this.pollMs = pollMs;
    this.askFirstMs = options.askFirstMs ?? 500;
    // Its turn and the request itself, and a little more.
    this.answerMs = 3 * timeoutMs;
    this.#secrets = Object.values(keys).filter(({ length }) => length >= 4);
    // ccxt's own throttle would send late what was given up meanwhile, and its numbers would be floats.
    const settings = {
      ...keys,
      timeout: timeoutMs,
      enableRateLimit: false,
      number: String,
      options: { adjustForTimeDifference: true },
    };
    this.#exchange = new exchange(settings);
    this.#exchange.onRestResponse = jsonBody;
    if (sandbox) this.#exchange.setSandboxMode?.(true);
    const gapMs = Number(Reflect.get(this.#exchange, "rateLimit") ?? 100);
    this.#queue = new RequestQueue(Number.isFinite(gapMs) ? gapMs : 100, clock.elapsedMs, clock.after);
  }

  get ready(): boolean {
    return this.#ready;
  }

  open(onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer;
    void this.#load(0);
  }

  immediate(): undefined {
    return undefined;
  }

  place(order: PlacedOrder): void {
    const reject = (code: string, message: string): void => {
      const reason = { code, message };
      this.#say(order, {
        type: "report",
        report: { status: "rejected", filled: zero, notional: zero, fee: zero, reason },
      });
    };
    const market = marketOf(this.#exchange.markets, order.sid);
    const problem = market && sizeProblem(market, order);
    const busy = (): void => reject("venue-busy", `${this.name} takes no more requests now; the order was not sent`);
    if (!this.#ready) reject("venue-not-ready", `${this.name} has not told its markets yet`);
    else if (market === undefined) reject("venue-symbol-unknown", `${this.name} has no market ${order.sid}`);
    else if (problem !== undefined) reject("venue-size", problem);
    else this.#queue.add(() => void this.#place(order, market), busy, this.#exchange.timeout);
  }

  cancel(order: PlacedOrder): void {
    this.#send(order, async (market) => {
      // Without the exchange's own id there is nothing to name to it: it is looked for first.
      if (order.venueOrderId === undefined) return this.#look(order, market);
      try {
        await this.#exchange.cancelOrder(order.venueOrderId, market.symbol);
      } catch (error) {
        return cancelAnswer(error, this.#describe(error));
      }
      return this.#look(order, market);
    });
  }

  ask(order: PlacedOrder): void {
    this.#send(order, (market) => this.#look(order, market));
  }

  close(): void {
    this.#closed = true;
    this.#stop();
    this.#queue.close();
  }

  async #load(failures: number): Promise<void> {
    const { log, clock } = this.#options;
    try {
      await this.#syncTime();
      await this.#exchange.loadMarkets();
      this.#ready = true;
      log("info", "venue is ready", { venue: this.name, markets: Object.keys(this.#exchange.markets ?? {}).length });
    } catch (error) {
      if (this.#closed) return;
      log("error", "a venue does not answer, trying again", { venue: this.name, error: this.#describe(error) });
      const waitMs = Math.min(retryFirstMs * 2 ** failures, retryLastMs);
      this.#stop = clock.after(waitMs, () => void this.#load(failures + 1));
    }
  }

  /** Exchanges refuse what is dated by a clock that is off. */
  async #syncTime(): Promise<void> {
    if (this.#exchange.has["fetchTime"] === true) await this.#exchange.loadTimeDifference?.();
  }

  async #place(order: PlacedOrder, market: Market): Promise<void> {
    const price = limitPrice(market, order, this.rules.collarBps ?? zero);
    const params = { clientOrderId: exchangeOrderId(this.#exchange.id, order), timeInForce: "IOC" };
    const [amount, limit] = [order.quantity, price].map((value) => Number(formatDecimal(value)));
    try {
      const answer = await this.#exchange.createOrder(market.symbol, "limit", order.side, amount ?? 0, limit, params);
      this.#say(order, await this.#answerOf(answer, order, market, "placed"));
    } catch (error) {
      this.#say(order, placeAnswer(error, this.#describe(error)));
      if (classesOf(error).includes("InvalidNonce")) await this.#syncTime().catch(() => undefined);
    }
  }

  #send(order: PlacedOrder, work: (market: Market) => Promise<VenueAnswer>): void {
    const lost = (message: string): void => this.#say(order, { type: "lost", message });
    const market = marketOf(this.#exchange.markets, order.sid);
    if (market === undefined) {
      lost(`${this.name} has not told about ${order.sid}`);
      return;
    }
    const run = async (): Promise<void> => {
      try {
        this.#say(order, await work(market));
      } catch (error) {
        if (classesOf(error).includes("InvalidNonce")) await this.#syncTime().catch(() => undefined);
        lost(this.#describe(error));
      }
    };
    this.#queue.add(
      () => void run(),
      () => lost("its turn did not come"),
      this.#exchange.timeout,
    );
  }

  /** Asks what became of an order: by the exchange's id, by ours, or in what is open and what is over. */
  async #look(order: PlacedOrder, market: Market): Promise<VenueAnswer> {
    const { has, id } = this.#exchange;
    const ours = exchangeOrderId(id, order);
    const known = order.venueOrderId;
    if (known !== undefined && has["fetchOrder"] === true) {
      const found = await this.#fetchOrder(known, market, {});
      if (found !== undefined) return this.#answerOf(found, order, market);
    }
    if (findsByOwnId.includes(id)) {
      const found = await this.#fetchOrder("", market, { clientOrderId: ours });
      return found === undefined ? { type: "not-found" } : this.#answerOf(found, order, market);
    }
    const isIt = (each: Unsure): boolean =>
      each["clientOrderId"] === ours || (known !== undefined && each["id"] === known);
    const open = (await this.#exchange.fetchOpenOrders(market.symbol)).find(isIt);
    if (open !== undefined) return this.#answerOf(open, order, market);
    const over = await this.#exchange[has["fetchClosedOrders"] === true ? "fetchClosedOrders" : "fetchOrders"](
      market.symbol,
    );
    const found = over.find(isIt);
    if (found !== undefined) return this.#answerOf(found, order, market);
    if (reachesBackTo(over, order.arrivedMs)) return { type: "not-found" };
    return { type: "lost", message: "so many orders are over that the venue's list does not reach back to this one" };
  }

  async #fetchOrder(id: string, { symbol }: Market, params: object): Promise<Unsure | undefined> {
    try {
      return await this.#exchange.fetchOrder(id, symbol, params);
    } catch (error) {
      if (classesOf(error).includes("OrderNotFound")) return undefined;
      throw error;
    }
  }

  /** @param when just placed: an answer without totals is an acceptance, and the exchange is asked for the rest */
  async #answerOf(found: Unsure, order: PlacedOrder, market: Market, when?: "placed"): Promise<VenueAnswer> {
    const { id: venueOrderId } = found;
    // ccxt makes an order of any answer, and one without a word about itself looks as if it were new.
    if (typeof venueOrderId !== "string" || venueOrderId === "")
      return { type: "lost", message: "the venue's answer names no order" };
    if (when === "placed" && found["filled"] === undefined)
      return { type: "report", report: { status: "new", filled: zero, notional: zero, fee: zero }, venueOrderId };
    const report = reportOf(found, order, market, await this.#feesOf(found, market));
    return typeof report === "string" ? { type: "lost", message: report } : { type: "report", report, venueOrderId };
  }

  /** Where an order does not say what it cost in fees, its trades do. */
  async #feesOf(found: Unsure, { symbol }: Market): Promise<readonly Unsure[] | undefined> {
    const untold = feesIn(found).length === 0 && Number(found["filled"] ?? 0) > 0;
    if (!untold || this.#exchange.has["fetchMyTrades"] !== true) return undefined;
    const trades = await this.#exchange.fetchMyTrades(symbol);
    return trades.filter((trade) => trade["order"] === found["id"]).flatMap(feesIn);
  }

  /** Answers come in a turn of their own, where what the book throws ends the process. */
  #say({ strategy, clientOrderId }: PlacedOrder, answer: VenueAnswer): void {
    if (this.#closed) return;
    this.#options.clock.after(0, () => {
      if (!this.#closed) this.#onAnswer({ strategy, clientOrderId }, answer);
    });
  }

  /** For logs and executors: without addresses, which may carry signatures, and without any of the keys. */
  #describe(error: unknown): string {
    const [kind = "Error"] = classesOf(error);
    return `${kind}: ${redact(error instanceof Error ? error.message : String(error), this.#secrets)}`;
  }
}

export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) clean = clean.replaceAll(secret, "…").replaceAll(encodeURIComponent(secret), "…");
  clean = clean.replace(/\bhttps?:\/\/\S+/g, "the venue's address").replace(/[^\x20-\x7e…]/g, "?");
  return clean.length > 300 ? `${clean.slice(0, 300)}…` : clean;
}
