const partMax = 32;

/**
 * What was set last of each key, in the order in which the keys came. Immutable: a table with another value of a known key shares all but one part of
 * 32 with the one before, so that an event costs the same whether a strategy hears four channels or a thousand. Nothing is taken out again. Where a key
 * stands, all tables made of one another share: what came after a table is not in it.
 */
export class Table<Value> implements ReadonlyMap<string, Value> {
  readonly size: number;
  readonly #places: Map<string, number>;
  readonly #parts: readonly (readonly Value[])[];

  private constructor(size: number, places: Map<string, number>, parts: readonly (readonly Value[])[]) {
    this.size = size;
    this.#places = places;
    this.#parts = parts;
  }

  /** Of a key that is there twice, the last value. */
  static of<Value>(entries: Iterable<readonly [string, Value]> = []): Table<Value> {
    const values = new Map(entries);
    const all = [...values.values()];
    const parts: Value[][] = [];
    for (let at = 0; at < all.length; at += partMax) parts.push(all.slice(at, at + partMax));
    return new Table(all.length, new Map([...values.keys()].map((key, place) => [key, place])), parts);
  }

  /** The table in which the key has this value. */
  with(key: string, value: Value): Table<Value> {
    const known = this.#placeOf(key);
    const place = known ?? this.size;
    const index = Math.floor(place / partMax);
    const part = this.#parts[index]?.slice() ?? [];
    part[place % partMax] = value;
    const parts = this.#parts.slice();
    parts[index] = part;
    if (known !== undefined) return new Table(this.size, this.#places, parts);
    // Of a table that had another one after it already, the keys up to there are copied.
    const places = this.#places.size === this.size ? this.#places : new Map([...this.#places].slice(0, this.size));
    return new Table(this.size + 1, places.set(key, place), parts);
  }

  get(key: string): Value | undefined {
    const place = this.#placeOf(key);
    return place === undefined ? undefined : this.#parts[Math.floor(place / partMax)]?.[place % partMax];
  }

  has(key: string): boolean {
    return this.#placeOf(key) !== undefined;
  }

  *keys(): MapIterator<string> {
    for (const [key, place] of this.#places) {
      if (place >= this.size) return;
      yield key;
    }
  }

  *values(): MapIterator<Value> {
    for (const part of this.#parts) yield* part;
  }

  *entries(): MapIterator<[string, Value]> {
    const values = this.values();
    for (const key of this.keys()) {
      const { value, done } = values.next();
      if (done !== true) yield [key, value];
    }
  }

  [Symbol.iterator](): MapIterator<[string, Value]> {
    return this.entries();
  }

  forEach(callback: (value: Value, key: string, table: ReadonlyMap<string, Value>) => void): void {
    for (const [key, value] of this) callback(value, key, this);
  }

  #placeOf(key: string): number | undefined {
    const place = this.#places.get(key);
    return place !== undefined && place < this.size ? place : undefined;
  }
}
