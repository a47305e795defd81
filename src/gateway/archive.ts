import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "#bus/process.ts";
import { Fault } from "#core/result.ts";

export interface ArchiveOptions {
  readonly folder: string;
  readonly nowMs: () => number;
  readonly log: Log;
  /** All files together; default 256 MiB. */
  readonly bytesMax?: number;
}

const fileBytesMax = 16 * 2 ** 20;
const bytesMaxDefault = 256 * 2 ** 20;
const pattern = /^orders-\d{14}\.jsonl$/;

/**
 * Orders that the book forgets, a JSON object a line, for who must keep them longer: `orders-<its first moment, milliseconds>.jsonl`. A file that is full
 * is never touched again, so it can be taken away; when there are too many the oldest goes, and the log says so. After a kill an order may be in it twice.
 */
export class Archive {
  readonly #options: ArchiveOptions;
  #file: string | undefined;

  constructor(options: ArchiveOptions) {
    this.#options = options;
  }

  /** On the disk when it settles. @throws Fault `archive-unwritable` */
  async append(records: readonly object[]): Promise<void> {
    try {
      await this.#append(records);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Fault("archive-unwritable", `old orders cannot be archived, the book keeps them: ${why}`, { cause });
    }
  }

  /** How large its files are; 0 before the first one. */
  async bytes(): Promise<number> {
    try {
      const sizes = await Promise.all((await this.#files()).map(sizeOf));
      return sizes.reduce((sum, size) => sum + size, 0);
    } catch {
      // Not there yet, or taken away while it was looked at.
      return 0;
    }
  }

  async #append(records: readonly object[]): Promise<void> {
    const { folder, nowMs } = this.#options;
    await mkdir(folder, { recursive: true });
    this.#file ??= (await this.#files()).at(-1);
    // A kill may have left half a line there.
    const first = this.#file === undefined || (await sizeOf(this.#file)) > fileBytesMax;
    if (first) this.#file = join(folder, `orders-${String(nowMs()).padStart(14, "0")}.jsonl`);
    const file = await open(this.#file ?? "", "a");
    try {
      await file.writeFile(`${records.map((record) => JSON.stringify(record)).join("\n")}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    if (first) await this.#removeOldest();
  }

  async #removeOldest(): Promise<void> {
    const { bytesMax = bytesMaxDefault, log } = this.#options;
    const files = [...(await this.#files())];
    const sizes = await Promise.all(files.map(sizeOf));
    let bytes = sizes.reduce((sum, size) => sum + size, 0);
    for (const [index, file] of files.slice(0, -1).entries()) {
      if (bytes + fileBytesMax <= bytesMax) return;
      await rm(file, { force: true });
      bytes -= sizes[index] ?? 0;
      log("warn", "the archive is full, its oldest file is removed", { file, bytesMax });
    }
  }

  async #files(): Promise<readonly string[]> {
    const { folder } = this.#options;
    const names = await readdir(folder);
    return names
      .filter((name) => pattern.test(name))
      .sort()
      .map((name) => join(folder, name));
  }
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file)).size;
}
