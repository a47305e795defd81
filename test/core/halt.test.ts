import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatTarget,
  type Halt,
  type HaltTarget,
  type HaltVerb,
  haltOf,
  haltsIn,
  haltText,
  isTargeted,
  parseTarget,
  parseTargetArgument,
} from "#core/halt.ts";
import { parseHalt } from "#core/halt-document.ts";
import type { StrategyId } from "#core/identity.ts";

const sma = "momentum/sma-cross" as StrategyId;
const file = "policies/halts/halt-1.yaml";
const haltWith = (change: Partial<Halt> = {}): Halt => ({
  ...{ id: "halt-1", verb: "halt", target: "momentum" as HaltTarget, by: "alice", reason: "a bad tick", atMs: 1_000 },
  ...change,
});

describe("whom it is about", () => {
  test.each([
    ["all", "all", "all"],
    ["team/momentum", "momentum", "team/momentum"],
    ["momentum/sma-cross", "momentum/sma-cross", "momentum/sma-cross"],
  ])("%s on the command line is %s on the bus", (argument, target, shown) => {
    const parsed = parseTargetArgument(argument);
    expect(parsed).toEqual({ ok: true, value: target });
    expect(formatTarget(target as HaltTarget)).toBe(shown);
  });

  test.each([
    "",
    "momentum",
    "team/",
    "team/a/b",
    // Teams that would be taken for others.
    "team/all",
    "team/team",
    "all/x",
    "a/b/c",
    "Momentum/x",
    "slipway/x",
    "team/kube",
    "all/x y",
    "+",
    "#",
    "../x",
  ])("%j is refused", (text) => {
    expect(parseTargetArgument(text)).toMatchObject({ ok: false, error: { code: "target-malformed", text } });
  });

  test.each(["", "a/b/c", "Momentum", "kube-system", "+", "*", "all "])("%j is no scope on the bus", (text) => {
    expect(parseTarget(text).ok).toBe(false);
  });

  test.each([
    ["all", true],
    ["momentum", true],
    ["momentum/sma-cross", true],
    ["momentum/sma", false],
    ["moment", false],
    ["sma-cross", false],
  ])("%s targets momentum/sma-cross: %s", (target, targeted) => {
    expect(isTargeted(target as HaltTarget, sma)).toBe(targeted);
  });
});

describe("several at once", () => {
  const at = (verb: HaltVerb, target: string, atMs: number): Halt =>
    haltWith({ id: `${verb}-${atMs}`, verb, target: target as HaltTarget, atMs });

  test.each([
    { name: "none", halts: [at("halt", "seed", 1)], found: undefined },
    {
      name: "the stricter one",
      halts: [at("reduce", "all", 1), at("flatten", "momentum", 3), at("halt", "all", 2)],
      found: "flatten-3",
    },
    { name: "of equals the older one", halts: [at("halt", "all", 2), at("halt", "momentum", 1)], found: "halt-1" },
    {
      name: "nobody else's",
      halts: [at("flatten", "seed", 1), at("reduce", "momentum/sma-cross", 2)],
      found: "reduce-2",
    },
  ])("$name", ({ halts, found }) => {
    expect(haltOf(halts, sma)?.id).toBe(found);
    expect(haltOf(halts.toReversed(), sma)?.id).toBe(found);
  });
});

describe("the file", () => {
  test.each(["all", "momentum", "momentum/sma-cross"])("of %s comes back as it was", (target) => {
    const halt = haltWith({ target: target as HaltTarget });
    const parsed = parseHalt(file, haltText(halt, "paper"));
    expect(parsed.findings).toEqual([]);
    expect(haltsIn(new Map([["halt-1", parsed]]), "paper")).toEqual([halt]);
    expect(haltsIn(new Map([["halt-1", parsed]]), "live")).toEqual([]);
  });

  test("holds whatever anybody gives as a reason", () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary" }),
      fc.constantFrom("\u202e", "a\nb: c", '"', "'", "#", "- x", "\u0000", ""),
    );
    fc.assert(
      fc.property(text, text, fc.integer({ min: 0, max: 4e12 }), (by, reason, atMs) => {
        const parsed = parseHalt(file, haltText(haltWith({ by, reason, atMs }), "paper"));
        expect(parsed.findings).toEqual([]);
        const [halt] = haltsIn(new Map([["halt-1", parsed]]), "paper");
        expect(halt?.atMs).toBe(Math.floor(atMs / 1_000) * 1_000);
      }),
      { numRuns: 500 },
    );
    expect(haltText(haltWith({ by: " Alice\n", reason: "bad\u202e tick" }), "paper")).toContain(
      'by: "Alice"\n  reason: "bad? tick"',
    );
  });

  test.each([
    ["verb: halt", "verb: resume", "value-not-allowed"],
    ["team: momentum", "team: momentum, strategies: all", "key-unknown"],
    ["team: momentum", "everyone: true", "key-unknown"],
    ["team: momentum", "strategies: some", "value-not-allowed"],
    ['at: "1970-01-01T00:00:01Z"', 'at: "1970-02-30T00:00:01Z"', "instant-malformed"],
    ["name: halt-1", "name: halt-2", "metadata-not-file"],
  ])("%s → %s is %s", (from, to, code) => {
    const text = haltText(haltWith(), "paper");
    expect(text).toContain(from);
    const { findings, document } = parseHalt(file, text.replace(from, to));
    expect(findings.map((finding) => finding.code)).toContain(code);
    expect(document).toBeUndefined();
  });
});
