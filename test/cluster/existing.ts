// What Slipway needs of a cluster, asked of one that is there. It makes one namespace of its own and removes it; everything else is read, or written
// in dry runs. It speaks through kubectl, so that any way of logging in will do.
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { seccompFiles } from "#charts/strategy.ts";
import { podSecurityLabels } from "#charts/team.ts";
import type { JsonObject } from "#core/json.ts";
import { asObject, asObjects } from "../apiserver/client.ts";

export interface Existing {
  readonly kubectl: string;
  readonly kubeconfig: string;
  /** The executor's image, by digest, where the cluster's nodes get it; without one nothing is asked from inside a pod. */
  readonly image: string | undefined;
  /** Whether its nodes have the files of images/seccomp: pods then run with the one for Node. */
  readonly seccomp: boolean;
}

interface Said {
  readonly ok: boolean;
  readonly text: string;
}

const golden = join(import.meta.dirname, "../golden/paper");
const userId = 65_532;

export function existing(target: () => Existing): void {
  const namespace = `slipway-check-${randomBytes(4).toString("hex")}`;
  const kubectl = (argv: readonly string[], input?: JsonObject | string): Said => {
    const { kubectl: program, kubeconfig } = target();
    const { status, stdout, stderr } = spawnSync(program, ["--kubeconfig", kubeconfig, ...argv], {
      encoding: "utf8",
      timeout: 120_000,
      maxBuffer: 64 * 2 ** 20,
      ...(input === undefined ? {} : { input: typeof input === "string" ? input : JSON.stringify(input) }),
    });
    return { ok: status === 0, text: status === 0 ? stdout : `${stdout}${stderr}` };
  };
  const read = (...argv: readonly string[]): JsonObject => {
    const { ok, text } = kubectl([...argv, "-o", "json"]);
    if (!ok) throw new Error(text);
    return JSON.parse(text);
  };
  const items = (...argv: readonly string[]): readonly JsonObject[] => asObjects(read("get", ...argv)["items"]);

  beforeAll(() => {
    const labels = podSecurityLabels();
    const made = kubectl(["create", "-f", "-"], {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace, labels },
    });
    if (!made.ok) throw new Error(`no namespace could be made: ${made.text}`);
  });
  afterAll(() => {
    kubectl(["delete", "namespace", namespace, "--wait=false"]);
  });

  test("it is Kubernetes 1.30 or newer", () => {
    const { major, minor } = asObject(JSON.parse(kubectl(["get", "--raw", "/version"]).text)) as {
      major: string;
      minor: string;
    };
    expect(Number(major) * 1000 + Number.parseInt(minor, 10)).toBeGreaterThanOrEqual(1030);
  });
  test("it has a default StorageClass", () => {
    const key = "storageclass.kubernetes.io/is-default-class";
    const found = items("storageclasses").filter(
      (one) => asObject(asObject(one["metadata"])["annotations"])[key] === "true",
    );
    expect(found).not.toEqual([]);
  });
  test("its DNS is where the network policies look for it: pods labelled k8s-app: kube-dns that listen on port 53", () => {
    const pods = items("pods", "-n", "kube-system", "-l", "k8s-app=kube-dns");
    const ready = pods.filter((pod) => asObject(pod["status"])["phase"] === "Running");
    expect(ready).not.toEqual([]);
    const endpoints = items("endpointslices", "-n", "kube-system", "-l", "kubernetes.io/service-name=kube-dns");
    expect(endpoints.flatMap((one) => asObjects(one["ports"]).map(({ port }) => port))).toContain(53);
  });
  test("Argo CD's kinds are there, and its namespace", () => {
    expect(kubectl(["get", "crd", "applications.argoproj.io", "appprojects.argoproj.io"])).toMatchObject({ ok: true });
    expect(kubectl(["get", "namespace", "argocd"])).toMatchObject({ ok: true });
  });

  const clusterWide = readdirSync(join(golden, "platform"))
    .filter((name) => /^(?:validatingadmissionpolicy|priorityclass)/.test(name))
    .map((name) => join(golden, "platform", name));
  test(`it takes all ${clusterWide.length} admission policies, in a dry run`, () => {
    const documents = clusterWide.map((path) => readFileSync(path, "utf8")).join("---\n");
    expect(
      kubectl(["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"], documents),
    ).toMatchObject({ ok: true });
  });
  test("a strategy's objects are valid in it, in a dry run", () => {
    const folder = join(golden, "strategies/momentum/sma-cross");
    for (const name of readdirSync(folder)) {
      const object = parse(readFileSync(join(folder, name), "utf8")) as JsonObject;
      const moved = { ...object, metadata: { ...asObject(object["metadata"]), namespace } };
      expect(kubectl(["create", "--dry-run=server", "-f", "-"], moved), name).toMatchObject({ ok: true });
    }
  });
  test("Pod Security is enforced: a privileged pod is refused", () => {
    const spec = { containers: [{ name: "x", image: "x", securityContext: { privileged: true } }] };
    const { ok, text } = kubectl(["create", "--dry-run=server", "-f", "-"], {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "x", namespace },
      spec,
    });
    expect({ ok, text }).toMatchObject({ ok: false, text: expect.stringContaining("PodSecurity") });
  });
  test("every kubelet limits the processes of a pod", () => {
    const without = items("nodes").flatMap(({ metadata }) => {
      const node = String(asObject(metadata)["name"]);
      const { ok, text } = kubectl(["get", "--raw", `/api/v1/nodes/${node}/proxy/configz`]);
      if (!ok) return [`${node}: ${text}`];
      const { podPidsLimit } = asObject(asObject(JSON.parse(text))["kubeletconfig"]);
      return Number(podPidsLimit) > 0 ? [] : [`${node}: podPidsLimit is ${podPidsLimit}`];
    });
    expect(without).toEqual([]);
  });
  test("a token is reviewed for its audience, and for no other", () => {
    expect(kubectl(["create", "serviceaccount", "one", "-n", namespace]).ok).toBe(true);
    const tokenFor = (audience: string): string =>
      kubectl(["create", "token", "one", "-n", namespace, "--audience", audience]).text.trim();
    const good = (token: string): unknown => {
      const review = {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        spec: { token, audiences: ["bus"] },
      };
      return (
        asObject(asObject(JSON.parse(kubectl(["create", "-o", "json", "-f", "-"], review).text))["status"])[
          "authenticated"
        ] ?? false
      );
    };
    expect([good(tokenFor("bus")), good(tokenFor("other"))]).toEqual([true, false]);
  });

  describe("from inside a pod", () => {
    const pod = (name: string, image: string, script: string): JsonObject => ({
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace, labels: { app: name } } },
      spec: {
        automountServiceAccountToken: false,
        restartPolicy: "Never",
        terminationGracePeriodSeconds: 1,
        securityContext: {
          ...{ runAsNonRoot: true, runAsUser: userId, runAsGroup: userId },
          seccompProfile: { type: "RuntimeDefault" },
        },
        containers: [
          {
            ...{ name, image, imagePullPolicy: "IfNotPresent", command: ["/usr/local/bin/node", "-e", script] },
            securityContext: {
              ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
              capabilities: { drop: ["ALL"] },
              ...(target().seccomp
                ? { seccompProfile: { type: "Localhost", localhostProfile: seccompFiles.typescript } }
                : {}),
            },
            resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { cpu: "500m", memory: "128Mi" } },
          },
        ],
      },
    });
    const running = async (name: string): Promise<string> => {
      for (let attempt = 0; attempt < 240; attempt += 1) {
        const { phase, podIP } = asObject(read("get", "pod", name, "-n", namespace)["status"]);
        if (phase === "Running" && typeof podIP === "string") return podIP;
        await delay(500);
      }
      throw new Error(kubectl(["describe", "pod", name, "-n", namespace]).text);
    };
    const inside = (name: string, script: string): string =>
      kubectl(["exec", name, "-n", namespace, "--", "/usr/local/bin/node", "-e", script]).text.trim();
    const reach = (address: string, port: number): string =>
      `const s = require("net").connect({ host: "${address}", port: ${port}, timeout: 4000 }); const end = (what) => { console.log(what); process.exit(); }; s.on("connect", () => end("open")); s.on("error", () => end("closed")); s.on("timeout", () => end("closed"));`;
    let server = "";

    test("pods run as the executors do: nobody, no capabilities, seccomp", async ({ skip }) => {
      const { image } = target();
      if (image === undefined) return skip("SLIPWAY_TEST_IMAGE is not set");
      const listen = 'require("net").createServer((s) => s.end()).listen(8080)';
      for (const name of ["server", "client"])
        expect(kubectl(["create", "-f", "-"], pod(name, image, listen))).toMatchObject({ ok: true });
      server = await running("server");
      await running("client");
      const status = inside("client", 'process.stdout.write(require("fs").readFileSync("/proc/self/status", "utf8"))');
      for (const line of ["Uid:\t65532", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"])
        expect(status).toContain(line);
      const spawned = inside("client", 'console.log(require("child_process").spawnSync("/x").error.code)');
      expect(spawned).toBe(target().seccomp ? "EPERM" : "ENOENT");
    });
    test("without a network policy pods reach each other, with default-deny they do not, with a rule that allows it they do again", async ({
      skip,
    }) => {
      if (server === "") return skip("SLIPWAY_TEST_IMAGE is not set");
      const policy = (name: string, spec: JsonObject): void => {
        const object = {
          apiVersion: "networking.k8s.io/v1",
          kind: "NetworkPolicy",
          metadata: { name, namespace },
          spec,
        };
        expect(kubectl(["create", "-f", "-"], object)).toMatchObject({ ok: true });
      };
      const becomes = async (wanted: string): Promise<void> => {
        let seen = inside("client", reach(server, 8080));
        for (let attempt = 0; attempt < 60 && seen !== wanted; attempt += 1) {
          await delay(1_000);
          seen = inside("client", reach(server, 8080));
        }
        expect(seen).toBe(wanted);
      };
      await becomes("open");
      policy("default-deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] });
      await becomes("closed");
      const ports = [{ protocol: "TCP", port: 8080 }];
      const to = (app: string): JsonObject => ({ podSelector: { matchLabels: { app } } });
      policy("client", { ...to("client"), policyTypes: ["Egress"], egress: [{ to: [to("server")], ports }] });
      policy("server", { ...to("server"), policyTypes: ["Ingress"], ingress: [{ from: [to("client")], ports }] });
      await becomes("open");
    });
  });
}

/** The kubectl of the person who runs it. @throws when there is none */
export function ownKubectl(): string {
  return execFileSync("sh", ["-c", "command -v kubectl"], { encoding: "utf8" }).trim();
}
