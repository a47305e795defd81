import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { renderEnvironment, renderTeam } from "#charts/render.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { paper, paperPolicy, policyOf, python, renderInput, fleet as samples, strategyWith } from "./inputs.ts";

type Files = ReadonlyMap<string, string>;
// biome-ignore lint/suspicious/noExplicitAny: parsed manifests, whose shape the schemas check.
type Manifest = any;

const files = renderEnvironment(renderInput(...samples));
const noStrategies = { strategies: [], held: [] };

function manifest(path: string, from: Files = files): Manifest {
  const text = from.get(path);
  if (text === undefined) throw new Error(`${path} was not rendered`);
  return parse(text);
}

function manifests(from: Files = files): readonly Manifest[] {
  return [...from.values()].map((text) => parse(text));
}

function groupKind({ apiVersion, kind }: Manifest): string {
  return `${apiVersion.includes("/") ? apiVersion.split("/")[0] : ""}/${kind}`;
}

describe("a team", () => {
  test("has the environment's totals, and the executors beside Python algorithms on top", () => {
    const [plain, withPython] = [[samples[0]!], samples].map(
      (own) =>
        manifest("teams/seed/resourcequota-seed.yaml", renderTeam("seed", paperPolicy, { strategies: own, held: [] }))
          .spec.hard,
    );
    expect(plain).toMatchObject({ "limits.cpu": "4", "limits.memory": "4Gi", "requests.storage": "4Gi", pods: "20" });
    expect(withPython).toMatchObject({
      "limits.cpu": "4100m",
      "limits.memory": "4224Mi",
      "requests.storage": "4Gi",
      pods: "20",
    });
  });

  test("writes quantities as the API server stores them", () => {
    const environment = {
      ...paper,
      spec: { ...paper.spec, teamTotals: { cpu: "2.50", memory: "1024Mi", state: "0.5Gi", strategies: 3 } },
    };
    const { hard } = manifest(
      "teams/seed/resourcequota-seed.yaml",
      renderTeam("seed", policyOf(environment), noStrategies),
    ).spec;
    expect(hard).toMatchObject({
      "limits.cpu": "2500m",
      "limits.memory": "1Gi",
      "requests.storage": "512Mi",
      pods: "3",
    });
  });

  test("may use no container above the bound", () => {
    const [container, volume] = manifest("teams/seed/limitrange-seed.yaml").spec.limits;
    expect(container.max).toMatchObject({ cpu: "1", memory: "256Mi" });
    expect(volume).toEqual({ type: "PersistentVolumeClaim", max: { storage: "256Mi" } });
  });

  test("may sync only the kinds of a strategy, from one repository to one namespace", () => {
    const { spec } = manifest("apps/appproject-paper-seed.yaml");
    expect(spec.destinations).toEqual([{ namespace: "seed-paper", server: "https://kubernetes.default.svc" }]);
    expect(spec.clusterResourceWhitelist).toEqual([]);
    const allowed = spec.namespaceResourceWhitelist.map(({ group, kind }: Manifest) => `${group}/${kind}`);
    const used = [...files]
      .filter(([path]) => path.startsWith("strategies/"))
      .map(([, text]) => groupKind(parse(text)));
    expect(new Set(used)).toEqual(new Set(allowed));
  });

  test("has its Applications in the projects that may touch what they sync", () => {
    for (const { kind, metadata, spec } of manifests()) {
      if (kind !== "Application") continue;
      const project = manifest(`apps/appproject-${spec.project}.yaml`).spec;
      const allowed = [...project.clusterResourceWhitelist, ...project.namespaceResourceWhitelist].map(
        ({ group, kind: of }: Manifest) => `${group}/${of}`,
      );
      const synced = [...files].filter(([path]) => path.slice(0, path.lastIndexOf("/")) === spec.source.path);
      expect(synced.length, metadata.name).toBeGreaterThan(0);
      for (const [path, text] of synced) expect(allowed, path).toContain(groupKind(parse(text)));
      expect(spec.source.targetRevision).toBe("env/paper");
      expect(spec.syncPolicy).toMatchObject({
        automated: { prune: true, selfHeal: true },
        syncOptions: ["ServerSideApply=true", "ApplyOutOfSyncOnly=true", "Validate=false"],
      });
    }
    const applications = manifests().filter(({ kind }) => kind === "Application");
    const followed = new Set(applications.map(({ spec }) => spec.source.path));
    for (const path of files.keys()) expect(followed, path).toContain(path.slice(0, path.lastIndexOf("/")));
  });
});

describe("a team with bounds and totals of its own", () => {
  const bounds = { cpu: "500m", memory: "100Mi", state: "64Mi" };
  const totals = { cpu: "2", memory: "1Gi", state: "1Gi", strategies: 3 };
  const waiver = (name: string, scope: object, bound: string, to: string) => ({
    [name]: JSON.stringify({
      apiVersion: "slipway.dev/v1",
      kind: "Waiver",
      metadata: { name },
      spec: {
        waives: { bound, to },
        scope: { environment: "paper", ...scope },
        owner: "risk",
        reason: "x",
        until: "2026-01-10",
      },
    }),
  });
  const teams = JSON.stringify({
    apiVersion: "slipway.dev/v1",
    kind: "Teams",
    metadata: { name: "teams" },
    spec: { teams: { momentum: { members: [], environments: { paper: { bounds, totals } } } }, unlisted: ["paper"] },
  });
  const render = (
    waivers: { readonly [name: string]: string } = {},
    held: readonly EffectiveStrategy[] = [],
    team = "momentum",
  ) => {
    const rendered = renderTeam(team, policyOf(paper, { teams, waivers }), { strategies: held, held });
    return {
      hard: manifest(`teams/${team}/resourcequota-${team}.yaml`, rendered).spec.hard,
      limits: manifest(`teams/${team}/limitrange-${team}.yaml`, rendered).spec.limits,
    };
  };

  test("gets its own quota and range, and others the environment's", () => {
    const own = render();
    expect(own.hard).toMatchObject({ "limits.cpu": "2", "limits.memory": "1Gi", "requests.storage": "1Gi", pods: "3" });
    // The executor beside an algorithm of its own has the environment's defaults, which are more than this team's bound.
    expect(own.limits).toMatchObject([{ max: { cpu: "500m", memory: "128Mi" } }, { max: { storage: "64Mi" } }]);
    const other = render({}, [], "seed");
    expect(other.hard).toMatchObject({ "limits.cpu": "4", pods: "20" });
    expect(other.limits).toMatchObject([{ max: { cpu: "1", memory: "256Mi" } }, { max: { storage: "256Mi" } }]);
  });

  test("gets a range that lets its largest waiver through, and nobody else's", () => {
    const waivers = {
      ...waiver("a", { strategy: "momentum/x" }, "cpu", "750m"),
      ...waiver("b", { strategy: "momentum/y" }, "cpu", "2"),
      ...waiver("c", { team: "momentum" }, "state", "128Mi"),
      ...waiver("d", { strategy: "seed/x" }, "memory", "1Gi"),
    };
    expect(render(waivers).limits).toMatchObject([
      { max: { cpu: "2", memory: "128Mi" } },
      { max: { storage: "128Mi" } },
    ]);
  });

  test("has room for what stands still for today's policies", () => {
    const held = strategyWith({ name: "old", running: false, resources: { cpu: "3", memory: "3Gi", state: "3Gi" } });
    const { hard, limits } = render({}, [held]);
    expect(hard).toMatchObject({
      "count/statefulsets.apps": "4",
      persistentvolumeclaims: "4",
      "requests.storage": "4Gi",
      "limits.cpu": "2",
    });
    expect(limits).toMatchObject([{ max: { cpu: "500m" } }, { max: { storage: "3Gi" } }]);
  });

  test.each([
    { name: "that lost this environment", listed: { momentum: { members: [], environments: {} } } },
    { name: "that is listed no more", listed: {} },
  ])("keeps a quota $name, with room for what stands still and for no pod", ({ listed }) => {
    const left = JSON.stringify({
      apiVersion: "slipway.dev/v1",
      kind: "Teams",
      metadata: { name: "teams" },
      spec: { teams: listed },
    });
    const held = strategyWith({
      team: "momentum",
      name: "old",
      // An executor beside an algorithm of its own is on top of the totals, where it may start.
      algorithm: python,
      running: false,
      resources: { cpu: "1", memory: "1Gi", state: "64Mi" },
    });
    const rendered = renderTeam("momentum", policyOf(paper, { teams: left }), { strategies: [held], held: [held] });
    expect(manifest("teams/momentum/resourcequota-momentum.yaml", rendered).spec.hard).toMatchObject({
      "count/statefulsets.apps": "1",
      "limits.cpu": "0",
      "limits.memory": "0",
      persistentvolumeclaims: "1",
      "requests.cpu": "0",
      "requests.memory": "0",
      "requests.storage": "64Mi",
    });
  });
});
