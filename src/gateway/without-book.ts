import { setTimeout as sleep } from "node:timers/promises";
import { type Bus, type BusOptions, connectBus } from "#bus/client.ts";
import { newSession } from "#bus/numbers.ts";
import type { Log } from "#bus/process.ts";
import { gatewayAccess } from "#core/access.ts";
import type { Book } from "./book.ts";
import type { BookFiles } from "./book-files.ts";
import { cutOff, gatewayState } from "./gateway-state.ts";

export interface OpeningOptions {
  readonly environment: string;
  readonly identity: string;
  readonly bus: Pick<BusOptions, "url" | "password" | "dial">;
  readonly files: Pick<BookFiles, "open" | "trace">;
  readonly wallMs: () => number;
  readonly log: Log;
  /** When it is to end. */
  readonly stopping: Promise<undefined>;
  /** Told why there is no book, and that there is one. */
  readonly progress: (problem: string | undefined) => void;
  /** Between two looks at the files. */
  readonly pauseMs?: number;
}

/**
 * Opens the book. While it is lost or damaged the gateway says so on the bus and takes nothing, until a person has mended it; it is no use to end and
 * be started again.
 *
 * @returns undefined if it was to end before
 * @throws Fault as `BookFiles.open`
 */
export async function openBook(options: OpeningOptions): Promise<Book | undefined> {
  const { files, log, stopping, progress } = options;
  let over = false;
  const ended = stopping.then(() => {
    over = true;
    return undefined;
  });
  let bus: Bus | undefined;
  let said = "";
  try {
    for (;;) {
      const opened = files.open();
      if (!("problem" in opened)) {
        progress(undefined);
        return opened;
      }
      const { problem } = opened;
      progress(problem);
      if (problem !== said) log("error", `alarm: ${problem}`, { code: "book-lost" });
      bus ??= await Promise.race([connect(options, problem), ended]);
      if (bus === undefined) return undefined;
      if (problem !== said) void say(bus, problem, options.wallMs());
      said = problem;
      await untilChanged(options, files.trace(), () => over);
      if (over) {
        await say(bus, "it was stopped", options.wallMs());
        return undefined;
      }
    }
  } finally {
    await bus?.close();
  }
}

async function connect({ environment, identity, bus, wallMs, log }: OpeningOptions, problem: string): Promise<Bus> {
  const connected = await connectBus({
    ...{ ...bus, identity, access: gatewayAccess(environment), session: newSession(), log },
    will: { topic: "gw/state", message: gatewayState(`${problem} (${cutOff})`, wallMs()), retain: true },
    cleanSession: false,
  });
  // What comes is lost: executors ask again, and who halts is told that nobody answered, and writes it to Git.
  connected.onMessage(() => undefined);
  return connected;
}

function say(bus: Bus, reason: string, atMs: number): Promise<void> {
  return bus.publish("gw/state", gatewayState(reason, atMs), { qos: 1, retain: true }).catch(() => undefined);
}

/** A file that is still being copied changes at each look. */
async function untilChanged(
  { files, stopping, pauseMs = 1_000 }: OpeningOptions,
  before: string,
  over: () => boolean,
): Promise<void> {
  for (let last = before; ; ) {
    await Promise.race([sleep(pauseMs, undefined, { ref: true }), stopping]);
    const now = files.trace();
    if (over() || (now !== before && now === last)) return;
    last = now;
  }
}
