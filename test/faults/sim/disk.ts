import type { Appender, Disk } from "#executor/disk.ts";
import type { Process } from "./time.ts";

interface File {
  /** What a process sees. */
  text: string;
  /** What has reached the disk. */
  durable: string;
}

/** What is on one machine's disk. It outlives the processes, and what it holds for sure a power cut, too. */
export class DiskState {
  files = new Map<string, File>();
  /** Names as they are on the disk for sure: renames reach it some time later. */
  names = new Map<string, File>();
  /** Nothing more fits. */
  full = false;

  /** Renames and new files reach the disk. */
  settle(): void {
    this.names = new Map(this.files);
  }

  /** Another disk takes its place. */
  lose(): void {
    this.files = new Map();
    this.names = new Map();
  }

  /** Everything that had not reached the disk is gone. */
  cut(): void {
    this.files = new Map(this.names);
    for (const file of this.files.values()) file.text = file.durable;
  }
}

class DiskFull extends Error {
  readonly code = "ENOSPC";
  constructor() {
    super("ENOSPC: no space left on device, write");
  }
}

/** A process's view of it: each call is a step of the process. */
export function simDisk(state: DiskState, process: Process): Disk {
  const fileAt = (path: string): File => {
    const known = state.files.get(path);
    if (known !== undefined) return known;
    const made = { text: "", durable: "" };
    state.files.set(path, made);
    return made;
  };
  const write = (path: string, text: string): void => {
    process.step(`write ${leaf(path)}`);
    // O_TRUNC: the file is empty before anything is in it.
    const file = { text: "", durable: "" };
    state.files.set(path, file);
    if (state.full) {
      file.text = text.slice(0, Math.floor(text.length / 3));
      throw new DiskFull();
    }
    process.step(`written ${leaf(path)}`);
    file.text = text;
    file.durable = text;
  };
  return {
    makeDirectory: () => undefined,
    list(directory) {
      if (!process.alive) process.step("list");
      return [...state.files.keys()].filter((path) => path.startsWith(`${directory}/`)).map(leaf);
    },
    read(path) {
      if (!process.alive) process.step("read");
      return state.files.get(path)?.text;
    },
    write,
    async writeLater(path, text) {
      await new Promise<void>((resolve) => process.after(process.sim.draw(20), resolve));
      write(path, text);
      await new Promise<void>((resolve) => process.after(process.sim.draw(20), resolve));
    },
    open(path): Appender {
      process.step(`open ${leaf(path)}`);
      if (state.full && !state.files.has(path)) throw new DiskFull();
      const file = fileAt(path);
      return {
        append(text) {
          process.step(`append ${leaf(path)}`);
          if (state.full) {
            file.text += text.slice(0, Math.floor(text.length / 2));
            throw new DiskFull();
          }
          file.text += text;
          process.step(`appended ${leaf(path)}`);
        },
        close: () => undefined,
      };
    },
    rename(from, to) {
      process.step(`rename ${leaf(to)}`);
      const file = state.files.get(from);
      if (file === undefined) throw Object.assign(new Error(`ENOENT: ${from}`), { code: "ENOENT" });
      state.files.delete(from);
      state.files.set(to, file);
      process.step(`renamed ${leaf(to)}`);
    },
    remove(path) {
      process.step(`remove ${leaf(path)}`);
      state.files.delete(path);
    },
  };
}

function leaf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
