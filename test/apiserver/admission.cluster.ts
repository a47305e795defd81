import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { AdmissionPolicy } from "#charts/admission-object.ts";
import { renderPlatform, renderTeam } from "#charts/render.ts";
import type { JsonObject } from "#core/json.ts";
import { type AdmissionRequest, admissionEngine, type Decision } from "../charts/admission-engine.ts";
import { type ApiClient, asObject, type Reply } from "./client.ts";
import { drift } from "./drift.ts";
import { askAll, install, policyObjects, remove, twins, violations } from "./equality/ask.ts";
import type { Candidate } from "./equality/candidate.ts";
import { corpus } from "./equality/corpus.ts";
import { ruleOnObject, ruleOnSpec, specIn } from "./equality/gate.ts";
import { type Setting, settings } from "./equality/setting.ts";
import { witnesses } from "./equality/witness.ts";
import { checkTypes } from "./policy-types.ts";
import { type ApiServer, startApiServer } from "./server.ts";

/** The gate and the API server about one object under one policy. */
interface Pair {
  readonly about: string;
  readonly policy: string;
  readonly gate: boolean;
  readonly server: boolean;
  /** The server's own expression on the gate's engine. */
  readonly engine: boolean;
}

/** What is left out of the comparison, and why: everything else must agree. */
const exclusions = {
  invalid: "objects: the API refuses it as malformed before any policy is asked; refused it is all the same",
  earlier: "objects: another admission plugin refuses it first (ServiceAccount, Priority); refused it is all the same",
  elsewhere: "pairs: a namespace of no environment of ours",
} as const;

const all = settings();
const candidates = all.map(corpus);
const pairs: Pair[] = [];
const excluded = new Map<keyof typeof exclusions, number>();
let server: ApiServer;
let client: ApiClient;
/** What the server has of each candidate that it takes, defaults and all, and which twins it violates. */
const seen = new Map<Candidate, { readonly object: JsonObject; readonly violated: readonly string[] }>();

beforeAll(async () => {
  server = await startApiServer();
  client = server.client;
  for (const setting of all) await prepare(setting);
  // The namespaces are there before the policies that guard them, and without what is not the policies' own: the security standard and the
  // ranges would refuse first, or fill in.
  await install(client, policyObjects(all.flatMap(({ admission }) => twins(admission))));
});
afterAll(() => server?.stop());

/** What the candidates need to be there. */
async function prepare({ policy, environment, subjects }: Setting): Promise<void> {
  const { name } = environment.metadata;
  const objects = [...renderPlatform(policy, { strategies: [], held: [] }).values()].map(
    (text) => parse(text) as JsonObject,
  );
  const teams = [...new Set(subjects.map(({ team }) => team))];
  const namespaces = teams.flatMap((team) =>
    [...renderTeam(team, policy, { strategies: [], held: [] }).values()].map((text) => parse(text) as JsonObject),
  );
  for (const object of [...objects, ...namespaces].filter(
    ({ kind }) => kind === "Namespace" || kind === "PriorityClass",
  )) {
    const { labels, ...metadata } = asObject(object["metadata"]);
    const kept = Object.entries(asObject(labels)).filter(([key]) => key.startsWith("slipway.dev/"));
    expect(
      await client.apply({ ...object, metadata: { ...metadata, labels: Object.fromEntries(kept) } }),
    ).toMatchObject({ ok: true });
  }
  for (const { team, name: account } of [...subjects, ...teams.map((each) => ({ team: each, name: "default" }))]) {
    const metadata = { name: account, namespace: `${team}-${name}` };
    expect(await client.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata })).toMatchObject({ ok: true });
  }
}

describe("the policies", () => {
  test("have no type that Kubernetes warns of", () => {
    const policies = policyObjects(all.flatMap(({ admission }) => admission)).filter(
      ({ kind }) => kind === "ValidatingAdmissionPolicy",
    );
    const warned = checkTypes(policies).flatMap((warnings, index) =>
      warnings.map(({ warning }) => `${String(asObject(policies[index]?.["metadata"])["name"])}: ${warning}`),
    );
    expect(warned).toEqual([]);
  });

  test("are stored as they are written", async () => {
    for (const object of policyObjects(all.flatMap(({ admission }) => admission))) {
      const reply = await client.apply(object, { dryRun: true });
      expect(reply).toMatchObject({ ok: true, warnings: [] });
      expect(drift(object, reply.object)).toEqual([]);
    }
  });
});

describe.each(
  all.map((setting, index) => [setting.environment.metadata.name, setting, candidates[index] ?? []] as const),
)("in %s", (environment, setting, own) => {
  test("gate and API server agree about every object and policy", { timeout: 900_000 }, async () => {
    const replies = await askAll(
      client,
      own.map(({ object }) => object),
    );
    for (const [index, candidate] of own.entries()) {
      const reply = replies[index];
      if (reply !== undefined) compare(setting, candidate, reply);
    }
    const differing = pairs.filter(({ gate, server: answer, engine }) => gate !== answer || engine !== answer);
    expect(differing.slice(0, 20)).toEqual([]);
    console.log(`${environment}: ${own.length} objects, ${pairs.length} pairs so far`);
  });
});

/** One object under each policy that is about its kind. */
function compare(setting: Setting, candidate: Candidate, reply: Reply): void {
  const object = serverObject(candidate.object, reply);
  if (object === undefined) return;
  const found = violations(reply);
  const violated: string[] = [];
  for (const [index, policy] of setting.admission.entries()) {
    if (!isAbout(policy, object)) continue;
    const answers = found.get(`${policy.environment}-t${index}`) ?? [];
    if (answers.length > 0) violated.push(policy.name);
    const gate = gateVerdict(setting, policy, candidate, object);
    const engine = engineVerdict(policy, object);
    const about = `${policy.environment}: ${candidate.about}`;
    // Each single validation, where both could evaluate all of them.
    if (!answers.includes(undefined) && engine.applies) {
      const expected = policy.validations.flatMap((_, number) => (engine.failed.includes(number) ? [number] : []));
      if (expected.join() !== answers.join() && engine.failed.length > 0)
        pairs.push({
          about,
          policy: `${policy.name}: ${expected.join()} and ${answers.join()}`,
          gate: true,
          server: false,
          engine: true,
        });
    }
    if (gate === undefined) count(reasonOf(policy));
    else
      pairs.push({
        about,
        policy: policy.name,
        gate,
        server: answers.length === 0,
        engine: engine.failed.length === 0,
      });
  }
  seen.set(candidate, { object, violated });
}

/** The object as the policies see it, or why they never do. */
function serverObject(written: JsonObject, { ok, code, reason, object, message }: Reply): JsonObject | undefined {
  if (ok) return object;
  // Only after the policies it is found that the name is taken; namespaces of these names are not changed by the server.
  if (code === 409) return written;
  if (reason === "Invalid" || code === 400) count("invalid");
  else if (code === 403 && !message.includes("ValidatingAdmissionPolicy")) count("earlier");
  else throw new Error(`${code} ${message}`);
  return undefined;
}

function reasonOf({ name }: AdmissionPolicy): keyof typeof exclusions {
  if (name !== "guard-namespaces") throw new Error(`the gate says nothing about ${name}`);
  return "elsewhere";
}

function count(why: keyof typeof exclusions): void {
  excluded.set(why, (excluded.get(why) ?? 0) + 1);
}

const plurals: { readonly [kind: string]: string } = {
  ConfigMap: "configmaps",
  LimitRange: "limitranges",
  Namespace: "namespaces",
  NetworkPolicy: "networkpolicies",
  PersistentVolumeClaim: "persistentvolumeclaims",
  Pod: "pods",
  ResourceQuota: "resourcequotas",
  Service: "services",
  ServiceAccount: "serviceaccounts",
  StatefulSet: "statefulsets",
};

/** As the resource rules and the binding say. */
function isAbout({ resources, reach, environment }: AdmissionPolicy, object: JsonObject): boolean {
  const names = resources.filter(({ operations }) => operations.includes("CREATE")).flatMap(({ names: own }) => own);
  if (!names.includes(plurals[String(object["kind"])] ?? "")) return false;
  const { namespace, labels } = asObject(object["metadata"]);
  if (reach === "cluster") return true;
  if (namespace !== undefined) return (namespace === `slipway-${environment}`) === (reach === "platform");
  // A namespace is chosen by its own labels.
  const own = asObject(labels);
  return own["slipway.dev/environment"] === environment && "slipway.dev/team" in own === (reach === "teams");
}

function gateVerdict(
  setting: Setting,
  policy: AdmissionPolicy,
  candidate: Candidate,
  object: JsonObject,
): boolean | undefined {
  const witness = witnesses[policy.name];
  if (witness !== undefined) return witness(setting, object);
  const rule = /^rule-(.*?)(-pods)?$/.exec(policy.name);
  if (rule?.[1] === undefined) return undefined;
  const over = setting.policies.rules.get(rule[1])?.document?.spec.over;
  if (over === "spec") {
    const from = candidate.from ?? specIn(setting, candidate.owner, object);
    return from === undefined || (ruleOnSpec(setting, rule[1], from.effective) ?? true);
  }
  if (rule[2] === undefined) return ruleOnObject(setting, rule[1], candidate.owner, object) ?? true;
  // The pod's StatefulSet would have it as its template. A held strategy has no pods that it could keep.
  const { metadata = {}, spec = {} } = object;
  const set = {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata,
    spec: { replicas: 1, template: { metadata, spec } },
  };
  return ruleOnObject(setting, rule[1], candidate.owner, set) ?? true;
}

const engines = new Map<AdmissionPolicy, (request: AdmissionRequest) => Decision>();

function engineVerdict(
  policy: AdmissionPolicy,
  object: JsonObject,
): { readonly applies: boolean; readonly failed: readonly number[] } {
  const numbered =
    engines.get(policy) ??
    admissionEngine({
      ...policy,
      validations: policy.validations.map(({ expression }, number) => ({ expression, message: String(number) })),
    });
  engines.set(policy, numbered);
  const { applies, denied } = numbered({ operation: "CREATE", object, username: "admin" });
  return { applies, failed: denied.map(Number) };
}

describe("as they are shipped", () => {
  beforeAll(async () => {
    await remove(client, policyObjects(all.flatMap(({ admission }) => twins(admission))));
    await install(client, policyObjects(all.flatMap(({ admission }) => admission)));
  });

  test("they deny what the gate forbids, and nothing else", { timeout: 900_000 }, async () => {
    const wrong: string[] = [];
    for (const [index, setting] of all.entries()) {
      const forbidding = new Set(setting.admission.filter(({ denies }) => denies).map(({ name }) => name));
      const known = chosen((candidates[index] ?? []).filter((candidate) => seen.has(candidate)));
      const replies = await askAll(
        client,
        known.map(({ object }) => object),
      );
      for (const [at, candidate] of known.entries()) {
        const expected = (seen.get(candidate)?.violated ?? []).some((name) => forbidding.has(name));
        const denied = replies[at]?.message.includes("denied request") === true;
        if (denied !== expected) wrong.push(`${candidate.about}: ${replies[at]?.message}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  /** The first two of each combination of violations, and every fourth of the others: which policies an object violates is known by now. */
  function chosen(known: readonly Candidate[]): readonly Candidate[] {
    const times = new Map<string, number>();
    return known.filter((candidate, index) => {
      const combination = (seen.get(candidate)?.violated ?? []).join();
      times.set(combination, (times.get(combination) ?? 0) + 1);
      return (times.get(combination) ?? 0) <= 2 || index % 4 === 0;
    });
  }

  test("each has denied something", () => {
    const sung = new Set([...seen].flatMap(([, { violated }]) => violated));
    const silent = (all[0]?.admission ?? []).map(({ name }) => name).filter((name) => !sung.has(name));
    // What Argo CD's account makes, and rights, are argo-account.cluster.ts' question.
    const byArgo = ["guard-kinds", "guard-applications", "guard-rights"];
    expect(silent).toEqual(["bounds-scale", "guard-workloads", "guard-deletion", "guard-book", ...byArgo]);
  });

  test("the comparison is large, and what it leaves out is listed", () => {
    const rows = Object.entries(exclusions).map(([name, why]) => {
      return `  ${String(excluded.get(name as keyof typeof exclusions) ?? 0).padStart(6)}  ${why}`;
    });
    console.log(
      `${seen.size} objects, ${pairs.length} pairs of object and policy, none differs; left out:\n${rows.join("\n")}`,
    );
    // One that was never needed would hide what it is made for.
    expect([...excluded.keys()].sort()).toEqual(Object.keys(exclusions).sort());
    expect(pairs.length).toBeGreaterThan(5000);
  });
});
