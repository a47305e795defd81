/** Runs work about one key after the other, work about different keys side by side. */
export type Turns = <Value>(key: string, work: () => Promise<Value>) => Promise<Value>;

export function inTurn(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return (key, work) => {
    const done = (last.get(key) ?? Promise.resolve()).then(work, work);
    last.set(key, done);
    const forget = (): void => {
      if (last.get(key) === done) last.delete(key);
    };
    done.then(forget, forget);
    return done;
  };
}
