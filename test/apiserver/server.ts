// A real API server of Kubernetes for tests: etcd and kube-apiserver on loopback, nothing else.
//
// What is there: the API with all its defaults, validation and admission plugins (PodSecurity, LimitRanger, ResourceQuota,
// ValidatingAdmissionPolicy …), RBAC, and CRDs. What is not, for want of a controller manager, a scheduler and a kubelet:
// - no object leads to another: a StatefulSet makes no pods, and pods do not run; create them (`dryRun` is enough for admission);
// - a namespace gets no ServiceAccount `default`: create the ServiceAccount that a pod names before the pod;
// - a ResourceQuota has no status, and without one it limits nothing: `setQuota` writes it;
// - a deleted namespace stays `Terminating` for ever: use another name for each test;
// - a ValidatingAdmissionPolicy gets no `status.typeChecking`; it is in force about a second after it was created.

import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "#bus/loopback.ts";
import type { JsonObject } from "#core/json.ts";
import { readProcess, residentBytes } from "#local/processes.ts";
import type { Records } from "#local/records.ts";
import { artifacts } from "../kubernetes/artifacts.ts";
import { type ApiClient, asObject, connect, type Reply } from "./client.ts";
import { endLeftovers, ownedFolder, recordsOf } from "./leftovers.ts";

export interface ApiServerOptions {
  /** More flags of kube-apiserver, for example `--feature-gates=…`. */
  readonly flags?: readonly string[];
  /** How long it may take to start; two minutes unless told. */
  readonly readyWithinMs?: number;
}

export interface ApiServer {
  readonly url: string;
  /** PEM of what signed the server's certificate. */
  readonly ca: string;
  /** An administrator's (group `system:masters`). */
  readonly token: string;
  /** The path of a kubeconfig of the same administrator; gone after `stop`. */
  readonly kubeconfig: string;
  /** A client of the administrator; `stop` closes it. */
  readonly client: ApiClient;
  /** Resident memory of etcd and of kube-apiserver, in bytes. */
  memory(): Promise<{ readonly etcd: number; readonly apiServer: number }>;
  /** Kills both processes and removes their files. */
  stop(): Promise<void>;
}

/** Starts an API server with an empty store; `npm run test:apiserver` builds the programs first. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const { apiServer, etcd } = artifacts();
  for (const { name, folder } of [apiServer, etcd]) {
    if (!existsSync(join(folder, name))) throw new Error(`${name} is not built; run node test/apiserver/build.ts`);
  }
  await endLeftovers();
  // A free port may be taken by another process before the server has it.
  for (let attempt = 1; ; attempt += 1) {
    const folder = await ownedFolder();
    const run = new Run(folder);
    try {
      return await start(run, options);
    } catch (error) {
      await run.stop();
      const portTaken = error instanceof Error && error.message.includes("address already in use");
      if (!portTaken || attempt === 3) throw error;
    }
  }
}

/** The processes and files of one server. */
class Run {
  readonly folder: string;
  readonly #records: Records;
  readonly #children = new Map<string, ChildProcess>();
  readonly #kill = (): void => {
    for (const child of this.#children.values()) child.kill("SIGKILL");
  };

  constructor(folder: string) {
    this.folder = folder;
    this.#records = recordsOf(folder);
    process.on("exit", this.#kill);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async spawn(name: string, program: string, argv: readonly string[]): Promise<void> {
    const log = openSync(this.path(`${name}.log`), "a", 0o600);
    const child = spawn(program, [...argv], { cwd: this.folder, stdio: ["ignore", log, log] });
    closeSync(log);
    this.#children.set(name, child);
    child.on("error", () => undefined); // Its end is seen by `assertAlive`.
    const row = child.pid === undefined ? undefined : await readProcess(child.pid);
    if (row !== undefined) this.#records.add(name, row);
  }

  pidOf(name: string): number | undefined {
    return this.#children.get(name)?.pid;
  }

  /** Throws with the end of its log if a process has ended. */
  async assertAlive(): Promise<void> {
    for (const [name, child] of this.#children) {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) continue;
      const log = await readFile(this.path(`${name}.log`), "utf8").catch(() => "");
      throw new Error(`${name} ended (${child.exitCode ?? child.signalCode}):\n${log.slice(-2000)}`);
    }
  }

  async stop(): Promise<void> {
    this.#kill();
    process.off("exit", this.#kill);
    await this.#records.reap();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function start(run: Run, options: ApiServerOptions): Promise<ApiServer> {
  const deadline = performance.now() + (options.readyWithinMs ?? 120_000);
  const { apiServer, etcd } = artifacts();
  const token = randomBytes(24).toString("base64url");
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  await writeCredentials(run, token);
  await run.spawn("etcd", join(etcd.folder, "etcd"), etcdFlags(run));
  await run.spawn("kube-apiserver", join(apiServer.folder, "kube-apiserver"), [
    ...apiServerFlags(run, port),
    ...(options.flags ?? []),
  ]);
  const certificate = run.path("pki/apiserver.crt");
  await until(
    "its certificate",
    deadline,
    run,
    async () => existsSync(certificate) && existsSync(run.path("pki/apiserver.key")),
  );
  // The server signs its own: the file holds the certificate and what signed it.
  const ca = await readFile(certificate, "utf8");
  const client = connect({ url, ca, token });
  try {
    await until("/readyz", deadline, run, () =>
      client.request("GET", "/readyz").then(
        ({ ok }) => ok,
        () => false, // It does not listen yet.
      ),
    );
  } catch (error) {
    client.close();
    throw error;
  }
  const kubeconfig = run.path("kubeconfig");
  await writeFile(kubeconfig, kubeconfigOf(url, ca, token), { mode: 0o600 });
  return {
    url,
    ca,
    token,
    kubeconfig,
    client,
    memory: async () => ({ etcd: await residentOf(run, "etcd"), apiServer: await residentOf(run, "kube-apiserver") }),
    stop: async () => {
      client.close();
      await run.stop();
    },
  };
}

function residentOf(run: Run, name: string): Promise<number> {
  const pid = run.pidOf(name);
  return residentBytes(pid === undefined ? [] : [{ pid }]);
}

/** Polls; ends early when a process has ended. */
async function until(what: string, deadline: number, run: Run, check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) {
    await run.assertAlive();
    if (performance.now() > deadline) throw new Error(`the API server did not get ready in time: ${what}`);
    await delay(20);
  }
}

async function writeCredentials(run: Run, token: string): Promise<void> {
  await mkdir(run.path("pki"), { mode: 0o700 });
  await writeFile(run.path("pki/tokens.csv"), `${token},admin,admin,system:masters\n`, { mode: 0o600 });
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  await writeFile(run.path("pki/service-accounts.key"), privateKey, { mode: 0o600 });
  await writeFile(run.path("pki/service-accounts.pub"), publicKey, { mode: 0o600 });
}

/** etcd listens on sockets in a folder that only this user may enter: no port, no keys. */
function etcdFlags(run: Run): readonly string[] {
  const nowhere = "http://localhost:1"; // Addresses for other members, of which there are none.
  return [
    "--name=one",
    `--data-dir=${run.path("etcd")}`,
    `--listen-client-urls=unix://${run.path("client.sock")}`,
    `--advertise-client-urls=${nowhere}`,
    `--listen-peer-urls=unix://${run.path("peer.sock")}`,
    `--initial-advertise-peer-urls=${nowhere}`,
    `--initial-cluster=one=${nowhere}`,

    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

function apiServerFlags(run: Run, port: number): readonly string[] {
  return [
    `--etcd-servers=unix://${run.path("client.sock")}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    `--cert-dir=${run.path("pki")}`,
    `--token-auth-file=${run.path("pki/tokens.csv")}`,
    "--anonymous-auth=false",
    "--authorization-mode=RBAC",
    // As clusters have it: otherwise the API itself refuses a privileged pod before PodSecurity sees it.
    "--allow-privileged=true",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${run.path("pki/service-accounts.pub")}`,
    `--service-account-signing-key-file=${run.path("pki/service-accounts.key")}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    // Nobody reaches this server by its Service.
    "--endpoint-reconciler-type=none",
    "--profiling=false",
  ];
}

function kubeconfigOf(server: string, ca: string, token: string): string {
  const data = Buffer.from(ca).toString("base64");
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "certificate-authority-data": data } }],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    "current-context": "test",
  });
}

/**
 * Does the controller manager's part for a ResourceQuota that exists: without a status it limits nothing.
 * The API server counts what is created from then on; it needs a moment to see the status.
 *
 * @param used what counts as used, for example `{ pods: "20" }`; nothing unless told
 */
export async function setQuota(client: ApiClient, quota: JsonObject, used: JsonObject = {}): Promise<Reply> {
  const { object } = await client.get(quota);
  const hard = asObject(asObject(object["spec"])["hard"]);
  const zero = Object.fromEntries(Object.keys(hard).map((resource) => [resource, "0"]));
  const { apiVersion = "", kind = "", metadata = {} } = quota;
  const { name = "", namespace = "" } = asObject(metadata);
  return client.apply(
    { apiVersion, kind, metadata: { name, namespace }, status: { hard, used: { ...zero, ...used } } },
    { fieldManager: "quota", subresource: "status" },
  );
}
