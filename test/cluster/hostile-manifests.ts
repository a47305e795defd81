// A hostile manifest in the way of a deploy: refused by the gate, by Argo CD's project and by admission, each while the others let it through.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { JsonObject } from "#core/json.ts";
import { asObject, asObjects } from "../apiserver/client.ts";
import { Life } from "./life.ts";
import { refresh, type Stage, ship } from "./way.ts";

const strategy = "seed/random-ts";
const [namespace, platform] = ["seed-paper", "slipway-paper"];
/** Of an environment that this cluster has beside. */
const liveNamespace = "seed-live";

export function hostileManifests(stage: () => Stage): void {
  const life = (): Life => new Life(stage(), strategy);

  test("the gate alone: a manifest beside an algorithm is nobody's object", async () => {
    await life().deployed();
    const { repository, steps } = stage();
    const file = `strategies/${strategy}/role.yaml`;
    await steps.time(
      "gate alone: manifests",
      "a Role in a strategy's folder is merged, and in no environment branch",
      async () => {
        repository.write(file, JSON.stringify(hostileObjects()[0]));
        await ship(stage(), "deploy", strategy, "--merge", "--timeout", "1");
        expect(repository.git("ls-tree", "-r", "--name-only", "main")).toContain(file);
        expect(repository.git("ls-tree", "-r", "--name-only", "env/paper")).not.toContain("role");
        rmSync(join(repository.checkout, file));
        await ship(stage(), "deploy", strategy, "--merge", "--timeout", "1");
      },
    );
  });

  test("admission alone: Argo CD itself, with every right and a project that allows all, makes none of it, and nothing in live", async () => {
    const { cluster, repository, steps } = stage();
    const { client } = cluster;
    const [name, folder] = ["paper-seed-hostile", "hostile"];
    const before = repository.git("rev-parse", "env/paper");
    const objects = hostileObjects();
    const argo = { apiVersion: "argoproj.io/v1alpha1" };
    const metadata = { name, namespace: "argocd" };
    const all = [{ group: "*", kind: "*" }];
    const project = {
      ...{ ...argo, kind: "AppProject", metadata },
      spec: {
        ...{ sourceRepos: ["*"], destinations: [{ server: "*", namespace: "*" }] },
        ...{ clusterResourceWhitelist: all, namespaceResourceWhitelist: all },
      },
    };
    const application = {
      ...{ ...argo, kind: "Application", metadata },
      spec: {
        project: name,
        source: { repoURL: `${cluster.gitUrl}/forge.git`, targetRevision: "env/paper", path: folder },
        destination: { server: "https://kubernetes.default.svc", namespace },
        syncPolicy: { automated: {}, syncOptions: ["ServerSideApply=true"], retry: { limit: 0 } },
      },
    };
    const live = { apiVersion: "v1", kind: "Namespace", metadata: { name: liveNamespace } };
    expect(await client.apply(live)).toMatchObject({ ok: true });
    try {
      await steps.time(
        "admission alone: Argo CD",
        `${objects.length} objects by Argo CD, in a project that allows everything: each refused, other namespaces and live's too`,
        async () => {
          commitTo(repository.forge, objects, folder);
          for (const object of [project, application]) expect(await client.apply(object)).toMatchObject({ ok: true });
          const results = async (): Promise<readonly JsonObject[]> => {
            const { object } = await client.get(application);
            const operation = asObject(asObject(object["status"])["operationState"]);
            return operation["phase"] === "Failed" ? asObjects(asObject(operation["syncResult"])["resources"]) : [];
          };
          await life().until("each has its answer", async () => (await results()).length === objects.length);
          const other = (await results()).filter(
            ({ message }) => !/ValidatingAdmissionPolicy|PodSecurity/.test(String(message)),
          );
          expect(other.map(({ kind, message }) => `${kind}: ${message}`)).toEqual([]);
          expect(await madeOf(stage(), objects)).toEqual([]);
        },
      );
    } finally {
      for (const object of [application, project]) await client.delete(object);
      repository.git("update-ref", "refs/heads/env/paper", before);
      await refresh(stage(), life().application);
    }
  });

  test("Argo CD's project alone: what is no strategy's object is not synced, whoever writes it to the branch", async () => {
    const { repository, steps } = stage();
    const before = repository.git("rev-parse", "env/paper");
    const objects = hostileObjects();
    await steps.time(
      "project alone",
      `${objects.length} objects in a strategy's folder of the branch: none is made`,
      async () => {
        const { application } = life();
        commitTo(repository.forge, objects, `strategies/${strategy}`);
        await refresh(stage(), application);
        await life().until("Argo CD says no", async () => {
          const said = ((await life().watch.application(application))?.messages ?? []).join("\n");
          return /not permitted|not allowed/.test(said);
        });
        expect(await madeOf(stage(), objects)).toEqual([]);
        repository.git("update-ref", "refs/heads/env/paper", before);
        await refresh(stage(), application);
        // Where its tries have ended before, there is nothing left to do, and no operation succeeds any more.
        await life().until("it is as before", async () => {
          const state = await life().watch.application(application);
          return state?.sync === "Synced" && state.revision === before && state.phase !== "Running";
        });
        await life().trading();
      },
    );
  });
}

/** What no strategy's folder of the branch may bring into the cluster: rights, secrets, kinds of the whole cluster, other namespaces. */
function hostileObjects(): readonly JsonObject[] {
  const rbac = "rbac.authorization.k8s.io";
  const admission = "admissionregistration.k8s.io/v1";
  const named = (name: string, where?: string): JsonObject => ({
    name,
    ...(where === undefined ? {} : { namespace: where }),
  });
  const roleRef = { apiGroup: rbac, kind: "ClusterRole", name: "cluster-admin" };
  const subjects = [{ kind: "ServiceAccount", name: "random-ts", namespace }];
  return [
    { apiVersion: `${rbac}/v1`, kind: "Role", metadata: named("evil", namespace), rules: [] },
    { apiVersion: `${rbac}/v1`, kind: "RoleBinding", metadata: named("evil", namespace), roleRef, subjects },
    { apiVersion: `${rbac}/v1`, kind: "ClusterRole", metadata: named("evil"), rules: [] },
    { apiVersion: `${rbac}/v1`, kind: "ClusterRoleBinding", metadata: named("evil"), roleRef, subjects },
    { apiVersion: "v1", kind: "Secret", metadata: named("evil", namespace) },
    { apiVersion: "v1", kind: "Namespace", metadata: named("evil") },
    {
      ...{ apiVersion: "v1", kind: "Pod", metadata: named("evil", namespace) },
      spec: { containers: [{ name: "x", image: "x" }] },
    },
    ...[platform, "kube-system", liveNamespace].map((where) => ({
      ...{ apiVersion: "v1", kind: "ConfigMap", metadata: named("evil", where) },
    })),
    { apiVersion: "v1", kind: "ServiceAccount", metadata: named("evil", liveNamespace) },
    { apiVersion: admission, kind: "ValidatingWebhookConfiguration", metadata: named("evil") },
    { apiVersion: admission, kind: "MutatingWebhookConfiguration", metadata: named("evil") },
    {
      ...{ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: named("evil") },
      value: 1,
    },
  ];
}

async function madeOf({ cluster }: Stage, objects: readonly JsonObject[]): Promise<readonly string[]> {
  const made: string[] = [];
  for (const object of objects)
    if ((await cluster.client.get(object)).ok)
      made.push(`${object["kind"]} ${asObject(object["metadata"])["namespace"] ?? ""}`);
  return made;
}

/** Writes to the branch past Slipway, as somebody who has taken the forge over could. @param removed paths below which everything goes */
export function commitTo(
  forge: string,
  objects: readonly JsonObject[],
  folder: string,
  removed: readonly string[] = [],
): void {
  const place = mkdtempSync(join(tmpdir(), "slipway-index-"));
  const git = (argv: readonly string[], input?: string): string =>
    execFileSync("git", ["--git-dir", forge, ...argv], {
      encoding: "utf8",
      ...(input === undefined ? {} : { input }),
      env: {
        ...{ PATH: process.env["PATH"], GIT_INDEX_FILE: join(place, "index") },
        ...{ GIT_AUTHOR_NAME: "Mallory", GIT_AUTHOR_EMAIL: "m@example.com" },
        ...{ GIT_COMMITTER_NAME: "Mallory", GIT_COMMITTER_EMAIL: "m@example.com" },
      },
    }).trim();
  try {
    git(["read-tree", "env/paper"]);
    for (const path of removed) {
      const files = git(["ls-tree", "-r", "--name-only", "env/paper", "--", path]).split("\n");
      git(["update-index", "--index-info"], files.map((file) => `0 ${"0".repeat(40)}\t${file}\n`).join(""));
    }
    for (const [index, object] of objects.entries()) {
      const blob = git(["hash-object", "-w", "--stdin"], JSON.stringify(object));
      git(["update-index", "--add", "--cacheinfo", `100644,${blob},${folder}/evil-${index}.yaml`]);
    }
    const commit = git(["commit-tree", git(["write-tree"]), "-p", "env/paper", "-m", "evil"]);
    git(["update-ref", "refs/heads/env/paper", commit]);
  } finally {
    rmSync(place, { recursive: true });
  }
}
