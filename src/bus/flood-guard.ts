import { type Access, strategyTopicOf } from "#core/access.ts";
import { type Allowance, type Excess, Meter } from "./allowance.ts";

/** What a strategy's client may do to the bus. */
export interface FloodLimits {
  /** Whatever it publishes, and each filter that it subscribes or gives up where the broker is our own. */
  readonly messages: Allowance;
  readonly bytes: Allowance;
  /** Whatever else it sends, where the broker is our own: pings, acknowledgements. */
  readonly controls: Allowance;
  /** Connections that are let in. */
  readonly logins: Allowance;
  /** Being cut for not taking what it was sent. */
  readonly stalls: Allowance;
  /** For how long it is kept out the first time; twice as long each further time, up to the last. */
  readonly keptOutMs: { readonly first: number; readonly last: number };
  /** After so long without another time the next is the first again. */
  readonly forgottenMs: number;
}

/** An executor says some ten messages a second and what it orders, of which the gateway looks at 200 a second. */
export const floodLimits: FloodLimits = {
  messages: { perSecond: 1_000, burst: 2_000 },
  bytes: { perSecond: 2 ** 20, burst: 8 * 2 ** 20 },
  controls: { perSecond: 2_000, burst: 10_000 },
  logins: { perSecond: 1, burst: 100 },
  stalls: { perSecond: 1 / 300, burst: 2 },
  keptOutMs: { first: 10_000, last: 300_000 },
  forgottenMs: 900_000,
};

/** A client that was cut off, and why. */
export interface CutOff {
  readonly identity: string;
  /** Where people hear of it: the log of its strategy. */
  readonly topic: string;
  /** One sentence. */
  readonly reason: string;
}

export interface FloodGuardOptions {
  /** Everyone's rules: those of whom are a strategy's say whom it watches. Feeds and the gateway may say as much as they like. */
  readonly access: () => ReadonlyMap<string, Access>;
  /** Milliseconds of a clock that nobody sets: by the wall's, put back by an hour, nobody's allowance would be renewed for an hour. */
  readonly nowMs: () => number;
  /** The wall's, for the times that people read. */
  readonly dateMs: () => number;
  /** Told of each, once; its connection is to be closed. */
  readonly cutOff: (cut: CutOff) => void;
  readonly limits?: FloodLimits;
}

type Counted = "messages" | "bytes" | "controls" | "logins" | "stalls";

interface Watched {
  meters: Readonly<Record<Counted, Meter>>;
  times: number;
  untilMs: number;
  /** The same for people, once it was cut off. */
  until: string;
}

/**
 * Keeps a strategy that floods the bus with its own password from making others late: it is cut off, and let in again after a time that grows. What is
 * too much is the same for all and far above what any strategy needs, so one that keeps its limits never comes near.
 */
export class FloodGuard {
  readonly #options: FloodGuardOptions;
  readonly #limits: FloodLimits;
  readonly #watched = new Map<string, Watched>();
  /** The log's topic of each strategy's rules, undefined of others': asked at each message of everybody. */
  readonly #topics = new WeakMap<Access, string | undefined>();
  #cut = 0;

  constructor(options: FloodGuardOptions) {
    this.#options = options;
    this.#limits = options.limits ?? floodLimits;
  }

  /** How often someone was cut off. */
  get cut(): number {
    return this.#cut;
  }

  /** What it published since it was last counted. @returns why it is cut off, undefined while it is not */
  published(identity: string, messages: number, bytes: number): string | undefined {
    return this.#count(identity, { messages, bytes });
  }

  /** What it sent that is no message. @returns why it is cut off, undefined while it is not */
  controlled(identity: string, controls: number): string | undefined {
    return this.#count(identity, { controls });
  }

  /** It was cut for not taking what it was sent. */
  stalled(identity: string): void {
    this.#count(identity, { stalls: 1 });
  }

  /** @returns until when it is kept out, undefined if it is not */
  keptOut(identity: string): string | undefined {
    const watched = this.#watched.get(identity);
    return watched !== undefined && this.#options.nowMs() < watched.untilMs ? watched.until : undefined;
  }

  /** It shows a good password. @returns why it is not let in, undefined if it is */
  login(identity: string): string | undefined {
    return this.#count(identity, { logins: 1 });
  }

  #count(identity: string, amounts: Readonly<Partial<Record<Counted, number>>>): string | undefined {
    const { access, nowMs } = this.#options;
    const topic = this.#topicOf(access().get(identity));
    if (topic === undefined) return undefined;
    const now = nowMs();
    let watched = this.#watched.get(identity);
    if (watched === undefined) {
      // Who has no rules any more is no client, and comes back as a new one.
      for (const known of this.#watched.keys()) if (!access().has(known)) this.#watched.delete(known);
      watched = { meters: metersOf(this.#limits, now), times: 0, untilMs: Number.NEGATIVE_INFINITY, until: "" };
      this.#watched.set(identity, watched);
    }
    if (now < watched.untilMs) return watched.until;
    for (const [what, amount] of Object.entries(amounts) as readonly [Counted, number][]) {
      const excess = watched.meters[what].add(amount, now);
      if (excess !== undefined) return this.#cutOff(identity, topic, watched, sentenceOf(what, excess, this.#limits));
    }
    return undefined;
  }

  #topicOf(rules: Access | undefined): string | undefined {
    if (rules === undefined) return undefined;
    if (!this.#topics.has(rules)) this.#topics.set(rules, strategyTopicOf(rules, "log"));
    return this.#topics.get(rules);
  }

  #cutOff(identity: string, topic: string, watched: Watched, why: string): string {
    const { keptOutMs, forgottenMs } = this.#limits;
    const { nowMs, dateMs } = this.#options;
    const now = nowMs();
    watched.times = now - watched.untilMs > forgottenMs ? 1 : watched.times + 1;
    const forMs = Math.min(keptOutMs.first * 2 ** (watched.times - 1), keptOutMs.last);
    watched.untilMs = now + forMs;
    watched.until = cutOffUntil(dateMs() + forMs);
    // What it did before is paid for.
    watched.meters = metersOf(this.#limits, watched.untilMs);
    this.#cut += 1;
    this.#options.cutOff({ identity, topic, reason: `cut off from the bus: ${why}; ${watched.until}` });
    return watched.until;
  }
}

function cutOffUntil(untilMs: number): string {
  return `it is let in again at ${new Date(untilMs).toISOString().slice(11, 19)} UTC`;
}

function metersOf(limits: FloodLimits, nowMs: number): Watched["meters"] {
  const meter = (what: Counted): Meter => new Meter(limits[what], nowMs);
  const perMessage = { messages: meter("messages"), bytes: meter("bytes"), controls: meter("controls") };
  return { ...perMessage, logins: meter("logins"), stalls: meter("stalls") };
}

const nouns: Readonly<Record<Counted, string>> = {
  messages: "messages",
  bytes: "bytes",
  controls: "pings and acknowledgements",
  logins: "connections",
  stalls: "times cut for not reading",
};

function sentenceOf(what: Counted, { amount, ms }: Excess, limits: FloodLimits): string {
  const seconds = Math.max(0.1, Math.round(ms / 100) / 10);
  const { perSecond, burst } = limits[what];
  const rate = perSecond < 1 ? `one in ${Math.round(1 / perSecond)} s` : `${number(perSecond)} a second`;
  return `${number(amount)} ${nouns[what]} in ${seconds} s, at most ${rate} and ${number(burst)} at once`;
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}
