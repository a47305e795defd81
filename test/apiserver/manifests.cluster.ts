import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { JsonObject } from "#core/json.ts";
import { type ApiClient, asObject, asObjects, unsurprising } from "./client.ts";
import { drift, serverOwned } from "./drift.ts";
import { goldenEnvironments, goldenManifests, installArgoKinds } from "./manifests.ts";
import { type ApiServer, setQuota, startApiServer } from "./server.ts";

describe.each(goldenEnvironments())("what is rendered for %s", (environment) => {
  const manifests = goldenManifests(environment);
  const ofKind = (kind: string) => manifests.filter(([, object]) => object["kind"] === kind);
  let server: ApiServer;
  let client: ApiClient;

  beforeAll(async () => {
    server = await startApiServer();
    client = server.client;
    await installArgoKinds(client);
    for (const [, object] of ofKind("Namespace")) expect(await client.apply(object)).toMatchObject({ ok: true });
  });
  afterAll(() => server?.stop());

  test.each(manifests)("%s is accepted without a warning and comes back as it was written", async (_path, object) => {
    const reply = await client.apply(object, { dryRun: true });
    expect(unsurprising(reply)).toMatchObject({ ok: true, message: "", warnings: [] });
    expect(drift(object, reply.object)).toEqual([]);
  });

  test("applied again, nothing changes", async () => {
    const apply = async () => {
      const versions = new Map<string, unknown>();
      for (const [path, object] of manifests) {
        const reply = await client.apply(object);
        expect(reply, path).toMatchObject({ ok: true });
        expect(drift(object, reply.object), path).toEqual([]);
        versions.set(path, asObject(reply.object["metadata"])["resourceVersion"]);
      }
      return versions;
    };
    const [first, second, third] = [await apply(), await apply(), await apply()];
    // The server stores the default of a claim's status.phase with the first write after its creation.
    for (const [path] of ofKind("PersistentVolumeClaim")) first.set(path, second.get(path));
    expect(second).toEqual(first);
    expect(third).toEqual(second);
  });

  test("each field that is left to the server is one that it sets", async () => {
    const stored = await Promise.all(manifests.map(async ([, object]) => (await client.apply(object)).object));
    const never = serverOwned.filter((field) => {
      const others = serverOwned.filter((other) => other !== field);
      return manifests.every(([, object], index) => drift(object, stored[index] ?? {}, others).length === 0);
    });
    expect(never).toEqual([]);
  });

  describe("a pod of each StatefulSet, in its own namespace", () => {
    beforeAll(async () => {
      for (const [, object] of manifests) expect(await client.apply(object)).toMatchObject({ ok: true });
      for (const [, object] of ofKind("ResourceQuota")) {
        expect(await setQuota(client, object)).toMatchObject({ ok: true });
      }
      // Admission hears of a status some time after it is stored, and lets in nothing before.
      for (const [, object] of ofKind("StatefulSet"))
        await vi.waitFor(async () => {
          const { message } = await client.create(podOf(object), { dryRun: true });
          expect(message).not.toContain("status unknown for quota");
        }, 120_000);
    });

    test.each(ofKind("StatefulSet"))("%s: is admitted as the template has it", async (_path, object) => {
      const pod = podOf(object);
      const reply = await client.create(pod, { dryRun: true });
      expect(reply).toMatchObject({ ok: true, message: "", warnings: [] });
      const { containers, volumes, securityContext } = asObject(pod["spec"]);
      expect(asObject(reply.object["spec"])).toMatchObject({ containers, volumes, securityContext });
    });

    test.each(ofKind("StatefulSet"))("%s: is refused when it could be root", async (_path, object) => {
      const pod = podOf(object);
      const spec = asObject(pod["spec"]);
      const containers = asObjects(spec["containers"]).map((container) => ({
        ...container,
        securityContext: { ...asObject(container["securityContext"]), allowPrivilegeEscalation: true },
      }));
      const reply = await client.create({ ...pod, spec: { ...spec, containers } }, { dryRun: true });
      expect(reply).toMatchObject({ ok: false, code: 403 });
      expect(reply.message).toContain('violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false');
    });
  });
});

/** The pod that the StatefulSet's controller would make first. */
function podOf(statefulSet: JsonObject): JsonObject {
  const { name = "", namespace = "" } = asObject(statefulSet["metadata"]);
  const template = asObject(asObject(statefulSet["spec"])["template"]);
  const metadata = { ...asObject(template["metadata"]), name: `${String(name)}-0`, namespace };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: template["spec"] ?? {} };
}
