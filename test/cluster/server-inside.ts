// What the server's pod runs as, reaches, writes and may ask, seen from inside.
import { expect, test } from "vitest";
import type { JsonObject } from "#core/json.ts";
import { userId } from "../../images/layout.ts";
import { asObject, asObjects } from "../apiserver/client.ts";
import type { TestForge } from "./forge.ts";
import { type ProbeReport, type ProbeTargets, probeScript } from "./probe.ts";
import { Watch } from "./watch.ts";
import type { Stage } from "./way.ts";

const namespace = "slipway-paper";

interface Inside {
  readonly forge: () => TestForge;
  readonly inPod: (...argv: readonly string[]) => string;
}

export function serverInside(stage: () => Stage, { forge, inPod }: Inside): void {
  test("runs as nobody, reaches its forge, Argo CD, the API server and the resolver, and writes where it should", async () => {
    const { cluster, steps } = stage();
    const targets = await targetsOf(stage(), forge());
    await steps.time(
      "server: inside",
      "nobody, no capability, root read-only, four addresses and no other",
      async () => {
        const report: ProbeReport = JSON.parse(
          inPod("/usr/local/bin/node", "--max-old-space-size=64", "-e", probeScript(targets)),
        );
        expect(report.ids).toEqual({ uid: userId, gid: userId, groups: [userId] });
        expect(report.status).toMatchObject({ CapEff: "0000000000000000", CapBnd: "0000000000000000", Seccomp: "2" });
        expect(report.status).toMatchObject({ NoNewPrivs: "1" });
        for (const path of readOnly)
          expect(report.writes[path], path).toMatch(/^(?:EROFS|EACCES|EPERM|ENOENT|ENOTDIR)$/);
        for (const path of writable) expect(report.writes[path], path).toBe("written");
        expect(report.present).toEqual({ "/run/slipway/mirror": false, "/var/run/secrets/slipway/bus": false });
        for (const name of Object.keys(targets.open)) expect(report.connections[name], name).toBe("open");
        for (const name of Object.keys(targets.closed)) expect(report.connections[name], name).toMatch(/^E[A-Z]+$/);
        expect(report.claims.sub).toBe(`system:serviceaccount:${namespace}:server`);
      },
    );
    const may = async (resourceAttributes: JsonObject): Promise<boolean> => {
      const kind = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview" };
      const spec = { user: `system:serviceaccount:${namespace}:server`, resourceAttributes };
      const path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
      const { object } = await cluster.client.request("POST", path, { ...kind, spec });
      return asObject(object["status"])["allowed"] === true;
    };
    await steps.time(
      "server: rights",
      `looks; ${refused.length} other things refused, its own Secret too`,
      async () => {
        for (const right of granted) expect(await may(right), JSON.stringify(right)).toBe(true);
        for (const right of refused) expect(await may(right), JSON.stringify(right)).toBe(false);
      },
    );
  });
}

const readOnly = ["/x", "/app/x", "/srv/site/x", "/etc/slipway/x", "/etc/slipway/server/x", "/etc/ssl/certs/x"];
const writable = ["/tmp/x", "/var/lib/slipway/x"];

const proxy = { resource: "services", subresource: "proxy", namespace };
const granted: readonly JsonObject[] = [
  { group: "argoproj.io", resource: "applications", verb: "list", namespace: "argocd" },
  { resource: "pods", verb: "list" },
  { resource: "events", verb: "list" },
  { ...proxy, verb: "get", name: "console:telemetry" },
];
const refused: readonly JsonObject[] = [
  { resource: "secrets", verb: "get", namespace, name: "forge" },
  { resource: "configmaps", verb: "list", namespace },
  { resource: "pods", verb: "create", namespace },
  { resource: "pods", verb: "delete", namespace: "seed-paper" },
  { resource: "pods", subresource: "exec", verb: "create", namespace: "seed-paper" },
  { resource: "pods", subresource: "log", verb: "get", namespace: "seed-paper" },
  { ...proxy, verb: "get", name: "gateway" },
  { group: "apps", resource: "statefulsets", verb: "patch", namespace },
  { group: "argoproj.io", resource: "applications", verb: "patch", namespace: "argocd" },
  { group: "authentication.k8s.io", resource: "tokenreviews", verb: "create" },
];

async function targetsOf({ cluster }: Stage, forge: TestForge): Promise<ProbeTargets> {
  const { node, host, dns } = cluster.machine.addresses;
  const watch = new Watch(cluster);
  const addressOf = async (name: string): Promise<string> => (await watch.pod(namespace, name))?.address ?? "";
  const kubernetes = { apiVersion: "v1", kind: "Service", metadata: { name: "kubernetes", namespace: "default" } };
  const { object } = await cluster.client.get(kubernetes);
  const { object: list } = await cluster.client.request("GET", `/api/v1/namespaces/${namespace}/pods`);
  expect(asObjects(list["items"]).length).toBeGreaterThan(3);
  return {
    token: "/var/run/secrets/slipway/api/token",
    open: {
      "its forge": forge.address,
      "Argo CD, which it tells": `${node}:8080`,
      "the API server": `${String(asObject(object["spec"])["clusterIP"])}:443`,
      "the resolver": `${dns}:53`,
    },
    closed: {
      "the kubelet": `${node}:10250`,
      "another Git server": `${node}:8000`,
      "the host": `${host}:22`,
      "the metadata address": "169.254.169.254:80",
      "the internet": "1.1.1.1:443",
      "the bus": `${await addressOf("bus-0")}:1883`,
      "the gateway": `${await addressOf("gateway-0")}:8081`,
      "the console": `${await addressOf("console-0")}:8083`,
    },
    ...{ knownNames: [], unknownNames: [], writes: [...readOnly, ...writable] },
    present: ["/run/slipway/mirror", "/var/run/secrets/slipway/bus"],
  };
}
