// An exchange that outlives the gateway and keeps its own log, and the gateway's adapter to it: requests and answers get lost, come late and twice.
import { add, type Decimal, decimal, divide, floorTo, multiply, subtract } from "#core/decimal.ts";
import type { OrderReport } from "#core/order.ts";
import type { OnAnswer, PlacedOrder, Venue, VenueAnswer } from "#gateway/venue.ts";
import type { VenueRules } from "#gateway/venue-settings.ts";
import type { Process, Sim } from "./time.ts";

export interface ExchangeSettings {
  readonly latencyMs: number;
  readonly fills: number;
  readonly fillEveryMs: number;
  readonly rejectPercent: number;
  readonly loseRequestPercent: number;
  readonly loseAnswerPercent: number;
  readonly repeatPercent: number;
  /** Answers that come after the gateway has given up to wait. */
  readonly latePercent: number;
  /** Orders that arrive late, some of them after the gateway has given them up. */
  readonly lateRequestPercent: number;
  /** It tells what happens to an order; else it is asked. */
  readonly pushes: boolean;
}

/** An order as the exchange has it. */
export interface Traded {
  readonly placed: PlacedOrder;
  /** How often it was sent. */
  arrivals: number;
  filled: Decimal;
  notional: Decimal;
  fee: Decimal;
  status: OrderReport["status"];
}

const zero = decimal("0");
const answerMs = 2_000;
export const settling = { timesMin: 3, forMs: 8_000 };

/** The exchange itself. No process of ours has a say in its life. */
export class Exchange {
  readonly sim: Sim;
  readonly settings: ExchangeSettings;
  /** By strategy and id. */
  readonly log = new Map<string, Traded>();
  /** How much later than usual an order was to arrive, milliseconds. */
  readonly lateMs = new Map<string, number>();
  listener: ((traded: Traded) => void) | undefined;
  /** Nothing is lost any more. */
  calm = false;

  constructor(sim: Sim, settings: ExchangeSettings) {
    this.sim = sim;
    this.settings = settings;
  }

  arrived(placed: PlacedOrder): Traded {
    const known = this.log.get(keyOf(placed));
    if (known !== undefined) {
      known.arrivals += 1;
      return known;
    }
    const traded: Traded = { placed, arrivals: 1, filled: zero, notional: zero, fee: zero, status: "new" };
    this.log.set(keyOf(placed), traded);
    if (this.sim.chance(this.settings.rejectPercent)) traded.status = "rejected";
    else this.#fill(traded, 1 + this.sim.draw(this.settings.fills));
    return traded;
  }

  canceled(placed: PlacedOrder): Traded | undefined {
    const traded = this.log.get(keyOf(placed));
    if (traded !== undefined && isLive(traded)) traded.status = "canceled";
    return traded;
  }

  #fill(traded: Traded, parts: number): void {
    const { placed } = traded;
    const part = floorTo(divide(placed.quantity, (decimal("1") * BigInt(parts)) as Decimal), 4);
    const next = (left: number): void => {
      if (!isLive(traded)) return;
      const quantity = left === 1 || part === zero ? subtract(placed.quantity, traded.filled) : part;
      traded.filled = add(traded.filled, quantity);
      traded.notional = add(traded.notional, multiply(quantity, placed.last, "exact"));
      traded.fee = add(traded.fee, decimal("0.01"));
      traded.status = traded.filled === placed.quantity ? "filled" : "partially-filled";
      if (this.settings.pushes) this.listener?.(traded);
      if (isLive(traded)) this.sim.schedule(this.settings.fillEveryMs, () => next(left - 1));
    };
    this.sim.schedule(this.settings.fillEveryMs, () => next(parts));
  }
}

/** A gateway process's adapter; it ends with the process. */
export class SimVenue implements Venue {
  readonly name = "paper";
  readonly rules: VenueRules = {
    ...{ feeBps: decimal("100"), slippageBps: zero, collarBps: undefined, maxOpenOrders: 100, hours: undefined },
  };
  readonly live = true;
  readonly settling = settling;
  readonly answerMs = answerMs;
  readonly askFirstMs = 250;
  readonly pollMs;
  readonly #exchange: Exchange;
  readonly #process: Process;
  #onAnswer: OnAnswer = () => undefined;

  constructor(exchange: Exchange, process: Process) {
    this.#exchange = exchange;
    this.#process = process;
    this.pollMs = exchange.settings.pushes ? undefined : 500;
  }

  open(onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer;
    // What it tells unasked is never lost, as with the venue on paper: where it may be, the gateway has to ask.
    this.#exchange.listener = ({ placed, ...traded }) => this.#answer(placed, reportOf(traded), true);
  }

  immediate(): undefined {
    return undefined;
  }

  place(order: PlacedOrder): void {
    this.#request(order, "place", () => reportOf(this.#exchange.arrived(order)));
  }

  cancel(order: PlacedOrder): void {
    this.#request(order, "cancel", () => {
      const traded = this.#exchange.canceled(order);
      return traded === undefined ? { type: "not-found" } : reportOf(traded);
    });
  }

  ask(order: PlacedOrder): void {
    this.#request(order, "ask", () => {
      const traded = this.#exchange.log.get(keyOf(order));
      return traded === undefined ? { type: "not-found" } : reportOf(traded);
    });
  }

  close(): void {
    this.#exchange.listener = undefined;
  }

  #request(order: PlacedOrder, label: string, work: () => VenueAnswer): void {
    this.#process.step(`venue ${label}`);
    const { sim, settings, calm } = this.#exchange;
    if (!calm && sim.chance(settings.loseRequestPercent)) return;
    const late = !calm && label === "place" && sim.chance(settings.lateRequestPercent);
    const lateMs = late ? sim.draw(5 * settling.forMs) : 0;
    if (label === "place") this.#exchange.lateMs.set(order.clientOrderId, lateMs);
    sim.schedule(lateMs + 1 + sim.draw(settings.latencyMs), () => this.#answer(order, work()));
    this.#process.step(`venue ${label} sent`);
  }

  #answer(order: PlacedOrder, answer: VenueAnswer, safely = false): void {
    const { sim, settings, calm } = this.#exchange;
    if (!safely && !calm && sim.chance(settings.loseAnswerPercent)) return;
    const { strategy, clientOrderId } = order;
    const late = !calm && sim.chance(settings.latePercent) ? answerMs + sim.draw(5_000) : 0;
    const say = (): void => {
      this.#process.step("venue answer");
      this.#onAnswer({ strategy, clientOrderId }, answer);
    };
    for (let times = sim.chance(settings.repeatPercent) ? 2 : 1; times > 0; times -= 1)
      this.#process.after(late + 1 + sim.draw(settings.latencyMs), say);
  }
}

function isLive({ status }: Traded): boolean {
  return status === "new" || status === "partially-filled";
}

function reportOf({ status, filled, notional, fee }: Omit<Traded, "placed">): VenueAnswer {
  const reason = { code: "venue-rejected", message: "the exchange of the simulation rejects it" };
  return { type: "report", report: { status, filled, notional, fee, ...(status === "rejected" ? { reason } : {}) } };
}

export function keyOf({ strategy, clientOrderId }: Pick<PlacedOrder, "strategy" | "clientOrderId">): string {
  return `${strategy} ${clientOrderId}`;
}
