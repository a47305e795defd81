import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { Fault } from "#core/result.ts";
import { takeLock } from "./records.ts";

const first = 20_000;
const span = 12_000; // Up to 32,000: below the range that systems give to outgoing connections, so a restarted pod finds its port free.

/** Whether a loopback port can be listened on now. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Which loopback port stands for which container port. A port is kept as long as the cluster runs, so that addresses stay true through restarts. */
export class Ports {
  readonly #seed: string;
  readonly #fixed: ReadonlyMap<string, number>;
  readonly #claims: string;
  readonly #given = new Map<string, number>();
  readonly #claimed: string[] = [];

  /**
   * @param fixed by `<StatefulSet>/<port>`, for StatefulSets of the platform's namespace only
   * @param claims a folder of all clusters of this user on this machine: a port that one of them has given is none of another's, also while nobody
   *   listens there, because its pod starts or restarts
   */
  constructor(seed: string, platform: string, fixed: ReadonlyMap<string, number>, claims: string) {
    this.#seed = seed;
    this.#claims = claims;
    this.#fixed = new Map([...fixed].map(([name, port]) => [`${platform}/${name}`, port]));
  }

  /**
   * @param name StatefulSet and port, for example `bus/mqtt`
   * @throws Fault `port-in-use` when a fixed port is taken by another program
   */
  async give(namespace: string, name: string): Promise<number> {
    const id = `${namespace}/${name}`;
    const known = this.#given.get(id);
    if (known !== undefined) return known;
    const fixed = this.#fixed.get(id);
    if (fixed !== undefined && fixed !== 0) {
      if (!(await isFree(fixed))) {
        const fix = "end the program that listens there (another slipway?), or choose another port";
        throw new Fault("port-in-use", `port ${fixed} of 127.0.0.1, meant for ${name}, is in use; ${fix}`);
      }
      this.#given.set(id, fixed);
      return fixed;
    }
    const start = createHash("sha256").update(`${this.#seed}/${id}`).digest().readUInt32BE() % span;
    for (let step = 0; step < span; step += 1) {
      const port = first + ((start + step) % span);
      const taken = [...this.#given.values(), ...this.#fixed.values()].includes(port);
      if (taken || !(await isFree(port)) || !(await this.#claim(port))) continue;
      this.#given.set(id, port);
      return port;
    }
    throw new Fault(
      "port-in-use",
      `no port between ${first} and ${first + span} of 127.0.0.1 is free for ${name}; end the programs that listen there`,
    );
  }

  get(namespace: string, name: string): number | undefined {
    return this.#given.get(`${namespace}/${name}`);
  }

  /** Others may have them now. */
  async release(): Promise<void> {
    for (const path of this.#claimed.splice(0)) await rm(path, { force: true });
  }

  async #claim(port: number): Promise<boolean> {
    const path = join(this.#claims, String(port));
    try {
      await takeLock(path, 0);
      this.#claimed.push(path);
      return true;
    } catch (cause) {
      // Without the folder it is as it was without claims.
      return !(cause instanceof Fault);
    }
  }
}
