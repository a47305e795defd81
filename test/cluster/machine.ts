// One cluster's place on this machine: its folder, its network namespace and its processes, recorded so that a later run can end them.
import { execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readProcess, signal } from "#local/processes.ts";
import { Records } from "#local/records.ts";

/** Addresses of cluster number `index`, so that several may run beside each other. */
export interface Addresses {
  readonly index: number;
  readonly namespace: string;
  /** The host's and the node's end of the one cable between them; there is no other way out. */
  readonly host: string;
  readonly node: string;
  readonly pods: string;
  readonly services: string;
  readonly dns: string;
}

export function addressesOf(index: number): Addresses {
  return {
    index,
    namespace: `slipway-cluster-${index}`,
    host: `10.250.${index}.1`,
    node: `10.250.${index}.2`,
    pods: `10.244.${index}.0/24`,
    services: `10.96.${index}.0/24`,
    dns: `10.96.${index}.10`,
  };
}

/** How long anything is waited for: bounds what hangs, and says nothing of how long it may take on a machine with much to do. */
const patienceMs = 240_000;

/** How a process was started, so that it can be started again. */
interface Command {
  readonly program: string;
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

interface Process extends Command {
  readonly pid: number;
  /** With the pid it names the process: a pid is given anew. */
  readonly started: string;
}

export class Machine {
  readonly folder: string;
  readonly addresses: Addresses;
  readonly records: Records;
  readonly #processes = new Map<string, Process>();
  readonly #killed = new Map<string, Command>();

  constructor(folder: string, addresses: Addresses) {
    this.folder = folder;
    this.addresses = addresses;
    this.records = new Records(join(folder, "processes"));
  }

  /** Takes over what an earlier run has started and kept; what has ended since, or was killed by a test that failed, is started again. */
  async adopt(): Promise<void> {
    for (const file of readdirSync(this.path("commands"))) {
      const name = file.replace(/\.json$/, "");
      const process: Process = JSON.parse(readFileSync(this.path(`commands/${file}`), "utf8"));
      if (await isAlive(process)) this.#processes.set(name, process);
      else await this.start(name, process.program, process.argv, process.env);
    }
  }

  /** The processes that run, by name. */
  get pids(): ReadonlyMap<string, number> {
    return new Map([...this.#processes].map(([name, { pid }]) => [name, pid]));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Where containerd listens: below /run, since a socket's path is short and its state belongs to memory. */
  get runtimeFolder(): string {
    return join("/run", this.addresses.namespace);
  }

  get containerdSocket(): string {
    return join(this.runtimeFolder, "containerd.sock");
  }

  write(name: string, content: string | object, mode = 0o600): string {
    const path = this.path(name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content, null, 2), { mode });
    return path;
  }

  /** Runs a command in the cluster's network to its end. @throws with what it said */
  run(
    program: string,
    argv: readonly string[],
    options: { readonly input?: string; readonly timeoutMs?: number } = {},
  ): string {
    return execFileSync("nsenter", [`--net=/run/netns/${this.addresses.namespace}`, program, ...argv], {
      encoding: "utf8",
      stdio: ["pipe", "pipe", "pipe"],
      timeout: options.timeoutMs ?? 60_000,
      maxBuffer: 64 * 2 ** 20,
      ...(options.input === undefined ? {} : { input: options.input }),
    });
  }

  /**
   * Starts a process in the cluster's network, in a session of its own. `nsenter`, not `ip netns exec`: that would mount /sys anew and hide
   * cgroups, which the kubelet needs.
   */
  async start(name: string, program: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
    mkdirSync(this.path("logs"), { recursive: true });
    const log = openSync(this.path(`logs/${name}.log`), "a", 0o600);
    const child = spawn("nsenter", [`--net=/run/netns/${this.addresses.namespace}`, program, ...argv], {
      cwd: this.folder,
      detached: true,
      env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: this.folder, ...env },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    child.on("error", () => undefined); // Its end is seen by `assertAlive`.
    child.unref();
    const row = child.pid === undefined ? undefined : await readProcess(child.pid);
    if (row === undefined) throw new Error(`${name} ended at once:\n${this.logOf(name).slice(-3000)}`);
    const process = { program, argv, env, pid: row.pid, started: row.started };
    this.#processes.set(name, process);
    this.records.add(name, row);
    this.write(`commands/${name}.json`, process);
  }

  /** It stands still until `goOn`. */
  pause(name: string): void {
    this.#signal(name, "SIGSTOP");
  }

  goOn(name: string): void {
    this.#signal(name, "SIGCONT");
  }

  #signal(name: string, what: NodeJS.Signals): void {
    const running = this.#processes.get(name);
    if (running === undefined) throw new Error(`no process of the cluster is called ${name}`);
    process.kill(running.pid, what);
  }

  /** Ends it as a fault would, and returns when it is gone. Nobody starts it again but `again`. */
  async kill(name: string): Promise<void> {
    const process = this.#processes.get(name);
    if (process === undefined) throw new Error(`no process of the cluster is called ${name}`);
    signal(process.pid, "SIGKILL");
    const deadline = performance.now() + 20_000;
    while (await isAlive(process)) {
      if (performance.now() > deadline) throw new Error(`${name} does not end`);
      await delay(20);
    }
    this.#processes.delete(name);
    this.#killed.set(name, process);
    this.records.remove(name);
  }

  /** Starts what was killed as it was. */
  async again(name: string): Promise<void> {
    const command = this.#killed.get(name);
    if (command === undefined) throw new Error(`${name} was not killed`);
    this.#killed.delete(name);
    await this.start(name, command.program, command.argv, command.env);
  }

  /** Throws with the end of its log if a process has ended that nobody killed. */
  async assertAlive(): Promise<void> {
    for (const [name, process] of this.#processes) {
      if (await isAlive(process)) continue;
      throw new Error(`${name} ended:\n${this.logOf(name).slice(-3000)}`);
    }
  }

  logOf(name: string): string {
    const path = this.path(`logs/${name}.log`);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  /** Asks until it holds; ends early when a process has ended. What throws does not hold. */
  async until(what: string, holds: () => boolean | Promise<boolean>, limitMs = patienceMs): Promise<void> {
    const deadline = performance.now() + limitMs;
    let why: unknown;
    for (;;) {
      try {
        if (await holds()) return;
        why = undefined;
      } catch (cause) {
        why = cause;
      }
      await this.assertAlive();
      if (performance.now() > deadline) throw new Error(`never within ${limitMs / 1000} s: ${what}`, { cause: why });
      await delay(100);
    }
  }
}

async function isAlive({ pid, started }: Process): Promise<boolean> {
  const row = await readProcess(pid);
  return row !== undefined && !row.zombie && row.started === started;
}
