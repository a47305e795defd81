import picocolors from "picocolors";
import stringWidth from "string-width";
import { expect, test } from "vitest";
import { stateDirectory } from "#cli/paths.ts";
import { parsePort } from "#cli/up/ports.ts";
import { describeProblems, drawTable, formatMoney, oneLine } from "#cli/up/table.ts";
import { describeIsolation } from "#cli/up/text.ts";
import { sampleOverview } from "../console/fixtures.ts";

const sample = sampleOverview();

test.each([30, 40, 60, 79, 95, 100, 120])(
  "no line is wider than %i columns, also with long and wide names, with and without colour",
  (width) => {
    const [row] = sample.rows;
    if (row === undefined) throw new Error("the sample has rows");
    const overview = {
      ...sample,
      rows: [
        ...sample.rows,
        { ...row, strategy: `${"a".repeat(40)}/${"b".repeat(40)}` },
        { ...row, strategy: "日本/戦略", problem: "長い".repeat(80) },
      ],
    };
    for (const colors of [picocolors.createColors(false), picocolors.createColors(true)]) {
      for (const line of drawTable(overview, width, colors).split("\n"))
        expect(stringWidth(line)).toBeLessThanOrEqual(width);
    }
  },
);

const plain = picocolors.createColors(false);

test("a narrow terminal gets fewer columns before it gets half of a name", () => {
  const heads = (width: number): readonly string[] =>
    (drawTable(sample, width, plain).split("\n")[0] ?? "").split(/ {2,}/);
  expect(heads(120).slice(1)).toEqual([
    "STRATEGY",
    "STAGE",
    "STATE",
    "EVENTS",
    "ORDERS",
    "FILLS",
    "EQUITY",
    "DRAWDOWN",
    "MEMORY",
  ]);
  expect(heads(79)).toEqual(["", "STRATEGY", "STAGE", "STATE", "ORDERS", "EQUITY", "DRAWDOWN"]);
  expect(heads(45)).toEqual(["", "STRATEGY", "STATE", "EQUITY"]);
  for (const width of [120, 79, 45]) expect(drawTable(sample, width, plain)).toContain("  momentum/sma-cross  ");
});

test("in a pipe nothing is cut: whole names, and every problem", () => {
  const [row] = sample.rows;
  if (row === undefined) throw new Error("the sample has rows");
  const names = ["a", "b"].map((letter) => `${letter.repeat(40)}/${letter.repeat(40)}`);
  const problem = "it is wrong ".repeat(40).trim();
  const rows = names.map((strategy) => ({ ...row, strategy, problem }));
  const text = drawTable({ ...sample, rows }, Number.POSITIVE_INFINITY, plain);
  for (const name of names) expect(text).toContain(name);
  expect(describeProblems({ ...sample, rows: [{ ...row, problem: null }, ...rows] })).toEqual(
    names.map((name) => `  ! ${name}: ${problem}`),
  );
});

test("the problem of a strategy that stands still comes before that of one that runs", () => {
  const [row] = sample.rows;
  if (row === undefined) throw new Error("the sample has rows");
  const rows = (["running", "synced"] as const).map((stage) => ({
    ...row,
    strategy: `me/${stage}`,
    stage,
    problem: "?",
  }));
  expect(describeProblems({ ...sample, rows })).toEqual(["  ! me/synced: ?", "  ! me/running: ?"]);
});

test("that the gateway takes no orders, and why, comes before what follows from it", () => {
  const rows = sample.rows.slice(0, 1).map((row) => ({ ...row, strategy: "me/first", problem: "halted" }));
  const gone = { gateway: "offline", gatewayReason: "the bounds of limits\ncannot be read" };
  expect(describeProblems({ ...sample, ...gone, rows })).toEqual([
    "  ! the gateway is offline: the bounds of limits cannot be read",
    "  ! me/first: halted",
  ]);
  const waiting = rows.map((row) => ({ ...row, problem: `halted: not online (${gone.gatewayReason})` }));
  expect(describeProblems({ ...sample, ...gone, rows: waiting })).toHaveLength(1);
});

test("what an executor says cannot steer the terminal", () => {
  const [row] = sample.rows;
  if (row === undefined) throw new Error("the sample has rows");
  const hostile = {
    ...sample,
    rows: [{ ...row, state: "\u001b[2Jgone", problem: "one\u001b]0;title\u0007\ntwo\u202e" }],
  };
  const text = [drawTable(hostile, 100, picocolors.createColors(false)), ...describeProblems(hostile)].join("\n");
  expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  expect(oneLine("a\r\nb")).toBe("a b");
});

test.each([
  ["10412.2", "10 412.20"],
  ["0", "0.00"],
  ["-1234567.899", "-1 234 567.89"],
  ["999", "999.00"],
])("money %s is %s", (text, shown) => {
  expect(formatMoney(text)).toBe(shown);
});

test.each([
  ["0", 0],
  ["65535", 65535],
  ["65536", undefined],
  ["-1", undefined],
  ["80a", undefined],
  ["", undefined],
])("port %j is %s", (text, port) => {
  expect(parsePort(text)).toBe(port);
});

test("isolation is told once for equal words, within 100 columns", () => {
  const lines = describeIsolation(["memory: cgroup v2", "cpu: cgroup v2", `files: ${"word ".repeat(40)}`]);
  expect(lines[0]).toBe("  limits   memory, cpu: cgroup v2");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
});

test.each([
  [{}, "/given", "/given"],
  [{ SLIPWAY_STATE: "/named" }, undefined, "/named"],
  [{ XDG_STATE_HOME: "/xdg" }, undefined, expect.stringMatching(/^\/xdg\/slipway\/repo-[0-9a-f]{8}$/)],
  [
    { XDG_STATE_HOME: "relative", HOME: "/home/me" },
    undefined,
    expect.stringMatching(/^\/home\/me\/\.local\/state\/slipway\/repo-[0-9a-f]{8}$/),
  ],
])("the state directory of %j and %s", (variables, given, expected) => {
  expect(stateDirectory("/somewhere/repo", given, variables, "/")).toEqual(expected);
});
