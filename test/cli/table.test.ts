import picocolors from "picocolors";
import stringWidth from "string-width";
import { expect, test } from "vitest";
import { stateDirectory } from "#cli/paths.ts";
import { parsePort } from "#cli/up/ports.ts";
import { drawTable, formatMoney, oneLine } from "#cli/up/table.ts";
import { describeIsolation } from "#cli/up/text.ts";
import { sampleOverview } from "../console/fixtures.ts";

const sample = sampleOverview();

test.each([95, 100, 120])(
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

test("what an executor says cannot steer the terminal", () => {
  const [row] = sample.rows;
  if (row === undefined) throw new Error("the sample has rows");
  const hostile = {
    ...sample,
    rows: [{ ...row, state: "\u001b[2Jgone", problem: "one\u001b]0;title\u0007\ntwo\u202e" }],
  };
  const text = drawTable(hostile, 100, picocolors.createColors(false));
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
