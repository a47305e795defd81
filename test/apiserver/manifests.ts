// The golden manifests, and what a server needs before it can take them.
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, vi } from "vitest";
import { parse } from "yaml";
import type { JsonObject } from "#core/json.ts";
import { artifacts } from "../kubernetes/artifacts.ts";
import { type ApiClient, asObject, asObjects } from "./client.ts";

const goldenFolder = join(import.meta.dirname, "../golden");

export type Manifest = readonly [path: string, object: JsonObject];

/** What is rendered for an environment, in the order of the paths. */
export function goldenManifests(environment: string): readonly Manifest[] {
  const folder = join(goldenFolder, environment);
  const paths = globSync("**/*.yaml", { cwd: folder }).sort();
  return paths.map((path) => [path, readYaml(join(folder, path))]);
}

export function goldenEnvironments(): readonly string[] {
  // Other golden files are texts.
  return globSync("*/apps", { cwd: goldenFolder })
    .map((path) => dirname(path))
    .sort();
}

/** Argo CD's namespace and the kinds Application and AppProject, as its release installs them. */
export async function installArgoKinds(client: ApiClient): Promise<void> {
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } };
  expect(await client.apply(namespace)).toMatchObject({ ok: true });
  for (const name of ["application", "appproject"]) {
    const crd = readYaml(join(artifacts().argoCrds.folder, `${name}.yaml`));
    expect(await client.apply(crd)).toMatchObject({ ok: true });
    const kind = name === "application" ? "Application" : "AppProject";
    await vi.waitFor(
      async () => {
        const conditions = asObjects(asObject((await client.get(crd)).object["status"])["conditions"]);
        expect(conditions).toContainEqual(expect.objectContaining({ type: "Established", status: "True" }));
        expect(await client.list({ apiVersion: "argoproj.io/v1alpha1", kind })).toMatchObject({ ok: true });
      },
      { timeout: 120_000 },
    );
  }
}

function readYaml(path: string): JsonObject {
  return parse(readFileSync(path, "utf8")) as JsonObject;
}
