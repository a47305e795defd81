// etcd, the API server, the controller manager and the scheduler. Everyone has a token; the API server signs its own certificate.
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ApiClient, connect } from "../apiserver/client.ts";
import type { Artifacts } from "../kubernetes/artifacts.ts";
import type { Machine } from "./machine.ts";

export interface ControlPlane {
  readonly url: string;
  readonly ca: string;
  readonly client: ApiClient;
  /** The path of a kubeconfig, by user. */
  readonly kubeconfigs: { readonly [Name in User]: string };
}

export const nodeName = "node-1";

/** Who speaks to the API server, and as what: RBAC's own names for its components. */
const users = {
  admin: ["kubernetes-admin", "system:masters"],
  // By the name of its controller's account, which is what `guard-deletion` knows; its rights are those of its usual installation.
  argocd: ["system:serviceaccount:argocd:argocd-application-controller", "system:masters"],
  "kube-controller-manager": ["system:kube-controller-manager", ""],
  "kube-scheduler": ["system:kube-scheduler", ""],
  "kube-proxy": ["system:kube-proxy", ""],
  kubelet: [`system:node:${nodeName}`, "system:nodes"],
  "policy-enforcer": ["policy-enforcer", ""],
  // Plays nodes and the kubelets' part of pods: of the scale bench only.
  kwok: ["kwok", "system:masters"],
} as const;

export type User = keyof typeof users;

export async function startControlPlane(machine: Machine, programs: Artifacts): Promise<ControlPlane> {
  const { node } = machine.addresses;
  const url = `https://${node}:6443`;
  const tokens = new Map(Object.keys(users).map((name) => [name, randomBytes(24).toString("base64url")]));
  writeCredentials(machine, tokens);
  const socket = machine.path("etcd.sock");
  await machine.start("etcd", join(programs.etcd.folder, "etcd"), etcdFlags(machine, socket));
  await machine.start(
    "kube-apiserver",
    join(programs.apiServer.folder, "kube-apiserver"),
    apiServerFlags(machine, socket),
  );
  const certificate = machine.path("pki/apiserver.crt");
  await machine.until("the API server's certificate", () => existsSync(certificate));
  const ca = readFileSync(certificate, "utf8");
  const client = connect({ url, ca, token: tokens.get("admin") ?? "", concurrency: 16 });
  await machine.until("the API server is ready", async () => (await client.request("GET", "/readyz")).ok);
  const kubeconfigs = Object.fromEntries(
    [...tokens].map(([name, token]) => [
      name,
      machine.write(`kubeconfigs/${name}.json`, kubeconfig(url, ca, name, token)),
    ]),
  ) as { [Name in User]: string };
  await startControllers(machine, programs, kubeconfigs);
  return { url, ca, client, kubeconfigs };
}

/** A client of a control plane that runs. */
export function reconnect({ url, ca, kubeconfigs }: Omit<ControlPlane, "client">): ControlPlane {
  const admin: { readonly users: readonly { readonly user: { readonly token: string } }[] } = JSON.parse(
    readFileSync(kubeconfigs.admin, "utf8"),
  );
  return {
    url,
    ca,
    kubeconfigs,
    client: connect({ url, ca, token: admin.users[0]?.user.token ?? "", concurrency: 16 }),
  };
}

async function startControllers(
  machine: Machine,
  programs: Artifacts,
  kubeconfigs: ControlPlane["kubeconfigs"],
): Promise<void> {
  const flagsOf = (name: User): readonly string[] => [
    `--kubeconfig=${kubeconfigs[name]}`,
    `--authentication-kubeconfig=${kubeconfigs[name]}`,
    `--authorization-kubeconfig=${kubeconfigs[name]}`,
    "--bind-address=127.0.0.1",
    "--leader-elect=false",
    "--kube-api-qps=300",
    "--kube-api-burst=600",
    "--profiling=false",
  ];
  await machine.start("kube-controller-manager", join(programs.controllerManager.folder, "kube-controller-manager"), [
    ...flagsOf("kube-controller-manager"),
    `--service-account-private-key-file=${machine.path("pki/service-accounts.key")}`,
    `--root-ca-file=${machine.path("pki/apiserver.crt")}`,
    "--use-service-account-credentials=true",
    "--allocate-node-cidrs=false",
  ]);
  await machine.start("kube-scheduler", join(programs.scheduler.folder, "kube-scheduler"), flagsOf("kube-scheduler"));
}

/** It listens on a socket in a folder that only root may enter: a pod on the node's own network could not reach it either. */
function etcdFlags(machine: Machine, socket: string): readonly string[] {
  const nowhere = "http://localhost:1"; // Addresses for other members, of which there are none.
  return [
    "--name=one",
    `--data-dir=${machine.path("etcd")}`,
    `--listen-client-urls=unix://${socket}`,
    `--advertise-client-urls=${nowhere}`,
    `--listen-peer-urls=unix://${machine.path("peer.sock")}`,
    `--initial-advertise-peer-urls=${nowhere}`,
    `--initial-cluster=one=${nowhere}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

function apiServerFlags(machine: Machine, socket: string): readonly string[] {
  const { node, services } = machine.addresses;
  return [
    `--etcd-servers=unix://${socket}`,
    `--bind-address=${node}`,
    `--advertise-address=${node}`,
    "--secure-port=6443",
    `--cert-dir=${machine.path("pki")}`,
    `--token-auth-file=${machine.path("pki/tokens.csv")}`,
    `--kubelet-client-certificate=${machine.path("pki/kubelet-client.crt")}`,
    `--kubelet-client-key=${machine.path("pki/kubelet-client.key")}`,
    "--kubelet-preferred-address-types=InternalIP",
    "--anonymous-auth=false",
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--allow-privileged=true",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${machine.path("pki/service-accounts.pub")}`,
    `--service-account-signing-key-file=${machine.path("pki/service-accounts.key")}`,
    `--service-cluster-ip-range=${services}`,
    "--profiling=false",
  ];
}

function writeCredentials(machine: Machine, tokens: ReadonlyMap<string, string>): void {
  const rows = Object.entries(users).map(([name, [user, group]]) =>
    [tokens.get(name), user, user, ...(group === "" ? [] : [`"${group}"`])].join(","),
  );
  machine.write("pki/tokens.csv", `${rows.join("\n")}\n`);
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  machine.write("pki/service-accounts.key", privateKey);
  machine.write("pki/service-accounts.pub", publicKey);
  // The one client certificate: how the kubelet knows the API server that asks for logs. It signs itself, and nothing else is believed.
  const subject = "/O=system:masters/CN=kube-apiserver-kubelet-client";
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "30",
      "-subj",
      subject,
    ].concat([
      ...["-keyout", machine.path("pki/kubelet-client.key"), "-out", machine.path("pki/kubelet-client.crt")],
      ...["-addext", "extendedKeyUsage=clientAuth"],
    ]),
    { stdio: ["ignore", "ignore", "pipe"] },
  );
}

function kubeconfig(server: string, ca: string, user: string, token: string): object {
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user } }],
    "current-context": "test",
  };
}
