// What a fleet costs the control plane: specs that are really rendered, one real Argo CD, a real API server, and nodes that kwok plays.
//
//   npm run scale -- [--strategies 1000] [--teams 20] [--applications strategy|team] [--settings default|tuned]
//                    [--steps sync,idle,one,default,image,refused] [--render-only] [--json]
//
// As root, on Linux. It starts a cluster of its own beside any other, says on stderr how far it is, and ends what it has started.
import { existsSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { hasErrors } from "#core/refusal.ts";
import { createMemo } from "#delivery/memo.ts";
import { renderTree } from "#delivery/render.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { asObject } from "../test/apiserver/client.ts";
import { tellPush } from "../test/cluster/webhook.ts";
import { atSeconds, cpuOf } from "./policy-fleet.ts";
import { Applications } from "./scale-applications.ts";
import { applyBootstrap, Branch, type Written } from "./scale-branch.ts";
import { type ScaleCluster, startScaleCluster } from "./scale-cluster.ts";
import { costsOf, since } from "./scale-cost.ts";
import { defaultChanged, type FleetSize, imageChanged, oneChanged, type Place, scaleFleet } from "./scale-fleet.ts";
import { formatReport, type Phase, type Rendered, type ScaleReport, toJson } from "./scale-report.ts";
import { affected, applicationsOf, type Shape, shaped, shapes } from "./scale-shape.ts";

const limitMs = 90 * 60_000;
const stepNames = ["sync", "idle", "one", "default", "image", "refused"] as const;
type Step = (typeof stepNames)[number];

/** What `docs/scaling.md` recommends. */
const tuned = {
  ARGOCD_APPLICATION_CONTROLLER_STATUS_PROCESSORS: "50",
  ARGOCD_APPLICATION_CONTROLLER_OPERATION_PROCESSORS: "25",
  ARGOCD_K8S_CLIENT_QPS: "200",
  ARGOCD_K8S_CLIENT_BURST: "400",
  ARGOCD_WEBHOOK_MANIFEST_CACHE_WARM_DISABLED: "true",
};
const allSettings: { readonly [name: string]: NodeJS.ProcessEnv } = { default: {}, tuned };

const { values } = parseArgs({
  options: {
    strategies: { type: "string", default: "1000" },
    teams: { type: "string", default: "20" },
    applications: { type: "string", default: "strategy" },
    settings: { type: "string", default: "tuned" },
    steps: { type: "string", default: stepNames.join(",") },
    "render-only": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});

/** One of some words, or the end with what they are. */
function oneOf<Word extends string>(option: string, words: readonly Word[], given: string): Word {
  const found = words.find((word) => word === given);
  if (found !== undefined) return found;
  process.stderr.write(`--${option} is ${given}; it can be ${words.join(", ")}\n`);
  process.exit(2);
}

function countOf(option: string, given: string): number {
  const count = Number(given);
  if (Number.isInteger(count) && count > 0 && count <= 20_000) return count;
  process.stderr.write(`--${option} is ${given}; it can be 1 to 20000\n`);
  process.exit(2);
}

const size: FleetSize = {
  strategies: countOf("strategies", values.strategies),
  teams: countOf("teams", values.teams),
};
const shape: Shape = oneOf("applications", shapes, values.applications);
const settings = oneOf("settings", Object.keys(allSettings), values.settings);
const steps = values.steps.split(",").map((step) => oneOf("steps", stepNames, step));

function tell(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}

const memo = createMemo();
const rendered: Rendered[] = [];

/** The branch's files of a fleet, in the shape that is asked for. */
async function render(what: string, tree: SourceTree, before: Files): Promise<Files> {
  const [cpuSeconds, { files, findings }] = await cpuOf(() => renderTree(tree, "paper", atSeconds, memo));
  if (hasErrors(findings)) throw new Error(findings.find(({ severity }) => severity === "error")?.message);
  const own = shaped(files, shape);
  let [bytes, changed] = [0, 0];
  for (const [path, text] of own) {
    bytes += Buffer.byteLength(text);
    if (before.get(path) !== text) changed += 1;
  }
  rendered.push({ what, cpuSeconds, files: own.size, bytes, changed });
  return own;
}

type Files = ReadonlyMap<string, string>;

function largestOf(files: Files): ScaleReport["largestObject"] {
  let largest = { path: "", bytes: 0 };
  for (const [path, text] of files) {
    const bytes = Buffer.byteLength(text);
    if (bytes > largest.bytes) largest = { path, bytes };
  }
  return largest;
}

interface Stage {
  readonly cluster: ScaleCluster;
  readonly applications: Applications;
  readonly branch: Branch;
  readonly phases: Phase[];
}

/** Does something, waits for its Applications, and counts on for a while: others are compared after it, caches are filled. */
async function phase(
  { cluster, applications, phases }: Stage,
  { name, restMs = 20_000 }: { readonly name: string; readonly restMs?: number },
  act: () => Promise<{ readonly names: readonly string[]; readonly revision: string }>,
): Promise<void> {
  const before = costsOf(cluster.machine.pids);
  const began = performance.now();
  const { names, revision } = await act();
  let told = began;
  await applications.settled(names, revision, limitMs, (settled) => {
    if (performance.now() - told < 20_000) return;
    told = performance.now();
    tell(`${name}: ${settled} of ${names.length}`);
  });
  const seconds = (performance.now() - began) / 1000;
  tell(`${name}: settled after ${seconds.toFixed(1)} s`);
  await delay(restMs);
  await cluster.machine.assertAlive();
  phases.push({
    ...{ name, seconds, applications: names.length },
    windowSeconds: (performance.now() - began) / 1000,
    load: loadavg()[0] ?? Number.NaN,
    costs: since(before, costsOf(cluster.machine.pids)),
  });
}

/** All Applications are compared again within it: Argo CD's default is two minutes and up to one more. */
const roundMs = 180_000;

async function pushed(stage: Stage, files: Files, message: string): Promise<Written> {
  const written = await stage.branch.write(files, message);
  await tellPush(stage.cluster, { ...written, before: written.before ?? "" });
  return written;
}

/** A commit, a webhook, and the Applications whose folders it touches. */
function change(stage: Stage, name: string, files: Files, restMs?: number): Promise<void> {
  return phase(stage, { name, ...(restMs === undefined ? {} : { restMs }) }, async () => {
    const { after, changed } = await pushed(stage, files, name);
    return { names: affected(applicationsOf(files), changed), revision: after };
  });
}

async function firstSync(stage: Stage, files: Files): Promise<void> {
  await phase(stage, { name: "first sync" }, async () => {
    const { after } = await stage.branch.write(files, "the fleet");
    await applyBootstrap(stage.cluster.control.client, files);
    return { names: applicationsOf(files).map(({ name }) => name), revision: after };
  });
}

/** Nothing is changed: what comparing again and again costs. */
async function idle({ cluster, phases }: Stage): Promise<void> {
  const before = costsOf(cluster.machine.pids);
  await delay(roundMs);
  const costs = since(before, costsOf(cluster.machine.pids));
  const load = loadavg()[0] ?? Number.NaN;
  phases.push({ name: "idle", seconds: 0, applications: 0, windowSeconds: roundMs / 1000, load, costs });
}

/** One strategy's spec is refused by admission; what becomes of changes of its team's other strategy, and of another team's, in the same commit. */
async function beside(stage: Stage, files: Files): Promise<ScaleReport["beside"]> {
  const refused = "strategies/t0/s0/configmap-s0-spec.yaml";
  const others = { "in its team": [size.teams, 0], "in another team": [1, 1] } as const;
  const next = new Map(files);
  const edit = (path: string, from: RegExp, to: string): void => {
    const text = next.get(path) ?? "";
    if (!from.test(text)) throw new Error(`${path} does not hold ${from}`);
    next.set(path, text.replace(from, to));
  };
  edit(refused, /^(\s+limits\.maxOrderNotional): .*$/m, '$1: "999999"');
  const digest = "0123456789abcdef";
  for (const [index, team] of Object.values(others))
    edit(`strategies/t${team}/s${index}/statefulset-s${index}.yaml`, /spec-digest: .*/, `spec-digest: "${digest}"`);
  const began = performance.now();
  await pushed(stage, next, "an object that admission refuses");
  const found = new Map<string, number | undefined>();
  while (found.size < Object.keys(others).length && performance.now() - began < refusedMs) {
    for (const [where, [index, team]] of Object.entries(others)) {
      if (found.has(where)) continue;
      const reference = { name: `s${index}`, namespace: `t${team}-paper` };
      const reply = await stage.cluster.control.client.get({
        ...{ apiVersion: "apps/v1", kind: "StatefulSet", metadata: reference },
      });
      const template = asObject(asObject(reply.object["spec"])["template"]);
      const annotations = asObject(asObject(template["metadata"])["annotations"]);
      if (annotations["slipway.dev/spec-digest"] === digest) found.set(where, (performance.now() - began) / 1000);
    }
    await delay(200);
  }
  for (const [name, state] of stage.applications.states)
    if (state.phase !== "Succeeded" && state.phase !== "")
      tell(`${name}: ${state.phase} ${state.message.slice(0, 600)}`);
  return Object.fromEntries(Object.keys(others).map((where) => [where, found.get(where)]));
}

const refusedMs = 300_000;

async function measureCluster(): Promise<ScaleReport> {
  const cluster = await startScaleCluster({ pods: size.strategies + 20, settings: allSettings[settings] ?? {} });
  const end = async (): Promise<void> => {
    tell("ends the cluster");
    await cluster.stop();
  };
  const interrupted = (): void => void end().finally(() => process.exit(130));
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    tell(`the cluster runs: ${cluster.machine.folder}`);
    const place: Place = {
      repository: `${cluster.gitUrl}/forge.git`,
      apiServer: `${cluster.machine.addresses.node}:6443`,
    };
    const applications = await Applications.watch(cluster.control.kubeconfigs.admin);
    const stage: Stage = { cluster, applications, branch: await Branch.create(cluster.gitFolder), phases: [] };
    try {
      return await measureSteps(stage, place);
    } finally {
      await applications.stop();
    }
  } finally {
    await end();
  }
}

async function measureSteps(stage: Stage, place: Place): Promise<ScaleReport> {
  let tree = await scaleFleet(size, place);
  let files = await render("all", tree, new Map());
  const wants = (step: Step): boolean => steps.includes(step);
  const next = async (name: string, changed: SourceTree, restMs?: number): Promise<void> => {
    tree = changed;
    files = await render(name, tree, files);
    await change(stage, name, files, restMs);
  };
  let besideRefused: ScaleReport["beside"] = {};
  await firstSync(stage, files);
  if (wants("idle")) await idle(stage);
  if (wants("one")) {
    const last = size.strategies - 1;
    await next("one strategy, and a round", oneChanged(tree, last, size), roundMs);
    for (const index of [last - 1, last - 2]) await next("one strategy", oneChanged(tree, index, size));
  }
  if (wants("default")) await next("a default of 20", defaultChanged(tree));
  if (wants("image")) await next("every image", imageChanged(tree));
  const sizes = [...stage.applications.states.values()].map(({ bytes }) => bytes);
  if (wants("refused")) besideRefused = await beside(stage, files);
  return {
    ...{ ...size, shape, settings, rendered, phases: stage.phases, beside: besideRefused },
    largestObject: largestOf(files),
    applications: {
      count: sizes.length,
      bytes: sizes.reduce((sum, each) => sum + each, 0),
      largestBytes: Math.max(0, ...sizes),
    },
  };
}

/** Rendering and committing alone, without root and without a cluster. */
async function measureRendering(): Promise<ScaleReport> {
  const place: Place = { repository: "http://git.example/forge.git", apiServer: "10.0.0.1:6443" };
  const folder = await mkdtemp(join(tmpdir(), "slipway-scale-"));
  try {
    const branch = await Branch.create(folder);
    let tree = await scaleFleet(size, place);
    let files = await render("all", tree, new Map());
    await branch.write(files, "the fleet");
    for (const [what, edit] of [
      ["one strategy", (before: SourceTree) => oneChanged(before, size.strategies - 1, size)],
      ["a default of 20", defaultChanged],
      ["every image", imageChanged],
    ] as const) {
      tree = edit(tree);
      files = await render(what, tree, files);
      await branch.write(files, what);
    }
    const none = { count: 0, bytes: 0, largestBytes: 0 };
    return {
      ...{ ...size, shape, settings: "none", rendered, phases: [], beside: {} },
      largestObject: largestOf(files),
      applications: none,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Why no cluster can be started here; undefined if one can. */
function missing(): string | undefined {
  if (process.getuid?.() !== 0) return "a cluster needs root, for a network of its own";
  if (!existsSync("/usr/bin/redis-server")) return "there is no redis-server; node test/cluster/build.ts installs it";
  return undefined;
}

const reason = values["render-only"] ? undefined : missing();
if (reason !== undefined) {
  process.stderr.write(`${reason}. --render-only measures what needs no cluster\n`);
  process.exit(2);
}
const report = values["render-only"] ? await measureRendering() : await measureCluster();
console.log(values.json ? JSON.stringify(toJson(report), null, 2) : formatReport(report));
