import { expect, test } from "vitest";
import { parse } from "yaml";
import { renderTree } from "#delivery/render.ts";
import { atSeconds } from "../../bench/policy-fleet.ts";
import { isSettled, stateOf } from "../../bench/scale-applications.ts";
import { parseCost, since } from "../../bench/scale-cost.ts";
import { defaultChanged, imageChanged, oneChanged, scaleFleet } from "../../bench/scale-fleet.ts";
import { formatReport, type ScaleReport } from "../../bench/scale-report.ts";
import { affected, applicationsOf, changedPaths, shaped } from "../../bench/scale-shape.ts";

const size = { strategies: 24, teams: 3 };
const place = { repository: "http://git.example/forge.git", apiServer: "10.0.0.1:6443" };

async function filesOf(tree: Awaited<ReturnType<typeof scaleFleet>>): Promise<ReadonlyMap<string, string>> {
  const { files, findings } = await renderTree(tree, "paper", atSeconds);
  expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
  return files;
}

test("the fleet passes the gate, and its changes move as many strategies as they say", async () => {
  const tree = await scaleFleet(size, place);
  const files = await filesOf(tree);
  const restarted = async (changed: typeof tree): Promise<number> => {
    const paths = changedPaths(files, await filesOf(changed));
    return paths.filter((path) => /^strategies\/.*\/statefulset-/.test(path)).length;
  };
  expect(await restarted(oneChanged(tree, 23, size))).toBe(1);
  expect(await restarted(defaultChanged(tree))).toBe(20);
  expect(await restarted(imageChanged(tree))).toBe(24);
});

test("in the shape of teams the same objects are there, each in one Application", async () => {
  const files = await filesOf(await scaleFleet(size, place));
  const own = shaped(files, "team");
  const isStrategy = (path: string): boolean => path.startsWith("strategies/");
  expect([...own.keys()].filter(isStrategy)).toEqual([...files.keys()].filter(isStrategy));
  const names = applicationsOf(own).map(({ name }) => name);
  expect(names.filter((name) => name.startsWith("paper-strategies-"))).toEqual([
    "paper-strategies-t0",
    "paper-strategies-t1",
    "paper-strategies-t2",
  ]);
  expect(applicationsOf(files)).toHaveLength(names.length - size.teams + size.strategies);
  const application = parse(own.get("apps/application-paper-strategies-t0.yaml") ?? "");
  expect(application.spec).toMatchObject({
    project: "paper-t0",
    source: { path: "strategies/t0", directory: { recurse: true } },
    destination: { namespace: "t0-paper" },
  });
  expect(application.metadata.labels).not.toHaveProperty("slipway.dev/strategy");
  expect(shaped(files, "strategy")).toBe(files);
});

test("a change concerns the Application of its folder, or the one above that recurses", () => {
  const one = { path: "", name: "one", folder: "strategies/t0/s0", recurses: false };
  const root = { path: "", name: "root", folder: "apps", recurses: false };
  const team = { path: "", name: "team", folder: "strategies/t0", recurses: true };
  const changed = ["strategies/t0/s0/service-s0.yaml"];
  expect(affected([one, root, team], changed)).toEqual(["one", "team"]);
  expect(affected([one, root, team], ["strategies/t0/s00/service-s00.yaml"])).toEqual(["team"]);
  expect(affected([one, root, team], ["strategies/t00/s0/service-s0.yaml", "apps/a.yaml"])).toEqual(["root"]);
});

test("the kernel's count of a process holds that of its ended children", () => {
  const stat = `7 (a (b) c) S ${Array.from({ length: 10 }, () => "0").join(" ")} 150 50 20 5 0 0`;
  const status = "Name:\ta\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
  const cost = parseCost(stat, status);
  expect(cost).toEqual({ cpuSeconds: 2.25, residentBytes: 2 ** 20, peakBytes: 2 ** 21 });
  const before = new Map([["etcd", { ...cost, cpuSeconds: 2 }]]);
  expect(since(before, new Map([["etcd", cost]])).get("etcd")?.cpuSeconds).toBe(0.25);
});

test.each([
  { name: "synced, and all of it runs", settled: true, change: {} },
  { name: "nothing was to be done", settled: true, change: { operationState: undefined } },
  { name: "another commit", settled: false, change: { sync: { status: "Synced", revision: "a" } } },
  { name: "not synced", settled: false, change: { sync: { status: "OutOfSync", revision: "b" } } },
  { name: "a pod starts", settled: false, change: { health: { status: "Progressing" } } },
  { name: "the sync goes on", settled: false, change: { operationState: { phase: "Running" } } },
])("an Application: $name", ({ change, settled }) => {
  const status = {
    sync: { status: "Synced", revision: "b" },
    health: { status: "Healthy" },
    operationState: { phase: "Succeeded" },
  };
  const { operationState, ...rest } = { ...status, ...change };
  const object = { status: { ...rest, ...(operationState === undefined ? {} : { operationState }) } };
  expect(isSettled(stateOf(object), "b")).toBe(settled);
});

test("a report says each part's share, and what was not there", () => {
  const costs = new Map([["etcd", { cpuSeconds: 1.25, residentBytes: 2 ** 20, peakBytes: 2 ** 21 }]]);
  const phase = { name: "first sync", seconds: 12.34, applications: 3, windowSeconds: 32, load: 1, costs };
  const report: ScaleReport = {
    ...{ strategies: 2, teams: 1, shape: "team", settings: "tuned", rendered: [], phases: [phase] },
    largestObject: { path: "platform/a.yaml", bytes: 2048 },
    applications: { count: 3, bytes: 2 ** 20, largestBytes: 4096 },
    beside: { "in its team": undefined, "in another team": 3 },
  };
  const text = formatReport(report);
  expect(text).toMatch(/^etcd, CPU s +1\.3$/m);
  expect(text).toMatch(/^etcd, MiB \(most\) +1 \(2\)$/m);
  expect(text).toContain("in its team: not there");
  expect(text).toContain("in another team: there after 3.0 s");
});
