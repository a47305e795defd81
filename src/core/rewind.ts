/** The last event of an instrument, or of a channel. */
export interface Heard {
  /** The publisher's. */
  readonly session: string;
  /** Event time, microseconds UTC. */
  readonly ts: number;
}

export interface Rewinding {
  /** The market did not fall, the film was rewound: what a price does to an equity now is neither profit nor drawdown. */
  readonly rewound: boolean;
  /** What stands at a price of the session that ended; empty when nothing does. To be given back with the next event. */
  readonly earlier: ReadonlySet<string>;
}

/**
 * Whether a replay began anew and, until this event, had not come to everything that the session before it had a price of. A replay begins anew
 * when something comes in another session and from an earlier time than it came before. A session that goes on forward in time, as a live feed's
 * does, is none. The gateway and the executors ask this one function.
 *
 * @param heard the last event of each key, before this one
 * @param earlier of the answer to the event before; at first the empty set
 */
export function rewind(
  heard: ReadonlyMap<string, Heard>,
  earlier: ReadonlySet<string>,
  key: string,
  now: Heard,
): Rewinding {
  const last = heard.get(key);
  const begins = last !== undefined && last.session !== now.session && now.ts < last.ts;
  if (!begins && earlier.size === 0) return { rewound: false, earlier };
  const waiting =
    begins && earlier.size === 0
      ? [...heard].filter(([, { session }]) => session === last.session).map(([known]) => known)
      : earlier;
  const left = new Set(waiting);
  left.delete(key);
  return { rewound: true, earlier: left };
}
