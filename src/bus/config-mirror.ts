import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readApiServer } from "./api-server.ts";
import { type ConfigData, watchConfigMaps } from "./config-watch.ts";
import type { Log } from "./process.ts";

/** A volume of ConfigMaps: where the kubelet mounts it, and which ConfigMaps it is made of. */
export interface ConfigVolume {
  readonly name: string;
  readonly mounted: string;
  readonly configMaps: readonly string[];
}

export interface ConfigMirrorOptions {
  /** A folder of the process's own. */
  readonly folder: string;
  /** What the platform's chart mounts for the API server. */
  readonly apiDir: string;
  readonly namespace: string;
  readonly volumes: readonly ConfigVolume[];
  readonly log: Log;
  readonly nowMs: () => number;
  readonly watch?: typeof watchConfigMaps;
  /** How often the kubelet's volumes are looked at. */
  readonly pollMs?: number;
}

export interface ConfigMirror {
  /** The folder that stands for the volume of this name. */
  folderOf(name: string): string;
  close(): void;
}

const defaultPollMs = 2_000;

type Files = ReadonlyMap<string, string>;

/**
 * Keeps folders that hold what mounted ConfigMaps hold, as the API server tells it: sooner than the kubelet, which takes a minute or so.
 *
 * The kubelet's volumes stay the ground: they are what there is at the start, before the API server has answered; and when it tells nothing any more,
 * what it told last holds until the kubelet brings something else, so that neither of the two can keep a tightened limit back for long. An object
 * that is gone is gone in the folder too: whoever reads it refuses what has no limits.
 */
export function mirrorConfigMaps(options: ConfigMirrorOptions): ConfigMirror {
  const { folder, volumes, log, nowMs } = options;
  const mirrored = volumes.map((volume) => new MirroredVolume(volume, join(folder, volume.name), log));
  for (const volume of mirrored) {
    volume.readMounted(nowMs());
    volume.takeMounted();
  }
  const wanted = new Set(volumes.flatMap(({ configMaps }) => configMaps));
  const watch = (options.watch ?? watchConfigMaps)({
    server: readApiServer(options.apiDir),
    namespace: options.namespace,
    holds: (name) => wanted.has(name),
    onData(data) {
      for (const volume of mirrored) volume.write(filesOf(volume.configMaps, data));
    },
    ...{ log, nowMs },
  });
  const poll = setInterval(() => {
    for (const volume of mirrored) {
      volume.readMounted(nowMs());
      if (!watch.live && volume.changedMs > watch.heardMs) volume.takeMounted();
    }
  }, options.pollMs ?? defaultPollMs);
  return {
    folderOf: (name) => join(folder, name),
    close() {
      clearInterval(poll);
      watch.close();
    },
  };
}

function filesOf(configMaps: readonly string[], data: ReadonlyMap<string, ConfigData>): Files {
  return new Map(configMaps.flatMap((name) => Object.entries(data.get(name) ?? {})));
}

/** One volume, as the kubelet mounts it and as it is mirrored: a folder whose files are replaced by renames, and only those that have changed. */
class MirroredVolume {
  readonly configMaps: readonly string[];
  readonly #mounted: string;
  readonly #folder: string;
  readonly #staging: string;
  readonly #log: Log;
  readonly #written = new Map<string, string>();
  #files: Files = new Map();
  #problem: string | undefined;
  /** When the kubelet's own last changed. */
  changedMs = Number.NEGATIVE_INFINITY;

  constructor({ mounted, configMaps }: ConfigVolume, folder: string, log: Log) {
    this.configMaps = configMaps;
    this.#mounted = mounted;
    this.#folder = folder;
    this.#staging = `${folder}.new`;
    this.#log = log;
    // What an earlier process has left is of unknown age.
    for (const path of [folder, this.#staging]) {
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path, { recursive: true });
    }
  }

  readMounted(nowMs: number): void {
    try {
      // `..data` and the like are the kubelet's own links.
      const names = readdirSync(this.#mounted).filter((name) => !name.startsWith("."));
      const files = new Map(names.map((name) => [name, readFileSync(join(this.#mounted, name), "utf8")]));
      if (!sameFiles(files, this.#files)) this.changedMs = nowMs;
      this.#files = files;
      this.#problem = undefined;
    } catch (cause) {
      // Not the same as empty, so the last one stays.
      const problem = String(cause);
      if (problem !== this.#problem) this.#log("warn", "a mounted volume cannot be read", { error: problem });
      this.#problem = problem;
    }
  }

  takeMounted(): void {
    this.write(this.#files);
  }

  write(files: Files): void {
    for (const name of [...this.#written.keys()]) if (!files.has(name)) this.#remove(name);
    for (const [name, text] of files) {
      if (this.#written.get(name) === text) continue;
      try {
        writeFileSync(join(this.#staging, name), text);
        renameSync(join(this.#staging, name), join(this.#folder, name));
        this.#written.set(name, text);
      } catch (cause) {
        // What is older than what is known must not be read: without its file nothing is allowed.
        this.#remove(name);
        this.#log("error", "alarm: a file of the platform cannot be written, and counts as missing", {
          ...{ file: name, error: String(cause) },
        });
      }
    }
  }

  #remove(name: string): void {
    rmSync(join(this.#folder, name), { force: true });
    this.#written.delete(name);
  }
}

function sameFiles(a: Files, b: Files): boolean {
  return a.size === b.size && [...a].every(([name, text]) => b.get(name) === text);
}
