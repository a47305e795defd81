import { type Bus, type BusOptions, connectBus } from "#bus/client.ts";
import { newSession } from "#bus/numbers.ts";
import type { Log } from "#bus/process.ts";
import { gatewayAccess } from "#core/access.ts";
import { Fault } from "#core/result.ts";
import { AccountTeller } from "./accounts.ts";
import { Announcer } from "./announcer.ts";
import type { Archive } from "./archive.ts";
import { assemble, start } from "./assemble.ts";
import type { Book } from "./book.ts";
import type { BookFiles } from "./book-files.ts";
import type { Clock } from "./clock.ts";
import { Commits } from "./commits.ts";
import { requestsPerSecondMax } from "./gateway.ts";
import { cutOff, gatewayState } from "./gateway-state.ts";
import type { Halts } from "./halts.ts";
import type { PlatformFiles } from "./platform-files.ts";
import { askerOfTopic } from "./request.ts";
import { Sweep } from "./sweep.ts";
import { Tally } from "./tally.ts";
import type { Venue } from "./venue.ts";

export interface RunOptions {
  readonly environment: string;
  readonly identity: string;
  readonly bus: Pick<BusOptions, "url" | "password" | "dial">;
  readonly book: Book;
  /** Where a person accepts the book as it is; without it nobody can. */
  readonly bookFiles?: Pick<BookFiles, "acceptFile" | "accepted" | "removeAcceptance">;
  /** Takes what the book forgets; without one it forgets nothing. */
  readonly archive?: Pick<Archive, "append" | "bytes">;
  readonly clock: Clock;
  readonly wallMs: () => number;
  readonly venues: ReadonlyMap<string, Venue>;
  readonly files: Pick<PlatformFiles, "limits" | "strategies" | "standing" | "problem" | "onStanding" | "onChange">;
  readonly log: Log;
  /** When it is to end. */
  readonly stopping: Promise<undefined>;
  /** Ends the process: what a message's or a timer's work throws must end it before a message is acknowledged. */
  readonly end: (cause: unknown) => never;
  /** Told of each step of its connection. */
  readonly progress: (bus: Bus, subscribed: boolean) => void;
}

/** A little more of one executor than the gateway looks at, so that it is the gateway that says who floods it. */
const handedOnPerSecond = 1.25 * requestsPerSecondMax;
const everyMs = {
  peaks: 1_000,
  accounts: 1_000,
  enforcing: 1_000,
  tidying: 1_000,
  sweeping: 5_000,
  metric: 5_000,
  counters: 60_000,
};

/**
 * Connects, takes messages and timers until it is to end, and says that it is offline. After this the book is not touched.
 *
 * @returns what was counted; undefined if it was to end before it was connected
 * @throws Fault `bus-refused`
 */
export async function runGateway(options: RunOptions): Promise<{ readonly [name: string]: number } | undefined> {
  const { identity, environment, stopping, log, wallMs, progress, files } = options;
  let overflow: (topic: string) => void = () => undefined;
  const connecting = connectBus({
    ...options.bus,
    identity,
    access: gatewayAccess(environment),
    session: newSession(),
    will: { topic: "gw/state", message: gatewayState(cutOff, wallMs()), retain: true },
    cleanSession: false,
    turns: { of: askerOfTopic, perSecond: handedOnPerSecond, dropped: (topic) => overflow(topic) },
    log,
  });
  const bus = await Promise.race([connecting, stopping]);
  if (bus === undefined) return undefined;
  progress(bus, false);
  const running = run(bus, options);
  overflow = running.overflow;
  await subscribe(bus, stopping);
  progress(bus, true);
  const say = (reason: string | undefined): Promise<void> =>
    // The next connection says the last of what is retained again.
    bus.publish("gw/state", gatewayState(reason, wallMs()), { qos: 1, retain: true }).catch(() => undefined);
  let problem = files.problem;
  files.onChange(() => {
    if (files.problem === problem) return;
    problem = files.problem;
    void say(problem);
  });
  await Promise.race([say(problem), stopping]);
  const strategies = files.strategies().length;
  if (problem === undefined) log("info", "gateway is online", { strategies });
  else log("error", "gateway is connected and takes no orders", { strategies, error: problem });

  await stopping;
  files.onChange(() => undefined);
  const offline = say("it was stopped");
  await bus.close();
  await offline;
  return running.stop();
}

interface Running {
  /** Counts a message that was dropped before it was decoded. */
  overflow(topic: string): void;
  /** After this the book is not touched. @returns what was counted */
  stop(): { readonly [name: string]: number };
}

/** What messages and timers throw ends the process before a message is acknowledged: the broker keeps it. */
function run(bus: Bus, options: RunOptions): Running {
  const { book, bookFiles, archive, clock, wallMs, venues, files, end } = options;
  const tally = new Tally();
  const log = tally.log(options.log);
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (cause) {
      end(cause);
    }
  };
  const announcer = new Announcer(book, bus, log, guarded);
  const commits = new Commits(book, bus, (work) => setImmediate(() => guarded(work)));
  const assembled = assemble({
    ...{ book, bus, log, venues, clock, wallMs, announcer: tally.announcer(announcer) },
    limits: (strategy) => files.limits(strategy),
    strategies: () => files.strategies(),
    git: () => files.standing,
    changed: (strategy) => {
      tellHalts();
      teller.changed(strategy);
    },
    ...(bookFiles === undefined ? {} : { acceptFile: bookFiles.acceptFile }),
  });
  const { gateway, desk, halts, claims } = assembled;
  const teller = new AccountTeller({ ...assembled, bus, log, guarded });
  const tellHalts = haltsTeller(bus, halts, { wallMs, log, guarded });
  files.onStanding(() => guarded(() => halts.reconcile()));
  bus.onMessage(({ topic, payload }) => {
    guarded(() => {
      // A price writes nothing.
      if (!topic.startsWith("md/")) commits.join();
      gateway.receive(topic, payload);
    });
    if (topic.startsWith("gw/cmd/")) tellHalts();
  });
  announcer.start();
  start(assembled);
  const counted = (): { readonly [name: string]: number } => ({ ...gateway.counters, ...desk.counters });
  const tellMetric = async (): Promise<void> => {
    const message = await tally.message({ gateway: gateway.counters, desk: desk.counters, book, archive }, wallMs());
    // The next one says all of it again.
    if (bus.connected) await bus.publish("gw/metric", message, { qos: 0 }).catch(() => undefined);
  };
  let requestsBefore = 0;
  const sweep =
    archive === undefined ? undefined : new Sweep({ retention: book.retention, archive, log, nowMs: clock.nowMs });
  const timers = [
    setInterval(() => guarded(() => gateway.savePeaks()), everyMs.peaks),
    setInterval(() => guarded(() => teller.look()), everyMs.accounts),
    setInterval(() => void tellMetric().catch(end), everyMs.metric),
    setInterval(() => log("info", "counters", counted()), everyMs.counters),
    setInterval(() => {
      const { requests } = gateway.counters;
      if (requests === requestsBefore) guarded(() => book.tidy());
      requestsBefore = requests;
    }, everyMs.tidying),
    setInterval(() => sweep?.run().catch(end), everyMs.sweeping),
    setInterval(() => {
      guarded(() => {
        const accepted = claims.size === 0 ? undefined : bookFiles?.accepted();
        if (accepted !== undefined) claims.accept(accepted);
        if (accepted !== undefined) bookFiles?.removeAcceptance();
        halts.enforce();
      });
      tellHalts();
    }, everyMs.enforcing),
  ];
  return {
    overflow: (topic) => gateway.overflow(topic),
    stop() {
      sweep?.stop();
      teller.stop();
      for (const timer of timers) clearInterval(timer);
      commits.end();
      desk.stop();
      announcer.stop();
      gateway.savePeaks();
      return counted();
    },
  };
}

/** Says what is halted whenever that has changed, at most once a moment. */
function haltsTeller(
  bus: Bus,
  halts: Halts,
  { wallMs, log, guarded }: Pick<RunOptions, "wallMs" | "log"> & { readonly guarded: (work: () => void) => void },
): () => void {
  let said = "";
  let due = false;
  const tell = (): void => {
    due = false;
    const message = halts.message(wallMs());
    const now = JSON.stringify({ ...message, atMs: 0 });
    if (now === said) return;
    said = now;
    bus.publish("gw/halts", message, { qos: 1, retain: true }).catch((cause: unknown) => {
      said = "";
      log("warn", "what is halted was not published", { error: String(cause) });
    });
  };
  return () => {
    if (due) return;
    due = true;
    setTimeout(() => guarded(tell), 10);
  };
}

/** Prices first: an order needs them. Commands too: a stop must not wait for the rest. */
async function subscribe(bus: Bus, stopping: Promise<undefined>): Promise<void> {
  for (const filter of [
    "md/+/+/quote",
    "md/+/+/bar/+",
    "gw/cmd/#",
    "strat/+/+/order/request",
    "strat/+/+/order/resend",
    "strat/+/+/turn/request",
  ]) {
    const granted = await Promise.race([bus.subscribe(filter, { qos: filter.startsWith("md/") ? 0 : 1 }), stopping]);
    if (granted?.ok === false) throw new Fault("bus-refused", `the bus refuses the subscription to ${filter}`);
  }
}
