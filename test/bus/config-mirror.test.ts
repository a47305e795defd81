import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { mirrorConfigMaps } from "#bus/config-mirror.ts";
import type { ConfigData, ConfigWatchOptions } from "#bus/config-watch.ts";

afterEach(() => vi.useRealTimers());

/** A mirror of one volume made of `one` and `two`, with what the kubelet and the API server would do in the test's hands. */
function stage(mounted: { readonly [key: string]: string }) {
  vi.useFakeTimers();
  const root = mkdtempSync(join(tmpdir(), "slipway-mirror-"));
  const [volume, api] = [join(root, "mounted"), join(root, "api")];
  for (const folder of [volume, api]) mkdirSync(folder);
  for (const name of ["token", "ca.crt"]) writeFileSync(join(api, name), "x");
  const kubelet = (files: { readonly [key: string]: string }): void => {
    for (const name of readdirSync(volume)) rmSync(join(volume, name));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(volume, name), text);
  };
  kubelet(mounted);
  let told: ConfigWatchOptions | undefined;
  const watch = { live: false, heardMs: Number.NEGATIVE_INFINITY, close: () => undefined };
  const logged: string[] = [];
  const mirror = mirrorConfigMaps({
    folder: join(root, "mirror"),
    apiDir: api,
    namespace: "slipway-paper",
    volumes: [{ name: "limits", mounted: volume, configMaps: ["one", "two"] }],
    log: (_level, message) => logged.push(message),
    nowMs: () => Date.now(),
    pollMs: 1_000,
    watch(options) {
      told = options;
      return watch;
    },
  });
  return {
    logged,
    kubelet,
    holds: (name: string) => told?.holds(name),
    /** The API server says what there is. */
    tell(data: { readonly [configMap: string]: ConfigData }): void {
      Object.assign(watch, { live: true, heardMs: Date.now() });
      told?.onData(new Map(Object.entries(data)));
    },
    lose: () => Object.assign(watch, { live: false }),
    wait: (ms = 1_000) => vi.advanceTimersByTime(ms),
    folder: mirror.folderOf("limits"),
    read: () =>
      Object.fromEntries(
        readdirSync(mirror.folderOf("limits")).map((name) => [
          name,
          readFileSync(join(mirror.folderOf("limits"), name), "utf8"),
        ]),
      ),
    end(): void {
      mirror.close();
      rmSync(root, { recursive: true });
    },
  };
}

test("before the API server has answered it is what the kubelet mounts", () => {
  const { read, end } = stage({ "a.b": "1" });
  expect(read()).toEqual({ "a.b": "1" });
  end();
});

test("then it is what the API server tells, at once, of these ConfigMaps together", () => {
  const { read, tell, holds, end } = stage({ "a.b": "1" });
  tell({ one: { "a.b": "2" }, two: { "c.d": "3" } });
  expect(read()).toEqual({ "a.b": "2", "c.d": "3" });
  expect([holds("one"), holds("three")]).toEqual([true, false]);
  end();
});

test("what is gone at the API server is gone", () => {
  const { read, tell, end } = stage({ "a.b": "1" });
  tell({});
  expect(read()).toEqual({});
  end();
});

test("the kubelet, which is late, changes nothing while the API server tells", () => {
  const { read, tell, kubelet, wait, end } = stage({ "a.b": "1" });
  tell({ one: { "a.b": "3" } });
  kubelet({ "a.b": "2" });
  wait();
  expect(read()).toEqual({ "a.b": "3" });
  end();
});

test("what was told last holds when nothing is told any more, until the kubelet brings something else", () => {
  const { read, tell, lose, kubelet, wait, end } = stage({ "a.b": "1" });
  wait();
  tell({ one: { "a.b": "2" } });
  lose();
  wait(60_000);
  expect(read()).toEqual({ "a.b": "2" });
  kubelet({ "a.b": "3" });
  wait();
  expect(read()).toEqual({ "a.b": "3" });
  tell({ one: { "a.b": "4" } });
  expect(read()).toEqual({ "a.b": "4" });
  end();
});

test("what the kubelet brought while the API server was dead and nobody knew it is taken once it is known", () => {
  const { read, tell, lose, kubelet, wait, end } = stage({ "a.b": "1" });
  tell({ one: { "a.b": "2" } });
  wait();
  kubelet({ "a.b": "3" });
  wait();
  expect(read()).toEqual({ "a.b": "2" });
  lose();
  wait();
  expect(read()).toEqual({ "a.b": "3" });
  end();
});

test("a file that cannot be written is missing, not old", () => {
  const { read, tell, folder, logged, end } = stage({ "a.b": "1", "c.d": "1" });
  // The place of the new file is taken by a folder, which no file replaces: it works for root too.
  mkdirSync(join(`${folder}.new`, "a.b"));
  tell({ one: { "a.b": "2", "c.d": "2" } });
  expect(read()).toEqual({ "c.d": "2" });
  expect(logged).toContain("alarm: a file of the platform cannot be written, and counts as missing");
  rmSync(join(`${folder}.new`, "a.b"), { recursive: true });
  tell({ one: { "a.b": "2", "c.d": "2" } });
  expect(read()).toEqual({ "a.b": "2", "c.d": "2" });
  chmodSync(folder, 0o700);
  end();
});

test("whatever happens in whatever order, it is what the API server told last, or what the kubelet has brought since", () => {
  const version = fc.nat(5).map(String);
  const step = fc.oneof(
    fc.record({ do: fc.constant("tell" as const), version }),
    fc.record({ do: fc.constant("mount" as const), version }),
    fc.record({ do: fc.constant("lose" as const), version }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { read, tell, lose, kubelet, wait, end } = stage({ "a.b": "0" });
      let [live, told, mounted, since] = [false, "0", "0", false];
      for (const { do: what, version: value } of steps) {
        if (what === "tell") {
          tell({ one: { "a.b": value } });
          [live, told, since] = [true, value, false];
        } else if (what === "lose") {
          lose();
          live = false;
        } else {
          since ||= mounted !== value;
          kubelet({ "a.b": value });
          mounted = value;
        }
        wait();
        expect(read()).toEqual({ "a.b": !live && since ? mounted : told });
      }
      end();
    }),
    { numRuns: 60 },
  );
});
