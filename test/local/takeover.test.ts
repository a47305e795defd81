import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, unlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readProcess } from "#local/processes.ts";
import { Records } from "#local/records.ts";
import {
  type Bench,
  configMap,
  health,
  images,
  node,
  openBench,
  processesOf,
  server,
  serverVolumes,
  statefulSet,
  strategy,
  until,
} from "./fixture.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(async () => {
  await bench.close();
});

const one = strategy("one", [
  statefulSet({ name: "one", containers: [server()], volumes: serverVolumes() }),
  configMap("settings", { value: "x" }),
]);

const bus = strategy(
  "platform",
  [
    statefulSet({
      name: "bus",
      namespace: "slipway-paper",
      containers: [{ name: "main", image: "test/server", ports: [{ name: "probe", containerPort: 8081 }] }],
    }),
    {
      kind: "Service",
      metadata: { name: "bus", namespace: "slipway-paper" },
      spec: { selector: { app: "bus" }, ports: [{ port: 1883, targetPort: "probe" }] },
    },
  ],
  "platform",
);

test("kill -9 of the cluster leaves no container behind, and the next start takes over without a double", async () => {
  await bench.commit(one);
  const trace = join(bench.state, "volumes/team-paper/state/trace");
  const runner = fileURLToPath(new URL("programs/run-cluster.ts", import.meta.url));
  const child = spawn(node, [runner, bench.repository.directory, bench.state], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  await until("the first cluster's pod started", () => existsSync(trace) && readFileSync(trace, "utf8").endsWith("\n"));
  await expect(bench.cluster.start()).rejects.toMatchObject({ code: "cluster-running" });
  child.kill("SIGKILL");
  await exited;
  await until(
    "nothing is left",
    () => processesOf(bench.state).length === 0,
    () => processesOf(bench.state),
  );

  const next = await openBench({ repository: bench.repository, directory: bench.state });
  // The killed program could not remove its lock file: the test's stand-in for a lock of its own that ends with the process.
  unlinkSync(join(bench.state, "volumes/team-paper/state/lock"));
  await next.cluster.start();
  await health(next, "one", "Healthy");
  expect(readFileSync(trace, "utf8").match(/^start/gm)).toHaveLength(2);
  expect(readFileSync(trace, "utf8")).not.toContain("DOUBLE");
  await next.close();
  expect(processesOf(bench.state)).toEqual([]);
});

test("what a killed run left and the pipe did not end is ended at the start, a stranger with the same pid is not", async () => {
  const sleeper = () => spawn("/bin/sh", ["-c", "sleep 60; :"], { detached: true, stdio: "ignore" });
  const [ours, stranger] = [sleeper(), sleeper()];
  const ended = new Promise((resolve) => ours.once("exit", (_code, signal) => resolve(signal)));
  const records = new Records(join(bench.directory, "run"));
  records.add("ours", { pid: ours.pid ?? 0, started: (await readProcess(ours.pid ?? 0))?.started ?? "" });
  records.add("stranger", { pid: stranger.pid ?? 0, started: "another time" });
  expect(await records.reap()).toContain(ours.pid);
  expect(await ended).toBe("SIGKILL");
  expect(await readProcess(stranger.pid ?? 0)).toMatchObject({ pid: stranger.pid, zombie: false });
  process.kill(-(stranger.pid ?? 0), "SIGKILL");
});

test("a fixed port that is in use is a fault that names it; nothing is left running", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const address = holder.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const busy = await openBench({ fixedPorts: new Map([["bus/probe", port]]), images });
  await busy.commit(bus);
  await expect(busy.cluster.start()).rejects.toMatchObject({
    code: "port-in-use",
    message: expect.stringContaining(`port ${port} `),
  });
  expect(processesOf(busy.directory)).toEqual([]);
  await busy.close();
  await new Promise((resolve) => holder.close(resolve));
});

test("pods find the bus by its Service, and the bus finds the digests of their passwords", async () => {
  const container = {
    name: "main",
    image: "test/server",
    env: [
      { name: "SLIPWAY_BUS_URL", value: "mqtt://bus.slipway-paper.svc:1883" },
      { name: "TOKEN", value: "/var/run/secrets/slipway/bus/token" },
    ],
    ports: [{ name: "probe", containerPort: 8081 }],
    volumeMounts: [{ name: "token", mountPath: "/var/run/secrets/slipway/bus" }],
  };
  const token = {
    name: "token",
    projected: { sources: [{ serviceAccountToken: { path: "token", audience: "bus" } }] },
  };
  await bench.commit(bus, strategy("one", [statefulSet({ name: "one", containers: [container], volumes: [token] })]));
  await bench.cluster.start();
  await until("the pod says its environment", () => bench.log("one-0").includes("environment "));
  const port = bench.cluster.address("bus", "probe")?.port;
  expect(bench.log("one-0")).toContain(`"SLIPWAY_BUS_URL":"mqtt://127.0.0.1:${port}"`);
  const file = /"TOKEN":"([^"]+)"/.exec(bench.log("one-0"))?.[1] ?? "";
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const console = await bench.cluster.credential("slipway-paper/console");
  await until(
    "the bus started",
    () =>
      existsSync(bench.cluster.logFile("slipway-paper", "bus-0", "main")) &&
      readFileSync(bench.cluster.logFile("slipway-paper", "bus-0", "main"), "utf8").includes("environment "),
  );
  const said = readFileSync(bench.cluster.logFile("slipway-paper", "bus-0", "main"), "utf8");
  const tokens = JSON.parse(readFileSync(/"SLIPWAY_BUS_TOKENS_FILE":"([^"]+)"/.exec(said)?.[1] ?? "", "utf8"));
  const digest = (text: string) => createHash("sha256").update(text).digest("hex");
  expect(tokens).toEqual({
    "slipway-paper/bus": expect.any(String),
    "slipway-paper/console": digest(console),
    "team-paper/one": digest(readFileSync(file, "utf8")),
  });
  expect(readFileSync(file, "utf8")).toBe(await bench.cluster.credential("team-paper/one"));
});
