// Brings an environment branch into an API server, as Argo CD would: namespaces first, policies last, and nothing but what the branch holds.
import { expect } from "vitest";
import { parse } from "yaml";
import type { JsonObject } from "#core/json.ts";
import { branchRef } from "#git/names.ts";
import type { Repository } from "#git/port.ts";
import { type ApiClient, unsurprising } from "./client.ts";
import { install } from "./equality/ask.ts";

/** Applies every object of `env/<environment>` as it stands, and returns when its admission policies are in force. */
export async function syncBranch(client: ApiClient, repository: Repository, environment: string): Promise<void> {
  const objects = await readBranch(repository, environment);
  const isPolicy = ({ apiVersion }: JsonObject): boolean => apiVersion === "admissionregistration.k8s.io/v1";
  const isNamespace = ({ kind }: JsonObject): boolean => kind === "Namespace";
  const others = objects.filter((object) => !isPolicy(object) && !isNamespace(object));
  for (const object of [...objects.filter(isNamespace), ...others])
    expect(unsurprising(await client.apply(object))).toMatchObject({ ok: true, message: "", warnings: [] });
  await install(client, objects.filter(isPolicy));
}

async function readBranch(repository: Repository, environment: string): Promise<readonly JsonObject[]> {
  const tip = await repository.resolve(branchRef(`env/${environment}`));
  if (tip === undefined) throw new Error(`there is no branch env/${environment}`);
  const files = await repository.list(tip);
  const texts = await repository.read([...files.values()].map(({ blob }) => blob));
  return [...files.values()].map(({ blob }) => parse(Buffer.from(texts.get(blob) ?? []).toString()) as JsonObject);
}
