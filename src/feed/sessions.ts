import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#core/result.ts";

/**
 * Names sessions, none twice: a counter that is on disk before the name is used, and random characters in case the disk is an old copy.
 * The name holds no `:` and no `/`, since causes are `session:channel:seq`.
 *
 * @throws Fault `session-counter` if the counter cannot be read or written
 */
export class Sessions {
  readonly #feed: string;
  readonly #directory: string;
  readonly #random: () => string;

  /** @param random 1 to 32 lower-case letters and digits, new at each call */
  constructor(feed: string, directory: string, random: () => string) {
    this.#feed = feed;
    this.#directory = directory;
    this.#random = random;
  }

  next(): string {
    const file = join(this.#directory, "sessions.json");
    const count = this.#read(file) + 1;
    try {
      mkdirSync(this.#directory, { recursive: true });
      const part = `${file}.part`;
      const descriptor = openSync(part, "w", 0o600);
      writeSync(descriptor, `${JSON.stringify({ sessions: count })}\n`);
      fsyncSync(descriptor);
      closeSync(descriptor);
      renameSync(part, file);
      const folder = openSync(this.#directory, "r");
      fsyncSync(folder);
      closeSync(folder);
    } catch (cause) {
      throw new Fault("session-counter", `the session counter ${file} cannot be written`, { cause });
    }
    return `${this.#feed}-${count}-${this.#random()}`;
  }

  #read(file: string): number {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return 0;
      throw new Fault("session-counter", `the session counter ${file} cannot be read`, { cause });
    }
    const count = /^\{"sessions":([1-9][0-9]{0,14})\}\n$/.exec(text)?.[1];
    if (count === undefined) {
      throw new Fault("session-counter", `the session counter ${file} is damaged; delete it to start again from 1`);
    }
    return Number(count);
  }
}
