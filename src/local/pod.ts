import { chmod, lstat, mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "#core/result.ts";
import type { PodStatus, Termination } from "#core/status.ts";
import { Container, type ContainerHost } from "./container.ts";
import { type Ended, rootCause, togetherMs } from "./ending.ts";
import type { PodPlan } from "./pod-plan.ts";
import type { processTable } from "./processes.ts";
import { FileVolume } from "./volumes.ts";

/** A pod that runs: its containers and the volumes they share. */
class RunningPod {
  readonly plan: PodPlan;
  readonly #host: ContainerHost;
  readonly #logPath: (container: string) => string;
  #containers: readonly Container[] = [];
  readonly #files = new Map<string, FileVolume>();

  constructor(plan: PodPlan, host: ContainerHost, logPath: (container: string) => string) {
    this.plan = plan;
    this.#host = host;
    this.#logPath = logPath;
  }

  get containers(): readonly Container[] {
    return this.#containers;
  }

  /** Makes the folders and files; faults leave no process and no open file. */
  async prepare(): Promise<void> {
    const { directory, runtimeDirectory, volumes } = this.plan;
    await this.#removeFolders();
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await mkdir(join(directory, "home"));
    await mkdir(join(directory, "tmp"));
    await mkdir(runtimeDirectory, { mode: 0o700 });
    for (const volume of volumes) await mkdir(volume.host, { recursive: true });
    await this.writeFiles(this.plan);
  }

  start(): void {
    const { namespace, pod, containers, graceSeconds } = this.plan;
    this.#containers = containers.map((container) => {
      const id = `${namespace}_${pod}_${container.name}`;
      return new Container(id, container, this.#host, graceSeconds, this.#logPath(container.name));
    });
    for (const container of this.containers) container.start();
  }

  /** Brings ConfigMap files up to date, in place. */
  async writeFiles(plan: PodPlan): Promise<void> {
    for (const volume of plan.volumes) {
      if (volume.kind !== "files") continue;
      const files = this.#files.get(volume.name) ?? new FileVolume(volume.host, join(plan.directory, ".staging"));
      this.#files.set(volume.name, files);
      await files.write(volume.files, volume.secret);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.containers.map((container) => container.stop()));
    await this.#removeFolders();
  }

  async #removeFolders(): Promise<void> {
    for (const path of [this.plan.directory, this.plan.runtimeDirectory])
      await rm(path, { recursive: true, force: true });
  }
}

/** The one place of a StatefulSet's pod: whatever is asked of it, an old pod is gone before the next one starts. */
export class PodSlot {
  readonly namespace: string;
  readonly pod: string;
  readonly #host: ContainerHost;
  readonly #logPath: (container: string) => string;
  #desired: PodPlan | undefined;
  #current: RunningPod | undefined;
  #work: Promise<void> | undefined;
  #fault: string | undefined;

  constructor(namespace: string, pod: string, host: ContainerHost, logPath: (container: string) => string) {
    this.namespace = namespace;
    this.pod = pod;
    this.#host = host;
    this.#logPath = logPath;
  }

  /** Asks for this pod, or none. Returns at once; the last wish wins. */
  set(plan: PodPlan | undefined): void {
    this.#desired = plan;
    this.#fault = undefined;
    this.#work ??= this.#converge().finally(() => {
      this.#work = undefined;
      this.#host.changed();
    });
  }

  /** Tries again what the machine refused (a full disk, a folder in the way). */
  retry(): void {
    if (this.#fault !== undefined) this.set(this.#desired);
  }

  /** When what was asked for is so: the old pod gone, the new one started. */
  async settled(): Promise<void> {
    await this.#work;
  }

  get converged(): boolean {
    return this.#work === undefined && this.#current?.plan.digest === this.#desired?.digest;
  }

  /** Nothing is asked for, and nothing is left. */
  get gone(): boolean {
    return this.#work === undefined && this.#current === undefined && this.#desired === undefined;
  }

  /** Why it is unhealthy, `"starting"`, or `"ready"`. */
  health():
    | { readonly state: "ready" | "starting" | "none" }
    | { readonly state: "trouble"; readonly message: string } {
    if (this.#fault !== undefined) return { state: "trouble", message: this.#fault };
    if (this.#current === undefined) return { state: this.#desired === undefined ? "none" : "starting" };
    const { containers } = this.#current;
    const cause = this.#cause();
    if (cause !== undefined && containers.some((container) => container.ended()?.recovered === false)) {
      // A neighbour that is just ending may be why.
      const young = this.#host.clock() - cause.ending.endedAtMs < togetherMs;
      if (containers.length > 1 && (young || containers.some(({ closing }) => closing))) return { state: "starting" };
      return {
        state: "trouble",
        message: `pod ${this.pod}: container ${cause.container} ${cause.ending.message}`,
      };
    }
    const unready = containers.map((container) => container.unready()).find((message) => message !== undefined);
    if (unready !== undefined) return { state: "trouble", message: `pod ${this.pod}: ${unready}` };
    const ready = this.converged && containers.every((container) => container.status().ready);
    return { state: ready ? "ready" : "starting" };
  }

  /** That it should not run any more, and how long that may take. */
  ends(): string {
    const grace = this.#current?.plan.graceSeconds;
    return `pod ${this.pod} is ending${grace === undefined ? "" : `: it may take ${grace} s`}`;
  }

  /** What it waits for while it starts. */
  waitsFor(): string {
    for (const container of this.#current?.containers ?? []) {
      const { ready, message, name, startsAgainAtMs } = container.status();
      if (startsAgainAtMs !== undefined) return `container ${name} has ended; why is being found out`;
      if (!ready) return `container ${name} is starting${message === undefined ? "" : `: ${message}`}`;
    }
    return `pod ${this.pod} is being started`;
  }

  status(): PodStatus | undefined {
    if (this.#current === undefined) return undefined;
    const cause = this.#cause();
    return {
      namespace: this.namespace,
      name: this.pod,
      containers: this.#current.containers.map((container) => container.status()),
      ...(cause === undefined ? {} : { cause: termination(cause) }),
    };
  }

  #cause(): Ended | undefined {
    return rootCause(this.#current?.containers.flatMap((container) => container.ended() ?? []) ?? []);
  }

  async sample(table: Awaited<ReturnType<typeof processTable>> | undefined): Promise<void> {
    for (const container of this.#current?.containers ?? []) await container.sample(table);
  }

  async #converge(): Promise<void> {
    try {
      for (;;) {
        const desired = this.#desired;
        if (this.#current !== undefined && this.#current.plan.digest === desired?.digest)
          await this.#current.writeFiles(desired);
        else {
          await this.#current?.stop();
          this.#current = undefined;
          if (desired !== undefined && desired === this.#desired) {
            const pod = new RunningPod(desired, this.#host, this.#logPath);
            await pod.prepare();
            pod.start();
            this.#current = pod;
          }
        }
        if (desired === this.#desired) return;
      }
    } catch (error) {
      this.#fault = `pod ${this.pod} cannot be set up: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}

function termination({ container, ending: { reason, exitCode, message, endedAtMs } }: Ended): Termination {
  return { container, reason, exitCode, message, atMs: endedAtMs };
}

/** A folder of this user's in the one that all may write. */
export function runtimePath(name: string): string {
  return join(tmpdir(), `slipway-${process.getuid?.() ?? "user"}-${name}`);
}

/** Makes or checks the folder for sockets: short, ours alone. Someone else could have made it first, in a folder that all may write. */
export async function openRuntimeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const found = await lstat(path);
  const uid = process.getuid?.();
  if (!found.isDirectory() || (uid !== undefined && found.uid !== uid)) {
    throw new Fault(
      "runtime-directory-foreign",
      `${path} belongs to another user; remove it, or start with another TMPDIR`,
    );
  }
  await chmod(path, 0o700);
}
