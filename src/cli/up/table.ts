import stringWidth from "string-width";
import type { Overview, OverviewRow } from "#console/overview.ts";
import type { Colors } from "../output.ts";

interface Column {
  readonly title: string;
  readonly right: boolean;
  readonly text: (row: OverviewRow) => string;
  readonly paint?: (text: string, row: OverviewRow, colors: Colors) => string;
}

const columns: readonly Column[] = [
  { title: "STRATEGY", right: false, text: (row) => row.strategy, paint: (text, _, colors) => colors.bold(text) },
  { title: "STAGE", right: false, text: (row) => row.stage, paint: paintStage },
  { title: "STATE", right: false, text: (row) => oneLine(row.state), paint: paintState },
  { title: "EVENTS", right: true, text: (row) => number(row.events) },
  { title: "ORDERS", right: true, text: (row) => number(row.orders) },
  { title: "FILLS", right: true, text: (row) => number(row.fills) },
  { title: "EQUITY", right: true, text: (row) => (row.equity === null ? "–" : formatMoney(row.equity)) },
  {
    title: "DRAWDOWN",
    right: true,
    text: (row) => (row.drawdown === null ? "–" : `${(Number(row.drawdown) * 100).toFixed(1)}%`),
  },
  { title: "MEMORY", right: true, text: formatMemory },
];

/** The live view: a row a strategy, and below it the latest problem in a sentence. No line is wider than `width`. */
export function drawTable(overview: Overview, width: number, colors: Colors): string {
  const texts = overview.rows.map((row) => columns.map((column) => column.text(row)));
  const widths = columns.map((column, index) =>
    Math.max(stringWidth(column.title), ...texts.map((cells) => stringWidth(cells[index] ?? ""))),
  );
  // What is too wide is taken from the strategy's name: the numbers are what a person watches.
  const spare = width - 2 - widths.reduce((sum, cells) => sum + cells, 0) - 2 * (columns.length - 1);
  widths[0] = Math.max(8, (widths[0] ?? 8) + Math.min(0, spare));
  const lines = [
    colors.dim(`  ${columns.map((column, index) => pad(column.title, widths[index] ?? 0, column.right)).join("  ")}`),
  ];
  for (const [at, row] of overview.rows.entries()) {
    const cells = columns.map((column, index) => {
      const text = pad(clip(texts[at]?.[index] ?? "", widths[index] ?? 0), widths[index] ?? 0, column.right);
      return column.paint === undefined ? text : column.paint(text, row, colors);
    });
    lines.push(`  ${cells.join("  ").trimEnd()}`);
  }
  const problems = overview.rows.filter((row) => row.problem !== null);
  const problem = problems.find((row) => row.stage !== "running") ?? problems[0];
  if (problem !== undefined)
    lines.push("", colors.yellow(clip(`  ! ${problem.strategy}: ${oneLine(problem.problem ?? "")}`, width)));
  return lines
    .map((line) => (stringWidth(line) > width && !line.includes("\u001b") ? clip(line, width) : line))
    .join("\n");
}

/** `10 412.20`: thin groups of three, two decimals; the digits are the text's own. */
export function formatMoney(text: string): string {
  const [whole = "0", cents = ""] = text.split(".");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, " ")}.${cents.padEnd(2, "0").slice(0, 2)}`;
}

function formatMemory(row: OverviewRow): string {
  if (row.memoryBytes === null) return "–";
  const used = Math.round(row.memoryBytes / 2 ** 20);
  return row.memoryLimitBytes === null ? `${used} MiB` : `${used}/${Math.round(row.memoryLimitBytes / 2 ** 20)} MiB`;
}

function number(value: number | null): string {
  return value === null ? "–" : String(value);
}

function pad(text: string, width: number, right: boolean): string {
  const space = " ".repeat(Math.max(0, width - stringWidth(text)));
  return right ? space + text : text + space;
}

/** Cuts to a display width, with an ellipsis. */
export function clip(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let shown = "";
  for (const character of text) {
    if (stringWidth(shown + character) > width - 1) break;
    shown += character;
  }
  return `${shown}…`;
}

/** What an executor says may hold line breaks and escape sequences; on a terminal it gets neither. */
export function oneLine(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, " ")
    .replace(/\p{Cf}/gu, "")
    .trim();
}

function paintStage(text: string, row: OverviewRow, colors: Colors): string {
  return row.stage === "running" ? colors.green(text) : text;
}

function paintState(text: string, row: OverviewRow, colors: Colors): string {
  if (row.state === "running") return colors.green(text);
  if (["faulted", "halted", "CrashLoopBackOff", "OOMKilled", "Completed", "degraded", "offline"].includes(row.state))
    return colors.red(text);
  return ["stopped"].includes(row.state) ? colors.dim(text) : colors.yellow(text);
}
