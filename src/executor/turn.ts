import type { Bus } from "#bus/client.ts";
import type { Log } from "#bus/process.ts";
import { validateTurnAnswer } from "#core/bus-validators.generated.js";
import type { TurnRequestMessage } from "#core/messages.ts";
import { readMessage } from "#core/payload.ts";

export interface TurnOptions {
  readonly bus: Pick<Bus, "publish" | "subscribe" | "onMessage">;
  /** `strat/<team>/<name>`. */
  readonly own: string;
  readonly epoch: number;
  readonly nowMs: () => number;
  readonly log: Log;
  /** Between two questions. Default 5,000. */
  readonly everyMs?: number;
}

const everyMsDefault = 5_000;
/** Questions without any answer: nobody gives turns, so nobody waits for one. */
const unansweredMax = 6;

/**
 * When many executors are to be replaced at once, they end in turns, which the gateway gives: each trades on until it is its own. Without a gateway that
 * answers an executor leaves after half a minute. (The kubelet ends it after its grace in any case.)
 */
export class Turn {
  readonly #options: TurnOptions;
  #waiting: Promise<void> | undefined;
  #isBack = false;

  constructor(options: TurnOptions) {
    this.#options = options;
  }

  /** Says once that it trades: the place of the one before it is free. */
  back(): void {
    if (this.#isBack) return;
    this.#isBack = true;
    this.#say("back");
  }

  /** Settles when it may end. However often it is asked, it waits once. */
  wait(): Promise<void> {
    this.#waiting ??= this.#wait();
    return this.#waiting;
  }

  async #wait(): Promise<void> {
    const { bus, own, epoch, log, everyMs = everyMsDefault } = this.#options;
    let unanswered = 0;
    let told = false;
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const off = bus.onMessage(({ topic, payload }) => {
      if (topic !== `${own}/turn/answer`) return;
      const read = readMessage(topic, payload, { "turn-answer": validateTurnAnswer });
      if (!read.ok || read.value.type !== "turn-answer" || read.value.epoch !== epoch) return;
      unanswered = 0;
      const { granted, away, awayMax } = read.value;
      if (granted) leave();
      else if (!told) log("info", "it is to end, and trades on until it is its turn", { away, awayMax });
      told = true;
    });
    const ask = (): void => {
      unanswered += 1;
      if (unanswered > unansweredMax) {
        log("warn", "nobody gives turns; it ends without one");
        leave();
      } else this.#say("leave");
    };
    // While offline it settles with the next connection, and the questions count all the same.
    bus.subscribe(`${own}/turn/answer`, { qos: 1 }).catch(() => undefined);
    ask();
    const timer = setInterval(ask, everyMs);
    await left;
    clearInterval(timer);
    off();
  }

  #say(wants: TurnRequestMessage["wants"]): void {
    const { bus, own, epoch, nowMs, log } = this.#options;
    const message: TurnRequestMessage = { v: 1, type: "turn-request", epoch, wants, atMs: nowMs() };
    bus.publish(`${own}/turn/request`, message, { qos: 1 }).catch((cause: unknown) => {
      log("warn", "what it says of its turn was not published", { wants, error: String(cause) });
    });
  }
}
