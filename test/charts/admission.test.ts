import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { admissionPolicies } from "#charts/admission.ts";
import { renderEnvironment, renderStrategy } from "#charts/render.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { EnvironmentPolicy } from "#core/environment-policy.ts";
import type { JsonObject } from "#core/json.ts";
import { type AdmissionRequest, admissionEngine } from "./admission-engine.ts";
import {
  inputOf,
  paper,
  paperPolicy,
  policyOf,
  python,
  renderInput,
  fleet as samples,
  strategyWith,
} from "./inputs.ts";

// biome-ignore lint/suspicious/noExplicitAny: parsed manifests, whose shape the schemas check.
type Manifest = any;

function engines(policy: EnvironmentPolicy, held: readonly EffectiveStrategy[] = []) {
  const policies = admissionPolicies({ policy, held, teams: ["momentum", "seed"] });
  return new Map(policies.map((each) => [each.name, admissionEngine(each)]));
}

const usual = engines(paperPolicy);

function denied(name: string, request: Partial<AdmissionRequest>, among = usual): readonly string[] {
  const engine = among.get(name);
  if (engine === undefined) throw new Error(`there is no policy ${name}`);
  return engine({ operation: "CREATE", ...request }).denied;
}

function objectOf(strategy: EffectiveStrategy, kind: string, changed: (object: Manifest) => void = () => undefined) {
  const objects = [...renderStrategy(inputOf(strategy), paper).values()].map((text): Manifest => parse(text));
  const object = objects.find((each) => each.kind === kind && !each.metadata.name.includes("-algorithm-"));
  changed(object);
  return object as JsonObject;
}

const specOf = (data: object, strategy = strategyWith()) =>
  objectOf(strategy, "ConfigMap", (object) => {
    for (const [key, value] of Object.entries(data)) {
      if (value === undefined) delete object.data[key];
      else object.data[key] = value;
    }
  });

describe("what is rendered", () => {
  test("is let through", () => {
    for (const [path, text] of renderEnvironment(renderInput(...samples.filter(({ name }) => name !== "remote")))) {
      for (const [name, engine] of usual) {
        const object = parse(text) as JsonObject;
        if (kinds[name]?.(object) !== true) continue;
        expect(engine({ operation: "CREATE", object }), `${path} and ${name}`).toEqual({
          applies: expect.anything(),
          denied: [],
        });
      }
    }
  });
});

/** What a policy matches, as its resource rules and its binding say. */
const kinds: { readonly [policy: string]: (object: Manifest) => boolean } = {
  "bounds-spec": ({ kind, metadata }) => kind === "ConfigMap" && metadata.namespace !== "slipway-paper",
  "bounds-gateway": ({ kind, metadata }) => kind === "ConfigMap" && metadata.namespace === "slipway-paper",
  "bounds-statefulset": ({ kind, metadata }) => kind === "StatefulSet" && metadata.namespace !== "slipway-paper",
  "bounds-claim": ({ kind, metadata }) => kind === "PersistentVolumeClaim" && metadata.namespace !== "slipway-paper",
  "bounds-network": ({ kind, metadata }) => kind === "NetworkPolicy" && metadata.namespace !== "slipway-paper",
  "guard-namespaces": ({ kind }) => kind === "Namespace",
};

describe("an effective spec", () => {
  test.each([
    [{}, undefined],
    [{ "limits.maxOrderNotional": "5000" }, undefined],
    [{ "limits.maxOrderNotional": "5000.00000001", "limits.maxPositionNotional": "6000" }, "maxOrderNotional"],
    [{ "limits.maxOrderNotional": "05000" }, "maxOrderNotional"],
    [{ "limits.maxOrderNotional": "5e3" }, "maxOrderNotional"],
    [{ "limits.maxOrderNotional": "4k" }, "maxOrderNotional"],
    [{ "limits.maxOrderNotional": "2000.50" }, "maxOrderNotional"],
    [{ "limits.maxOrderNotional": "-1" }, "maxOrderNotional"],
    [{ "limits.maxOrderNotional": undefined }, "maxOrderNotional"],
    [{ "limits.maxOrderNotional": "4000", "limits.maxPositionNotional": "3000" }, "maxPositionNotional"],
    [{ "limits.maxPositionNotional": "20000.1" }, "maxPositionNotional"],
    [{ "limits.maxDrawdown": "0.6" }, undefined],
    [{ "limits.maxDrawdown": "0.60000001" }, "maxDrawdown"],
    [{ "limits.maxDrawdown": "0" }, "maxDrawdown"],
    [{ "limits.orderRate": "20/1s" }, undefined],
    [{ "limits.orderRate": "21/1s" }, "orderRate"],
    [{ "limits.orderRate": "20/86400s" }, undefined],
    [{ "limits.orderRate": "100/10s" }, "orderRate"],
    [{ "limits.orderRate": "20/86401s" }, "orderRate"],
    [{ "limits.instruments": "AAPL,DOGE" }, "instruments"],
    [{ "limits.instruments": "AAPL,AAPL" }, "instruments"],
    [{ "limits.instruments": "AAPL," }, "instruments"],
    [{ "limits.instruments": "" }, "instruments"],
    [{ "limits.venues": "paper,live" }, "venues"],
    [{ "resources.cpu": "1" }, undefined],
    [{ "resources.cpu": "1001m" }, "cpu"],
    [{ "resources.cpu": "1000m" }, "cpu"],
    [{ "resources.cpu": "0" }, "cpu"],
    [{ "resources.memory": "257Mi" }, "memory"],
    [{ "resources.memory": "262144Ki" }, "memory"],
    [{ "resources.state": "1Gi" }, "state"],
    [{ "algorithm.rpc": "tcp://10.1.2.3:4242" }, "algorithm.rpc"],
    [{ running: "yes" }, "running"],
    [{ running: undefined }, "running"],
  ])("with %j is denied for %s", (data, about) => {
    const messages = denied("bounds-spec", { object: specOf(data) });
    if (about === undefined) expect(messages).toEqual([]);
    else expect(messages).toContainEqual(expect.stringContaining(about));
  });

  test("cannot hide a limit in binary data, or behind other labels", () => {
    const hidden = objectOf(strategyWith(), "ConfigMap", (object) => {
      object.binaryData = { "spec.json": "e30=" };
    });
    expect(denied("bounds-spec", { object: hidden })).toHaveLength(1);
    const plain = objectOf(strategyWith(), "ConfigMap", (object) => {
      delete object.metadata.labels;
      object.data["limits.maxDrawdown"] = "0.9";
    });
    expect(denied("bounds-spec", { object: plain })).toHaveLength(1);
    expect(denied("bounds-spec", { object: { ...plain, data: null } }).length).toBeGreaterThan(0);
  });

  test("may be touched by others while its limits stay", () => {
    const object = specOf({ "limits.maxDrawdown": "0.9" });
    expect(denied("bounds-spec", { operation: "UPDATE", object, oldObject: object })).toEqual([]);
    expect(denied("bounds-spec", { operation: "UPDATE", object, oldObject: specOf({}) })).toHaveLength(1);
  });
});

describe("bounds that differ", () => {
  const waiver = (name: string, waives: object, scope: object) => ({
    [name]: JSON.stringify({
      apiVersion: "slipway.dev/v1",
      kind: "Waiver",
      metadata: { name },
      spec: { waives, scope: { environment: "paper", ...scope }, owner: "risk", reason: "a test", until: "2026-01-10" },
    }),
  });
  const policy = policyOf(paper, {
    teams: JSON.stringify({
      apiVersion: "slipway.dev/v1",
      kind: "Teams",
      metadata: { name: "teams" },
      spec: {
        teams: {
          momentum: {
            members: [],
            environments: { paper: { bounds: { maxOrderNotional: "1500", instruments: ["AAPL"], cpu: "200m" } } },
          },
          away: { members: [], environments: {} },
        },
        unlisted: ["paper"],
      },
    }),
    waivers: {
      ...waiver("a", { bound: "maxOrderNotional", to: "2000" }, { strategy: "momentum/waived" }),
      ...waiver("b", { bound: "instruments", to: ["IBM"] }, { strategy: "momentum/waived" }),
      ...waiver("c", { bound: "cpu", to: "300m" }, { strategy: "momentum/waived" }),
      ...waiver("d", { bound: "rpcAddresses", to: ["tcp://models.ml.svc:9000"] }, { team: "seed" }),
      ...waiver("e", { bound: "orderRate", to: "30/1s" }, { team: "seed" }),
    },
  });
  const others = engines(policy);
  const remote = { kind: "rpc", rpc: "tcp://models.ml.svc:9000" } as const;

  test.each([
    ["momentum", "waived", {}, []],
    ["momentum", "other", {}, ["limits.instruments", "limits.maxOrderNotional"]],
    ["seed", "other", {}, []],
    ["seed", "other", { limits: { ...strategyWith().limits, orderRate: "30/1s" } }, []],
    ["seed", "other", { algorithm: remote }, []],
    ["momentum", "waived", { algorithm: remote }, ["algorithm.rpc"]],
    ["momentum", "waived", { resources: { cpu: "300m", memory: "1Mi", state: "1Mi" } }, []],
    ["momentum", "waived", { resources: { cpu: "301m", memory: "1Mi", state: "1Mi" } }, ["resources.cpu"]],
    [
      "momentum",
      "other",
      { resources: { cpu: "201m", memory: "1Mi", state: "1Mi" } },
      ["resources.cpu", "limits.i", "limits.m"],
    ],
  ])("%s/%s with %j", (team, name, changes, about) => {
    const strategy = strategyWith({ team, name, ...changes });
    const messages = denied("bounds-spec", { object: objectOf(strategy, "ConfigMap") }, others);
    expect(messages).toHaveLength(about.length);
    for (const each of about) expect(messages).toContainEqual(expect.stringContaining(each));
    const workload = denied("bounds-statefulset", { object: objectOf(strategy, "StatefulSet") }, others);
    expect(workload).toHaveLength(about.filter((each) => /cpu|rpc/.test(each)).length);
    const network = denied("bounds-network", { object: objectOf(strategy, "NetworkPolicy") }, others);
    expect(network).toHaveLength(about.filter((each) => each.includes("rpc")).length);
  });

  test("the gateway's limits are held to the same", () => {
    const shards = (strategy: EffectiveStrategy) =>
      [...renderEnvironment({ policy, strategies: [inputOf(strategy)] })]
        .filter(([path]) => path.includes("gateway-limits-"))
        .map(([, text]) => parse(text) as JsonObject);
    const says = (strategy: EffectiveStrategy) =>
      shards(strategy).flatMap((object) => denied("bounds-gateway", { object }, others));
    expect(says(strategyWith({ name: "waived" }))).toEqual([]);
    expect(says(strategyWith({ team: "seed", name: "other" }))).toEqual([]);
    expect(says(strategyWith({ name: "other" }))).toEqual([
      "limits.instruments is malformed or above the bound: momentum/other has AAPL,IBM",
      "limits.maxOrderNotional is malformed or above the bound: momentum/other has 2000",
    ]);
  });

  test("pods are known by the strategy that they are of", () => {
    const pod = (name: string, cpu: string) => {
      const set: Manifest = objectOf(strategyWith({ resources: { cpu, memory: "64Mi", state: "1Mi" } }), "StatefulSet");
      return { ...set.spec.template, metadata: { namespace: "momentum-paper", name } } as JsonObject;
    };
    expect(denied("bounds-pod", { object: pod("waived-0", "300m") }, others)).toEqual([]);
    expect(denied("bounds-pod", { object: pod("waived-0", "301m") }, others)).toHaveLength(1);
    expect(denied("bounds-pod", { object: pod("other-0", "300m") }, others)).toHaveLength(1);
    expect(denied("bounds-pod", { object: pod("waived", "300m") }, others)).toHaveLength(1);
  });

  test("a team that may not run here gets no namespace", () => {
    const namespace = (team: string) => {
      const fleet = { policy: paperPolicy, strategies: [inputOf(strategyWith({ team }))] };
      return parse(renderEnvironment(fleet).get(`teams/${team}/namespace-${team}-paper.yaml`) ?? "") as JsonObject;
    };
    expect(denied("guard-namespaces", { object: namespace("seed") }, others)).toEqual([]);
    expect(denied("guard-namespaces", { object: namespace("unlisted") }, others)).toEqual([]);
    expect(denied("guard-namespaces", { object: namespace("away") }, others)).toEqual([
      "this team may not run anything in paper",
    ]);
  });
});

describe("a strategy that today's policies refuse", () => {
  const above = strategyWith({
    running: false,
    limits: { ...strategyWith().limits, maxOrderNotional: "9000", maxPositionNotional: "90000", instruments: ["DOGE"] },
    resources: { cpu: "2", memory: "1Gi", state: "2Gi" },
    algorithm: { kind: "rpc", rpc: "tcp://10.1.2.3:4242" },
  });
  const holding = engines(paperPolicy, [above]);

  test("keeps what it had as long as it stands still", () => {
    for (const [kind, policy] of [
      ["ConfigMap", "bounds-spec"],
      ["StatefulSet", "bounds-statefulset"],
      ["PersistentVolumeClaim", "bounds-claim"],
      ["NetworkPolicy", "bounds-network"],
    ] as const) {
      expect(denied(policy, { object: objectOf(above, kind) }, holding), kind).toEqual([]);
      expect(denied(policy, { object: objectOf(above, kind) }), kind).not.toEqual([]);
    }
  });

  test("is not started, not lifted and not copied", () => {
    const running = { ...above, running: true };
    const limits = { ...above.limits, maxOrderNotional: "9001" };
    for (const strategy of [running, { ...above, limits }, { ...above, name: "copy" }, { ...above, team: "seed" }])
      expect(denied("bounds-spec", { object: objectOf(strategy, "ConfigMap") }, holding)).not.toEqual([]);
    expect(denied("bounds-statefulset", { object: objectOf(running, "StatefulSet") }, holding)).toHaveLength(1);
    const scale = (name: string, replicas: number) => ({
      apiVersion: "autoscaling/v1",
      kind: "Scale",
      metadata: { namespace: "momentum-paper", name },
      spec: { replicas },
    });
    expect(denied("bounds-scale", { object: scale("sma-cross", 1) }, holding)).toHaveLength(1);
    expect(denied("bounds-scale", { object: scale("other", 1) }, holding)).toEqual([]);
    expect(denied("bounds-scale", { object: scale("other", 2) }, holding)).toHaveLength(1);
  });
});

describe("a workload", () => {
  const set = (changed: (pod: Manifest, object: Manifest) => void, strategy = strategyWith()) =>
    objectOf(strategy, "StatefulSet", (object) => changed(object.spec.template.spec, object));
  const beside = strategyWith({ algorithm: python, resources: { cpu: "1", memory: "256Mi", state: "1Mi" } });

  test.each([
    ["one replica more", set((_pod, object) => (object.spec.replicas = 2))],
    ["no limits", set((pod) => delete pod.containers[0].resources)],
    ["no cpu limit", set((pod) => delete pod.containers[0].resources.limits.cpu)],
    ["a limit of zero, which is none", set((pod) => (pod.containers[0].resources.limits.memory = "0"))],
    ["another container", set((pod) => pod.containers.push({ ...pod.containers[0], name: "x" }, pod.containers[0]))],
    ["an init container", set((pod) => (pod.initContainers = [pod.containers[0]]))],
    [
      "more cpu in all",
      set((pod) =>
        pod.containers.push({ ...pod.containers[0], resources: { limits: { cpu: "900m", memory: "1Mi" } } }),
      ),
    ],
    [
      "another address",
      set((pod) => (pod.containers[0].env = [{ name: "SLIPWAY_ALGORITHM", value: "tcp://10.0.0.1:1" }])),
    ],
    [
      "an address from elsewhere",
      set((pod) => (pod.containers[0].env = [{ name: "SLIPWAY_ALGORITHM", valueFrom: {} }])),
    ],
    ["variables from elsewhere", set((pod) => (pod.containers[0].envFrom = [{ configMapRef: { name: "x" } }]))],
    ["the priority of what all need", set((pod) => (pod.priorityClassName = "slipway-paper-vital"))],
    ["no priority, which is the cluster's default", set((pod) => delete pod.priorityClassName)],
    ["more for the algorithm", set((pod) => (pod.containers[1].resources.limits.cpu = "1001m"), beside)],
  ])("with %s is denied", (_name, object) => {
    expect(denied("bounds-statefulset", { object })).not.toEqual([]);
  });

  test("has the executor's resources beside an algorithm's on top", () => {
    expect(denied("bounds-statefulset", { object: set(() => undefined, beside) })).toEqual([]);
  });

  test("gets no ephemeral container", () => {
    const { template }: Manifest = (objectOf(strategyWith(), "StatefulSet") as Manifest).spec;
    const metadata = { namespace: "momentum-paper", name: "sma-cross-0" };
    const pod = { ...template, metadata };
    const debug = { ...pod, spec: { ...pod.spec, ephemeralContainers: [{ name: "debug", image: "x" }] } };
    expect(denied("bounds-pod", { object: pod })).toEqual([]);
    expect(denied("bounds-pod", { operation: "UPDATE", object: debug, oldObject: pod })).toHaveLength(1);
  });
});

describe("a network policy", () => {
  const policy = (spec: JsonObject) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { namespace: "momentum-paper", name: "sma-cross" },
    spec,
  });
  const named = (namespace: string) => ({ matchLabels: { "kubernetes.io/metadata.name": namespace } });
  const bus = {
    namespaceSelector: named("slipway-paper"),
    podSelector: { matchLabels: { "app.kubernetes.io/component": "bus" } },
  };

  const dns = { namespaceSelector: named("kube-system"), podSelector: { matchLabels: { "k8s-app": "kube-dns" } } };

  test.each([
    ["everything", { egress: [{}] }],
    ["every port of the bus", { egress: [{ to: [bus] }] }],
    ["another port of the bus", { egress: [{ to: [bus], ports: [{ port: 22, protocol: "TCP" }] }] }],
    ["a range of ports", { egress: [{ to: [bus], ports: [{ port: 1883, endPort: 2000, protocol: "TCP" }] }] }],
    [
      "every pod of the platform",
      { egress: [{ to: [{ namespaceSelector: named("slipway-paper") }], ports: [{ port: 1883, protocol: "TCP" }] }] },
    ],
    [
      "any namespace",
      { egress: [{ to: [{ ...bus, namespaceSelector: {} }], ports: [{ port: 1883, protocol: "TCP" }] }] },
    ],
    ["an address", { egress: [{ to: [{ ipBlock: { cidr: "0.0.0.0/0" } }], ports: [{ port: 443, protocol: "TCP" }] }] }],
    [
      "the bus and an address",
      { egress: [{ to: [bus, { ipBlock: { cidr: "1.1.1.1/32" } }], ports: [{ port: 1883, protocol: "TCP" }] }] },
    ],
    ["the resolver's port for SCTP", { egress: [{ to: [dns], ports: [{ port: 53, protocol: "SCTP" }] }] }],
    ["a way in", { ingress: [{}] }],
  ])("that opens %s is denied", (_name, spec: JsonObject) => {
    expect(denied("bounds-network", { object: policy(spec) })).toHaveLength(1);
  });

  test("that opens nothing is let through", () => {
    expect(
      denied("bounds-network", { object: policy({ podSelector: {}, policyTypes: ["Ingress", "Egress"] }) }),
    ).toEqual([]);
  });
});

describe("the guards", () => {
  const namespace = (name: string, labels: object) =>
    ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } }) as JsonObject;
  const restricted = { "pod-security.kubernetes.io/enforce": "restricted" };
  const team = { "slipway.dev/environment": "paper", "slipway.dev/team": "momentum", ...restricted };

  test.each([
    ["a team's", "momentum-paper", team, true],
    ["the platform's", "slipway-paper", { "slipway.dev/environment": "paper", ...restricted }, true],
    ["one of nobody's business", "kube-system", {}, true],
    ["one without labels", "momentum-paper", {}, false],
    ["another team's", "seed-paper", team, false],
    ["one that takes the labels", "other", team, false],
    ["the platform's as a team's", "slipway-paper", { ...team, "slipway.dev/team": "slipway" }, false],
    [
      "one without its security standard",
      "momentum-paper",
      { ...team, "pod-security.kubernetes.io/enforce": "baseline" },
      false,
    ],
  ])("of namespaces know %s", (_name, name, labels, allowed) => {
    expect(denied("guard-namespaces", { object: namespace(name, labels) }).length === 0).toBe(allowed);
  });

  test("let a namespace go that was never right", () => {
    const wrong = namespace("momentum-paper", {});
    expect(denied("guard-namespaces", { operation: "UPDATE", object: wrong, oldObject: wrong })).toEqual([]);
  });

  test("let nobody delete state but what follows Git", () => {
    const oldObject = objectOf(strategyWith(), "PersistentVolumeClaim");
    const remove = (username: string) => denied("guard-deletion", { operation: "DELETE", oldObject, username });
    expect(remove("alice")).toHaveLength(1);
    expect(remove("system:serviceaccount:argocd:argocd-application-controller")).toEqual([]);
    expect(remove("system:serviceaccount:momentum-paper:argocd-application-controller")).toHaveLength(1);
  });

  test("let nobody delete the gateway's book but what follows Git, and everybody what comes back by itself", () => {
    const named = (kind: string, name: string) => ({ apiVersion: "v1", kind, metadata: { name } });
    const book = named("PersistentVolumeClaim", "gateway");
    const remove = (oldObject: JsonObject, username: string) =>
      denied("guard-book", { operation: "DELETE", oldObject, username });
    expect(remove(book, "alice")).toHaveLength(1);
    expect(remove(named("Namespace", "slipway-paper"), "alice")).toHaveLength(1);
    expect(remove(named("PersistentVolumeClaim", "state-bus-node-1"), "alice")).toEqual([]);
    expect(remove(book, "system:serviceaccount:argocd:argocd-application-controller")).toEqual([]);
  });
});

describe("long lists", () => {
  const instruments = Array.from({ length: 9000 }, (_, index) => `INSTRUMENT-${index}`);
  const { bounds } = paperPolicy;
  const policy = { ...paperPolicy, bounds: { ...bounds, everyone: { ...bounds.everyone, instruments } } };

  test("stand in parts that Kubernetes takes", () => {
    const [spec] = admissionPolicies({ policy, held: [], teams: [] });
    const lengths = spec?.variables.map(({ expression }) => expression.length) ?? [];
    expect(Math.max(...lengths)).toBeLessThan(60_000);
    expect(spec?.variables.filter(({ name }) => /^instruments0Part\d+$/.test(name)).length).toBeGreaterThan(3);
  });
});
