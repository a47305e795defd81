import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseEnvironment } from "#core/environment.ts";
import { formatFinding } from "#core/excerpt.ts";
import { type KnownBounds, knownBoundsFor, noPolicies } from "#core/policies.ts";
import { formatPlace } from "#core/refusal.ts";
import { resolveStrategy } from "#core/resolve.ts";
import { parseStrategy } from "#core/strategy.ts";

const file = "strategies/momentum/sma-cross/strategy.yaml";
const strategyText = readFileSync(new URL("fixtures/strategy.yaml", import.meta.url), "utf8");
const environmentText = readFileSync(new URL("fixtures/environment.yaml", import.meta.url), "utf8");

function resolve(changes: readonly (readonly [string, string])[], policy: readonly (readonly [string, string])[] = []) {
  const apply = (text: string, list: typeof changes) =>
    list.reduce((result, [from, to]) => {
      expect(result).toContain(from);
      return result.replace(from, () => to);
    }, text);
  const text = apply(strategyText, changes);
  const strategy = parseStrategy(file, text);
  const environment = parseEnvironment("policies/environments/paper.yaml", apply(environmentText, policy));
  expect([...strategy.findings, ...environment.findings]).toEqual([]);
  return { ...resolveStrategy(strategy, environment, "paper", boundsOf(environment)), text };
}

/** The environment's own, as they hold where no team and no waiver says otherwise. */
function boundsOf(environment: ReturnType<typeof parseEnvironment>): KnownBounds {
  const policies = { ...noPolicies, environments: new Map([["paper", environment]]) };
  return knownBoundsFor(policies, "paper", { team: "momentum", name: "sma-cross" }, 0);
}

describe("what an environment runs", () => {
  test("the strategy's own words", () => {
    expect(resolve([]).effective).toEqual({
      team: "momentum",
      name: "sma-cross",
      environment: "paper",
      owner: "alice",
      algorithm: { kind: "entry", entry: "algorithm.ts", runtime: "node" },
      running: true,
      channels: ["quotes"],
      publishes: ["signal"],
      params: { fast: 10, slow: 30 },
      portfolio: { startingCash: "10000", sizing: { use: "fixed-fraction", fraction: "0.1" } },
      limits: {
        instruments: ["MSFT", "AMZN", "IBM", "GOOG", "AAPL"],
        venues: ["paper"],
        maxOrderNotional: "2000",
        maxPositionNotional: "5000",
        orderRate: "10/1s",
        maxDrawdown: "0.6",
      },
      resources: { cpu: "100m", memory: "128Mi", state: "64Mi" },
      errorPolicy: "halt",
    });
  });

  test.each([
    { sizing: "{ use: equal-weight }", effective: { use: "equal-weight" } },
    {
      sizing: '{ use: volatility-target, target: "0.010", lookback: 20 }',
      effective: { use: "volatility-target", target: "0.01", lookback: "20" },
    },
  ])("sizing $sizing", ({ sizing, effective }) => {
    const found = resolve([['{ use: fixed-fraction, fraction: "0.1" }', sizing]]);
    expect(found.effective?.portfolio.sizing).toEqual(effective);
  });

  test("files for sizing and guard", () => {
    const { effective, findings } = resolve([
      [
        '{ use: fixed-fraction, fraction: "0.1" } }',
        "{ use: file, file: sizing.ts }, guard: { file: lib/guard.ts, ordersPerEvent: 2 } }",
      ],
    ]);
    expect(findings).toEqual([]);
    expect(effective?.portfolio).toEqual({
      startingCash: "10000",
      sizing: { use: "file", file: "sizing.ts" },
      guard: { file: "lib/guard.ts", ordersPerEvent: "2" },
    });
  });

  test.each([
    { file: "sizing.py", refused: "slot-language" },
    { file: "algorithm.ts", refused: "slot-shared" },
  ])("a sizing in $file: $refused", ({ file, refused }) => {
    const { effective, findings } = resolve([['use: fixed-fraction, fraction: "0.1"', `use: file, file: ${file}`]]);
    expect(findings.map(({ code, pointer }) => [code, pointer])).toEqual([[refused, "/spec/portfolio/sizing/file"]]);
    expect(effective).toBeUndefined();
  });

  test("of an algorithm that runs elsewhere no file is run", () => {
    const { findings } = resolve([
      ["{ entry: algorithm.ts, runtime: node }", "{ rpc: tcp://host:4242 }"],
      ['use: fixed-fraction, fraction: "0.1" }', "use: random }, guard: { file: guard.ts }"],
    ]);
    expect(findings.map(({ code }) => code)).toContain("slot-elsewhere");
  });

  test("a guard of its own, in canonical texts", () => {
    const guarded = '"0.1" }, guard: { drawdown: "0.10", ordersPerEvent: 3 } }';
    const { effective } = resolve([['"0.1" } }', guarded]]);
    expect(effective?.portfolio.guard).toEqual({ drawdown: "0.1", ordersPerEvent: "3" });
  });

  test("defaults where it says nothing, canonical forms where it says much", () => {
    const { effective } = resolve([
      ["  resources: { cpu: 100m, memory: 128Mi, state: 64Mi }\n", ""],
      ["  params: { fast: 10, slow: 30 }\n", ""],
      ["  publishes: [signal]\n", ""],
      ['"2000"', '"2000.500"'],
      ['"0.1"', '"0.10"'],
    ]);
    expect(effective).toMatchObject({
      params: {},
      publishes: [],
      resources: { cpu: "100m", memory: "128Mi", state: "64Mi" },
      limits: { maxOrderNotional: "2000.5" },
      portfolio: { sizing: { fraction: "0.1" } },
    });
    expect(
      resolve([
        ["memory: 128Mi", "memory: 0.25Gi"],
        ["cpu: 100m", "cpu: 1000m"],
      ]).effective?.resources,
    ).toEqual({ cpu: "1", memory: "256Mi", state: "64Mi" });
  });

  test("its overrides, member by member", () => {
    const { effective } = resolve([
      [
        "{ running: true }",
        '{ running: false, params: { fast: 5 }, limits: { maxOrderNotional: "100" }, resources: { cpu: 50m } }',
      ],
    ]);
    expect(effective).toMatchObject({
      running: false,
      params: { fast: 5, slow: 30 },
      limits: { maxOrderNotional: "100", maxPositionNotional: "5000" },
      resources: { cpu: "50m", memory: "128Mi" },
    });
  });

  test("no entry for the environment: nothing, and no finding", () => {
    expect(resolve([["paper: { running: true }", "live: { running: true }"]])).toMatchObject({
      effective: undefined,
      findings: [],
    });
  });

  test("a refused document gives neither effect nor finding", () => {
    const broken = parseStrategy(file, "a: [");
    const environment = parseEnvironment("policies/environments/paper.yaml", environmentText);
    expect(resolveStrategy(broken, environment, "paper", boundsOf(environment))).toEqual({
      effective: undefined,
      findings: [],
    });
  });
});

describe("bounds, at them and one step past", () => {
  test.each<
    [name: string, from: string, at: string, past: string, place: string, bound: string, message: string, fix: string]
  >([
    [
      "maxOrderNotional",
      'maxOrderNotional: "2000"',
      'maxOrderNotional: "5000"',
      'maxOrderNotional: "5000.00000001"',
      "15:23",
      "14:23",
      "limits.maxOrderNotional is 5000.00000001, above the bound 5000 of paper",
      "lower it to 5000, or propose a higher bound in policies/environments/paper.yaml:14",
    ],
    [
      "maxPositionNotional",
      '"5000"',
      '"20000"',
      '"20000.1"',
      "16:26",
      "15:26",
      "limits.maxPositionNotional is 20000.1, above the bound 20000 of paper",
      "lower it to 20000, or propose a higher bound in policies/environments/paper.yaml:15",
    ],
    [
      "orderRate",
      "10/1s",
      "20/1s",
      "21/1s",
      "17:16",
      "16:16",
      "limits.orderRate is 21/1s, above the bound 20/1s of paper",
      "lower it to 20/1s, or propose a higher bound in policies/environments/paper.yaml:16",
    ],
    [
      "a burst",
      "10/1s",
      "20/60s",
      "30/60s",
      "17:16",
      "16:16",
      "limits.orderRate is 30/60s (it lets 30 orders through in 1s), above the bound 20/1s of paper",
      "lower it to 20/1s, or propose a higher bound in policies/environments/paper.yaml:16",
    ],
    [
      "maxDrawdown",
      '"0.6"',
      '"0.60"',
      '"0.61"',
      "18:18",
      "17:18",
      "limits.maxDrawdown is 0.61, above the bound 0.6 of paper",
      "lower it to 0.6, or propose a higher bound in policies/environments/paper.yaml:17",
    ],
    [
      "instruments",
      "[MSFT, AMZN",
      "[MSFT",
      "[MSFT, AMZM",
      "13:25",
      "12:18",
      'limits.instruments[1] is AMZM, which paper does not allow; allowed: MSFT, AMZN, IBM, GOOG, AAPL; did you mean "AMZN"?',
      "drop it, or propose it in policies/environments/paper.yaml:12",
    ],
    [
      "venues",
      "[paper]",
      "[paper]",
      "[nyse]",
      "14:14",
      "13:13",
      "limits.venues[0] is nyse, which paper does not allow; allowed: paper",
      "drop it, or propose it in policies/environments/paper.yaml:13",
    ],
    [
      "cpu",
      "cpu: 100m",
      'cpu: "1"',
      "cpu: 1001m",
      "19:21",
      "18:10",
      "resources.cpu is 1001m, above the bound 1 of paper",
      "lower it to 1, or propose a higher bound in policies/environments/paper.yaml:18",
    ],
    [
      "memory",
      "memory: 128Mi",
      "memory: 0.25Gi",
      "memory: 257Mi",
      "19:35",
      "19:13",
      "resources.memory is 257Mi, above the bound 256Mi of paper",
      "lower it to 256Mi, or propose a higher bound in policies/environments/paper.yaml:19",
    ],
    [
      "state",
      "state: 64Mi",
      "state: 256Mi",
      "state: 1Gi",
      "19:49",
      "20:12",
      "resources.state is 1Gi, above the bound 256Mi of paper",
      "lower it to 256Mi, or propose a higher bound in policies/environments/paper.yaml:20",
    ],
    [
      "runtime",
      "runtime: node",
      "runtime: node",
      "runtime: nodee",
      "7:46",
      "34:3",
      "algorithm.runtime is nodee, which paper does not have; it has: node, python",
      "write node",
    ],
    [
      "language",
      "runtime: node",
      "runtime: node",
      "runtime: python",
      "7:46",
      "34:3",
      "algorithm.runtime python runs python, but algorithm.ts is typescript",
      "write node",
    ],
    [
      "an override",
      "running: true",
      'running: true, limits: { maxDrawdown: "0.6" }',
      'running: true, limits: { maxDrawdown: "0.7" }',
      "20:66",
      "17:18",
      "environments.paper.limits.maxDrawdown is 0.7, above the bound 0.6 of paper",
      "lower it to 0.6, or propose a higher bound in policies/environments/paper.yaml:17",
    ],
  ])("%s", (_name, from, at, past, place, bound, message, fix) => {
    expect(resolve([[from, at]]).findings).toEqual([]);
    const { findings, effective } = resolve([[from, past]]);
    expect(effective).toBeUndefined();
    expect(
      findings.map((finding) => [
        formatPlace(finding.place!),
        finding.bound && formatPlace(finding.bound),
        finding.message,
        finding.fix,
      ]),
    ).toEqual([[`${file}:${place}`, `policies/environments/paper.yaml:${bound}`, message, fix]]);
  });

  test("an order above the position", () => {
    const { findings } = resolve([['maxPositionNotional: "5000"', 'maxPositionNotional: "1999"']]);
    expect(findings.map(({ code, message, fix }) => [code, message, fix])).toEqual([
      [
        "order-above-position",
        "limits.maxOrderNotional is 2000, above maxPositionNotional 1999 (line 16): no such order could fill",
        "lower it to 1999, or raise maxPositionNotional",
      ],
    ]);
  });

  test("rpc addresses are allowed one by one", () => {
    const rpc = ["{ entry: algorithm.ts, runtime: node }", "{ rpc: 'tcp://host:4242' }"] as const;
    expect(resolve([rpc], [["rpcAddresses: []", 'rpcAddresses: ["tcp://host:4242"]']]).effective?.algorithm).toEqual({
      kind: "rpc",
      rpc: "tcp://host:4242",
    });
    expect(resolve([rpc]).findings.map(({ code, message }) => [code, message])).toEqual([
      ["outside-bound", "algorithm.rpc is tcp://host:4242, which paper does not allow; allowed: none"],
    ]);
  });

  test("all at once, in the order of the text", () => {
    const { findings } = resolve([
      ["GOOG", "GOGG"],
      ['"2000"', '"6000"'],
      ["128Mi", "1Gi"],
    ]);
    expect(findings.map(({ place }) => place?.line)).toEqual([13, 15, 19]);
  });
});

describe("formatFinding", () => {
  test("shows the line, the bound and the fix", () => {
    const { findings, text } = resolve([["memory: 128Mi", "memory: 512Mi"]]);
    expect(formatFinding(findings[0]!, text)).toBe(
      [
        `${file}:19:35  error  resources.memory is 512Mi, above the bound 256Mi of paper`,
        "   19 │   resources: { cpu: 100m, memory: 512Mi, state: 64Mi }",
        "      │                                   ^^^^^",
        "      = bound set in policies/environments/paper.yaml:19:13",
        "      = fix: lower it to 256Mi, or propose a higher bound in policies/environments/paper.yaml:19",
      ].join("\n"),
    );
  });

  test("without a source, a place or a fix", () => {
    const finding = { code: "x", severity: "warning", message: "m" } as const;
    expect(formatFinding(finding, undefined)).toBe("warning  m");
    expect(formatFinding({ ...finding, place: { file: "f", line: 9 } }, "one line")).toBe("f:9  warning  m");
  });

  test("a long line is cut around the mark, and nothing steers the terminal", () => {
    const source = `${"a".repeat(200)}\u001b[31mX${"b".repeat(200)}`;
    const shown = formatFinding(
      { code: "x", severity: "error", message: "bad \u001b[2J", place: { file: "f", line: 1, column: 206, length: 1 } },
      source,
    );
    const [head, line = "", carets = ""] = shown.split("\n");
    expect(shown).not.toContain("\u001b");
    expect(head).toBe("f:1:206  error  bad �[2J");
    expect(line.length).toBeLessThan(120);
    expect(line[carets.indexOf("^")]).toBe("X");
  });
});
