// Argo CD as processes of the node: its four programs, Redis, and the objects that its installation would have.
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { JsonObject } from "#core/json.ts";
import type { ApiClient } from "../apiserver/client.ts";
import type { Artifacts } from "../kubernetes/artifacts.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { Machine } from "./machine.ts";

const namespace = "argocd";
const ports = {
  redis: 6379,
  repoServer: 8081,
  repoMetrics: 8084,
  controllerMetrics: 8082,
  server: 8080,
  serverMetrics: 8083,
};
const commonLabels = { "app.kubernetes.io/part-of": "argocd" };

export interface Argo {
  /** Where a forge's webhook goes. */
  readonly webhook: string;
  readonly webhookSecret: string;
}

async function installArgo(client: ApiClient, { argoCrds, argoFiles }: Artifacts): Promise<string> {
  const kinds = ["application", "appproject"].map((kind) => join(argoCrds.folder, `${kind}.yaml`));
  for (const file of [...kinds, join(argoFiles.folder, "applicationset.yaml")]) {
    const crd: JsonObject = parse(readFileSync(file, "utf8"));
    must(await client.apply(crd));
  }
  must(await client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }));
  for (const name of [
    "argocd-cm",
    "argocd-rbac-cm",
    "argocd-ssh-known-hosts-cm",
    "argocd-tls-certs-cm",
    "argocd-gpg-keys-cm",
  ])
    must(
      await client.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, labels: commonLabels } }),
    );
  const webhookSecret = randomBytes(16).toString("hex");
  must(
    await client.apply({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "argocd-secret", namespace, labels: commonLabels },
      // Only its server would make the key, and others wait for it.
      stringData: {
        "server.secretkey": randomBytes(32).toString("base64"),
        "webhook.github.secret": webhookSecret,
        "webhook.gogs.secret": webhookSecret,
      },
    }),
  );
  return webhookSecret;
}

/** @param settings variables for all of its programs, as `argocd-cmd-params-cm` would bring them to its pods */
export async function startArgo(
  machine: Machine,
  programs: Artifacts,
  control: ControlPlane,
  settings: NodeJS.ProcessEnv = {},
): Promise<Argo> {
  const webhookSecret = await installArgo(control.client, programs);
  const program = join(programs.argoCd.folder, programs.argoCd.name);
  const env = (role: string): NodeJS.ProcessEnv => {
    const folder = machine.path(`argo/${role}`);
    for (const name of ["tmp", "tls", "ssh", "gpg", "plugins", "gnupg"])
      mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
    return {
      ARGOCD_BINARY_NAME: role,
      // Of every commit it asks for the signature, whether a project wants one or not.
      PATH: `${join(programs.argoFiles.folder, "bin")}:/usr/local/bin:/usr/bin:/bin`,
      KUBECONFIG: control.kubeconfigs.argocd,
      ARGOCD_FAKE_IN_CLUSTER: "true",
      ARGOCD_TLS_DATA_PATH: join(folder, "tls"),
      ARGOCD_SSH_DATA_PATH: join(folder, "ssh"),
      ARGOCD_GPG_DATA_PATH: join(folder, "gpg"),
      ARGOCD_GNUPGHOME: join(folder, "gnupg"),
      ARGOCD_PLUGINSOCKFILEPATH: join(folder, "plugins"),
      ARGOCD_GPG_ENABLED: "false",
      TMPDIR: join(folder, "tmp"),
      HOME: folder,
      ...settings,
    };
  };
  const local = "127.0.0.1";
  const redis = `--redis=${local}:${ports.redis}`;
  const repo = [`--repo-server=${local}:${ports.repoServer}`, "--repo-server-plaintext"];
  await machine.start("redis", "redis-server", [
    ...["--port", String(ports.redis), "--bind", local, "--save", "", "--appendonly", "no"],
  ]);
  await machine.start(
    "argocd-repo-server",
    program,
    [
      ...[
        `--address=${local}`,
        `--port=${ports.repoServer}`,
        `--metrics-address=${local}`,
        `--metrics-port=${ports.repoMetrics}`,
      ],
      ...[redis, "--disable-tls", "--client-ca-path=", "--loglevel=warn"],
    ],
    env("argocd-repo-server"),
  );
  await machine.start(
    "argocd-application-controller",
    program,
    [`--namespace=${namespace}`, `--metrics-port=${ports.controllerMetrics}`, redis, ...repo, "--loglevel=warn"],
    { ...env("argocd-application-controller"), HOSTNAME: "argocd-application-controller-0" },
  );
  await machine.start(
    "argocd-server",
    program,
    [
      ...[`--namespace=${namespace}`, "--insecure", "--disable-auth", `--address=${machine.addresses.node}`],
      ...[`--port=${ports.server}`, `--metrics-port=${ports.serverMetrics}`, redis, ...repo],
      ...["--dex-server=http://127.0.0.1:1", "--loglevel=warn"],
    ],
    env("argocd-server"),
  );
  const url = `http://${machine.addresses.node}:${ports.server}`;
  await machine.until("Argo CD answers", async () => (await fetch(`${url}/healthz`)).ok);
  return { webhook: `${url}/api/webhook`, webhookSecret };
}

function must({ ok, message }: { readonly ok: boolean; readonly message: string }): void {
  if (!ok) throw new Error(message);
}
