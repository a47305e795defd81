import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canPublish, canSubscribe, executorAccess } from "#core/access.ts";
import { isChannel, withinCeiling } from "#core/channels.ts";
import { parseEnvironment } from "#core/environment.ts";
import { knownBoundsFor, noPolicies } from "#core/policies.ts";
import { compareEnvironments } from "#core/policy-direction.ts";
import { resolveStrategy } from "#core/resolve.ts";
import { mayRead, publisherOf } from "#core/sharing.ts";
import { parseStrategy } from "#core/strategy.ts";

const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");
const file = "policies/environments/paper.yaml";
const signals = "strat/carry/rates/signal";

function environmentWith(sharing: string | undefined) {
  const text = fixture("environment.yaml");
  const line = sharing === undefined ? "" : `  sharing: ${sharing}\n`;
  return parseEnvironment(file, text.replace(/^spec:\n/m, `spec:\n${line}`));
}

/** momentum/sma-cross as an environment with these rules of sharing sees it. */
function reading(channel: string, sharing: string | undefined) {
  const text = fixture("strategy.yaml").replace("channels: [quotes]", `channels: [quotes, ${channel}]`);
  const strategy = parseStrategy("strategies/momentum/sma-cross/strategy.yaml", text);
  const environment = environmentWith(sharing);
  const policies = { ...noPolicies, environments: new Map([["paper", environment]]) };
  const bounds = knownBoundsFor(policies, "paper", { team: "momentum", name: "sma-cross" }, 0);
  const { effective, findings } = resolveStrategy(strategy, environment, "paper", bounds);
  return { effective, findings, own: [...strategy.findings, ...environment.findings] };
}

describe("who may read whose signals", () => {
  test.each([
    [undefined, "carry/rates", "momentum/sma-cross", false],
    [{}, "carry/rates", "momentum/sma-cross", false],
    [{ "carry/rates": ["momentum/sma-cross"] }, "carry/rates", "momentum/sma-cross", true],
    [{ "carry/rates": ["momentum/sma-cross"] }, "carry/rates", "momentum/sma-cross-2", false],
    [{ "carry/rates": ["momentum/sma-cross"] }, "carry/rates-2", "momentum/sma-cross", false],
    [{ "carry/rates": ["momentum/sma-cross"] }, "momentum/sma-cross", "carry/rates", false],
    [{ "carry/*": ["momentum/*"] }, "carry/rates", "momentum/sma-cross", true],
    [{ "carry/*": ["momentum/*"] }, "carry-2/rates", "momentum/sma-cross", false],
    [{ "carry/*": ["momentum/*"] }, "carry/rates", "momentum-2/x", false],
    [{ "carry/rates": [] }, "carry/rates", "momentum/sma-cross", false],
    [{ "momentum/*": ["momentum/*"] }, "momentum/a", "momentum/b", true],
    [{ "momentum/*": ["momentum/*"] }, "momentum/a", "momentum/a", false],
    [{ constructor: ["momentum/a"] }, "carry/rates", "momentum/a", false],
  ] as const)("%j: %s by %s is %s", (sharing, publisher, reader, allowed) => {
    expect(mayRead(sharing, publisher, reader)).toBe(allowed);
  });

  test.each([
    [signals, true],
    ["strat/a-1/b-2/signal", true],
    [`strat/${"a".repeat(40)}/b/signal`, true],
    [`strat/${"a".repeat(41)}/b/signal`, false],
    ["strat/a/+/signal", false],
    ["strat/+/b/signal", false],
    ["strat/a/b/#", false],
    ["strat/a/b/state", false],
    ["strat/a/b/order/event", false],
    ["strat/a--b/c/signal", false],
    ["strat/a-/c/signal", false],
    ["strat/A/c/signal", false],
    ["strat/a/b/signal/x", false],
    ["strat//b/signal", false],
  ])("%s is a channel: %s", (channel, is) => {
    expect(isChannel(channel)).toBe(is);
    if (is) expect(publisherOf(channel)).toBe(channel.slice("strat/".length, -"/signal".length));
  });

  test("asked for at run time: what the spec has, and no other's", () => {
    expect(withinCeiling([signals], ["quotes", signals]).ok).toBe(true);
    expect(withinCeiling(["strat/carry/bonds/signal"], ["quotes", signals]).ok).toBe(false);
    expect(withinCeiling([signals], ["quotes"]).ok).toBe(false);
  });
});

describe("an environment shares signals", () => {
  test("a reader that it names gets the right to that topic and no more", () => {
    const { effective, findings, own } = reading(signals, '{ carry/rates: ["momentum/*"] }');
    expect([...own, ...findings]).toEqual([]);
    if (effective === undefined) throw new Error("refused");
    const access = executorAccess(effective);
    expect(canSubscribe(access, signals)).toBe(true);
    for (const other of [
      "strat/carry/rates/state",
      "strat/carry/rates/#",
      "strat/carry/+/signal",
      "strat/carry/bonds/signal",
    ])
      expect(canSubscribe(access, other), other).toBe(false);
    expect(canPublish(access, signals)).toBe(false);
  });

  test("the right to publish a signal is what spec.publishes says", () => {
    const { effective } = reading(signals, '{ carry/rates: ["momentum/*"] }');
    if (effective === undefined) throw new Error("refused");
    const own = "strat/momentum/sma-cross/signal";
    expect(canPublish(executorAccess(effective), own)).toBe(true);
    expect(canPublish(executorAccess({ ...effective, publishes: [] }), own)).toBe(false);
  });

  test.each([
    ["nothing", undefined],
    ["an empty map", "{}"],
    ["another strategy of the team", '{ carry/bonds: ["momentum/*"] }'],
    ["another reader", '{ carry/rates: ["seed/*"] }'],
    ["the other way round", '{ "momentum/*": ["carry/*"] }'],
  ])("where it says %s, it does not", (_name, sharing) => {
    const { effective, findings, own } = reading(signals, sharing);
    expect([effective, own]).toEqual([undefined, []]);
    expect(findings).toMatchObject([
      {
        code: "sharing-not-allowed",
        pointer: "/spec/channels/1",
        message: `channels[1] is ${signals}, but paper does not share the signals of carry/rates with momentum/sma-cross`,
        fix: expect.stringMatching(
          /^drop it, or propose "carry\/rates: \[momentum\/sma-cross\]" under sharing in policies\/environments\/paper\.yaml:\d+$/,
        ),
        place: { line: 8, column: 22 },
        bound: { file },
      },
    ]);
  });

  test("its own signals are nobody's news", () => {
    const { findings } = reading("strat/momentum/sma-cross/signal", '{ "momentum/*": ["momentum/*"] }');
    expect(findings).toMatchObject([{ code: "channel-own" }]);
  });

  test.each([
    "{ carry: [a/b] }",
    "{ carry/rates: [everyone] }",
    '{ "*/*": [a/b] }',
    '{ carry/rates: ["a/b*"] }',
    "{ carry/rates: a/b }",
  ])("%s is refused, and strategies are not blamed for it", (sharing) => {
    const { findings, own } = reading(signals, sharing);
    expect(own.length).toBeGreaterThan(0);
    expect(findings).toEqual([]);
  });

  test("more readers are looser, fewer tighter", () => {
    const compare = (before: string | undefined, after: string | undefined) =>
      compareEnvironments(environmentWith(before).document, environmentWith(after).document).map(
        ({ field, direction }) => [field, direction],
      );
    expect(compare(undefined, "{}")).toEqual([]);
    expect(compare(undefined, "{ carry/rates: [a/b] }")).toEqual([["sharing.carry/rates", "looser"]]);
    expect(compare("{ carry/rates: [a/b, a/c] }", "{ carry/rates: [a/c] }")).toEqual([
      ["sharing.carry/rates", "tighter"],
    ]);
    expect(compare("{ carry/rates: [a/b] }", "{ carry/rates: [a/c] }")).toEqual([
      ["sharing.carry/rates", "incomparable"],
    ]);
  });
});
