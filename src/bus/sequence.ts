/** Messages that a session's publisher numbered and that never came. */
export interface Gap {
  readonly topic: string;
  readonly session: string;
  /** The first and the last that are missing. */
  readonly from: number;
  readonly to: number;
}

/** `old`: this number, or a later one, was there already, or its session is over. */
export type Verdict = { readonly is: "next" } | { readonly is: "old" } | { readonly is: "late"; readonly gap: Gap };

interface Row {
  readonly session: string;
  readonly seq: number;
  /** Its will was said since: if it comes back, then with what it said last, and that is news again. */
  readonly cut: boolean;
  /** Sessions before this one, newest first. */
  readonly over: readonly string[];
}

const idsMax = 1_000;

/** Remembers the last ids of each topic: what a new session says again has another number and the same id. */
export class Ids {
  readonly #topics = new Map<string, Set<string>>();

  /** False: it was there. */
  take(topic: string, id: string): boolean {
    const ids = this.#topics.get(topic) ?? new Set<string>();
    this.#topics.set(topic, ids);
    if (ids.has(id)) return false;
    ids.add(id);
    if (ids.size <= idsMax) return true;
    for (const oldest of ids) {
      ids.delete(oldest);
      break;
    }
    return true;
  }
}

const overMax = 4;
const topicsMax = 20_000;

/**
 * Follows the numbers of each topic. The first message of a session may have any: what came before it was not for this receiver, or belongs to a
 * replay's warm-up. Within a session each number follows the one before; MQTT keeps the order of a topic, so a smaller one is a repetition.
 */
export class Sequence {
  readonly #rows = new Map<string, Row>();

  /** @param superseded how many of the topic's numbers before this one came and were not looked at; which ones nobody knows, so a gap begins after as many */
  take(topic: string, session: string, seq: number, superseded = 0): Verdict {
    const row = this.#rows.get(topic);
    if (row === undefined) {
      if (seq > 0) this.#set(topic, { session, seq, cut: false, over: [] });
      return { is: "next" };
    }
    if (row.session !== session) return this.#another(topic, row, session, seq);
    if (seq === 0) {
      this.#set(topic, { ...row, cut: true });
      return { is: "next" };
    }
    if (seq < row.seq || (seq === row.seq && !row.cut)) return { is: "old" };
    this.#set(topic, { ...row, seq, cut: false });
    if (seq <= row.seq + 1 + superseded) return { is: "next" };
    return { is: "late", gap: { topic, session, from: row.seq + 1 + superseded, to: seq - 1 } };
  }

  /** What an earlier process of this receiver had last, or what it has been given since without its number being taken here. */
  resume(topic: string, session: string, seq: number): void {
    const row = this.#rows.get(topic);
    if (row === undefined || (row.session === session && row.seq < seq))
      this.#set(topic, { session, seq, cut: false, over: row?.over ?? [] });
  }

  #another(topic: string, row: Row, session: string, seq: number): Verdict {
    if (row.over.includes(session)) return { is: "old" };
    // The will of one that was never heard: it says something, and nothing follows it.
    if (seq > 0) this.#set(topic, { session, seq, cut: false, over: [row.session, ...row.over].slice(0, overMax) });
    return { is: "next" };
  }

  /** The topic that was quiet for longest gives way when there are too many. */
  #set(topic: string, row: Row): void {
    this.#rows.delete(topic);
    this.#rows.set(topic, row);
    if (this.#rows.size <= topicsMax) return;
    for (const oldest of this.#rows.keys()) {
      this.#rows.delete(oldest);
      return;
    }
  }
}
