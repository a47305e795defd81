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

/** What goes first where the terminal is narrow: names and money are what a person looks for. */
const dispensable = ["FILLS", "MEMORY", "EVENTS", "DRAWDOWN", "ORDERS", "STAGE"];
const nameWidthMin = 20;

/**
 * A row a strategy. No line is wider than `width`: first columns are left out that a person can do without, then names are cut. In a pipe the
 * width is infinite, and nothing is.
 */
export function drawTable({ rows }: Overview, width: number, colors: Colors): string {
  const all = columns.map((column) => ({ column, texts: rows.map((row) => column.text(row)) }));
  const shown = all.map(({ column, texts }) => ({
    column,
    texts,
    width: Math.max(stringWidth(column.title), ...texts.map((text) => stringWidth(text))),
  }));
  const name = shown[0]?.width ?? 0;
  const spare = (): number => width - 2 * shown.length - shown.reduce((sum, { width: cells }) => sum + cells, 0);
  for (const title of dispensable) {
    if (spare() + name - Math.min(name, nameWidthMin) >= 0) break;
    shown.splice(
      shown.findIndex(({ column }) => column.title === title),
      1,
    );
  }
  const cut = Math.max(8, name + Math.min(0, spare()));
  const widths = shown.map(({ column, width: cells }) => (column === columns[0] ? cut : cells));
  const line = (cells: readonly string[]): string => `  ${cells.join("  ").trimEnd()}`;
  const head = shown.map(({ column }, index) => pad(column.title, widths[index] ?? 0, column.right));
  const lines = [colors.dim(clip(line(head), width))];
  for (const [at, row] of rows.entries()) {
    const cells = shown.map(({ column, texts }, index) =>
      pad(clip(texts[at] ?? "", widths[index] ?? 0), widths[index] ?? 0, column.right),
    );
    const plain = line(cells);
    const painted = shown.map(({ column }, index) => column.paint?.(cells[index] ?? "", row, colors) ?? cells[index]);
    // What is still too wide is a terminal that no table fits in.
    lines.push(stringWidth(plain) > width ? clip(plain, width) : `  ${painted.join("  ").trimEnd()}`);
  }
  return lines.join("\n");
}

/**
 * Every problem, the gateway's and the feeds' first, then that of a strategy that stands still: `! seed/random-ts: it says why   → what to do`.
 *
 * @param asked what a command needs to ask the same cluster: ` --environment paper --kubeconfig config`
 */
export function describeProblems(overview: Overview, asked = ""): readonly string[] {
  const { rows, gateway, gatewayReason, feeds } = overview;
  // What the gateway says of itself is not said again of each strategy that waits for it.
  const isSaid = (problem: string): boolean => gatewayReason !== null && problem.includes(gatewayReason);
  const problems = rows.filter(({ problem }) => problem !== null && !isSaid(problem));
  const isCalm = ({ stage }: OverviewRow): boolean => stage === "running" || stage === "stopped";
  const own = gatewayReason === null ? [] : [`  ! the gateway is ${gateway}: ${oneLine(gatewayReason)}`];
  return [
    ...own,
    ...describeFeeds(feeds, asked),
    ...[...problems.filter((row) => !isCalm(row)), ...problems.filter(isCalm)].map(
      ({ strategy, problem, fix }) =>
        `  ! ${strategy}: ${oneLine(problem ?? "")}${fix === null ? "" : `   → ${oneLine(fix)}`}`,
    ),
  ];
}

/** Feeds that should speak and do not: what anybody knows of the market is old then. */
export function describeFeeds(feeds: Overview["feeds"], asked = ""): readonly string[] {
  return feeds
    .filter((feed) => feed.silent || feed.state === "offline")
    .map(({ name, state, heardAtMs }) => {
      const since = heardAtMs === null ? "" : ` since ${new Date(heardAtMs).toISOString().slice(0, 19)}Z`;
      const how = state === "offline" ? "is offline" : "says nothing";
      return `  ! the feed ${oneLine(name)} ${how}${since}: prices are as old as that   → slipway logs feed-${oneLine(name)}${asked}`;
    });
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
