import type { EnvironmentName } from "#core/identity.ts";
import type { JsonObject } from "#core/json.ts";
import type { ClusterStatus } from "#core/status.ts";
import type { Repository } from "#git/port.ts";
import { EmbeddedCluster } from "./embedded.ts";

/** A program of this machine that stands for an image. */
export interface LocalProgram {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** `node-permission`: under Node's permission model, its own volumes and `readable` only. */
  readonly sandbox?: "node-permission" | "none";
  /** Folders of this machine where the program's code lives. */
  readonly readable?: readonly string[];
}

export interface LocalClusterOptions {
  readonly repository: Repository;
  readonly environment: EnvironmentName;
  /** State: `volumes`, `released`, `identities`, `logs`, `pods`, `run`. */
  readonly directory: string;
  /** Repository part of the image's name, for example `slipway/executor`, to program. */
  readonly images: ReadonlyMap<string, LocalProgram>;
  /** StatefulSet / port of the platform, for example `bus/mqtt`, to port. */
  readonly fixedPorts?: ReadonlyMap<string, number>;
  readonly log: (line: {
    readonly level: "info" | "warn" | "error";
    readonly message: string;
    readonly fields?: JsonObject;
  }) => void;
  readonly clock: () => number;
  /** Milliseconds that a second of probes, grace and back-off lasts; 1000. Tests make it shorter. */
  readonly secondMs?: number;
  /** `watch`: no cgroups even where there are some. `best` is the default. */
  readonly limits?: "best" | "watch";
}

/** Argo CD's and the kubelet's stand-in on one machine: runs what the environment branch says. */
export interface LocalCluster {
  /**
   * Ends what an earlier, killed run left, then syncs and follows the branch.
   *
   * @throws Fault `port-in-use`, `cluster-running`, `runtime-directory-foreign`
   */
  start(): Promise<void>;
  /** Looks at the branch now; returns when what it says is applied (not when it is healthy). */
  sync(): Promise<void>;
  status(): ClusterStatus;
  /** Tells that the status changed; returns what ends the telling. */
  onChange(listener: () => void): () => void;
  /** The bus password of `<namespace>/<service account>`, made if missing; the bus accepts it when it read its file again. */
  credential(identity: string): Promise<string>;
  /** Where a pod's port is; `statefulSet` is of the platform, or `<namespace>/<name>`. */
  address(statefulSet: string, port: string): { readonly host: "127.0.0.1"; readonly port: number } | undefined;
  logFile(namespace: string, pod: string, container: string): string;
  /** SIGTERM, grace period, SIGKILL; nothing of ours is left. */
  stop(): Promise<void>;
}

export function createLocalCluster(options: LocalClusterOptions): LocalCluster {
  return new EmbeddedCluster(options);
}
