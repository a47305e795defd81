// Argo CD's Applications as they change.
import { setTimeout as delay } from "node:timers/promises";
import {
  CustomObjectsApi,
  type Informer,
  KubeConfig,
  type KubernetesObject,
  makeInformer,
} from "@kubernetes/client-node";
import type { JsonObject, JsonValue } from "#core/json.ts";
import { asObject } from "../test/apiserver/client.ts";

export interface ApplicationState {
  readonly sync: string;
  readonly health: string;
  readonly revision: string;
  /** Of the last sync; empty if there was none. */
  readonly phase: string;
  readonly message: string;
  /** Of the object as JSON, its status with it. */
  readonly bytes: number;
}

export function stateOf(application: JsonObject): ApplicationState {
  const status = asObject(application["status"]);
  const text = (from: JsonValue | undefined, key: string): string => String(asObject(from)[key] ?? "");
  const conditions = Array.isArray(status["conditions"]) ? status["conditions"] : [];
  return {
    sync: text(status["sync"], "status"),
    revision: text(status["sync"], "revision"),
    health: text(status["health"], "status"),
    phase: text(status["operationState"], "phase"),
    message: [text(status["operationState"], "message"), ...conditions.map((each) => text(each, "message"))].join(" "),
    bytes: Buffer.byteLength(JSON.stringify(application)),
  };
}

/** Whether it is at a commit, and all that it made runs. */
export function isSettled(state: ApplicationState | undefined, revision: string): boolean {
  if (state === undefined || state.revision !== revision || state.sync !== "Synced") return false;
  return state.health === "Healthy" && (state.phase === "Succeeded" || state.phase === "");
}

export class Applications {
  readonly #states = new Map<string, ApplicationState>();
  readonly #informer: Informer<KubernetesObject>;

  private constructor(informer: Informer<KubernetesObject>) {
    this.#informer = informer;
  }

  static async watch(kubeconfig: string): Promise<Applications> {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const custom = config.makeApiClient(CustomObjectsApi);
    const where = { group: "argoproj.io", version: "v1alpha1", namespace: "argocd", plural: "applications" };
    const path = `/apis/${where.group}/${where.version}/namespaces/${where.namespace}/${where.plural}`;
    const informer = makeInformer(config, path, () => custom.listNamespacedCustomObject(where));
    const applications = new Applications(informer);
    const note = (object: KubernetesObject): void => {
      applications.#states.set(object.metadata?.name ?? "", stateOf(object as unknown as JsonObject));
    };
    informer.on("add", note);
    informer.on("update", note);
    informer.on("delete", (object) => void applications.#states.delete(object.metadata?.name ?? ""));
    // The server ends a watch now and then.
    informer.on("error", () => setTimeout(() => void informer.start().catch(() => undefined), 1000).unref());
    await informer.start();
    return applications;
  }

  get states(): ReadonlyMap<string, ApplicationState> {
    return this.#states;
  }

  /** @throws with those that are late, and what they say */
  async settled(
    names: readonly string[],
    revision: string,
    limitMs: number,
    tell: (settled: number) => void,
  ): Promise<void> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const late = names.filter((name) => !isSettled(this.#states.get(name), revision));
      tell(names.length - late.length);
      if (late.length === 0) return;
      if (performance.now() > deadline) {
        const said = late.slice(0, 5).map((name) => `${name}: ${JSON.stringify(this.#states.get(name))}`);
        throw new Error(`${late.length} of ${names.length} are not at ${revision} in time:\n${said.join("\n")}`);
      }
      await delay(100);
    }
  }

  async stop(): Promise<void> {
    await this.#informer.stop();
  }
}
