import { createHash } from "node:crypto";
import { realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { platformNamespace } from "#core/identity.ts";
import { Fault } from "#core/result.ts";
import type { ClusterStatus } from "#core/status.ts";
import type { CommitSha, RefName } from "#git/port.ts";
import type { TrackedApplication } from "./application.ts";
import { Applications } from "./applications.ts";
import { branchMark } from "./branch-mark.ts";
import { claimsOf, releaseClaims } from "./claims.ts";
import type { LocalCluster, LocalClusterOptions } from "./cluster.ts";
import type { ContainerHost } from "./container.ts";
import { type Desired, DesiredReader } from "./desired.ts";
import { Identities } from "./identities.ts";
import { type Isolation, openIsolation } from "./isolation.ts";
import { openRuntimeDirectory, PodSlot, runtimePath } from "./pod.ts";
import { createPodContext, statefulSets } from "./pod-context.ts";
import { type PodContext, planPod } from "./pod-plan.ts";
import { Ports } from "./ports.ts";
import { processTable } from "./processes.ts";
import { ensureDirectory, Records, takeLock } from "./records.ts";

const pollMs = 300;
const sampleMs = 1000;
/** Where no cgroup holds a container to its limits, looking is what does. */
const watchMs = 400;
/** Looks at the branch even if no file of the repository seems to have changed: other ref storages, coarse clocks. */
const pollsPerFullLook = 30;

type SlotId = string;

/** One environment on one machine. State changes in `#apply` (from commits) and in the slots (from processes) only. */
export class EmbeddedCluster implements LocalCluster {
  readonly #options: LocalClusterOptions;
  readonly #reader: DesiredReader;
  readonly #identities: Identities;
  readonly #ports: Ports;
  readonly #records: Records;
  readonly #listeners = new Set<() => void>();
  readonly #slots = new Map<SlotId, PodSlot>();
  readonly #applications = new Applications();
  #isolation: Isolation | undefined;
  #runtimeDirectory = "";
  #revision: CommitSha | undefined;
  /** The commit that was carried out without a fault. */
  #carriedOut: CommitSha | undefined;
  #turn: Promise<void> = Promise.resolve();
  #telling = false;
  #stopped = false;
  #locked = false;
  #timers: readonly NodeJS.Timeout[] = [];
  #seen = "";
  #polls = 0;
  #sampling = false;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
    this.#reader = new DesiredReader(options.repository);
    this.#identities = new Identities(join(options.directory, "identities"));
    const { directory, environment, fixedPorts = new Map() } = options;
    this.#ports = new Ports(directory, platformNamespace(environment), fixedPorts, runtimePath("ports"));
    this.#records = new Records(join(options.directory, "run"));
  }

  async start(): Promise<void> {
    const { directory, log } = this.#options;
    await ensureDirectory(directory);
    await takeLock(join(directory, "cluster.lock"));
    this.#locked = true;
    const real = await realpath(directory);
    const hash = createHash("sha256").update(real).digest("hex").slice(0, 8);
    const left = await this.#records.reap();
    this.#isolation = await openIsolation(`slipway-${hash}`, this.#options.limits ?? "best");
    const caged = await this.#isolation.reap();
    const ended = [...new Set([...left, ...caged])];
    if (ended.length > 0)
      log({ level: "warn", message: "ended processes that an earlier run left", fields: { pids: ended } });
    await rm(join(directory, "pods"), { recursive: true, force: true });
    this.#runtimeDirectory = runtimePath(hash);
    await rm(this.#runtimeDirectory, { recursive: true, force: true });
    await openRuntimeDirectory(this.#runtimeDirectory);
    await openRuntimeDirectory(runtimePath("ports"));
    try {
      await this.#inTurn((first) => this.#look(first), true);
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (this.#stopped) return;
    this.#timers = [
      setInterval(() => void this.#poll(), pollMs),
      setInterval(() => void this.#sample(), this.#isolation.limits("memory") ? sampleMs : watchMs),
    ];
  }

  async sync(): Promise<void> {
    await this.#inTurn(() => this.#look(false), false);
    for (const slot of this.#slots.values()) slot.retry();
    await Promise.all([...this.#slots.values()].map((slot) => slot.settled()));
  }

  status(): ClusterStatus {
    return {
      environment: this.#options.environment,
      ...(this.#revision === undefined ? {} : { revision: this.#revision }),
      applications: this.#applications.statuses(),
      isolation: this.#isolation?.notes ?? [],
    };
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  credential(identity: string): Promise<string> {
    return this.#identities.credential(identity);
  }

  address(statefulSet: string, port: string): { readonly host: "127.0.0.1"; readonly port: number } | undefined {
    const [first = "", second] = statefulSet.split("/");
    const [namespace, name] =
      second === undefined ? [platformNamespace(this.#options.environment), first] : [first, second];
    const found = this.#ports.get(namespace, `${name}/${port}`);
    return found === undefined ? undefined : { host: "127.0.0.1", port: found };
  }

  logFile(namespace: string, pod: string, container: string): string {
    return join(this.#options.directory, "logs", namespace, pod, `${container}.log`);
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#turn;
    for (const slot of this.#slots.values()) slot.set(undefined);
    await Promise.all([...this.#slots.values()].map((slot) => slot.settled()));
    await this.#ports.release();
    await this.#isolation?.close();
    if (this.#runtimeDirectory !== "") await rm(this.#runtimeDirectory, { recursive: true, force: true });
    if (this.#locked) await rm(join(this.#options.directory, "cluster.lock"), { force: true });
    this.#tell();
  }

  /** Looks at the branch come one after another. */
  #inTurn(work: (first: boolean) => Promise<void>, first: boolean): Promise<void> {
    const next = this.#turn.then(() => (this.#stopped ? undefined : work(first)));
    this.#turn = next.catch(() => undefined); // Who asked gets the fault; the next look starts afresh.
    return next;
  }

  async #poll(): Promise<void> {
    const { repository, environment, log } = this.#options;
    try {
      const seen = await branchMark(repository.directory, environment);
      this.#polls += 1;
      if (seen === this.#seen && this.#polls % pollsPerFullLook !== 0) return;
      await this.#inTurn(() => this.#look(false), false);
      for (const slot of this.#slots.values()) slot.retry();
      this.#seen = seen;
    } catch (error) {
      log({
        level: "warn",
        message: "could not look at the environment branch; tried again soon",
        fields: { cause: String(error) },
      });
    }
  }

  async #sample(): Promise<void> {
    if (this.#sampling || this.#stopped) return;
    this.#sampling = true;
    try {
      const caged = this.#isolation?.limits("memory") === true || this.#isolation?.limits("processes") === true;
      const table = caged ? undefined : await processTable();
      for (const slot of this.#slots.values()) await slot.sample(table);
    } catch (error) {
      this.#options.log({
        level: "warn",
        message: "could not measure the containers",
        fields: { cause: String(error) },
      });
    } finally {
      this.#sampling = false;
    }
  }

  #tell(): void {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      for (const listener of this.#listeners) listener();
    });
  }

  async #look(first: boolean): Promise<void> {
    const { repository, environment, log } = this.#options;
    const sha = await repository.resolve(`refs/heads/env/${environment}` as RefName); // The name is checked: EnvironmentName.
    if (sha === undefined || (sha === this.#carriedOut && this.#applications.sound)) return;
    const desired = await this.#reader.read(sha);
    if (desired.applications.length === 0 && this.#applications.size > 0) {
      // Argo CD's allowEmpty: a branch without any Application is a mistake, not an order to remove everything.
      log({
        level: "error",
        message: "the environment branch holds no Application; what runs is left as it is",
        fields: { revision: sha },
      });
      return;
    }
    const moved = sha !== this.#revision;
    this.#revision = sha;
    await this.#apply(desired, first);
    this.#carriedOut = sha;
    if (moved)
      log({
        level: "info",
        message: "synced the environment branch",
        fields: { revision: sha, applications: desired.applications.length },
      });
  }

  /** Brings the machine to what the branch says: platform, teams, strategies; what is gone from it last. */
  async #apply(desired: Desired, first: boolean): Promise<void> {
    const gone = this.#applications.track(desired);
    this.#tell();
    const isolation = this.#isolation;
    if (isolation === undefined)
      throw new Fault("cluster-not-started", "the embedded cluster looks at its branch only after start()");
    const ground = {
      ...{ options: this.#options, isolation, identities: this.#identities, ports: this.#ports },
      runtimeDirectory: this.#runtimeDirectory,
    };
    const context = await createPodContext(ground, desired, first);
    for (const next of desired.applications) {
      const app = this.#applications.get(next.name);
      if (app === undefined) continue;
      if (next.problems.length === 0) await this.#applyOne(app, desired.revision, context);
    }
    this.#applications.prune();
    for (const { name } of gone)
      this.#options.log({ level: "info", message: "pruned an application", fields: { application: name } });
    if (this.#applications.sound) await this.#releaseClaims(desired);
    this.#tell();
  }

  async #applyOne(app: TrackedApplication, revision: CommitSha, context: PodContext): Promise<void> {
    const plans = [];
    const problems: string[] = [];
    const sets = statefulSets([app.desired]);
    for (const set of sets) {
      if (set.manifest.spec.replicas === 0) continue;
      const plan = planPod(set, context);
      if (plan.ok) plans.push(plan.value);
      else problems.push(plan.error);
    }
    if (problems.length > 0) {
      app.problems = problems;
      return;
    }
    const slots = plans.map((plan) => {
      const slot = this.#slot(plan.namespace, plan.pod);
      slot.set(plan);
      return slot;
    });
    app.leaving = [...app.leaving, ...app.slots].filter((slot) => !slots.includes(slot) && !slot.gone);
    for (const slot of app.leaving) slot.set(undefined);
    app.slots = slots;
    app.suspended = sets.length - plans.length;
    const unchanged = app.applied?.digest === app.desired.digest;
    const atMs = unchanged && app.applied !== undefined ? app.applied.atMs : this.#options.clock();
    app.applied = { digest: app.desired.digest, revision, atMs };
  }

  #slot(namespace: string, pod: string): PodSlot {
    const id = `${namespace}/${pod}`;
    const known = this.#slots.get(id);
    if (known !== undefined) return known;
    const isolation = this.#isolation;
    if (isolation === undefined)
      throw new Fault("cluster-not-started", "the embedded cluster runs pods only after start()");
    const host: ContainerHost = {
      isolation,
      records: this.#records,
      clock: this.#options.clock,
      secondMs: this.#options.secondMs ?? 1000,
      changed: () => this.#tell(),
    };
    const slot = new PodSlot(namespace, pod, host, (container) => this.logFile(namespace, pod, container));
    this.#slots.set(id, slot);
    return slot;
  }

  /** State of removed strategies is kept aside; only when no pod of the namespace is still on its way out. */
  async #releaseClaims(desired: Desired): Promise<void> {
    const { directory, clock, log } = this.#options;
    const settled = (namespace: string): Promise<unknown> =>
      Promise.all(
        [...this.#slots.values()].filter((slot) => slot.namespace === namespace).map((slot) => slot.settled()),
      );
    for (const { claim, folder } of await releaseClaims(directory, claimsOf(desired.applications), settled, clock())) {
      log({ level: "info", message: "kept the state of a removed volume", fields: { claim, folder } });
    }
  }
}
