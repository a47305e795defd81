import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatDecimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import { parseLimits, strategyOfKey } from "#gateway/limits.ts";
import { LimitsDirectory } from "#gateway/limits-directory.ts";
import { bytes, cleanUp, strategy, temporaryFolder } from "./fixtures.ts";

cleanUp();

const limits = {
  instruments: ["AAPL"],
  venues: ["paper"],
  maxOrderNotional: "2000",
  maxPositionNotional: "5000",
  orderRate: "10/1s",
  maxDrawdown: "0.5",
};
const file = { strategy, running: true, limits, startingCash: "10000" };

describe("a limits file", () => {
  test("is read", () => {
    const parsed = parseLimits(strategy, bytes(file));
    expect(parsed.ok && formatDecimal(parsed.value.maxOrderNotional)).toBe("2000");
    expect(parsed.ok && parsed.value.orderRate).toEqual({ count: 10, seconds: 1 });
  });

  test.each([
    ["another strategy", { ...file, strategy: "seed/random-ts" }],
    ["no starting cash", { ...file, startingCash: undefined }],
    ["negative cash", { ...file, startingCash: "-1" }],
    ["cash as a number", { ...file, startingCash: 10_000 }],
    ["running as text", { ...file, running: "true" }],
    ["no limits", { ...file, limits: null }],
    ["a limit it does not know", { ...file, limits: { ...limits, maxLeverage: "2" } }],
    ["a field it does not know", { ...file, reduceOnly: true }],
    ["a missing limit", { ...file, limits: { ...limits, maxDrawdown: undefined } }],
    ["a drawdown above 1", { ...file, limits: { ...limits, maxDrawdown: "1.1" } }],
    ["a limit as a number", { ...file, limits: { ...limits, maxOrderNotional: 2000 } }],
    ["an exponent", { ...file, limits: { ...limits, maxPositionNotional: "1e9" } }],
    ["another rate", { ...file, limits: { ...limits, orderRate: "10/s" } }],
    ["instruments as text", { ...file, limits: { ...limits, instruments: "AAPL" } }],
    ["venues of numbers", { ...file, limits: { ...limits, venues: [1] } }],
  ])("%s is malformed", (_name, content) => {
    expect(parseLimits(strategy, bytes(content)).ok).toBe(false);
  });

  test.each([
    ["momentum.sma-cross", strategy],
    ["..data", undefined],
    ["momentum", undefined],
    ["a.b.c", undefined],
    ["Momentum.x", undefined],
  ])("key %s is of %s", (key, expected) => {
    expect(strategyOfKey(key)).toBe(expected);
  });
});

describe("the limits directory", () => {
  const replace = (folder: string, key: string, content: string): void => {
    writeFileSync(join(folder, ".part"), content);
    renameSync(join(folder, ".part"), join(folder, key));
  };

  test("an atomic replacement is seen; what cannot be parsed is unreadable, never the older value; what is gone is absent", () => {
    const folder = temporaryFolder();
    const directory = new LimitsDirectory(folder, () => undefined);
    expect(directory.lookup(strategy).kind).toBe("unreadable");
    expect(directory.problem).toContain("not been read");
    directory.refresh();
    expect(directory.problem).toBeUndefined();
    expect(directory.lookup(strategy).kind).toBe("absent");
    replace(folder, "momentum.sma-cross", JSON.stringify(file));
    directory.refresh();
    expect(directory.lookup(strategy)).toMatchObject({ kind: "limits", limits: { running: true } });
    replace(folder, "momentum.sma-cross", JSON.stringify({ ...file, running: false }));
    directory.refresh();
    expect(directory.lookup(strategy)).toMatchObject({ limits: { running: false } });
    replace(folder, "momentum.sma-cross", '{"strategy":');
    directory.refresh();
    expect(directory.lookup(strategy).kind).toBe("unreadable");
    rmSync(join(folder, "momentum.sma-cross"));
    directory.refresh();
    expect(directory.lookup(strategy).kind).toBe("absent");
  });

  test("one bad file denies its own strategy only", () => {
    const folder = temporaryFolder();
    replace(folder, "momentum.sma-cross", JSON.stringify(file));
    replace(folder, "seed.random-ts", "nonsense");
    const directory = new LimitsDirectory(folder, () => undefined);
    directory.refresh();
    expect(directory.lookup(strategy).kind).toBe("limits");
    expect(directory.lookup("seed/random-ts" as StrategyId).kind).toBe("unreadable");
  });

  test("a folder that is gone makes every strategy unreadable", () => {
    const folder = join(temporaryFolder(), "limits");
    mkdirSync(folder);
    replace(folder, "momentum.sma-cross", JSON.stringify(file));
    const directory = new LimitsDirectory(folder, () => undefined);
    directory.refresh();
    rmSync(folder, { recursive: true });
    directory.refresh();
    expect(directory.lookup(strategy).kind).toBe("unreadable");
    expect(directory.problem).toContain("cannot be read");
  });

  test("links are followed, as Kubernetes mounts them", () => {
    const folder = temporaryFolder();
    const turn = (name: string, running: boolean): void => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "momentum.sma-cross"), JSON.stringify({ ...file, running }));
      symlinkSync(name, join(folder, "..data_tmp"));
      renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
    };
    turn("..1", true);
    symlinkSync(join("..data", "momentum.sma-cross"), join(folder, "momentum.sma-cross"));
    const directory = new LimitsDirectory(folder, () => undefined);
    directory.refresh();
    expect(directory.lookup(strategy)).toMatchObject({ limits: { running: true } });
    turn("..2", false);
    directory.refresh();
    expect(directory.lookup(strategy)).toMatchObject({ limits: { running: false } });
  });

  test("a change is seen without being asked for", async () => {
    const folder = temporaryFolder();
    const directory = new LimitsDirectory(folder, () => undefined);
    directory.start();
    try {
      replace(folder, "momentum.sma-cross", JSON.stringify(file));
      await expect.poll(() => directory.lookup(strategy).kind, { timeout: 10_000 }).toBe("limits");
    } finally {
      directory.close();
    }
  });
});
