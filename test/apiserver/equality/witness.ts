// What an object must be for the gate to have let it be rendered, bound by bound: written against the core's functions, not against the
// expressions that the API server gets.
import { egressToRpc } from "#charts/network.ts";
import { type BoundName, type BoundValue, isWithin, limitNames } from "#core/bounds.ts";
import { compare, decimal } from "#core/decimal.ts";

import { canonicalJson, type JsonObject, type JsonValue } from "#core/json.ts";
import { boundsFor, teamMayRun } from "#core/policies.ts";
import { parseCpu, parseMemory } from "#core/quantity.ts";
import { asObject, asObjects } from "../client.ts";
import { gateAllows, isHeld, type Subject } from "./gate.ts";
import { atSeconds, type Setting } from "./setting.ts";

/** Whether an object is as the gate would have it; `undefined` where this witness has nothing to say. */
export type Witness = (setting: Setting, object: JsonObject) => boolean | undefined;

/** By the name of the policy. */
export const witnesses: Readonly<Record<string, Witness>> = {
  "bounds-spec": specIsAllowed,
  "bounds-gateway": shardIsAllowed,
  "bounds-statefulset": (setting, object) => {
    const subject = subjectOf(setting, object, nameOf(object));
    const spec = asObject(object["spec"]);
    const replicas = Number(spec["replicas"] ?? 1);
    const pod = podIsAllowed(setting, subject, asObject(asObject(spec["template"])["spec"]), true);
    return pod === undefined ? undefined : pod && replicas <= (isHeld(setting, subject) ? 0 : 1);
  },
  "bounds-pod": (setting, object) => {
    const name = nameOf(object);
    const subject = subjectOf(setting, object, name.endsWith("-0") ? name.slice(0, -2) : "");
    const spec = asObject(object["spec"]);
    const pod = podIsAllowed(setting, subject, spec, false);
    return pod === undefined ? undefined : pod && asObjects(spec["ephemeralContainers"]).length === 0;
  },
  "bounds-claim": (setting, object) => {
    const asked = asObject(asObject(asObject(object["spec"])["resources"])["requests"])["storage"];
    const bytes = parseMemory(String(asked));
    if (!bytes.ok) return undefined;
    return mostMemory(setting, subjectOf(setting, object, nameOf(object)), "state", true) >= bytes.value;
  },
  "bounds-network": networkIsAllowed,
  "guard-namespaces": namespaceIsAllowed,
  "guard-workloads": () => false,
  "guard-accounts": (_setting, object) => {
    const spec = asObject(object["spec"]);
    const isPod = object["kind"] === "Pod";
    const account = String((isPod ? spec : asObject(asObject(spec["template"])["spec"]))["serviceAccountName"] ?? "");
    return nameOf(object) === (isPod ? `${account}-0` : account);
  },
};

const specKeys: readonly (readonly [key: string, bound: BoundName])[] = [
  ...limitNames.map((bound) => [`limits.${bound}`, bound] as const),
  ["resources.cpu", "cpu"],
  ["resources.memory", "memory"],
  ["resources.state", "state"],
];

function specIsAllowed(setting: Setting, object: JsonObject): boolean | undefined {
  const name = nameOf(object);
  if (!name.endsWith("-spec")) return true;
  const subject = subjectOf(setting, object, name.slice(0, -"-spec".length));
  const data = asObject(object["data"]);
  if (object["binaryData"] !== undefined) return false;
  for (const [key, bound] of specKeys) if (!allows(setting, subject, bound, data[key])) return false;
  if ("algorithm.rpc" in data && !allows(setting, subject, "rpcAddresses", data["algorithm.rpc"])) return false;
  const [order, position] = [
    decimal(String(data["limits.maxOrderNotional"])),
    decimal(String(data["limits.maxPositionNotional"])),
  ];
  const running = data["running"];
  if (running !== "true" && running !== "false") return false;
  return compare(order, position) <= 0 && (running === "false" || !isHeld(setting, subject));
}

function allows(setting: Setting, subject: Subject, bound: BoundName, text: JsonValue | undefined): boolean {
  return typeof text === "string" && gateAllows(setting, subject, bound, text);
}

const shardKeys = [...limitNames.map((bound) => `limits.${bound}`), "running", "startingCash", "strategy"].sort();

function shardIsAllowed(setting: Setting, object: JsonObject): boolean {
  if (object["binaryData"] !== undefined) return false;
  return Object.entries(asObject(object["data"])).every(([key, text]) => {
    const entry = parseEntry(String(text));
    const strategy = String(entry?.["strategy"]);
    const [team = "", name = ""] = strategy.split("/");
    if (entry === undefined || key !== strategy.replace("/", ".")) return false;
    // An order above the position is the spec's mistake; here each limit stands by itself.
    const limits = specKeys.filter(([each]) => each.startsWith("limits."));
    if (!limits.every(([each, bound]) => allows(setting, { team, name }, bound, entry[each]))) return false;
    const { running } = entry;
    return running === "false" || (running === "true" && !isHeld(setting, { team, name }));
  });
}

/** The entry, if its text is the one and only text of what JSON reads in it. */
function parseEntry(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as JsonValue;
    const entry = asObject(value);
    const isPlain = Object.values(entry).every((each) => typeof each === "string" && !/["\\]/.test(each));
    const isWhole = Object.keys(entry).sort().join() === shardKeys.join();
    return isPlain && isWhole && canonicalJson(value) === text ? entry : undefined;
  } catch {
    return undefined;
  }
}

function nameOf(object: JsonObject): string {
  return String(asObject(object["metadata"])["name"]);
}

function subjectOf({ environment }: Setting, object: JsonObject, name: string): Subject {
  const namespace = String(asObject(object["metadata"])["namespace"]);
  return { team: namespace.slice(0, -(environment.metadata.name.length + 1)), name };
}

function boundOf({ environment, policies }: Setting, subject: Subject, bound: BoundName): BoundValue {
  const bounds = boundsFor(policies, environment.metadata.name, subject, atSeconds);
  if (bounds === undefined) throw new Error("no bounds");
  return bounds[bound].value;
}

/** @param keeps whether a held strategy may keep what it had there */
function mostMemory(setting: Setting, subject: Subject, bound: "memory" | "state", keeps: boolean): number {
  const own = keeps && isHeld(setting, subject) ? [setting.held.resources[bound]] : [];
  return Math.max(...[String(boundOf(setting, subject, bound)), ...own].map((text) => numberIn(parseMemory(text))));
}

function mostCpu(setting: Setting, subject: Subject, keeps: boolean): number {
  const own = keeps && isHeld(setting, subject) ? [setting.held.resources.cpu] : [];
  return Math.max(...[String(boundOf(setting, subject, "cpu")), ...own].map((text) => numberIn(parseCpu(text))));
}

function numberIn(parsed: { readonly ok: boolean; readonly value?: number }): number {
  if (parsed.value === undefined) throw new Error("not a quantity");
  return parsed.value;
}

const local = ["module:/opt/algorithm/algorithm.mjs", "unix:///run/slipway/algorithm.sock"];

function podIsAllowed(setting: Setting, subject: Subject, spec: JsonObject, keeps: boolean): boolean | undefined {
  if (spec["priorityClassName"] !== `slipway-${setting.environment.metadata.name}`) return false;
  const containers = asObjects(spec["containers"]);
  if (containers.length > 2 || asObjects(spec["initContainers"]).length > 0) return false;
  const beside = containers.some(({ name }) => name === "algorithm");
  const { defaults } = setting.environment.spec;
  let [cpu, memory] = [0, 0];
  for (const container of containers) {
    const limits = asObject(asObject(container["resources"])["limits"]);
    if (limits["cpu"] === undefined || limits["memory"] === undefined) return false;
    const own = [parseCpu(String(limits["cpu"])), parseMemory(String(limits["memory"]))] as const;
    // Kubernetes has more quantities than a spec may write.
    if (!own[0].ok || !own[1].ok) return undefined;
    if (own[0].value === 0 || own[1].value === 0) return false;
    cpu += own[0].value;
    memory += own[1].value;
    const env = asObjects(container["env"]).filter(({ name }) => name === "SLIPWAY_ALGORITHM");
    if (container["envFrom"] !== undefined) return false;
    for (const { value } of env) {
      if (typeof value !== "string") return false;
      if (!local.includes(value) && !isWithin("rpcAddresses", boundOf(setting, subject, "rpcAddresses"), [value]))
        return false;
    }
  }
  const more = (text: string, parse: (text: string) => { readonly ok: boolean; readonly value?: number }): number =>
    beside ? numberIn(parse(text)) : 0;
  const cpuMost = mostCpu(setting, subject, keeps) + more(defaults.cpu, parseCpu);
  return cpu <= cpuMost && memory <= mostMemory(setting, subject, "memory", keeps) + more(defaults.memory, parseMemory);
}

/** Each single way out must be one that Slipway itself would open for this strategy. */
function networkIsAllowed(setting: Setting, object: JsonObject): boolean {
  const { name: environment } = setting.environment.metadata;
  const subject = subjectOf(setting, object, nameOf(object));
  const addresses = boundOf(setting, subject, "rpcAddresses") as readonly string[];
  const spec = asObject(object["spec"]);
  if (asObjects(spec["ingress"]).length > 0) return false;
  const namespace = (name: string) => ({ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } } });
  const bus = {
    ...namespace(`slipway-${environment}`),
    podSelector: { matchLabels: { "app.kubernetes.io/component": "bus" } },
  };
  const dns = { ...namespace("kube-system"), podSelector: { matchLabels: { "k8s-app": "kube-dns" } } };
  const ways = new Set<string>([
    way(bus, { port: 1883, protocol: "TCP" }),
    way(dns, { port: 53, protocol: "TCP" }),
    way(dns, { port: 53, protocol: "UDP" }),
  ]);
  for (const address of addresses) {
    const rule = JSON.parse(JSON.stringify(egressToRpc(address) ?? {})) as JsonObject;
    const port = Number(/:(\d+)$/.exec(address)?.[1]);
    for (const peer of asObjects(rule["to"])) ways.add(way(peer, { port, protocol: "TCP" }));
  }
  return asObjects(spec["egress"]).every((rule) => {
    const [peers, ports] = [asObjects(rule["to"]), asObjects(rule["ports"])];
    if (peers.length === 0 || ports.length === 0) return false;
    return peers.every((peer) => ports.every((port) => ways.has(way(peer, port)) || isNarrower(peer, port, ways)));
  });
}

function way(peer: JsonObject, port: JsonObject): string {
  return canonicalJson({ peer, port });
}

/** Some pods of a namespace, or an address less some of its range, are within what is allowed of the whole. */
function isNarrower(peer: JsonObject, port: JsonObject, ways: ReadonlySet<string>): boolean {
  const { podSelector: _pods, ...whole } = peer;
  const { except: _except, ...block } = asObject(peer["ipBlock"]);
  return ways.has(way(whole, port)) || (peer["ipBlock"] !== undefined && ways.has(way({ ipBlock: block }, port)));
}

function namespaceIsAllowed({ environment, policies }: Setting, object: JsonObject): boolean | undefined {
  const { name: here } = environment.metadata;
  const name = nameOf(object);
  const labels = asObject(asObject(object["metadata"])["labels"]);
  const [environmentLabel, team] = [labels["slipway.dev/environment"], labels["slipway.dev/team"]];
  if (!name.endsWith(`-${here}`) && environmentLabel !== here) return undefined;
  if (environmentLabel !== here || labels["pod-security.kubernetes.io/enforce"] !== "restricted") return false;
  if (name === `slipway-${here}`) return team === undefined;
  return typeof team === "string" && `${team}-${here}` === name && teamMayRun(policies, team, here) === true;
}
