import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";

/** A file that is only added to. */
export interface Appender {
  /** All of it is in the file when this returns; a process that is killed meanwhile may leave a part. */
  append(text: string): void;
  close(): void;
}

/** The file system, as far as the executor's state needs it. Each call is one step: a kill comes before or after it. All of them throw. */
export interface Disk {
  makeDirectory(path: string): void;
  /** The names in a directory. */
  list(path: string): readonly string[];
  /** Undefined if there is no such file. */
  read(path: string): string | undefined;
  /** Replaces a file. Its content has reached the disk when this returns; whether its name has is the file system's business. */
  write(path: string, text: string): void;
  /** The same beside the process's other work. */
  writeLater(path: string, text: string): Promise<void>;
  /** Adds to a file without waiting for the disk: it survives the process, not the machine. */
  open(path: string): Appender;
  rename(from: string, to: string): void;
  /** Nothing if there is no such file. */
  remove(path: string): void;
}

/**
 * Each write is on the disk before it returns (O_SYNC): `fsync` is closed to a process under Node's permission model, and with it the way to
 * make a rename durable.
 */
const durably = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_SYNC;

/** The machine's. */
export const realDisk: Disk = {
  makeDirectory: (path) => void mkdirSync(path, { recursive: true }),
  list: (path) => readdirSync(path),
  read(path) {
    try {
      return readFileSync(path, "utf8");
    } catch (cause) {
      if (Reflect.get(Object(cause), "code") !== "ENOENT") throw cause;
      return undefined;
    }
  },
  write(path, text) {
    const file = openSync(path, durably);
    try {
      writeWhole(file, text);
    } finally {
      closeSync(file);
    }
  },
  async writeLater(path, text) {
    const file = await open(path, durably);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
  },
  open(path) {
    const file = openSync(path, "a");
    return { append: (text) => writeWhole(file, text), close: () => closeSync(file) };
  },
  rename: renameSync,
  remove: (path) => rmSync(path, { force: true }),
};

/** A disk that gets full takes a part of what it is given and says so by a number only. */
function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}
