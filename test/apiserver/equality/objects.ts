// Rendered objects with one change each, and with parts that nobody renders.
import { parse } from "yaml";
import { renderTeam } from "#charts/render.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import type { JsonObject, JsonValue } from "#core/json.ts";
import { asObject, asObjects } from "../client.ts";
import { type Candidate, objectsOf, shardOf } from "./candidate.ts";
import { gateOn, type Subject } from "./gate.ts";
import { laid, mutants } from "./mutations.ts";
import type { Setting } from "./setting.ts";

/** Golden objects with one change each, and with whole parts that nobody renders. */
export function mutatedObjects(setting: Setting): readonly Candidate[] {
  // Of the second environment other rules hold for specs, and the same for objects.
  if (setting.environment.metadata.name !== "paper") return [];
  const [plain, narrow] = [
    { team: "seed", name: "plain" },
    { team: "momentum", name: "narrow" },
  ];
  const rendered = (subject: Subject, part: JsonObject) => {
    const { effective } = gateOn(setting, subject, part);
    return effective === undefined ? [] : objectsOf(setting, effective);
  };
  const of = (owner: Subject, object: JsonObject, under?: string): readonly Candidate[] =>
    mutants(object, under).map((mutant) => ({ ...mutant, about: `${String(object["kind"])} ${mutant.about}`, owner }));
  const typescript = rendered(plain, {});
  const python = rendered(narrow, { algorithm: { entry: "algorithm.py", runtime: "python" } });
  const team = [...renderTeam(plain.team, setting.policy, { strategies: [], held: [] })]
    .filter(([path]) => path.startsWith("teams/"))
    .map(([, text]) => parse(text) as JsonObject)
    .filter(({ kind }) => kind !== "Namespace");
  const owner = { team: plain.team, name: "" };
  const shard = shardOf(setting, { ...(gateOn(setting, plain, {}).effective as EffectiveStrategy) });
  return [
    ...typescript.flatMap((object) => [
      { about: `${String(object["kind"])} as it is`, object, owner: plain },
      ...of(plain, object),
    ]),
    ...python
      .filter(({ kind }) => kind === "StatefulSet")
      .flatMap((object) => of(narrow, object, "/spec/template/spec/containers")),
    ...team.flatMap((object) => [{ about: `${String(object["kind"])} as it is`, object, owner }, ...of(owner, object)]),
    ...additions(typescript, plain),
    ...typescript
      .filter(({ kind }) => kind === "ConfigMap")
      .map((object) => ({
        about: "ConfigMap of another name",
        object: laid(object, { metadata: { name: "notes" }, data: { "limits.maxDrawdown": "1.5" } }),
        owner: { ...plain, name: "" },
      })),
    ...podsOf([...typescript, ...python], plain, narrow),
    ...shardTexts(shard).map((object, index) => ({ about: `shard ${index}`, object, owner: plain })),
  ];
}

function additions(objects: readonly JsonObject[], owner: Subject): readonly Candidate[] {
  const parts: { readonly [kind: string]: readonly JsonObject[] } = {
    StatefulSet: [
      { spec: { replicas: 2 } },
      ...podAdditions(objects).map((spec) => ({ spec: { template: { spec } } })),
    ],
    ConfigMap: [{ binaryData: { x: "eA==" } }, { data: { running: "yes" } }, { data: { more: "x" } }],
    Service: ["NodePort", "LoadBalancer"].map((type) => ({
      spec: { type, clusterIP: null, clusterIPs: null },
    })),
    ServiceAccount: [{ automountServiceAccountToken: true }, { secrets: [{ name: "x" }] }],
    PersistentVolumeClaim: ["1", "256Mi", "257Mi", "1Gi", "100Mi"].map((storage) => ({
      spec: { resources: { requests: { storage } } },
    })),
  };
  return objects.flatMap((object) =>
    (parts[String(object["kind"])] ?? []).map((part) => ({
      about: `${String(object["kind"])} with ${JSON.stringify(part).slice(0, 120)}`,
      object: laid(object, part),
      owner,
    })),
  );
}

/** Parts of a pod's spec. */
function podAdditions(objects: readonly JsonObject[]): readonly JsonObject[] {
  const set = objects.find(({ kind }) => kind === "StatefulSet") ?? {};
  const spec = asObject(asObject(asObject(set["spec"])["template"])["spec"]);
  const [container = {}] = asObjects(spec["containers"]);
  const volumes = asObjects(spec["volumes"]) as readonly JsonValue[];
  const withContainer = (part: JsonObject): JsonObject => ({ containers: [laid(container, part)] });
  const beside = (name: string, part: JsonObject): JsonObject => ({
    containers: [container, laid(container, { name, ports: [], ...part })],
  });
  const limits = (cpu: string, memory: string): JsonObject => ({
    resources: { limits: { cpu, memory }, requests: { cpu, memory } },
  });
  return [
    ...[
      "hostNetwork",
      "hostPID",
      "hostIPC",
      "shareProcessNamespace",
      "automountServiceAccountToken",
      "enableServiceLinks",
    ].map((key) => ({ [key]: true })),
    {
      initContainers: [
        laid(container, { name: "before", startupProbe: null, livenessProbe: null, readinessProbe: null }),
      ],
    },
    beside("algorithm", {}),
    beside("sidecar", {}),
    beside("algorithm", limits("900m", "64Mi")),
    beside("sidecar", limits("900m", "64Mi")),
    {
      containers: [
        container,
        laid(container, { name: "algorithm", ports: [] }),
        laid(container, { name: "x", ports: [] }),
      ],
    },
    withContainer(limits("1", "256Mi")),
    withContainer(limits("1001m", "256Mi")),
    withContainer(limits("0", "256Mi")),
    withContainer({ resources: { limits: { cpu: "100m" } } }),
    withContainer({ resources: {} }),
    withContainer({ image: "slipway/executor:latest" }),
    withContainer({ envFrom: [{ configMapRef: { name: "x" } }] }),
    withContainer({ env: [{ name: "A", valueFrom: { secretKeyRef: { name: "x", key: "y" } } }] }),
    ...["tcp://10.1.2.3:4242", "tcp://10.1.2.3:1", "unix:///run/slipway/algorithm.sock", "$(X)"].map((value) =>
      withContainer({ env: [{ name: "SLIPWAY_ALGORITHM", value }] }),
    ),
    withContainer({ ports: [{ name: "probe", containerPort: 8081, hostPort: 8081, protocol: "TCP" }] }),
    withContainer({ securityContext: { privileged: true, allowPrivilegeEscalation: true } }),
    withContainer({ securityContext: { capabilities: { add: ["NET_ADMIN"] } } }),
    withContainer({ securityContext: { seccompProfile: { type: "Unconfined" } } }),
    { volumes: [...volumes, { name: "more", hostPath: { path: "/", type: "" } }] },
    { volumes: [...volumes, { name: "more", secret: { secretName: "x" } }] },
    { volumes: [...volumes, { name: "more", emptyDir: {} }] },
    { volumes: [...volumes, { name: "more", emptyDir: { medium: "Memory", sizeLimit: "1Gi" } }] },
    { securityContext: { runAsNonRoot: false, runAsUser: 0 } },
    { priorityClassName: "system-node-critical" },
  ];
}

/** Pods as a StatefulSet's controller would make them, and as somebody would by hand. */
function podsOf(objects: readonly JsonObject[], plain: Subject, narrow: Subject): readonly Candidate[] {
  const sets = objects.filter(({ kind }) => kind === "StatefulSet");
  return sets.flatMap((set, index) => {
    const owner = index === 0 ? plain : narrow;
    const template = asObject(asObject(set["spec"])["template"]);
    const { namespace = "", name = "" } = asObject(set["metadata"]);
    const pod = (podName: string): JsonObject => {
      const metadata = { ...asObject(template["metadata"]), namespace, name: podName };
      return { apiVersion: "v1", kind: "Pod", metadata, spec: template["spec"] ?? {} };
    };
    const own = pod(`${String(name)}-0`);
    const under = index === 0 ? "/spec" : "/spec/containers/1";
    return [
      { about: "Pod as it is", object: own, owner },
      { about: "Pod of another name", object: pod("other"), owner: { ...owner, name: "" } },
      ...mutants(own, under).map((mutant) => ({ ...mutant, about: `Pod ${mutant.about}`, owner })),
      ...(index === 0
        ? podAdditions(objects).map((spec) => ({
            about: `Pod with ${JSON.stringify(spec).slice(0, 100)}`,
            object: laid(own, { spec }),
            owner,
          }))
        : []),
    ];
  });
}

/** The texts of a shard's entry that JSON reads alike, or otherwise than a hasty eye. */
function shardTexts(shard: JsonObject): readonly JsonObject[] {
  const [[key, value] = ["", ""]] = Object.entries(asObject(shard["data"]));
  const text = String(value);
  const texts = [
    text.replace("{", "{ "),
    text.replace('"running":"true"', '"running":true'),
    text.replace('"running":"true"', '"running":"false"'),
    text.replace('"running":"true"', '"running":"maybe"'),
    text.replace("}", ',"limits.maxDrawdown":"1"}'),
    text.replace("}", ',"zzz":"1"}'),
    text.replace('"limits.maxDrawdown"', '"limits.maxdrawdown"'),
    text.replace("AAPL", "\\u0041APL").replace('"A"', '"\\u0041"'),
    text.replace(/"startingCash":"[^"]*"/, '"startingCash":"1\\",\\"x\\":\\"1"'),
    text.replace(/"strategy":"[^"]*"/, '"strategy":"momentum/waived"'),
    text.slice(1),
    text.slice(0, -1),
    `${text} `,
    "",
    "{}",
    "null",
  ];
  const copies = texts.map((each) => laid(shard, { data: { [key]: each } }));
  return [
    ...copies,
    laid(shard, { data: { "other.name": text } }),
    laid(shard, { binaryData: { [`${key}x`]: "e30=" } }),
  ];
}
