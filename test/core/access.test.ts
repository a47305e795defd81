import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  canPublish,
  canSubscribe,
  consoleAccess,
  executorAccess,
  feedAccess,
  filterContains,
  gatewayAccess,
  topicMatches,
} from "#core/access.ts";
import { expandChannels, isChannel, withinCeiling } from "#core/channels.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { isFilter } from "#core/topic.ts";

const effective: EffectiveStrategy = {
  team: "momentum",
  name: "sma-cross",
  environment: "paper",
  owner: "alice",
  algorithm: { kind: "entry", entry: "algorithm.ts", runtime: "node" },
  running: true,
  channels: ["quotes", "ind/+/AAPL/sma/10"],
  publishes: ["signal"],
  params: {},
  portfolio: { startingCash: "10000", sizing: { use: "random" } },
  limits: {
    instruments: ["AAPL", "IBM"],
    venues: ["paper"],
    maxOrderNotional: "1",
    maxPositionNotional: "1",
    orderRate: "1/1s",
    maxDrawdown: "0.1",
  },
  resources: { cpu: "100m", memory: "128Mi", state: "64Mi" },
  errorPolicy: "halt",
};

describe("topics [MQTT-4.7]", () => {
  test.each([
    ["a/b", "a/b", true],
    ["a/+", "a/b", true],
    ["a/+", "a/", true],
    ["a/+", "a", false],
    ["a/+", "a/b/c", false],
    ["a/#", "a", true],
    ["a/#", "a/b/c", true],
    ["a/#", "ab", false],
    ["#", "a/b", true],
    ["#", "$SYS/x", false],
    ["+/x", "$SYS/x", false],
    ["$SYS/#", "$SYS/x", true],
    ["+", "/a", false],
    ["/+", "/a", true],
    ["a#", "a#", false],
    ["#/a", "b/a", false],
    ["a+/b", "a+/b", false],
    ["a/#", "a/+", false], // no topic: a wildcard cannot be published to
    ["", "", false],
  ])("filter %s, topic %s: %s", (filter, topic, expected) => expect(topicMatches(filter, topic)).toBe(expected));

  test.each([
    ["md/#", "md/+/AAPL/quote", true],
    ["md/+/AAPL/quote", "md/+/AAPL/quote", true],
    ["md/+/AAPL/quote", "md/replay/AAPL/quote", true],
    ["md/replay/AAPL/quote", "md/+/AAPL/quote", false],
    ["md/+", "md/#", false],
    ["md/#", "md", true],
    ["+/#", "#", true],
    ["#", "$SYS/#", false],
    ["a/+/#", "a/#", false],
    ["a/b", "a/b/#", false],
  ])("rule %s contains %s: %s", (rule, filter, expected) => expect(filterContains(rule, filter)).toBe(expected));

  test("containment says the same as matching every topic", () => {
    const level = fc.constantFrom("a", "b", "$s", "+", "#");
    const filters = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
    // Longer than any filter, and with a level that no filter names, so that a gap has a witness.
    const topics = [""].flatMap(() => {
      let all: string[] = ["a", "b", "c", "$s"];
      let longest = all;
      for (let length = 2; length <= 5; length += 1) {
        longest = longest.flatMap((topic) => ["a", "b", "c", "$s"].map((next) => `${topic}/${next}`));
        all = all.concat(longest);
      }
      return all;
    });
    fc.assert(
      fc.property(filters.filter(isFilter), filters.filter(isFilter), (rule, filter) => {
        const all = topics.filter((topic) => topicMatches(filter, topic)).every((topic) => topicMatches(rule, topic));
        expect(filterContains(rule, filter)).toBe(all);
      }),
      { numRuns: 400 },
    );
  });
});

describe("access", () => {
  test("an executor, to the letter of docs/runtime.md", () => {
    expect(executorAccess(effective)).toEqual({
      identity: "momentum-paper/sma-cross",
      publish: [
        ...["signal", "order/request", "order/resend", "turn/request", "state", "metric", "log", "dead"].map(
          (topic) => `strat/momentum/sma-cross/${topic}`,
        ),
        "refill/momentum/sma-cross/request",
      ],
      subscribe: [
        "strat/momentum/sma-cross/order/event",
        "strat/momentum/sma-cross/order/statement",
        "strat/momentum/sma-cross/turn/answer",
        "strat/momentum/sma-cross/cmd/#",
        "gw/state",
        "refill/state",
        "refill/momentum/sma-cross/answer",
        "md/+/AAPL/quote",
        "md/+/IBM/quote",
        "ind/+/AAPL/sma/10",
        "md/+/AAPL/history",
        "md/+/IBM/history",
      ],
    });
  });

  test("the platform's identities", () => {
    expect(gatewayAccess("paper")).toEqual({
      identity: "slipway-paper/gateway",
      publish: [
        "strat/+/+/order/event",
        "strat/+/+/order/statement",
        "strat/+/+/turn/answer",
        "strat/+/+/account",
        "gw/state",
        "gw/halts",
        "gw/metric",
        "gw/dead",
      ],
      subscribe: ["strat/+/+/order/request", "strat/+/+/order/resend", "strat/+/+/turn/request", "md/#", "gw/cmd/#"],
    });
    expect(feedAccess("paper", "stocks", "replay")).toEqual({
      identity: "slipway-paper/feed-stocks",
      publish: ["md/replay/#", "feed/stocks/state"],
      subscribe: [],
    });
    expect(consoleAccess("paper")).toEqual({
      identity: "slipway-paper/console",
      publish: [],
      subscribe: ["md/#", "strat/#", "gw/#", "feed/#", "bus/#"],
    });
  });

  test.each([
    ["strat/momentum/sma-cross/order/request", true],
    ["strat/momentum/sma-cross/order/event", false],
    ["strat/momentum/sma-cross/order/resend", true],
    ["strat/momentum/sma-cross/order/statement", false],
    ["strat/momentum/sma-cross/turn/request", true],
    ["strat/momentum/sma-cross/turn/answer", false],
    ["strat/momentum/sma-cross/account", false],
    ["strat/momentum/other/order/request", false],
    ["strat/momentum/other/order/resend", false],
    ["strat/+/sma-cross/signal", false],
    ["gw/state", false],
    ["md/replay/AAPL/quote", false],
  ])("an executor publishes %s: %s", (topic, allowed) =>
    expect(canPublish(executorAccess(effective), topic)).toBe(allowed),
  );

  test.each([
    ["md/+/AAPL/quote", true],
    ["md/replay/AAPL/quote", true],
    ["md/+/AAPL/history", true],
    ["md/+/MSFT/quote", false],
    ["md/+/+/quote", false],
    ["md/#", false],
    ["#", false],
    ["strat/momentum/sma-cross/cmd/halt", true],
    ["strat/momentum/+/cmd/#", false],
    ["strat/momentum/sma-cross/state", false],
    ["md/+/AAPL/quote#", false],
  ])("an executor subscribes to %s: %s", (filter, allowed) =>
    expect(canSubscribe(executorAccess(effective), filter)).toBe(allowed),
  );

  test("without quotes there is no history", () => {
    expect(executorAccess({ ...effective, channels: ["md/+/AAPL/quote"] }).subscribe.slice(7)).toEqual([
      "md/+/AAPL/quote",
    ]);
  });
});

describe("channels", () => {
  test.each([
    "quotes",
    "md/+/AAPL/quote",
    "md/+/+/trade",
    "md/replay/BRK.B/bar/1d",
    "ind/+/AAPL/sma/10",
    "ind/slow/+/vwap",
  ])("%s is one", (channel) => expect(isChannel(channel)).toBe(true));
  test.each([
    "",
    "quote",
    "md/#",
    "md/+/AAPL/#",
    "md/+/AAPL",
    "md/+/AAPL/+",
    "md/+/AAPL/history",
    "md/+/AAPL/quote/x",
    "md//AAPL/quote",
    "/md/+/A/quote",
    "md/+/A+/quote",
    "ind/+/AAPL/+",
    "ind/+/AAPL/sma/+",
    "strat/a/b/state",
    "gw/state",
    "md/+/AAPL/quote\n",
    "quotes ",
  ])("%j is none", (channel) => expect(isChannel(channel)).toBe(false));

  test("quotes stand for the instruments, each filter once", () => {
    expect(expandChannels(["md/+/IBM/quote", "quotes"], effective.limits)).toEqual({
      ok: true,
      value: ["md/+/IBM/quote", "md/+/AAPL/quote"],
    });
    expect(expandChannels(["quotes", "md/#"], effective.limits)).toMatchObject({
      ok: false,
      error: { code: "channel-malformed", channels: ["md/#"] },
    });
  });

  test.each([
    [["quotes"], ["quotes"], true],
    [["quotes"], ["md/+/+/quote"], true],
    [["md/+/AAPL/quote"], ["quotes"], true],
    [["md/replay/AAPL/quote"], ["quotes"], true],
    [["md/+/MSFT/quote"], ["quotes"], false],
    [["md/+/+/quote"], ["quotes"], false],
    [["quotes"], ["md/+/AAPL/quote"], false],
    [["ind/+/AAPL/sma/10"], ["ind/+/+/sma/10"], true],
    [["ind/+/AAPL/sma/20"], ["ind/+/+/sma/10"], false],
    [[], ["quotes"], true],
    [["quotes"], [], false],
    [["strat/a/b/state"], ["quotes"], false],
  ])("%j within %j: %s", (requested, declared, allowed) =>
    expect(withinCeiling(requested, declared, effective.limits).ok).toBe(allowed),
  );

  test("without limits, quotes is within quotes only, and the refusal says what was asked", () => {
    expect(withinCeiling(["quotes", "quotes"], ["quotes"])).toEqual({ ok: true, value: ["quotes"] });
    expect(withinCeiling(["quotes"], ["md/+/+/quote"])).toEqual({
      ok: false,
      error: {
        code: "channel-outside-ceiling",
        channels: ["quotes"],
        message: 'initialize() asked for "quotes", but spec.channels allows only "md/+/+/quote"',
      },
    });
  });
});
