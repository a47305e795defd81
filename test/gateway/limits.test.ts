import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatDecimal } from "#core/decimal.ts";
import type { StrategyId } from "#core/identity.ts";
import { boundsProblem, parseBounds } from "#gateway/bounds.ts";
import { parseLimits, strategyOfKey } from "#gateway/limits.ts";
import { LimitsDirectory } from "#gateway/limits-directory.ts";
import { bytes, cleanUp, strategy, temporaryFolder } from "./fixtures.ts";

cleanUp();

const file = {
  strategy,
  running: "true",
  startingCash: "10000",
  "limits.instruments": "AAPL,IBM",
  "limits.venues": "paper",
  "limits.maxOrderNotional": "2000",
  "limits.maxPositionNotional": "5000",
  "limits.orderRate": "10/1s",
  "limits.maxDrawdown": "0.5",
};
const everyone = {
  instruments: ["AAPL", "IBM", "MSFT"],
  venues: ["paper"],
  maxOrderNotional: "2000",
  maxPositionNotional: "5000",
  orderRate: "20/2s",
  maxDrawdown: "0.5",
};
const bounds = { everyone, teams: {}, strategies: {} };

describe("a limits file", () => {
  test("is read", () => {
    const parsed = parseLimits(strategy, bytes(file));
    expect(parsed.ok && formatDecimal(parsed.value.maxOrderNotional)).toBe("2000");
    expect(parsed.ok && parsed.value.orderRate).toEqual({ count: 10, seconds: 1 });
    expect(parsed.ok && parsed.value.instruments).toEqual(["AAPL", "IBM"]);
  });

  test.each([
    ["another strategy", { strategy: "seed/random-ts" }],
    ["no starting cash", { startingCash: undefined }],
    ["negative cash", { startingCash: "-1" }],
    ["cash as a number", { startingCash: 10_000 }],
    ["running as a boolean", { running: true }],
    ["running as another text", { running: "yes" }],
    ["no limit at all", { "limits.instruments": undefined }],
    ["a limit it does not know", { "limits.maxLeverage": "2" }],
    ["a field it does not know", { reduceOnly: true }],
    ["a missing limit", { "limits.maxDrawdown": undefined }],
    ["a drawdown above 1", { "limits.maxDrawdown": "1.1" }],
    ["a limit as a number", { "limits.maxOrderNotional": 2000 }],
    ["an exponent", { "limits.maxPositionNotional": "1e9" }],
    ["another rate", { "limits.orderRate": "10/s" }],
    ["instruments as a list", { "limits.instruments": ["AAPL"] }],
    ["no instrument", { "limits.instruments": "" }],
    ["a venue without a name", { "limits.venues": "paper," }],
  ])("%s is malformed", (_name, change) => {
    expect(parseLimits(strategy, bytes({ ...file, ...change })).ok).toBe(false);
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

describe("the bounds", () => {
  const limitsWith = (change: object) => {
    const parsed = parseLimits(strategy, bytes({ ...file, ...change }));
    if (!parsed.ok) throw new Error(parsed.error.message);
    return parsed.value;
  };
  const problemOf = (change: object, more: object = {}) => {
    const parsed = parseBounds(bytes({ ...bounds, ...more }));
    if (!parsed.ok) throw new Error(parsed.error.message);
    return boundsProblem(parsed.value, limitsWith(change));
  };

  test.each([
    ["at every bound", {}, undefined],
    ["an order one step above", { "limits.maxOrderNotional": "2000.00000001" }, "maxOrderNotional"],
    ["a position one step above", { "limits.maxPositionNotional": "5000.00000001" }, "maxPositionNotional"],
    ["a drawdown one step above", { "limits.maxDrawdown": "0.50000001" }, "maxDrawdown"],
    ["a burst above", { "limits.orderRate": "11/1s" }, "orderRate"],
    ["an instrument outside", { "limits.instruments": "AAPL,DOGE" }, "instruments"],
    ["a venue outside", { "limits.venues": "paper,live" }, "venues"],
    ["above, but stopped", { "limits.maxOrderNotional": "9000", running: "false" }, undefined],
  ])("hold %s", (_name, change, key) => {
    if (key === undefined) expect(problemOf(change)).toBeUndefined();
    else expect(problemOf(change)).toContain(`limits.${key} is `);
  });

  test("of a team are before those of everyone, those of a strategy before both", () => {
    const teams = { momentum: { maxOrderNotional: "1000" } };
    expect(problemOf({}, { teams })).toContain("beyond the bound");
    expect(problemOf({}, { teams, strategies: { [strategy]: { maxOrderNotional: "2000" } } })).toBeUndefined();
    expect(problemOf({}, { teams: { seed: { maxOrderNotional: "1000" } } })).toBeUndefined();
  });

  test.each([
    ["no JSON", "nonsense"],
    ["a missing part", { everyone, teams: {} }],
    ["another part", { ...bounds, more: {} }],
    ["a missing bound", { ...bounds, everyone: { ...everyone, venues: undefined } }],
    ["a bound it does not know", { ...bounds, everyone: { ...everyone, maxLeverage: "2" } }],
    ["a number", { ...bounds, everyone: { ...everyone, maxDrawdown: 0.5 } }],
    ["a list in place of a text", { ...bounds, teams: { seed: { orderRate: ["1/1s"] } } }],
    ["a team that is none", { ...bounds, teams: { seed: null } }],
  ])("with %s are malformed", (_name, content) => {
    expect(parseBounds(bytes(content)).ok).toBe(false);
  });
});

describe("the limits directory", () => {
  const replace = (folder: string, key: string, content: string): void => {
    writeFileSync(join(folder, ".part"), content);
    renameSync(join(folder, ".part"), join(folder, key));
  };
  const open = (folder: string, boundsFolder = temporaryFolder()) => {
    replace(boundsFolder, "bounds.json", JSON.stringify(bounds));
    return new LimitsDirectory(folder, join(boundsFolder, "bounds.json"), () => undefined);
  };

  test("holds all against new bounds, and is closed without any", () => {
    const [folder, boundsFolder] = [temporaryFolder(), temporaryFolder()];
    const directory = open(folder, boundsFolder);
    replace(folder, "momentum.sma-cross", JSON.stringify(file));
    directory.refresh();
    expect(directory.lookup(strategy).kind).toBe("limits");
    const teams = { momentum: { maxDrawdown: "0.4" } };
    replace(boundsFolder, "bounds.json", JSON.stringify({ ...bounds, teams }));
    directory.refresh();
    expect(directory.lookup(strategy)).toMatchObject({
      kind: "unreadable",
      message: 'limits.maxDrawdown is "0.5", beyond the bound "0.4"',
    });
    replace(boundsFolder, "bounds.json", JSON.stringify(bounds));
    directory.refresh();
    expect(directory.lookup(strategy).kind).toBe("limits");
    for (const content of ["{}", undefined]) {
      if (content === undefined) rmSync(join(boundsFolder, "bounds.json"));
      else replace(boundsFolder, "bounds.json", content);
      directory.refresh();
      expect(directory.lookup(strategy).kind).toBe("unreadable");
      expect(directory.problem).toContain("the bounds of limits cannot be read");
    }
  });

  test("an atomic replacement is seen; what cannot be parsed is unreadable, never the older value; what is gone is absent", () => {
    const folder = temporaryFolder();
    const directory = open(folder);
    expect(directory.lookup(strategy).kind).toBe("unreadable");
    expect(directory.problem).toContain("not been read");
    directory.refresh();
    expect(directory.problem).toBeUndefined();
    expect(directory.lookup(strategy).kind).toBe("absent");
    replace(folder, "momentum.sma-cross", JSON.stringify(file));
    directory.refresh();
    expect(directory.lookup(strategy)).toMatchObject({ kind: "limits", limits: { running: true } });
    replace(folder, "momentum.sma-cross", JSON.stringify({ ...file, running: "false" }));
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
    const directory = open(folder);
    directory.refresh();
    expect(directory.lookup(strategy).kind).toBe("limits");
    expect(directory.lookup("seed/random-ts" as StrategyId).kind).toBe("unreadable");
  });

  test("a folder that is gone makes every strategy unreadable", () => {
    const folder = join(temporaryFolder(), "limits");
    mkdirSync(folder);
    replace(folder, "momentum.sma-cross", JSON.stringify(file));
    const directory = open(folder);
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
      writeFileSync(join(folder, name, "momentum.sma-cross"), JSON.stringify({ ...file, running: String(running) }));
      symlinkSync(name, join(folder, "..data_tmp"));
      renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
    };
    turn("..1", true);
    symlinkSync(join("..data", "momentum.sma-cross"), join(folder, "momentum.sma-cross"));
    const directory = open(folder);
    directory.refresh();
    expect(directory.lookup(strategy)).toMatchObject({ limits: { running: true } });
    turn("..2", false);
    directory.refresh();
    expect(directory.lookup(strategy)).toMatchObject({ limits: { running: false } });
  });

  test("a change is seen without being asked for", async () => {
    const folder = temporaryFolder();
    const directory = open(folder);
    directory.start();
    try {
      replace(folder, "momentum.sma-cross", JSON.stringify(file));
      await expect.poll(() => directory.lookup(strategy).kind, { timeout: 10_000 }).toBe("limits");
    } finally {
      directory.close();
    }
  });
});
