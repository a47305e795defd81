import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { renderEnvironment, renderStrategy } from "#charts/render.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { bundleOf, inputOf, paper, python, renderInput, fleet as samples, strategyWith } from "./inputs.ts";
import { files, type Manifest, manifest, manifests, matches } from "./rendered.ts";
import { schemaChecker } from "./schemas.ts";

function statefulSet(strategy: EffectiveStrategy): Manifest {
  const { team, name } = strategy;
  return manifest(`strategies/${team}/${name}/statefulset-${name}.yaml`, renderStrategy(inputOf(strategy), paper));
}

function containerOf(strategy: EffectiveStrategy, name: string): Manifest {
  return statefulSet(strategy).spec.template.spec.containers.find((container: Manifest) => container.name === name);
}

function env(container: Manifest): { [name: string]: string } {
  return Object.fromEntries(container.env.map(({ name, value }: Manifest) => [name, value]));
}

describe("a tree", () => {
  test("is valid in Kubernetes 1.34 and Argo CD 3.6", () => {
    const check = schemaChecker();
    for (const [path, text] of files) expect(check(parse(text)), path).toEqual([]);
  });

  test("has one manifest a file, at the path of the pod contract", () => {
    for (const [path, text] of files) {
      const { kind, metadata } = parse(text);
      expect(path).toMatch(/^(apps|platform|teams\/[a-z-]+|strategies\/[a-z-]+\/[a-z-]+)\/[a-z0-9-]+\.yaml$/);
      expect(path.split("/").at(-1)).toBe(`${kind.toLowerCase()}-${metadata.name}.yaml`);
      expect(text).toMatch(/^apiVersion: .*\nkind: /);
    }
  });

  test("keeps every object in its folder's namespace", () => {
    const clusterWide = ["Namespace", "PriorityClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];
    for (const [path, text] of files) {
      const { kind, metadata } = parse(text);
      const [folder, team] = path.split("/");
      const homes: { [folder: string]: string } = { apps: "argocd", platform: "slipway-paper" };
      const namespace = homes[folder!] ?? `${team}-paper`;
      expect(metadata.namespace, path).toBe(clusterWide.includes(kind) ? undefined : namespace);
    }
  });

  test("labels every object as the pod contract says", () => {
    for (const [path, text] of files) {
      const { labels } = parse(text).metadata;
      expect(labels, path).toMatchObject({
        "app.kubernetes.io/part-of": "slipway",
        "app.kubernetes.io/managed-by": "slipway",
      });
      expect(labels["app.kubernetes.io/name"], path).toBeTruthy();
      const [folder, team, strategy] = path.split("/");
      if (folder !== "strategies") continue;
      const own = { "slipway.dev/team": team, "slipway.dev/strategy": strategy, "slipway.dev/environment": "paper" };
      expect(labels, path).toMatchObject(own);
    }
  });

  test("holds no time and no commit id", () => {
    for (const [path, text] of files) {
      expect(text, path).not.toMatch(/\b20\d\d-\d\d-\d\d/);
      expect(text.replace(/sha256:[0-9a-f]{64}/g, ""), path).not.toMatch(/\b[0-9a-f]{40}\b/);
    }
  });

  test("selects what it labels, and nothing is hashed into a name or selector", () => {
    const pods = manifests().filter(({ kind }) => kind === "StatefulSet");
    for (const { metadata, spec } of pods) {
      expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
      expect(spec.serviceName).toBe(metadata.name);
      const selecting = manifests().filter(
        (other) =>
          ["NetworkPolicy", "Service"].includes(other.kind) &&
          other.metadata.namespace === metadata.namespace &&
          other.metadata.name === metadata.name,
      );
      expect(selecting.map(({ kind }) => kind).sort()).toEqual(["NetworkPolicy", "Service"]);
      for (const other of selecting) {
        const selector = other.kind === "Service" ? other.spec.selector : other.spec.podSelector.matchLabels;
        expect(spec.template.metadata.labels).toMatchObject(selector);
        const hit = pods.filter(
          (pod) =>
            pod.metadata.namespace === metadata.namespace && matches(selector, pod.spec.template.metadata.labels),
        );
        expect(hit.map((pod) => pod.metadata.name)).toEqual([metadata.name]);
      }
    }
    for (const text of files.values()) expect(text).not.toMatch(/cdk8s\.io|-c8[0-9a-f]{6}/);
  });

  test("mounts only volumes it has, of objects that are rendered", () => {
    for (const { kind, metadata, spec } of manifests()) {
      if (kind !== "StatefulSet") continue;
      const volumes: readonly Manifest[] = spec.template.spec.volumes;
      const mounted = spec.template.spec.containers.flatMap(({ volumeMounts }: Manifest) =>
        volumeMounts.map(({ name }: Manifest) => name),
      );
      expect(new Set(mounted)).toEqual(new Set(volumes.map(({ name }) => name)));
      const here = manifests().filter((other) => other.metadata.namespace === metadata.namespace);
      const names = (of: string) => here.filter((other) => other.kind === of).map((other) => other.metadata.name);
      for (const volume of volumes) {
        if (volume.configMap !== undefined) expect(names("ConfigMap")).toContain(volume.configMap.name);
        if (volume.persistentVolumeClaim !== undefined)
          expect(names("PersistentVolumeClaim")).toContain(volume.persistentVolumeClaim.claimName);
      }
      expect(names("ServiceAccount")).toContain(spec.template.spec.serviceAccountName);
    }
  });

  test("is the same in another process's environment", () => {
    const before = { ...process.env };
    Object.assign(process.env, {
      CDK8S_DISABLE_SORT: "1",
      CDK8S_OUTDIR: "elsewhere",
      CDK8S_RECORD_CONSTRUCT_METADATA: "true",
    });
    try {
      expect(renderEnvironment(renderInput(...samples))).toEqual(files);
    } finally {
      process.env = before;
    }
  });

  test("may live in another repository", () => {
    const elsewhere = renderEnvironment({ ...renderInput(...samples), repoUrl: "https://git.example/env.git" });
    for (const { kind, spec } of manifests(elsewhere)) {
      if (kind === "Application") expect(spec.source.repoURL).toBe("https://git.example/env.git");
      if (kind === "AppProject") expect(spec.sourceRepos).toEqual(["https://git.example/env.git"]);
    }
  });
});

describe("a strategy's pod", () => {
  test("is told what the pod contract lists", () => {
    expect(env(containerOf(strategyWith(), "executor"))).toEqual({
      SLIPWAY_STRATEGY: "momentum/sma-cross",
      SLIPWAY_ENVIRONMENT: "paper",
      SLIPWAY_NAMESPACE: "momentum-paper",
      SLIPWAY_SERVICE_ACCOUNT: "sma-cross",
      SLIPWAY_SPEC_DIR: "/etc/slipway/spec",
      SLIPWAY_ALGORITHM: "module:/opt/algorithm/algorithm.mjs",
      SLIPWAY_BUS_URL: "mqtt://bus.slipway-paper.svc:1883",
      SLIPWAY_BUS_TOKEN_FILE: "/var/run/secrets/slipway/bus/token",
      SLIPWAY_STATE_DIR: "/var/lib/slipway",
      SLIPWAY_PORT_PROBE: "8081",
    });
  });

  test.each(samples.map((sample) => [sample.name, sample] as const))("%s has no rights", (_name, sample) => {
    const { spec } = statefulSet(sample).spec.template;
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 240,
      priorityClassName: "slipway-paper",
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
    });
    for (const key of ["hostNetwork", "hostPID", "hostIPC", "hostUsers", "imagePullSecrets"])
      expect(spec).not.toHaveProperty(key);
    for (const container of spec.containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        privileged: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
      });
      expect(Object.keys(container.resources.limits).sort()).toEqual(["cpu", "ephemeral-storage", "memory"]);
      expect(Object.keys(container.resources.requests).sort()).toEqual(["cpu", "ephemeral-storage", "memory"]);
      expect(container.image).toMatch(/@sha256:[0-9a-f]{64}$/);
    }
    const secrets = spec.volumes.filter(
      (volume: Manifest) => volume.secret !== undefined || volume.hostPath !== undefined,
    );
    expect(secrets).toEqual([]);
  });

  test.each([
    { running: true, replicas: 1 },
    { running: false, replicas: 0 },
  ])("running $running is $replicas replicas", ({ running, replicas }) => {
    expect(statefulSet(strategyWith({ running })).spec.replicas).toBe(replicas);
  });

  test("with a Python algorithm keeps bus, token, spec and state from it, and gives it the spec's limits", () => {
    const strategy = strategyWith({ algorithm: python });
    const algorithm = containerOf(strategy, "algorithm");
    expect(env(algorithm)).toEqual({
      SLIPWAY_ALGORITHM_BUNDLE: "/opt/algorithm/algorithm.zip",
      SLIPWAY_ALGORITHM_ENTRY: "algorithm.py",
      SLIPWAY_RPC_SOCKET: "/run/slipway/algorithm.sock",
      SLIPWAY_PORT_HEALTH: "8082",
    });
    expect(algorithm.image).toBe(paper.spec.runtimes["python"]?.image);
    expect(algorithm.volumeMounts.map(({ name }: Manifest) => name)).toEqual(["algorithm", "run", "algorithm-tmp"]);
    expect(algorithm.resources.limits).toMatchObject({ cpu: "200m", memory: "192Mi" });
    const executor = containerOf(strategy, "executor");
    expect(env(executor)["SLIPWAY_ALGORITHM"]).toBe("unix:///run/slipway/algorithm.sock");
    expect(executor.resources.limits).toMatchObject({ cpu: "100m", memory: "128Mi" });
  });

  test.each([
    { name: "another parameter", change: { params: { fast: 11 } }, restarts: true },
    {
      name: "another limit",
      change: { limits: { ...strategyWith().limits, maxOrderNotional: "1999" } },
      restarts: true,
    },
    { name: "another owner", change: { owner: "bob" }, restarts: false },
    { name: "more state", change: { resources: { ...strategyWith().resources, state: "128Mi" } }, restarts: false },
  ])("$name: restarts $restarts", ({ change, restarts }) => {
    const before = statefulSet(strategyWith()).spec.template;
    const after = statefulSet(strategyWith(change)).spec.template;
    if (restarts) expect(after).not.toEqual(before);
    else expect(after).toEqual(before);
  });

  test("other code is another immutable object, and a restart", () => {
    const folder = "strategies/momentum/sma-cross";
    const [a, b] = ["1;\n", "2;\n"].map((text) =>
      renderStrategy({ effective: strategyWith(), bundle: bundleOf(text) }, paper),
    );
    const bundles = [a!, b!].map((from) => manifests(from).find(({ immutable }) => immutable === true));
    expect(bundles[0].metadata.name).toMatch(/^sma-cross-algorithm-[0-9a-f]{10}$/);
    expect(bundles[0].metadata.name).not.toBe(bundles[1].metadata.name);
    expect(bundles[0].data).toEqual({ "algorithm.mjs": "1;\n" });
    const path = `${folder}/statefulset-sma-cross.yaml`;
    expect(a!.get(path)).not.toBe(b!.get(path));
  });
});

describe("the spec's ConfigMap", () => {
  const map = manifest("strategies/momentum/sma-cross/configmap-sma-cross-spec.yaml");

  test("is the effective strategy without what only Kubernetes acts on", () => {
    const { resources: _resources, running: _running, ...rest } = strategyWith();
    expect(JSON.parse(map.data["spec.json"])).toEqual(rest);
  });

  test("has one key per field that a bound or a rule may ask for", () => {
    const { "spec.json": _spec, ...texts } = map.data;
    expect(texts).toMatchObject({
      "algorithm.entry": "algorithm.ts",
      "algorithm.runtime": "node",
      channels: "quotes",
      onError: "halt",
      owner: "alice",
      "portfolio.sizing.use": "random",
      "portfolio.startingCash": "10000",
      publishes: "signal",
      "resources.cpu": "200m",
      "resources.memory": "192Mi",
      "resources.state": "64Mi",
      running: "true",
    });
    for (const text of Object.values(texts)) expect(text).not.toBe("");
    const remote = strategyWith({ algorithm: { kind: "rpc", rpc: "tcp://10.1.2.3:4242" } });
    const spec = manifest(
      "strategies/momentum/sma-cross/configmap-sma-cross-spec.yaml",
      renderStrategy(inputOf(remote), paper),
    );
    expect(spec.data).toMatchObject({ "algorithm.rpc": "tcp://10.1.2.3:4242" });
    expect(spec.data).not.toHaveProperty(["algorithm.entry"]);
  });

  test("has one key per limit", () => {
    const limits = Object.fromEntries(Object.entries(map.data).filter(([key]) => key.startsWith("limits.")));
    expect(limits).toEqual({
      "limits.instruments": "AAPL,IBM",
      "limits.maxDrawdown": "0.5",
      "limits.maxOrderNotional": "2000",
      "limits.maxPositionNotional": "5000",
      "limits.orderRate": "10/1s",
      "limits.venues": "paper",
    });
  });
});

describe("the module's source map", () => {
  test("stands beside the spec, so that one more of the same code changes that object only, and restarts nothing", () => {
    const bundle = bundleOf("1;\n");
    if (bundle.kind !== "module") throw new Error(bundle.kind);
    const [a, b] = [bundle, { ...bundle, map: "{}" }].map((one) =>
      renderStrategy({ effective: strategyWith(), bundle: one }, paper),
    );
    const changed = [...a!].filter(([path, text]) => b!.get(path) !== text).map(([path]) => path);
    expect(changed).toEqual(["strategies/momentum/sma-cross/configmap-sma-cross-spec.yaml"]);
    const spec = manifests(b!).find(({ metadata }) => metadata.name === "sma-cross-spec");
    expect(spec.data["algorithm.mjs.map"]).toBe("{}");
  });

  test("is not there without one", () => {
    const objects = manifests(renderStrategy(inputOf(strategyWith({ algorithm: python })), paper));
    const spec = objects.find(({ metadata }) => metadata.name === "sma-cross-spec");
    expect(Object.keys(spec.data)).not.toContain("algorithm.mjs.map");
  });
});

describe("the network", () => {
  const bus = {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "slipway-paper" } },
    podSelector: { matchLabels: { "app.kubernetes.io/component": "bus" } },
  };

  test.each([
    { rpc: "tcp://10.1.2.3:4242", to: { ipBlock: { cidr: "10.1.2.3/32" } }, port: 4242 },
    { rpc: "tcp+json://10.1.2.3:1", to: { ipBlock: { cidr: "10.1.2.3/32" } }, port: 1 },
    {
      rpc: "tcp://model.research.svc:4242",
      to: { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "research" } } },
      port: 4242,
    },
    { rpc: "tcp://models.example.com:4242", to: undefined, port: 0 },
    { rpc: "service:model", to: undefined, port: 0 },
    { rpc: "unix:///run/slipway/algorithm.sock", to: undefined, port: 0 },
  ])("of $rpc: bus, DNS and at most that address", ({ rpc, to, port }) => {
    const strategy = strategyWith({ algorithm: { kind: "rpc", rpc } });
    const rendered = renderStrategy(inputOf(strategy), paper);
    const { spec } = manifest("strategies/momentum/sma-cross/networkpolicy-sma-cross.yaml", rendered);
    expect(spec.policyTypes).toEqual(["Ingress", "Egress"]);
    expect(spec).not.toHaveProperty("ingress");
    expect(spec.egress[0]).toEqual({ to: [bus], ports: [{ port: 1883, protocol: "TCP" }] });
    expect(spec.egress[1].ports.map((each: Manifest) => each.port)).toEqual([53, 53]);
    expect(spec.egress.slice(2)).toEqual(to === undefined ? [] : [{ to: [to], ports: [{ port, protocol: "TCP" }] }]);
    expect(env(containerOf(strategy, "executor"))["SLIPWAY_ALGORITHM"]).toBe(rpc);
  });

  test("lets a strategy reach pods that exist, and those let it in", () => {
    const busPod = manifest("platform/statefulset-bus.yaml").spec.template.metadata.labels;
    expect(matches(bus.podSelector.matchLabels, busPod)).toBe(true);
    const [rule] = manifest("platform/networkpolicy-bus.yaml").spec.ingress;
    const namespace = manifest("teams/momentum/namespace-momentum-paper.yaml").metadata.labels;
    const executor = manifest("strategies/momentum/sma-cross/statefulset-sma-cross.yaml").spec.template.metadata.labels;
    expect(matches(rule.from[0].namespaceSelector.matchLabels, namespace)).toBe(true);
    expect(matches(rule.from[0].podSelector.matchLabels, executor)).toBe(true);
  });

  test.each(["platform", "teams/momentum", "teams/seed"])("in %s is shut where nothing opens it", (folder) => {
    expect(manifest(`${folder}/networkpolicy-default-deny.yaml`).spec).toEqual({
      podSelector: {},
      policyTypes: ["Ingress", "Egress"],
    });
  });
});
