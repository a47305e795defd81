import type { Log } from "#bus/process.ts";
import { RateCap } from "#bus/rate-cap.ts";
import type { JsonValue } from "#core/json.ts";
import { Fault } from "#core/result.ts";
import { type Algorithm, AlgorithmError, deadlinesMs, type Outcome, type Said } from "./algorithm.ts";
import type { Effect, Event, JournalEntry, OwnTopic } from "./events.ts";
import type { Kept, State } from "./state.ts";
import { step } from "./step.ts";

/** What the loop acts on: the outside, as functions. */
export interface Outside {
  readonly algorithm: Algorithm;
  readonly nowMs: () => number;
  readonly append: (entry: JournalEntry) => void;
  /** The next process here is to have a higher epoch. */
  readonly fence: (epoch: number) => void;
  readonly save: (kept: Kept, algorithm: JsonValue, queued: readonly JournalEntry[]) => Promise<void>;
  readonly publish: (
    topic: OwnTopic | "log",
    message: object,
    options: { readonly qos: 0 | 1; readonly retain: boolean },
  ) => Promise<void>;
  readonly log: Log;
  /** Ends the process once what was published before is out. */
  readonly exit: (code: 0 | 1) => void;
  readonly logCap: RateCap;
}

const notesPerSecond = 50;

/** Holds the state, applies one event after the other and does what the step says. Decides nothing. */
export class Loop {
  readonly #outside: Outside;
  readonly #events: Event[] = [];
  #state: State;
  #stepping = false;
  #failure: Error | undefined;
  #callStartedMs: number | undefined;
  #linesDropped = 0;
  readonly #notes = new RateCap(notesPerSecond);

  constructor(state: State, outside: Outside) {
    this.#state = state;
    this.#outside = outside;
    outside.algorithm.onEnd((fault) => this.#fault(fault));
  }

  get state(): State {
    return this.#state;
  }

  /** Lines of the algorithm that went lost since this process started. */
  get logLinesDropped(): number {
    return this.#linesDropped + this.#outside.logCap.droppedInAll;
  }

  /** How long the current call to the algorithm takes already, in milliseconds. */
  callMs(nowMs: number): number {
    return this.#callStartedMs === undefined ? 0 : nowMs - this.#callStartedMs;
  }

  /** What the bus brings. @throws what the journal throws: what is not written down must not be acknowledged */
  take(event: Event): void {
    this.dispatch(event);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Applied, with what it writes down, when this returns; calls to the algorithm answer later. Nothing is after the journal has failed. */
  dispatch(event: Event): void {
    if (this.#failure !== undefined) return;
    this.#events.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        const [state, effects] = step(this.#state, next);
        this.#state = state;
        for (const effect of effects) this.#do(effect);
      }
    } catch (thrown) {
      // The journal cannot be written, or a bug of ours: nothing may go out that is not written down.
      this.#events.length = 0;
      this.#failure = thrown instanceof Error ? thrown : new Error(String(thrown));
      this.#outside.log("error", this.#failure instanceof Fault ? this.#failure.message : String(this.#failure.stack));
      this.#outside.exit(1);
    } finally {
      this.#stepping = false;
    }
  }

  /** A line of the algorithm, or about it, for people: here and on the bus, with a cap on how many. */
  log(level: "debug" | "info" | "warn" | "error", message: string, capped: boolean): void {
    const nowMs = this.#outside.nowMs();
    const { passes, dropped } = capped ? this.#outside.logCap.pass(nowMs) : { passes: true, dropped: 0 };
    if (dropped > 0) this.log("warn", `${dropped} log lines dropped, more than allowed in a second`, false);
    if (!passes) return;
    this.#outside.log(level, message);
    this.#send("log", { v: 1, type: "log", level, message: message.slice(0, 4_000), atMs: nowMs }, 0, false);
  }

  #do(effect: Effect): void {
    const { algorithm, append, save, exit, fence } = this.#outside;
    switch (effect.do) {
      case "call-event": {
        const { message } = effect.event;
        this.#call("event", () => algorithm.event(message, message.ts, effect.portfolio));
        break;
      }
      case "call-order":
        this.#call("order", () => algorithm.order(effect.event, effect.event.ts, effect.portfolio));
        break;
      case "call-timer":
        this.#call("timer", () => algorithm.timer(effect.turn, effect.portfolio));
        break;
      case "call-command":
        this.#call("command", () => algorithm.command(effect.command, effect.ts, effect.portfolio));
        break;
      case "call-optimize":
        this.#ask("optimize", algorithm.optimize(effect.wager, effect.ts, effect.portfolio), (sized) => ({
          type: "sized",
          sized,
          nowMs: this.#outside.nowMs(),
        }));
        break;
      case "call-check":
        this.#ask("check", algorithm.check(effect.order, effect.ts, effect.portfolio), (checked) => ({
          type: "checked",
          checked,
          nowMs: this.#outside.nowMs(),
        }));
        break;
      case "call-stop":
        this.#call("stop", async () => ({ decisions: [], logs: await algorithm.stop(effect.reason) }));
        break;
      case "call-snapshot":
        this.#snapshot();
        break;
      case "journal":
        append(effect.entry);
        break;
      case "save":
        save(effect.kept, effect.algorithm, effect.queued).catch((cause: unknown) => {
          this.log("error", `the snapshot was not written, the one before it holds: ${String(cause)}`, false);
        });
        break;
      case "publish":
        this.#send(effect.topic, effect.message, effect.qos, effect.retain);
        break;
      case "log":
        this.log(effect.level, effect.message, true);
        break;
      case "note":
        this.#note(effect.message, effect.fields);
        break;
      case "fence":
        fence(effect.epoch);
        break;
      case "exit":
        exit(effect.code);
        break;
    }
  }

  /** Own lines do not use up the algorithm's. */
  #note(message: string, fields: { readonly [name: string]: string }): void {
    const { passes, dropped } = this.#notes.pass(this.#outside.nowMs());
    if (passes) this.#outside.log("info", message, dropped === 0 ? fields : { ...fields, linesDroppedBefore: dropped });
  }

  #send(topic: OwnTopic | "log", message: object, qos: 0 | 1, retain: boolean): void {
    this.#outside.publish(topic, message, { qos, retain }).catch((cause: unknown) => {
      this.#outside.log(
        "error",
        `not published to ${topic}: ${cause instanceof Error ? cause.message : String(cause)}`,
      );
    });
  }

  #call(name: keyof typeof deadlinesMs, ask: () => Promise<Outcome>): void {
    this.#ask(name, ask(), (outcome) => ({ type: "decided", outcome, nowMs: this.#outside.nowMs() }));
  }

  #ask<Value extends Said>(
    name: keyof typeof deadlinesMs,
    asked: Promise<Value>,
    event: (value: Value) => Event,
  ): void {
    this.#answer(name, asked, (value) => {
      this.#linesDropped += value.linesDropped ?? 0;
      return event(value);
    });
  }

  #snapshot(): void {
    this.#answer("snapshot", this.#outside.algorithm.snapshot(), (algorithm) => ({
      type: "snapshotted",
      algorithm,
      nowMs: this.#outside.nowMs(),
    }));
  }

  #answer<Value>(name: keyof typeof deadlinesMs, asked: Promise<Value>, event: (value: Value) => Event): void {
    this.#callStartedMs = this.#outside.nowMs();
    withDeadline(name, asked)
      .then(
        (value) => event(value),
        (thrown: unknown): Event => this.#thrown(thrown),
      )
      .then((next) => {
        this.#callStartedMs = undefined;
        this.dispatch(next);
      });
  }

  #thrown(thrown: unknown): Event {
    const nowMs = this.#outside.nowMs();
    if (!(thrown instanceof AlgorithmError)) {
      return { type: "fault", message: thrown instanceof Error ? thrown.message : String(thrown), nowMs };
    }
    const { message, place, traceback, said } = thrown;
    this.#linesDropped += said.linesDropped ?? 0;
    // In the order of time: what it said, what it threw.
    for (const line of said.logs) this.log(line.level, line.message, true);
    if (traceback !== undefined) this.#outside.log("error", traceback);
    return { type: "failed", message, place, nowMs };
  }

  #fault(fault: Fault): void {
    // A call that waits gets the same fault; the second one finds the state faulted already.
    if (this.#callStartedMs !== undefined) return;
    this.dispatch({ type: "fault", message: fault.message, nowMs: this.#outside.nowMs() });
  }
}

/**
 * The answer, or a fault once the call's deadline has passed. An algorithm in this process that never yields is not seen here: then
 * the probes do not answer either.
 *
 * @throws Fault `algorithm-silent`
 */
export async function withDeadline<Value>(name: keyof typeof deadlinesMs, asked: Promise<Value>): Promise<Value> {
  const limitMs = deadlinesMs[name];
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Fault("algorithm-silent", `the algorithm's ${name}() did not answer within ${limitMs / 1000} s`));
    }, limitMs);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
