import type { Access } from "#core/access.ts";
import type { Fault } from "#core/result.ts";
import type { ListenHost, Log } from "./process.ts";

/** A bus with its recorder, whichever broker it is. */
export interface RunningBus {
  readonly port: number;
  /** Why it would let nobody in now, or could not spare another one of its cluster; undefined: it is ready. */
  ready(): string | undefined;
  /** For the last line of its log. */
  stats(): { readonly [name: string]: unknown };
  close(): Promise<void>;
}

export interface RunningBusOptions {
  readonly host: ListenHost;
  /** 0: any free one. */
  readonly port: number;
  readonly environment: string;
  /** What outlives it. */
  readonly stateDir: string;
  /** Everyone's rules as they are now; the same object means the same rules. */
  readonly access: () => ReadonlyMap<string, Access>;
  readonly nowMs: () => number;
  readonly log: Log;
  /** Told when a part of it ends although nobody stopped it: the bus is no more. */
  readonly ended: (cause: Fault) => void;
}
