// Asks the API server about each candidate, many at once, and nothing is stored.
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { type AdmissionPolicy, admissionPolicy } from "#charts/admission-object.ts";
import { synthObjects } from "#charts/synth.ts";
import type { JsonObject } from "#core/json.ts";
import { type ApiClient, asObject, type Reply } from "../client.ts";

/** The objects of policies as they are shipped: each with its binding. */
export function policyObjects(policies: readonly AdmissionPolicy[]): readonly JsonObject[] {
  return policies.flatMap((policy) => [
    ...synthObjects("platform", (chart) => admissionPolicy(chart, policy)).values(),
  ]);
}

/**
 * The same policies, so that each speaks for itself: one that denies hides the others, and a long message is cut off. Their warnings are
 * `t<number of the policy>` and `v<number of the validation>`.
 */
export function twins(policies: readonly AdmissionPolicy[]): readonly AdmissionPolicy[] {
  return policies.map((policy, index) => ({
    ...policy,
    name: `t${index}`,
    denies: false,
    validations: policy.validations.map(({ expression }, number) => ({ expression, message: `v${number}` })),
  }));
}

/** Which validations of which twin do not hold: by number, `undefined` in place of one that could not be evaluated. */
export function violations({ warnings }: Reply): ReadonlyMap<string, readonly (number | undefined)[]> {
  const found = new Map<string, (number | undefined)[]>();
  for (const warning of warnings) {
    const parts =
      /^Validation failed for ValidatingAdmissionPolicy 'slipway-(\w+-t\d+)' with binding '[^']*': (v(\d+)$)?/.exec(
        warning,
      );
    if (parts?.[1] === undefined) continue;
    const own = found.get(parts[1]) ?? [];
    own.push(parts[3] === undefined ? undefined : Number(parts[3]));
    found.set(parts[1], own);
  }
  return found;
}

export async function install(client: ApiClient, objects: readonly JsonObject[]): Promise<void> {
  for (const object of objects)
    expect(await client.apply(object), nameOf(object)).toMatchObject({ ok: true, message: "", warnings: [] });
  await active(client);
}

/** Removes policies; bindings first, so that none is left without its policy. */
export async function remove(client: ApiClient, objects: readonly JsonObject[]): Promise<void> {
  for (const object of objects.toReversed()) expect(await client.delete(object)).toMatchObject({ ok: true });
  await active(client);
}

let canaries = 0;

/** All policies get into force together: when the last one to be installed denies, so do the others. */
async function active(client: ApiClient): Promise<void> {
  canaries += 1;
  const name = `canary-${canaries}`;
  const canary: AdmissionPolicy = {
    ...{ name, environment: "paper", reach: "cluster", conditions: [], variables: [], denies: true },
    resources: [{ group: "", version: "v1", names: ["configmaps"], operations: ["CREATE"] }],
    validations: [{ expression: `object.metadata.name != '${name}'`, message: "it sings" }],
  };
  for (const object of policyObjects([canary])) expect(await client.apply(object)).toMatchObject({ ok: true });
  const bird = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" } };
  const deadline = performance.now() + 120_000;
  while ((await client.create(bird, { dryRun: true })).ok) {
    if (performance.now() > deadline) throw new Error("the policies do not get into force");
    await delay(50);
  }
}

/** In the order of the objects; at most eight are under way. */
export async function askAll(client: ApiClient, objects: readonly JsonObject[]): Promise<readonly Reply[]> {
  const replies: Reply[] = [];
  for (let from = 0; from < objects.length; from += 64) {
    const some = objects.slice(from, from + 64);
    replies.push(...(await Promise.all(some.map((object) => client.create(object, { dryRun: true })))));
  }
  return replies;
}

function nameOf(object: JsonObject): string {
  return `${String(object["kind"])} ${String(asObject(object["metadata"])["name"])}`;
}
