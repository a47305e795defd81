// What a test sees of a cluster: Argo CD's Applications, pods, processes, and the gateway's book.
import { copyFileSync, existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { JsonObject } from "#core/json.ts";
import type { OldOrder } from "#gateway/book-retention.ts";
import { asObject, asObjects } from "../apiserver/client.ts";
import { volumeFolder } from "./base-objects.ts";
import type { Cluster } from "./cluster.ts";

export interface Pod {
  readonly uid: string;
  readonly ready: boolean;
  readonly terminating: boolean;
  readonly restarts: number;
  /** The kubelet starts a container of it later, since it ended too often. */
  readonly backsOff: boolean;
  readonly address: string;
}

export interface ApplicationState {
  readonly sync: string;
  readonly health: string;
  readonly revision: string;
  /** Of the last operation: `Succeeded`, `Failed`, `Running`. */
  readonly phase: string;
  /** When Argo CD compared it last, whole seconds. */
  readonly lookedAt: string;
  /** What Argo CD says against it. */
  readonly messages: readonly string[];
}

export class Watch {
  readonly #cluster: Cluster;
  /** Once bound, a claim keeps its volume: it is known while the API server is away, too. */
  readonly #volumes = new Map<string, string>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async application(name: string): Promise<ApplicationState | undefined> {
    const reference = {
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Application",
      metadata: { name, namespace: "argocd" },
    };
    const { ok, object } = await this.#cluster.client.get(reference);
    if (!ok) return undefined;
    const status = asObject(object["status"]);
    const [sync, health, operation] = ["sync", "health", "operationState"].map((key) => asObject(status[key]));
    const text = (from: JsonObject | undefined, key: string): string => String(from?.[key] ?? "");
    return {
      sync: text(sync, "status"),
      revision: text(sync, "revision"),
      health: text(health, "status"),
      phase: text(operation, "phase"),
      lookedAt: text(status, "reconciledAt"),
      messages: [
        ...asObjects(status["conditions"]).map((condition) => text(condition, "message")),
        ...(text(operation, "phase") === "Succeeded" ? [] : [text(operation, "message")]),
      ].filter((message) => message !== ""),
    };
  }

  async pod(namespace: string, name: string): Promise<Pod | undefined> {
    const { ok, object } = await this.#cluster.client.get({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace },
    });
    if (!ok) return undefined;
    const [metadata, status] = [asObject(object["metadata"]), asObject(object["status"])];
    const conditions = asObjects(status["conditions"]);
    return {
      uid: String(metadata["uid"]),
      ready: conditions.some(({ type, status: holds }) => type === "Ready" && holds === "True"),
      terminating: metadata["deletionTimestamp"] !== undefined,
      restarts: asObjects(status["containerStatuses"]).reduce((sum, { restartCount }) => sum + Number(restartCount), 0),
      backsOff: asObjects(status["containerStatuses"]).some(
        ({ state }) => asObject(asObject(state)["waiting"])["reason"] === "CrashLoopBackOff",
      ),
      address: String(status["podIP"] ?? ""),
    };
  }

  /** Where a claim's files are on this machine. */
  async volumeOf(namespace: string, name: string): Promise<string> {
    const known = this.#volumes.get(`${namespace}/${name}`);
    if (known !== undefined) return known;
    const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name, namespace } };
    const { object } = await this.#cluster.client.get(claim);
    const volume = asObject(object["spec"])["volumeName"];
    const folder = volumeFolder(this.#cluster.machine, String(volume ?? ""));
    if (volume !== undefined) this.#volumes.set(`${namespace}/${name}`, folder);
    return folder;
  }

  /** Reads the gateway's book, from a copy: the gateway holds the file alone. Undefined while there is none. */
  async withBook<Value>(read: (database: DatabaseSync) => Value): Promise<Value | undefined> {
    const folder = await this.volumeOf("slipway-paper", "gateway");
    if (!existsSync(join(folder, "book.sqlite"))) return undefined;
    const copy = mkdtempSync(join(tmpdir(), "slipway-book-"));
    try {
      copyBook(folder, copy);
      const database = new DatabaseSync(join(copy, "book.sqlite"));
      const value = read(database);
      database.close();
      return value;
    } finally {
      rmSync(copy, { recursive: true });
    }
  }

  async book(sql: string, ...parameters: readonly (string | number)[]): Promise<readonly Record<string, unknown>[]> {
    return (await this.withBook((database) => database.prepare(sql).all(...parameters))) ?? [];
  }

  /** Orders that were ever accepted: those that the book has forgotten, too. */
  async orders(strategy: string): Promise<number> {
    const known = "SELECT count(*) FROM orders WHERE strategy = ? AND accepted = 1";
    const forgotten = "SELECT coalesce(sum(count), 0) FROM accepted_minutes WHERE strategy = ?";
    const [row] = await this.book(`SELECT (${known}) + (${forgotten}) AS n`, strategy, strategy);
    return Number(row?.["n"] ?? 0);
  }

  /** What the gateway's archive has of orders that the book has forgotten, or is about to. */
  async archived(strategy: string): Promise<readonly OldOrder["record"][]> {
    const folder = join(await this.volumeOf("slipway-paper", "gateway"), "archive");
    if (!existsSync(folder)) return [];
    const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"));
    // The last line is written while it is read.
    const whole = lines.filter((line) => line.endsWith("}"));
    return whole.map((line) => JSON.parse(line)).filter((record) => record.strategy === strategy);
  }

  async epoch(strategy: string): Promise<number> {
    const [row] = await this.book("SELECT epoch FROM strategies WHERE strategy = ?", strategy);
    return Number(row?.["epoch"] ?? 0);
  }

  /** The log of a container that runs, or of the one before it. */
  async log(namespace: string, pod: string, container: string, previous = false): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log?container=${container}${previous ? "&previous=true" : ""}`;
    return this.#cluster.client.text(path);
  }

  /** All that a pod's containers have written, also those before them, as its node has it: while the API server is away, too. */
  written(namespace: string, pod: string): string {
    const folder = this.#cluster.machine.path("pod-logs");
    const files = globSync(`${namespace}_${pod}_*/*/*.log`, { cwd: folder });
    return files.map((file) => readFileSync(join(folder, file), "utf8")).join("");
  }

  /** Processes of a container's own program that run in this cluster's pods with this in their environment, whatever Kubernetes says of them. */
  processes(program: string, variable: `SLIPWAY_${string}=${string}`): readonly number[] {
    const cluster = this.#cluster.machine.addresses.namespace;
    return processesWhere(
      ({ argv, environment, cgroup }) =>
        argv.includes(program) && cgroup.includes(cluster) && environment.includes(variable),
    ).map(({ pid }) => pid);
  }

  /** How many processes of executors each strategy has. */
  executors(): ReadonlyMap<string, number> {
    const cluster = this.#cluster.machine.addresses.namespace;
    const counts = new Map<string, number>();
    for (const { environment } of processesWhere(
      ({ argv, cgroup }) => argv.includes("/app/executor.mjs") && cgroup.includes(cluster),
    )) {
      const [, id = ""] = environment.find((variable) => variable.startsWith("SLIPWAY_STRATEGY="))?.split("=") ?? [];
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return counts;
  }

  /** Those of one pod, of whichever container; none of a pod that is not there. */
  processesOf(uid: string, program: string): readonly number[] {
    if (uid === "") return [];
    return processesWhere(({ argv, cgroup }) => argv.includes(program) && cgroup.includes(uid)).map(({ pid }) => pid);
  }
}

/** Copies it as it was at one instant: again, if the gateway has moved commits from its log into the main file meanwhile. */
function copyBook(from: string, to: string): void {
  const main = join(from, "book.sqlite");
  const written = (): bigint => statSync(main, { bigint: true }).mtimeNs;
  for (;;) {
    const before = written();
    for (const name of ["book.sqlite-wal", "book.sqlite"]) {
      rmSync(join(to, name), { force: true });
      if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
    }
    if (written() === before) return;
  }
}

interface Seen {
  readonly pid: number;
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  readonly cgroup: string;
}

function processesWhere(holds: (process: Seen) => boolean): readonly Seen[] {
  const found: Seen[] = [];
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const read = (file: string): string => readFileSync(`/proc/${name}/${file}`, "utf8");
    try {
      const [argv, environment] = [read("cmdline").split("\0"), read("environ").split("\0")];
      const process = { pid: Number(name), argv, environment, cgroup: read("cgroup") };
      if (holds(process)) found.push(process);
    } catch {
      // It has ended.
    }
  }
  return found;
}
