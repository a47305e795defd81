import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { formatMetrics } from "#console/metrics.ts";
import { platformFigures } from "#console/platform-figures.ts";
import { TelemetryReader } from "#console/telemetry.ts";
import { account, metric } from "./fixtures.ts";

function heard(...messages: readonly (readonly [topic: string, payload: object])[]): TelemetryReader {
  const reader = new TelemetryReader(() => 1);
  for (const [topic, payload] of messages) reader.apply(topic, payload);
  return reader;
}
const lines = async (telemetry: TelemetryReader): Promise<readonly string[]> =>
  (await formatMetrics({ environment: "paper", telemetry })).split("\n").filter((line) => !line.startsWith("#"));

test("what executors count and what the gateway says that they have, by strategy", async () => {
  const positions = { AAPL: "1.5", 'G"O\nOG': "2" };
  const found = await lines(
    heard(
      ["strat/momentum/sma-cross/metric", metric("1", { positions: { AAPL: "9" }, cash: "8" })],
      ["strat/momentum/sma-cross/account", account("10100.5", { positions, openOrders: 2 })],
      ["strat/momentum/sma-cross/state", { v: 1, type: "state", state: "halted", epoch: 3, atMs: 5 }],
      ["strat/seed/random-py/account", account("9000")],
      ["gw/state", { v: 1, type: "gateway-state", state: "online", session: "s", atMs: 1 }],
      ["feed/stocks/state", { v: 1, type: "feed-state", state: "offline", from: "a", to: "b", atMs: 1 }],
      ["strat/a/b/metric", { v: 1 }],
    ),
  );
  const labels = (strategy: string, more = ""): string => `{strategy="${strategy}",${more}environment="paper"}`;
  const sma = "momentum/sma-cross";
  expect(found).toEqual(
    expect.arrayContaining([
      `slipway_strategy_events_total${labels(sma)} 40`,
      `slipway_strategy_equity${labels(sma)} 10100.5`,
      `slipway_strategy_equity${labels("seed/random-py")} 9000`,
      `slipway_strategy_position${labels(sma, 'sid="AAPL",')} 1.5`,
      `slipway_strategy_cash${labels(sma)} 500`,
      `slipway_strategy_open_orders${labels(sma)} 2`,
      `slipway_strategy_position${labels(sma, 'sid="G\\"O\\nOG",')} 2`,
      `slipway_strategy_state${labels(sma, 'state="halted",')} 1`,
      `slipway_strategy_state${labels(sma, 'state="running",')} 0`,
      'slipway_gateway_online{environment="paper"} 1',
      'slipway_feed_online{feed="stocks",environment="paper"} 0',
      'slipway_console_bad_payloads_total{environment="paper"} 1',
    ]),
  );
});

test("an executor that lies breaks no scrape: what is no number is left out, and its series are bounded", async () => {
  const positions = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`S${index}`, "1"]));
  const lies = { cash: "NaN", conflated: -1, gaps: "1e9", positions };
  const found = await lines(heard(["strat/a/b/metric", metric("1", lies)]));
  expect(found.some((line) => /_(cash|equity|position|conflated_total|gaps_total)\{/.test(line))).toBe(false);
  const many = await lines(heard(["strat/a/b/account", account("1", { positions })]));
  expect(many.filter((line) => line.startsWith("slipway_strategy_position"))).toHaveLength(200);
});

test("nothing heard is a scrape all the same, and two say the same", async () => {
  const reader = heard();
  expect(await lines(reader)).toEqual(await lines(reader));
  expect((await lines(reader)).join("\n")).toContain('slipway_gateway_online{environment="paper"} 0');
});

/** Every figure, each with another value. */
function platform(part: "gateway" | "bus"): object {
  const own = platformFigures.filter((figure) => figure.part === part);
  const values = own.map(({ name }, index) => [name, index + 1] as const);
  const labelled = own.filter(({ label }) => label !== undefined).map(({ name }) => [name, { filled: 7 }] as const);
  const counts = Object.fromEntries(values.filter(([name]) => !labelled.some(([other]) => other === name)));
  return {
    v: 1,
    type: "platform-metric",
    counts,
    countsBy: Object.fromEntries(labelled),
    session: "s",
    seq: 1,
    atMs: 9e3,
  };
}

test("what gateway and bus count; what they did not say is not 0", async () => {
  const said = { ...platform("gateway"), counts: { alarms: 2, somethingNew: 4 } };
  const found = (await lines(heard(["gw/metric", said], ["bus/metric", { v: 1 }]))).filter((line) =>
    /^slipway_(?:gateway|bus|platform)_/.test(line),
  );
  expect(found).toEqual([
    'slipway_gateway_online{environment="paper"} 0',
    'slipway_gateway_orders_total{status="filled",environment="paper"} 7',
    'slipway_gateway_denials_total{reason="filled",environment="paper"} 7',
    'slipway_gateway_alarms_total{environment="paper"} 2',
    'slipway_platform_heard_seconds{part="gateway",environment="paper"} 9',
  ]);
});

test("docs/runtime.md has every metric with its labels and its meaning, and no other", async () => {
  const feed = { ...{ v: 1, type: "feed-state", state: "running", from: "a", to: "b", events: 3 }, ts: 5e6, atMs: 1e3 };
  const telemetry = heard(
    [
      "strat/a/b/metric",
      metric("1", { positions: { X: "1" }, ...{ refilled: 0, logLinesDropped: 0, lastEventTs: 1 } }),
    ],
    ["strat/a/b/account", account("1", { positions: { X: "1" } })],
    ["strat/a/b/state", { v: 1, type: "state", state: "halted", epoch: 3, atMs: 5 }],
    ["gw/metric", platform("gateway")],
    ["bus/metric", platform("bus")],
    ["feed/stocks/state", feed],
  );
  const text = await formatMetrics({ environment: "paper", telemetry });
  const exposed = [...text.matchAll(/^# HELP (?<name>\S+) (?<help>.*)$/gm)].map(({ groups }) => {
    const { name = "", help = "" } = groups ?? {};
    const series = new RegExp(`^${name}\\{(?<labels>[^}]*)\\}`, "m").exec(text)?.groups?.["labels"] ?? "no series";
    const labels = [...series.matchAll(/(\w+)="/g)]
      .map(([, label]) => label)
      .filter((label) => label !== "environment");
    return `| \`${name}\` | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} |`;
  });
  const page = readFileSync("docs/runtime.md", "utf8");
  expect(
    page
      .split("\n")
      .filter((line) => line.startsWith("| `slipway_"))
      .sort(),
  ).toEqual(exposed.sort());
});
