import type { OrderReport } from "#core/order.ts";
import type { Clock } from "./clock.ts";
import { type PaperPlan, paperNextMs, paperPlan, paperReport } from "./paper.ts";
import type { OnAnswer, OrderKey, PlacedOrder, Venue, VenueAnswer } from "./venue.ts";
import type { Simulation, VenueRules } from "./venue-settings.ts";

/** A venue on paper that fills at the last quote, as well or as badly as its settings say. Without any it answers at once and for good. */
export class PaperVenue implements Venue {
  readonly name: string;
  readonly rules: VenueRules;
  readonly live = false;
  readonly settling;
  readonly answerMs: number;
  readonly askFirstMs = 250;
  readonly pollMs = undefined;
  readonly #simulation: Simulation | undefined;
  readonly #clock: Clock;
  /** The one timer of each order that it still has something to say about, besides answers to questions. */
  readonly #timers = new Map<string, () => void>();
  readonly #answering = new Set<() => void>();
  #onAnswer: OnAnswer = () => undefined;

  constructor(name: string, rules: VenueRules, simulation: Simulation | undefined, clock: Clock) {
    this.name = name;
    this.rules = rules;
    this.#simulation = simulation;
    this.#clock = clock;
    const delayMs = simulation?.delayMs ?? 0;
    this.settling = { timesMin: 3, forMs: 1_000 + delayMs };
    this.answerMs = 5_000 + 2 * delayMs;
  }

  open(onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer;
  }

  immediate(order: PlacedOrder): OrderReport | undefined {
    const plan = this.#planOf(order);
    const atOnce = plan.answerMs === 0 && (plan.fate === "answered" || plan.fate === "rejected");
    return atOnce ? paperReport(this.rules, plan, order, order.arrivedMs) : undefined;
  }

  place(order: PlacedOrder): void {
    const plan = this.#planOf(order);
    const lost = plan.fate === "request-lost" || plan.fate === "answer-lost";
    if (lost) {
      const answer: VenueAnswer = {
        type: "lost",
        message: "the venue on paper loses it, as its settings want of some",
      };
      this.#answer(order, plan, plan.answerMs, () => answer);
    } else this.#follow(order, plan, order.arrivedMs - 1);
  }

  cancel(order: PlacedOrder): void {
    this.ask(order);
  }

  ask(order: PlacedOrder): void {
    const plan = this.#planOf(order);
    this.#answer(order, plan, plan.answerMs, (nowMs) => {
      const report = paperReport(this.rules, plan, order, nowMs);
      return report === undefined ? { type: "not-found" } : { type: "report", report };
    });
    this.#follow(order, plan, this.#clock.nowMs());
  }

  close(): void {
    for (const cancel of [...this.#timers.values(), ...this.#answering]) cancel();
    this.#timers.clear();
    this.#answering.clear();
  }

  #planOf(order: PlacedOrder): PaperPlan {
    return paperPlan(this.#simulation, order);
  }

  /** Says by itself what happens to an order after a time. */
  #follow(order: PlacedOrder, plan: PaperPlan, afterMs: number): void {
    const key = `${order.strategy} ${order.clientOrderId}`;
    this.#timers.get(key)?.();
    this.#timers.delete(key);
    const nextMs = paperNextMs(plan, order, afterMs);
    if (nextMs === undefined) return;
    const cancel = this.#clock.after(Math.max(0, nextMs - this.#clock.nowMs()), () => {
      // Timers may fire a moment early; what is not yet is not said.
      const early = this.#clock.nowMs() < nextMs;
      this.#follow(order, plan, early ? afterMs : nextMs);
      if (early) return;
      const report = paperReport(this.rules, plan, order, nextMs);
      if (report !== undefined) this.#say(order, plan, { type: "report", report });
    });
    this.#timers.set(key, cancel);
  }

  #answer(order: PlacedOrder, plan: PaperPlan, inMs: number, answer: (nowMs: number) => VenueAnswer): void {
    const cancel = this.#clock.after(inMs, () => {
      this.#answering.delete(cancel);
      this.#say(order, plan, answer(this.#clock.nowMs()));
    });
    this.#answering.add(cancel);
  }

  #say({ strategy, clientOrderId }: OrderKey, { repeats }: PaperPlan, answer: VenueAnswer): void {
    for (let times = repeats ? 2 : 1; times > 0; times -= 1) this.#onAnswer({ strategy, clientOrderId }, answer);
  }
}
