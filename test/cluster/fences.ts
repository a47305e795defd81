// Each fence alone: what is beyond a bound, or not a strategy's to make, is refused by the gate, by admission, by the gateway and by Argo CD's project
// while the others are taken away.
import { afterAll, describe, expect, test } from "vitest";
import { shardOf } from "#charts/shards.ts";
import type { JsonObject } from "#core/json.ts";
import { asObject, asObjects, type Reply } from "../apiserver/client.ts";
import { Life } from "./life.ts";
import { refresh, type Stage } from "./way.ts";

const strategy = "seed/random-ts";
const [namespace, platform] = ["seed-paper", "slipway-paper"];
const controller = "argocd-application-controller";
const shard = `gateway-limits-${shardOf("seed", "random-ts")}`;
const merge = "application/merge-patch+json";

export function fences(stage: () => Stage): void {
  const life = (): Life => new Life(stage(), strategy);
  const shardPath = `/api/v1/namespaces/${platform}/configmaps/${shard}`;
  /** Writes the gateway's limits of the strategy by hand. */
  const limit = async (change: { readonly [key: string]: string }, dryRun = false): Promise<Reply> => {
    const { client } = stage().cluster;
    const { object } = await client.request("GET", shardPath);
    const key = strategy.replace("/", ".");
    const before: { [key: string]: string } = JSON.parse(String(asObject(object["data"])[key]));
    const data = { [key]: JSON.stringify({ ...before, ...change }) };
    return client.request("PATCH", dryRun ? `${shardPath}?dryRun=All` : shardPath, { data }, merge);
  };
  const deniedFor = async (limitName: string): Promise<number> => {
    const [row] = await life().watch.book(
      "SELECT count(*) AS n FROM events WHERE strategy = ? AND body ->> '$.status' = 'denied' AND body ->> '$.reason.message' LIKE ?",
      strategy,
      `limits.${limitName}%`,
    );
    return Number(row?.["n"] ?? 0);
  };

  test("the gate alone: a spec beyond its bound goes no further than the proposal", async () => {
    await life().deployed();
    const { repository, steps } = stage();
    const file = `strategies/${strategy}/strategy.yaml`;
    const before = repository.read(file);
    const branch = repository.git("rev-parse", "env/paper");
    await steps.time(
      "gate alone",
      "a limit beyond its bound is refused with its place; nothing is rendered",
      async () => {
        repository.write(file, before.replace(/maxOrderNotional: "\d+"/, 'maxOrderNotional: "999999"'));
        const { code, stdout, stderr } = await repository.slipway("deploy", strategy, "--merge", "--timeout", "1");
        repository.write(file, before);
        expect(code).toBe(2);
        expect(stdout + stderr).toMatch(/strategy\.yaml:\d+:\d+.*limits\.maxOrderNotional/);
      },
    );
    expect(repository.git("rev-parse", "env/paper")).toBe(branch);
  });

  test("admission alone: whoever applies it by hand, with every right, is refused", async () => {
    const { cluster, steps } = stage();
    const { client } = cluster;
    const pod = (spec: JsonObject): JsonObject => ({
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "x", namespace } },
      spec: { containers: [{ name: "x", image: "x" }], ...spec },
    });
    const stateful = `/apis/apps/v1/namespaces/${namespace}/statefulsets/random-ts`;
    const container = asObjects(
      asObject(asObject(asObject((await client.request("GET", stateful)).object["spec"])["template"])["spec"])[
        "containers"
      ],
    )[0];
    const patched = (change: JsonObject): Promise<Reply> =>
      client.request(
        "PATCH",
        `${stateful}?dryRun=All`,
        { spec: { template: { spec: { containers: [{ name: String(container?.["name"]), ...change }] } } } },
        "application/strategic-merge-patch+json",
      );
    const refused: { readonly [what: string]: () => Promise<Reply> } = {
      "the executor's limits": () =>
        client.request(
          "PATCH",
          `/api/v1/namespaces/${namespace}/configmaps/random-ts-spec?dryRun=All`,
          { data: { "limits.maxOrderNotional": "999999" } },
          merge,
        ),
      "the gateway's limits": () => limit({ "limits.maxOrderNotional": "999999" }, true),
      CPU: () => patched({ resources: { limits: { cpu: "9" }, requests: { cpu: "9" } } }),
      "a privileged container": () =>
        patched({ securityContext: { privileged: true, allowPrivilegeEscalation: true } }),
      "a Deployment": () =>
        client.create(
          {
            ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x", namespace } },
            spec: {
              selector: { matchLabels: { a: "b" } },
              template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "x", image: "x" }] } },
            },
          },
          { dryRun: true },
        ),
      "a pod on the host's network": () => client.create(pod({ hostNetwork: true }), { dryRun: true }),
      "a pod with a folder of the host": () =>
        client.create(pod({ volumes: [{ name: "x", hostPath: { path: "/" } }] }), { dryRun: true }),
      "a namespace out of the policies": () =>
        client.request(
          "PATCH",
          `/api/v1/namespaces/${namespace}?dryRun=All`,
          { metadata: { labels: { "slipway.dev/team": null } } },
          merge,
        ),
      "the claim's deletion by hand": () =>
        client.delete(
          { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "random-ts", namespace } },
          { dryRun: true },
        ),
      "the deletion by hand of the gateway's book": () =>
        client.delete(
          { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "gateway", namespace: platform } },
          { dryRun: true },
        ),
      "the namespace's deletion by hand": () =>
        client.delete({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }, { dryRun: true }),
    };
    await steps.time(
      "admission alone",
      `${Object.keys(refused).length} objects by hand, as an administrator: each refused`,
      async () => {
        const passed: string[] = [];
        for (const [what, ask] of Object.entries(refused)) {
          const { ok, code } = await ask();
          if (ok || (code !== 422 && code !== 403)) passed.push(`${what}: ${code}`);
        }
        expect(passed).toEqual([]);
      },
    );
  });

  describe("the gateway alone, without Argo CD, who would mend it, and without admission", () => {
    const binding = {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name: `${platform}-bounds-gateway` },
    };
    afterAll(async () => {
      await stage()
        .cluster.machine.again(controller)
        .catch(() => undefined);
    });

    test("a tightened limit is in force at once", async () => {
      const { cluster, steps } = stage();
      await cluster.machine.kill(controller);
      await life().trading();
      await steps.time("a limit is tightened", "object changed → the gateway denies what is beyond it", async () => {
        const before = await deniedFor("maxOrderNotional");
        expect(await limit({ "limits.maxOrderNotional": "1" })).toMatchObject({ ok: true });
        await life().until("an order is denied for it", async () => (await deniedFor("maxOrderNotional")) > before);
      });
    });

    test("limits beyond their bounds are not used", async () => {
      const { cluster, steps } = stage();
      await steps.time(
        "gateway alone",
        "limits beyond their bounds, let through by nobody's admission, allow nothing",
        async () => {
          expect((await cluster.client.delete(binding)).ok).toBe(true);
          await life().until("admission lets it through", async () => {
            return (await limit({ "limits.maxOrderNotional": "999999" })).ok;
          });
          const seen = async (): Promise<boolean> =>
            (await life().watch.log(platform, "gateway-0", "gateway")).includes(
              "limits of a strategy cannot be used: its orders are denied",
            );
          await life().until("the gateway refuses them", seen);
          const asked = async (): Promise<number> =>
            Number(
              (await life().watch.book("SELECT count(*) AS n FROM orders WHERE strategy = ?", strategy))[0]?.["n"],
            );
          const ordersOn = async (): Promise<void> => {
            const all = await asked();
            await life().until("it orders on", async () => (await asked()) > all + 2);
          };
          // What it had accepted just before is in the book once later ones are.
          await ordersOn();
          const before = await life().watch.orders(strategy);
          await ordersOn();
          expect(await life().watch.orders(strategy)).toBe(before);
        },
      );
    });

    test("Argo CD, back again, restores both, and the strategy trades", async () => {
      const { cluster, steps } = stage();
      await steps.time("healed", "binding and limits are Git's again; trading", async () => {
        await cluster.machine.again(controller);
        await refresh(stage(), "paper-platform");
        await life().until("the binding is back", async () => (await cluster.client.get(binding)).ok);
        await life().trading();
      });
    });
  });
}
