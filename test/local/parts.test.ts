import fc from "fast-check";
import { expect, test } from "vitest";
import { err, ok } from "#core/result.ts";
import { expand, portVariable, rewriteAddresses, rewritePaths } from "#local/addresses.ts";
import { cgroupMounts, ownPath, settings } from "#local/cgroup.ts";
import { heapFlags, heapMebibytes } from "#local/launch.ts";
import { errorText, printable } from "#local/log-file.ts";
import { manifestReader } from "#local/manifests.ts";
import { membersOf, parsePsLine, parseStat } from "#local/processes.ts";
import { parseQuantity } from "#local/quantity.ts";
import { planVolumes } from "#local/volumes.ts";

test.each([
  ["128Mi", 134_217_728],
  ["100m", 0.1],
  ["1.5", 1.5],
  ["64M", 64_000_000],
  ["128MB", undefined],
  ["-1", undefined],
  ["1e3", undefined],
  ["", undefined],
])("quantity %s", (text, value) => {
  expect(parseQuantity(text)).toBe(value);
});

const mounts = new Map([
  ["/run/slipway", "/r"],
  ["/run/slipway/deep", "/d"],
  ["/etc/x", "/run/slipway"],
]);
test.each([
  ["/run/slipway", "/r"],
  ["/run/slipway/a.sock", "/r/a.sock"],
  ["unix:///run/slipway/a.sock", "unix:///r/a.sock"],
  ["module:/run/slipway/deep/x.mjs", "module:/d/x.mjs"],
  ["--a=/etc/x,/run/slipway", "--a=/run/slipway,/r"],
  ["/run/slipwayx", "/run/slipwayx"],
  ["/var/run/slipway", "/var/run/slipway"],
  ["http://host/run/slipway", "http://host/run/slipway"],
])("path %s", (text, rewritten) => {
  expect(rewritePaths(text, mounts)).toBe(rewritten);
});

test("a text without a mount path stays as it is", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!text.includes("/run/slipway") && !text.includes("/etc/x"));
      expect(rewritePaths(text, mounts)).toBe(text);
      expect(rewriteAddresses(text, () => ok(1))).toEqual(/\.svc/.test(text) ? expect.anything() : ok(text));
    }),
  );
});

test.each([
  ["mqtt://bus.slipway-paper.svc:1883", ok("mqtt://127.0.0.1:7")],
  ["bus.slipway-paper.svc.cluster.local:1883/x", ok("127.0.0.1:7/x")],
  ["mqtt://other.slipway-paper.svc:1883", err("unknown other")],
  ["bus.slipway-paper.svcx", ok("bus.slipway-paper.svcx")],
])("address %s", (text, rewritten) => {
  expect(rewriteAddresses(text, (service) => (service === "bus" ? ok(7) : err(`unknown ${service}`)))).toEqual(
    rewritten,
  );
});

test("variables expand as the kubelet's", () => {
  expect(expand("$(A)-$(B)-$$(A)-$A", { A: "1" })).toBe("1-$(B)-$(A)-$A");
  expect(portVariable("my-port")).toBe("SLIPWAY_PORT_MY_PORT");
});

test("the process table's parsers", () => {
  const stat = "42 (a) b (c)) S 7 42 42 0 -1 1 2 3 4 5 6 7 8 9 20 0 1 0 987654 100";
  expect(parseStat(stat, "boot")).toEqual({
    pid: 42,
    parent: 7,
    group: 42,
    session: 42,
    zombie: false,
    started: "boot:987654",
  });
  expect(parseStat("42", "boot")).toBeUndefined();
  expect(parsePsLine("  42   7  42 Ss   1024 Tue Nov 24 00:03:49 2026")).toMatchObject({
    pid: 42,
    residentBytes: 2 ** 20,
    started: "Tue Nov 24 00:03:49 2026",
  });
  const row = (pid: number, parent: number, group: number, zombie = false) => ({
    pid,
    parent,
    group,
    session: group,
    zombie,
    started: "",
  });
  const table = [row(1, 0, 1), row(42, 1, 42), row(43, 42, 43), row(44, 43, 44), row(45, 1, 42, true), row(46, 1, 46)];
  expect(membersOf(42, table).map(({ pid }) => pid)).toEqual([42, 43, 44]);
});

test("cgroups are found and set in both versions", () => {
  const mountsText =
    "cgroup /c/cpu cgroup rw,cpu,cpuacct 0 0\ncgroup2 /c/unified cgroup2 rw 0 0\ntmpfs /tmp tmpfs rw 0 0";
  expect(Object.fromEntries(cgroupMounts(mountsText))).toEqual({
    rw: "/c/cpu",
    cpu: "/c/cpu",
    cpuacct: "/c/cpu",
    "": "/c/unified",
  });
  expect(ownPath("4:memory:/a:b\n0::/user.slice", "memory")).toBe("/a:b");
  expect(ownPath("4:memory:/a\n0::/user.slice", "")).toBe("/user.slice");
  const limits = { memoryBytes: 1024, cpuMillicores: 250, processes: 9 };
  const files = (version: 1 | 2) =>
    Object.fromEntries(
      settings({ version, resources: ["memory", "cpu", "processes"], directory: "" }, limits).map(({ file, text }) => [
        file,
        text,
      ]),
    );
  expect(files(2)).toEqual({
    "memory.max": "1024",
    "memory.swap.max": "0",
    "memory.oom.group": "1",
    "cpu.max": "25000 100000",
    "pids.max": "9",
  });
  expect(files(1)).toEqual({
    "memory.limit_in_bytes": "1024",
    "memory.memsw.limit_in_bytes": "1024",
    "cpu.cfs_period_us": "100000",
    "cpu.cfs_quota_us": "25000",
    "pids.max": "9",
  });
});

test.each([
  [64, 32],
  [128, 64],
  [256, 192],
  [1024, 768],
])("a limit of %i MiB leaves a heap of %i MiB", (limit, heap) => {
  expect(heapMebibytes(limit * 2 ** 20)).toBe(heap);
  // Three of them are the young generation: with the old one they stay below the limit.
  const semiSpace = Number(/^--max-semi-space-size=(\d+)$/.exec(heapFlags(limit * 2 ** 20)[1] ?? "")?.[1]);
  expect(semiSpace).toBeGreaterThanOrEqual(1);
  expect(heap + 3 * semiSpace).toBeLessThan(limit);
});

test("a Secret with venue keys is refused, wherever it stands among the volumes", () => {
  const place = { namespace: "slipway-paper", account: "gateway", directory: "/d", runtimeDirectory: "/r" };
  const context = { claimsDirectory: "/c", runtimeDirectory: "/r", configMaps: new Map(), password: () => undefined };
  const keys = { name: "keys-kraken", secret: { secretName: "kraken" } };
  for (const volumes of [[keys], [{ name: "run", emptyDir: {} }, keys]]) {
    const planned = planVolumes(volumes, place, context);
    expect(planned.ok ? "" : planned.error).toContain("keys-kraken holds venue keys");
  }
});

test("text of a program is made fit for a terminal", () => {
  expect(printable("a\u001b[31mb\u202ec\n")).toBe("a [31mb c");
  expect(printable("x".repeat(301))).toHaveLength(300);
  expect(errorText('{"level":"error","message":"no disk"}')).toBe("no disk");
  expect(errorText("{not json")).toBe("{not json");
});

test("no text makes the manifest reader throw", () => {
  const read = manifestReader();
  fc.assert(fc.property(fc.string(), (text) => void read("a.yaml", text)));
  fc.assert(
    fc.property(
      fc.jsonValue(),
      (value) => void read("a.yaml", JSON.stringify({ kind: "StatefulSet", metadata: { name: "a" }, spec: value })),
    ),
  );
  expect(read("a.yaml", "kind: X\nmetadata: &m { name: a }\nother: *m")).toMatchObject({ ok: false });
});
