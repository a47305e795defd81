import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeEnding, type Ended, type Ending, rootCause } from "#local/ending.ts";
import { type Bench, type Json, openBench, processesOf, statefulSet, strategy, until } from "./fixture.ts";

describe("which end explains the pod", () => {
  const end = (container: string, endedAtMs: number, extra: Partial<Ending & Ended> = {}): Ended => ({
    container,
    recovered: extra.recovered ?? false,
    ending: {
      reason: "Error",
      exitCode: 1,
      message: "",
      imposed: false,
      startedAtMs: endedAtMs - 20_000,
      endedAtMs,
      ...extra,
    },
  });
  test.each<{ name: string; endings: readonly Ended[]; cause: string | undefined }>([
    { name: "none", endings: [], cause: undefined },
    { name: "the only one", endings: [end("main", 5_000)], cause: "main" },
    { name: "the earlier of two that are down", endings: [end("main", 9_000), end("helper", 5_000)], cause: "helper" },
    {
      name: "the neighbour that came back, if it went just before",
      endings: [end("main", 9_000), end("helper", 8_400, { recovered: true })],
      cause: "helper",
    },
    {
      name: "its own, if the neighbour went long before and came back",
      endings: [end("main", 30_000), end("helper", 19_000, { recovered: true })],
      cause: "main",
    },
    {
      name: "its own, if it was started after the neighbour went and came back",
      endings: [end("main", 9_000, { startedAtMs: 8_000 }), end("helper", 5_000, { recovered: true })],
      cause: "main",
    },
    {
      name: "the neighbour that has been down all the time",
      endings: [end("main", 90_000, { startedAtMs: 60_000 }), end("helper", 5_000)],
      cause: "helper",
    },
    {
      name: "of two at once the one that the kernel killed, even if it is seen last",
      endings: [end("helper", 5_000), end("main", 5_100, { reason: "OOMKilled", imposed: true })],
      cause: "main",
    },
    {
      name: "of two equal ones at once the helper",
      endings: [end("main", 5_000), end("helper", 5_100)],
      cause: "helper",
    },
    {
      name: "the first of three in a row",
      endings: [end("a", 9_000), end("b", 7_000), end("c", 5_000, { recovered: true })],
      cause: "c",
    },
    {
      name: "the last one, of those that all came back",
      endings: [end("main", 9_000, { recovered: true }), end("helper", 60_000, { recovered: true })],
      cause: "helper",
    },
  ])("$name", ({ endings, cause }) => {
    expect(rootCause(endings)?.container).toBe(cause);
  });

  test.each([
    { name: "that is a fault", code: 3, asked: false, says: "ended with exit code 3: no disk" },
    {
      name: "of its own will",
      code: 0,
      asked: false,
      says: "ended by itself with exit code 0 (no disk); it must keep running until it is stopped",
    },
    { name: "that was wanted", code: 0, asked: true, says: "ended with exit code 0: no disk" },
  ])("an end $name", ({ code, asked, says }) => {
    const exit = { code, signal: null };
    const facts = {
      exit,
      asked,
      killed: undefined,
      oomKills: 0,
      heapFull: false,
      memoryBytes: 1,
      lastWords: "no disk",
    };
    expect(describeEnding(facts).message).toBe(says);
  });

  test("an end by a signal is not laid to what its log said before", () => {
    const facts = { asked: false, killed: undefined, oomKills: 0, heapFull: false, memoryBytes: 1 };
    const exit = { code: null, signal: "SIGKILL" } as const;
    expect(describeEnding({ ...facts, exit, lastWords: "no state" }).message).toBe(
      "was ended by SIGKILL (the last error in its log before that: no state)",
    );
  });
});

describe("a pod of two", () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await openBench();
  });
  afterEach(async () => {
    const { directory } = bench;
    await bench.close();
    expect(processesOf(directory)).toEqual([]);
  });

  function pod(mode: string): ReadonlyMap<string, Json | string> {
    const run = { name: "run", mountPath: "/run/slipway" };
    const container = (name: string): Json => ({
      name,
      image: `test/${name}`,
      env: [
        { name: "SOCKET", value: "/run/slipway/a.sock" },
        { name: "MODE", value: mode },
      ],
      volumeMounts: [run],
      resources: { limits: { memory: "96Mi", cpu: "1" } },
    });
    const volumes = [{ name: "run", emptyDir: { sizeLimit: "1Mi" } }];
    return strategy("one", [
      statefulSet({ name: "one", containers: [container("main"), container("helper")], volumes }),
    ]);
  }

  test.each([
    { mode: "hog", reason: "OOMKilled", says: /^was OOMKilled: it .*memory.* limit of 96 MiB$/ },
    { mode: "exit", reason: "Completed", says: /^ended by itself with exit code 0; it must keep running/ },
  ])("says what took its helper down ($mode), not that the helper is gone", async ({ mode, reason, says }) => {
    await bench.commit(pod(mode));
    await bench.cluster.start();
    const status = () => bench.application("one")?.pods[0];
    const both = () => status()?.containers.every(({ restarts }) => restarts >= 1) === true;
    const told = new Set<string | undefined>();
    await until(
      "both were restarted",
      () => {
        told.add(bench.application("one")?.message);
        return both();
      },
      () => [bench.application("one"), bench.log("one-0", "main"), bench.log("one-0", "helper")],
    );
    expect(bench.log("one-0", "main")).toContain("the helper is gone");
    expect(status()?.cause).toMatchObject({ container: "helper", reason, message: expect.stringMatching(says) });
    expect([...told].filter((message) => message?.includes("the helper is gone"))).toEqual([]);
  });
});
