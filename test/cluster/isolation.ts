// Isolation, proven from inside: what an executor's pod can see, write and reach, and what its neighbours can of it.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { userId } from "../../images/layout.ts";
import { asObject, asObjects } from "../apiserver/client.ts";
import { artifacts } from "../kubernetes/artifacts.ts";
import { type ProbeReport, type ProbeTargets, probeScript } from "./probe.ts";
import { addExample } from "./repository.ts";
import { Watch } from "./watch.ts";
import { push, type Stage } from "./way.ts";

const neighbour = { id: "seed/random-ts", namespace: "seed-paper", pod: "random-ts-0" };

/** What the manifest says, what the image says, and what Kubernetes adds to every container: where its API is. */
const environment = [
  ...["SLIPWAY_ALGORITHM", "SLIPWAY_BUS_TOKEN_FILE", "SLIPWAY_BUS_URL", "SLIPWAY_ENVIRONMENT", "SLIPWAY_NAMESPACE"],
  ...["SLIPWAY_PORT_PROBE", "SLIPWAY_SERVICE_ACCOUNT", "SLIPWAY_SPEC_DIR", "SLIPWAY_STATE_DIR", "SLIPWAY_STRATEGY"],
  ...["HOME", "HOSTNAME", "NODE_ENV", "PATH", "SLIPWAY_LISTEN_HOST"],
  ...["KUBERNETES_PORT", "KUBERNETES_PORT_443_TCP", "KUBERNETES_PORT_443_TCP_ADDR", "KUBERNETES_PORT_443_TCP_PORT"],
  ...[
    "KUBERNETES_PORT_443_TCP_PROTO",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "KUBERNETES_SERVICE_PORT_HTTPS",
  ],
].sort();

const readOnly = [
  "/x",
  "/app/x",
  "/usr/x",
  "/etc/passwd",
  "/opt/algorithm/x",
  "/etc/slipway/spec/x",
  "/proc/sys/kernel/hostname",
  "/sys/x",
  "/var/run/secrets/slipway/bus/x",
];
const writable = ["/tmp/x", "/var/lib/slipway/x", "/run/slipway/x"];
const absent = [
  "/var/run/secrets/kubernetes.io",
  "/var/run/secrets/slipway/api",
  "/bin/sh",
  "/usr/bin/sh",
  "/usr/bin/apt",
  "/run/containerd",
  "/etc/shadow",
  "/dev/mem",
  "/dev/kvm",
  "/dev/vda",
];

export function isolation(stage: () => Stage): void {
  const inPod = (namespace: string, pod: string, targets: ProbeTargets): ProbeReport => {
    const { kubectl } = artifacts();
    const argv = ["--kubeconfig", stage().cluster.kubeconfig, "-n", namespace, "exec", pod, "-c", "executor", "--"];
    const node = ["/usr/local/bin/node", "--max-old-space-size=32", "-e", probeScript(targets)];
    return JSON.parse(
      execFileSync(join(kubectl.folder, kubectl.name), [...argv, ...node], { encoding: "utf8", timeout: 120_000 }),
    );
  };
  let targets: ProbeTargets;
  let report: ProbeReport;
  let neighbourReport: ProbeReport;

  test("a probe answers from the pod of a strategy, and from its neighbour's", async () => {
    const { cluster, repository, steps } = stage();
    const watch = new Watch(cluster);
    addExample(repository, neighbour.id);
    const file = `strategies/${neighbour.id}/strategy.yaml`;
    repository.write(file, repository.read(file).replace(/memory: \d+Mi/, "memory: 256Mi"));
    const reply = await repository.slipway("deploy", neighbour.id, "--merge", "--timeout", "1");
    expect(reply, reply.stderr + reply.stdout).toMatchObject({ code: 0 });
    await push(stage());
    await cluster.machine.until("the neighbour is ready", async () => {
      return (await watch.pod(neighbour.namespace, neighbour.pod))?.ready === true;
    });
    targets = await targetsOf(stage(), watch);
    await steps.time("probe", "ran inside the pods of two strategies, beside their executors", async () => {
      report = inPod("momentum-paper", "sma-cross-0", targets);
      const own = (await watch.pod("momentum-paper", "sma-cross-0"))?.address;
      const closed = { ...targets.closed, "the first strategy": `${own}:8081` };
      neighbourReport = inPod(neighbour.namespace, neighbour.pod, { ...targets, closed });
    });
  });

  const status: readonly (readonly [string, string])[] = [
    ...["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map((name) => [name, "0000000000000000"] as const),
    ["NoNewPrivs", "1"],
    ["Seccomp", "2"],
  ];
  test.each(status)("its process: %s is %s", (field, value) => expect(report.status[field]).toBe(value));
  test("is nobody", () => expect(report.ids).toEqual({ uid: userId, gid: userId, groups: [userId] }));
  test("has exactly this environment", () => expect(report.environment).toEqual(environment));
  test("sees no process but its own", () =>
    expect(new Set(report.processes)).toEqual(new Set(["/usr/local/bin/node"])));
  test("has a name of its own", () => expect(report.hostname).toBe("sma-cross-0"));

  test.each(readOnly)("cannot write %s", (path) =>
    expect(report.writes[path]).toMatch(/^(?:EROFS|EACCES|EPERM|ENOENT)$/),
  );
  test.each(writable)("can write %s", (path) => expect(report.writes[path]).toBe("written"));
  test.each(absent)("has no %s", (path) => expect(report.present[path]).toBe(false));

  test("its one token is for the bus, its own, and short", () => {
    const { aud, sub, exp = 0, iat = 0 } = report.claims;
    expect({ aud, sub }).toEqual({ aud: ["bus"], sub: "system:serviceaccount:momentum-paper:sma-cross" });
    expect(exp - iat).toBeLessThanOrEqual(3607);
  });
  test("its memory and CPU are limited to what its spec asks", () => {
    const { memory, quota, period, memoryMax, cpuMax } = report.limits;
    const [limit, cpu] = memory?.startsWith("!") ? [memoryMax, cpuMax] : [memory, `${quota} ${period}`];
    expect({ limit, cpu }).toEqual({ limit: String(256 * 2 ** 20), cpu: "25000 100000" });
  });

  describe("the network", () => {
    test.each(closedNames)("%s does not answer", (name) => {
      expect(targets.closed[name]).toMatch(/^[\d.]+:\d+$/);
      expect(report.connections[name]).toMatch(/^(?:EHOSTUNREACH|ENETUNREACH|ECONNREFUSED|ETIMEDOUT|EACCES)$/);
      // It may reach itself.
      if (name !== "the neighbour")
        expect(neighbourReport.connections[name]).toMatch(
          /^(?:EHOSTUNREACH|ENETUNREACH|ECONNREFUSED|ETIMEDOUT|EACCES)$/,
        );
    });
    test("the policies of the team and of the strategy were there before its pod", async () => {
      const { client } = stage().cluster;
      const created = async (apiVersion: string, kind: string, name: string): Promise<string> => {
        const { object } = await client.get({ apiVersion, kind, metadata: { name, namespace: "momentum-paper" } });
        return String(asObject(object["metadata"])["creationTimestamp"]);
      };
      const pod = await created("v1", "Pod", "sma-cross-0");
      for (const name of ["default-deny", "sma-cross"]) {
        const policy = await created("networking.k8s.io/v1", "NetworkPolicy", name);
        expect(policy, name).toMatch(/^\d{4}-/);
        // Seconds are all that Kubernetes says of it.
        expect(policy <= pod, `${name}: ${policy}, the pod: ${pod}`).toBe(true);
      }
    });
    test("the neighbour does not reach the first strategy either", () =>
      expect(neighbourReport.connections["the first strategy"]).toBe("EHOSTUNREACH"));
    test("the bus answers", () => expect(report.connections["the bus"]).toBe("open"));
    test("names of the cluster are found, others are not", () => {
      expect(report.names["bus.slipway-paper.svc"]).toBe("found");
      expect(report.names["example.com"]).not.toBe("found");
    });
  });

  test("all of it is counted", () => {
    const { steps } = stage();
    const single = 5;
    const total =
      status.length + single + readOnly.length + writable.length + absent.length + 2 * closedNames.length + 4;
    expect(total).toBeGreaterThanOrEqual(40);
    steps.add("isolation", `${total} assertions from inside the pods`, 0);
  });
}

const closedNames = [
  "the API server by its Service",
  "the API server by its address",
  "the kubelet",
  "Argo CD",
  "Git",
  "the host",
  "the metadata address",
  "the internet",
  "a resolver on the internet",
  "the gateway",
  "the feed",
  "the bus's own port for its callout",
  "the bus's probe",
  "the resolver's own probe",
  "the neighbour",
] as const;

async function targetsOf({ cluster }: Stage, watch: Watch): Promise<ProbeTargets> {
  const { node, host, dns } = cluster.machine.addresses;
  const addressOf = async (namespace: string, pod: string): Promise<string> =>
    (await watch.pod(namespace, pod))?.address ?? "";
  const platform = "slipway-paper";
  const service = await cluster.client.get({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "kubernetes", namespace: "default" },
  });
  const { object } = await cluster.client.request(
    "GET",
    "/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns",
  );
  const resolver = asObject(asObjects(object["items"])[0]?.["status"])["podIP"];
  const bus = await addressOf(platform, "bus-0");
  const closed: { readonly [Name in (typeof closedNames)[number]]: string } = {
    "the API server by its Service": `${String(asObject(service.object["spec"])["clusterIP"])}:443`,
    "the API server by its address": `${node}:6443`,
    "the kubelet": `${node}:10250`,
    "Argo CD": `${node}:8080`,
    Git: `${node}:8000`,
    "the host": `${host}:22`,
    "the metadata address": "169.254.169.254:80",
    "the internet": "1.1.1.1:443",
    "a resolver on the internet": "8.8.8.8:53",
    "the gateway": `${await addressOf(platform, "gateway-0")}:8081`,
    "the feed": `${await addressOf(platform, "feed-stocks-0")}:8081`,
    "the bus's own port for its callout": `${bus}:4222`,
    "the bus's probe": `${bus}:8081`,
    "the resolver's own probe": `${String(resolver)}:8181`,
    "the neighbour": `${await addressOf(neighbour.namespace, neighbour.pod)}:8081`,
  };
  return {
    closed,
    token: "/var/run/secrets/slipway/bus/token",
    open: { "the bus": `${bus}:1883`, "the resolver": `${dns}:53` },
    knownNames: ["bus.slipway-paper.svc"],
    unknownNames: ["example.com"],
    writes: [...readOnly, ...writable],
    present: absent,
  };
}
