import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Bench,
  configMap,
  health,
  type Json,
  openBench,
  probes,
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
  const { directory } = bench;
  await bench.close();
  expect(processesOf(directory)).toEqual([]);
});

function one(env: Json = {}, extra: Json = {}, value = "one"): ReadonlyMap<string, Json | string> {
  return strategy("one", [
    statefulSet({ name: "one", containers: [server(env, extra)], volumes: serverVolumes() }),
    configMap("settings", { value }),
  ]);
}

function other(): ReadonlyMap<string, Json | string> {
  return strategy("other", [configMap("nothing", { a: "b" })]);
}

function trace(): readonly string[] {
  const path = join(bench.state, "volumes/team-paper/state/trace");
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
}

/** Does not end on SIGTERM, and has longer for it than a test takes (a second of a manifest is a tenth here). */
const stubborn = {
  name: "one",
  graceSeconds: 600,
  containers: [server({ MODE: "stubborn" })],
  volumes: serverVolumes(),
};

/** The process of the only container. */
function mainPid(): number {
  const pid = bench.application("one")?.pods[0]?.containers[0]?.pid;
  if (pid === undefined) throw new Error(`no process: ${JSON.stringify(bench.application("one"))}`);
  return pid;
}

describe("a sync", () => {
  test("starts a pod, tells when it is healthy, restarts it once for a new template and never doubles it", async () => {
    const first = await bench.commit(one());
    await bench.cluster.start();
    await health(bench, "one", "Healthy");
    expect(bench.application("one")).toMatchObject({ sync: "Synced", revision: first, strategy: "team/one" });
    const second = await bench.commit(one({ MODE: "next" }));
    await bench.cluster.sync();
    await until(
      "the new template is healthy",
      () => bench.application("one")?.revision === second && bench.application("one")?.health === "Healthy",
    );
    await bench.cluster.sync();
    const lines = trace();
    expect(lines.map((line) => line.replace(/ \d+ ?/, " ").trim())).toEqual(["start", "term", "start next"]);
    await bench.commit(one({ MODE: "next" }), other());
    await bench.cluster.sync();
    expect(trace()).toEqual(lines);
    const [status] = bench.application("one")?.pods[0]?.containers ?? [];
    expect(status).toMatchObject({ name: "main", state: "running", ready: true, restarts: 0 });
  });

  test("changes a ConfigMap's files in place, suspends at no replicas, prunes and keeps the state", async () => {
    await bench.commit(one({}, {}, "one"), other());
    await bench.cluster.start();
    await health(bench, "one", "Healthy");
    const address = bench.cluster.address("team-paper/one", "probe");
    const value = async () => (await fetch(`http://127.0.0.1:${address?.port}/config`)).text();
    expect(await value()).toBe("one");
    await bench.commit(one({}, {}, "two"), other());
    await bench.cluster.sync();
    expect(await value()).toBe("two");
    expect(trace()).toHaveLength(1);
    expect(readdirSync(join(bench.state, "pods/team-paper/one-0/volumes/config"))).toEqual(["value"]);
    const stopped = strategy("one", [
      statefulSet({ name: "one", replicas: 0, containers: [server()], volumes: serverVolumes() }),
    ]);
    await bench.commit(stopped, other());
    await bench.cluster.sync();
    expect(bench.application("one")).toMatchObject({ health: "Suspended", sync: "Synced", pods: [] });
    expect(existsSync(join(bench.state, "volumes/team-paper/state/trace"))).toBe(true);
    await bench.commit(other());
    await bench.cluster.sync();
    expect(bench.cluster.status().applications.map(({ application }) => application)).toEqual(["paper-other"]);
    const [kept = ""] = readdirSync(join(bench.state, "released/team-paper"));
    expect(existsSync(join(bench.state, "released/team-paper", kept, "trace"))).toBe(true);
  });

  test.each([
    { how: "stopped", parts: [strategy("one", [statefulSet({ ...stubborn, replicas: 0 })])] },
    { how: "taken off the branch", parts: [] },
  ])("is not done while a process that was $how still lives its grace", async ({ parts }) => {
    await bench.commit(strategy("one", [statefulSet(stubborn), configMap("settings", { value: "x" })]), other());
    await bench.cluster.start();
    await health(bench, "one", "Healthy");
    const pid = mainPid();
    const isAlive = (): boolean => existsSync(`/proc/${pid}/cmdline`);
    await bench.commit(...parts, other());
    await until("it ends", () => bench.application("one")?.ending === true);
    await until("it was told to", () => trace().includes(`term ${pid}`));
    const seen = bench.application("one");
    expect([isAlive(), seen?.sync, seen?.health, seen?.ending]).toEqual([true, "OutOfSync", "Progressing", true]);
    expect(seen?.message).toBe("pod one-0 is ending: it may take 600 s");
    process.kill(pid, "SIGKILL");
    await until("it says that it is done", () => bench.application("one")?.ending !== true);
    expect(isAlive()).toBe(false);
    if (parts.length === 0) expect(bench.application("one")).toBeUndefined();
    else expect(bench.application("one")).toMatchObject({ sync: "Synced", health: "Suspended", pods: [] });
  });

  test("that starts what is still ending waits for its end, and then runs it once", async () => {
    const running = strategy("one", [statefulSet(stubborn), configMap("settings", { value: "x" })]);
    await bench.commit(running, other());
    await bench.cluster.start();
    await health(bench, "one", "Healthy");
    const pid = mainPid();
    await bench.commit(other());
    await until("it ends", () => bench.application("one")?.ending === true);
    const revision = await bench.commit(one({ MODE: "again" }), other());
    expect([mainPid(), bench.application("one")?.health]).toEqual([pid, "Progressing"]);
    process.kill(pid, "SIGKILL");
    await health(bench, "one", "Healthy");
    expect(bench.application("one")).toMatchObject({ sync: "Synced", revision });
    // In a volume of its own, since it was gone from the branch.
    expect(trace()).toEqual([`start ${mainPid()} again`]);
    expect(bench.cluster.status().applications.map(({ application }) => application)).toEqual([
      "paper-one",
      "paper-other",
    ]);
  });

  test.each([
    { name: "not YAML", object: "kind: [", says: /not YAML/ },
    {
      name: "an unknown image",
      object: statefulSet({ name: "bad", containers: [{ name: "x", image: "none/such:1" }] }),
      says: /no program for the image none\/such/,
    },
    {
      name: "two replicas",
      object: statefulSet({ name: "bad", replicas: 2, containers: [server()], volumes: serverVolumes() }),
      says: /spec\.replicas must be <= 1/,
    },
    {
      name: "a host path",
      object: statefulSet({ name: "bad", containers: [server()], volumes: [{ name: "x", hostPath: { path: "/" } }] }),
      says: /additional properties/,
    },
    {
      name: "a missing ConfigMap",
      object: statefulSet({ name: "bad", containers: [server()], volumes: serverVolumes("none") }),
      says: /ConfigMap none .* is not in the environment branch/,
    },
    { name: "a file outside its volume", object: configMap("bad", { "../../x": "y" }), says: /data/ },
    {
      name: "an address of no Service",
      object: statefulSet({
        name: "bad",
        containers: [
          { name: "x", image: "test/shell", env: [{ name: "URL", value: "mqtt://bus.slipway-paper.svc:1883" }] },
        ],
      }),
      says: /no Service bus in namespace slipway-paper/,
    },
  ])("degrades only the application with $name", async ({ object, says }) => {
    await bench.commit(strategy("bad", [object]), other());
    await bench.cluster.start();
    expect(bench.application("bad")).toMatchObject({
      health: "Degraded",
      sync: "OutOfSync",
      message: expect.stringMatching(says),
    });
    expect(bench.application("other")).toMatchObject({ health: "Healthy", sync: "Synced" });
  });

  test("a folder in the way is said, and tried again", async () => {
    const place = join(bench.state, "volumes/team-paper");
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "state"), "");
    await bench.commit(one());
    await bench.cluster.start();
    await bench.cluster.sync();
    expect(bench.application("one")).toMatchObject({
      health: "Degraded",
      sync: "OutOfSync",
      message: expect.stringMatching(/pod one-0 cannot be set up: EEXIST/),
    });
    rmSync(join(place, "state"));
    await bench.cluster.sync();
    await health(bench, "one", "Healthy");
  });

  test("a branch without applications removes nothing", async () => {
    await bench.commit(one());
    await bench.cluster.start();
    await health(bench, "one", "Healthy");
    await bench.commit(new Map([["README", "x"]]));
    await bench.cluster.sync();
    expect(bench.application("one")?.health).toBe("Healthy");
    expect(bench.logs.join("\n")).toContain("holds no Application");
  });
});

describe("a container", () => {
  test("that crashes is Degraded with the reason, and heals with the next commit", async () => {
    await bench.commit(one({ MODE: "crash" }));
    await bench.cluster.start();
    await health(bench, "one", "Degraded");
    expect(bench.application("one")?.message).toContain("ended with exit code 2: the spec is broken [31m");
    await until("it is restarted", () => (bench.application("one")?.pods[0]?.containers[0]?.restarts ?? 0) >= 2);
    expect(bench.application("one")?.health).toBe("Degraded");
    await bench.commit(one());
    await health(bench, "one", "Healthy");
  });

  test("that fails its liveness probe is restarted", async () => {
    await bench.commit(one());
    await bench.cluster.start();
    await health(bench, "one", "Healthy");
    process.kill(bench.application("one")?.pods[0]?.containers[0]?.pid ?? 0, "SIGUSR2");
    await until("it was restarted", () => bench.application("one")?.pods[0]?.containers[0]?.restarts === 1);
    await health(bench, "one", "Healthy");
    expect(bench.log("one-0")).toContain("failed its liveness probe 2 times: /live answers 503: stuck in a loop");
    expect(trace()).not.toContain("DOUBLE");
  });

  test("that never answers while it starts is ended when the time of its startup probe is over, however long each try takes", async () => {
    const get = { httpGet: { path: "/startup", port: "probe" }, periodSeconds: 1 };
    const slow = { ...probes(), startupProbe: { ...get, failureThreshold: 50, timeoutSeconds: 60 } };
    await bench.commit(one({ MODE: "stuck" }, slow));
    await bench.cluster.start();
    // Fifty tries of six seconds would be five minutes.
    const restarted = () => (bench.application("one")?.pods[0]?.containers[0]?.restarts ?? 0) >= 1;
    await until("it was restarted", restarted, () => bench.application("one"));
    expect(bench.application("one")?.message).toMatch(
      /^pod one-0: container main did not start within 50 s: \/startup on port \d+ does not answer within 6 s; the last it wrote: calling initialize\(\)$/,
    );
  });

  test("that hangs on SIGTERM is killed after its grace period", async () => {
    const stubborn = statefulSet({
      name: "one",
      containers: [server({ MODE: "stubborn" })],
      volumes: serverVolumes(),
      graceSeconds: 2,
    });
    await bench.commit(strategy("one", [stubborn, configMap("settings", { value: "x" })]));
    await bench.cluster.start();
    await health(bench, "one", "Healthy");
    await bench.commit(other());
    await bench.cluster.sync();
    expect(bench.log("one-0")).toContain("did not end within 2 s of SIGTERM");
    expect(bench.log("one-0")).toContain("was ended by SIGKILL");
  });

  test("that floods its log is capped, told of, and stays on two small files", async () => {
    await bench.commit(one({ MODE: "flood" }));
    await bench.cluster.start();
    await until("lines were dropped", () => /slipway: dropped \d+ lines: more than/.test(bench.log("one-0")));
    await bench.cluster.stop();
    const folder = join(bench.state, "logs/team-paper/one-0");
    for (const file of readdirSync(folder))
      expect(readFileSync(join(folder, file)).length).toBeLessThanOrEqual(2 ** 20);
    expect(bench.log("one-0")).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z environment /);
  });

  test("has exactly the manifest's environment, and what the contract adds", async () => {
    process.env["SLIPWAY_TEST_LEAK"] = "leak";
    const container = server({
      TEXT: "a /config/value b",
      FILE: "file:/config/value",
      NOT: "/configuration",
      TWICE: "$(TEXT)!",
    });
    const mapped = {
      ...container,
      env: [...(container["env"] as Json[]), { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
    };
    await bench.commit(
      strategy("one", [
        statefulSet({ name: "one", containers: [mapped], volumes: serverVolumes() }),
        configMap("settings", { value: "x" }),
      ]),
    );
    await bench.cluster.start();
    await health(bench, "one", "Healthy");
    const [, text = "{}", cwd] = /environment (\{.*\}) in (.*)/.exec(bench.log("one-0")) ?? [];
    const pod = join(bench.state, "pods/team-paper/one-0");
    const config = join(pod, "volumes/config");
    expect(cwd).toBe(pod);
    expect(JSON.parse(text)).toEqual({
      PATH: "/usr/local/bin:/usr/bin:/bin",
      HOME: join(pod, "home"),
      TMPDIR: join(pod, "tmp"),
      STATE: join(bench.state, "volumes/team-paper/state"),
      CONFIG: config,
      TEXT: `a ${config}/value b`,
      TWICE: `a ${config}/value b!`,
      FILE: `file:${config}/value`,
      NOT: "/configuration",
      POD: "one-0",
      SLIPWAY_PORT_PROBE: String(bench.cluster.address("team-paper/one", "probe")?.port),
    });
    delete process.env["SLIPWAY_TEST_LEAK"];
  });

  test("under Node's permission model reads its own volumes and serves sockets, and no more", async () => {
    const confined = server({ MODE: "denied", SOCKET: "/run/slipway/a.sock" }, { image: "test/confined" });
    const container = {
      ...confined,
      volumeMounts: [...(confined["volumeMounts"] as Json[]), { name: "run", mountPath: "/run/slipway" }],
    };
    const set = statefulSet({
      name: "one",
      containers: [container],
      volumes: [...serverVolumes(), { name: "run", emptyDir: {} }],
    });
    await bench.commit(strategy("one", [set, configMap("settings", { value: "x" })]));
    await bench.cluster.start();
    await health(bench, "one", "Healthy");
    expect(bench.log("one-0")).toContain("may not read /etc/hostname: ERR_ACCESS_DENIED");
    expect(trace()).toHaveLength(1);
  });

  test("talks to its neighbour over a unix socket in an emptyDir, and has no network if it needs none", async () => {
    const run = { name: "run", mountPath: "/run/slipway" };
    const env = [{ name: "SOCKET", value: "/run/slipway/a.sock" }];
    const containers = [
      { name: "main", image: "test/server", env, ports: [{ name: "probe", containerPort: 1 }], volumeMounts: [run] },
      {
        name: "beside",
        image: "test/caller",
        env,
        ports: [{ name: "health", containerPort: 2 }],
        volumeMounts: [run],
        readinessProbe: { httpGet: { path: "/live", port: "health" }, periodSeconds: 1, timeoutSeconds: 20 },
      },
    ];
    await bench.commit(
      strategy("one", [
        statefulSet({ name: "one", containers, volumes: [{ name: "run", emptyDir: { sizeLimit: "1Mi" } }] }),
      ]),
    );
    await bench.cluster.start();
    await until(
      "it is heard",
      () => bench.log("one-0", "beside").includes("heard: hello over the socket"),
      () => bench.log("one-0", "beside"),
    );
    await health(bench, "one", "Healthy");
    if (bench.cluster.status().isolation.join().includes("own network namespace")) {
      expect(bench.log("one-0", "beside")).toMatch(/interfaces (lo)?$/m);
    }
  });
});

test.each(["best", "watch"] as const)(
  "a container that takes too much memory is OOMKilled and restarted (limits: %s)",
  async (limits) => {
    await bench.close();
    bench = await openBench({ limits });
    const container = { name: "main", image: "test/hog", resources: { limits: { memory: "96Mi", cpu: "1" } } };
    await bench.commit(strategy("one", [statefulSet({ name: "one", containers: [container] })]));
    await bench.cluster.start();
    await until(
      "it was killed and restarted",
      () => {
        const [status] = bench.application("one")?.pods[0]?.containers ?? [];
        return (status?.restarts ?? 0) >= 1;
      },
      () => [bench.application("one"), bench.cluster.status().isolation, bench.log("one-0")],
    );
    const said = bench.log("one-0");
    if (limits === "watch") expect(said).toMatch(/used \d+ MiB of memory, above its limit of 96 MiB/);
    else if (bench.cluster.status().isolation.some((note) => note.startsWith("memory: cgroup")))
      expect(said).toContain("was OOMKilled: it reached its memory limit of 96 MiB");
    await until("it says OOMKilled", () => bench.application("one")?.pods[0]?.containers[0]?.reason === "OOMKilled");
  },
);
