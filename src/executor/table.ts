const partMax = 32;

/**
 * What was set last of each key, in the order in which the keys came. Immutable: a table with another value of a known key shares all but one part of
 * 32 with the one before, so that an event costs the same whether a strategy hears four channels or a thousand. Nothing is taken out again.
 */
export class Table<Value> implements ReadonlyMap<string, Value> {
  readonly #places: ReadonlyMap<string, number>;
  readonly #parts: readonly (readonly Value[])[];

  private constructor(places: ReadonlyMap<string, number>, parts: readonly (readonly Value[])[]) {
    this.#places = places;
    this.#parts = parts;
  }

  /** Of a key that is there twice, the last value. */
  static of<Value>(entries: Iterable<readonly [string, Value]> = []): Table<Value> {
    const values = new Map(entries);
    const all = [...values.values()];
    const parts: Value[][] = [];
    for (let at = 0; at < all.length; at += partMax) parts.push(all.slice(at, at + partMax));
    return new Table(new Map([...values.keys()].map((key, place) => [key, place])), parts);
  }

  /** The table in which the key has this value. */
  with(key: string, value: Value): Table<Value> {
    const known = this.#places.get(key);
    const place = known ?? this.size;
    const index = Math.floor(place / partMax);
    const part = this.#parts[index]?.slice() ?? [];
    part[place % partMax] = value;
    const parts = this.#parts.slice();
    parts[index] = part;
    return new Table(known === undefined ? new Map(this.#places).set(key, place) : this.#places, parts);
  }

  get size(): number {
    return this.#places.size;
  }

  get(key: string): Value | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#parts[Math.floor(place / partMax)]?.[place % partMax];
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  keys(): MapIterator<string> {
    return this.#places.keys();
  }

  *values(): MapIterator<Value> {
    for (const part of this.#parts) yield* part;
  }

  *entries(): MapIterator<[string, Value]> {
    const values = this.values();
    for (const key of this.#places.keys()) {
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
}
