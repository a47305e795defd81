import { createLogUpdate } from "log-update";
import type { Overview } from "#console/overview.ts";
import type { Output } from "../output.ts";
import { drawTable, formatMoney, oneLine } from "./table.ts";

/** The running view. In a terminal a table that is drawn in place; in a pipe a line at each change, and a summary now and then. */
export interface LiveView {
  /** A line that stays, above the table. */
  line(text: string): void;
  update(overview: Overview): void;
  /** Leaves the last table standing. */
  stop(): void;
}

const widthMax = 100;
const summaryMs = 30_000;

export function createLiveView(out: Output, stream: NodeJS.WriteStream, now: () => number): LiveView {
  return out.interactive ? terminalView(out, stream) : pipeView(out, now);
}

function terminalView(out: Output, stream: NodeJS.WriteStream): LiveView {
  const draw = createLogUpdate(stream, { showCursor: true });
  let last = "";
  return {
    line(text) {
      draw.clear();
      out.line(text);
      if (last !== "") draw(last);
    },
    update(overview) {
      // log-update wraps at the terminal's width and erases by counting lines, so no line may be wider than that.
      const next = `\n${drawTable(overview, Math.min(widthMax, (stream.columns ?? widthMax) - 1), out.colors)}\n`;
      if (next === last) return;
      last = next;
      draw(next);
    },
    stop() {
      draw.done();
    },
  };
}

function pipeView(out: Output, now: () => number): LiveView {
  const known = new Map<string, string>();
  const problems = new Map<string, string | null>();
  let summaryAtMs = now() + summaryMs;
  return {
    line: (text) => out.line(text),
    update(overview) {
      for (const row of overview.rows) {
        const state = row.stage === row.state ? row.stage : `${row.stage}, ${oneLine(row.state)}`;
        const before = known.get(row.strategy);
        if (before !== state && before !== undefined) out.line(`  ${row.strategy}: ${before} → ${state}`);
        known.set(row.strategy, state);
        if (row.problem !== null && problems.get(row.strategy) !== row.problem && isWorse(row.problem))
          out.line(`  ${row.strategy}: ${oneLine(row.problem)}`);
        problems.set(row.strategy, row.problem);
      }
      if (now() < summaryAtMs) return;
      summaryAtMs = now() + summaryMs;
      out.line(`  ${overview.rows.map(summary).join(" · ")}`);
    },
    stop: () => undefined,
  };
}

/** A refused order comes again and again; it is in the table, and in a pipe it would be noise. */
function isWorse(problem: string): boolean {
  return !problem.startsWith("last refused order");
}

function summary(row: Overview["rows"][number]): string {
  const numbers = row.equity === null ? "" : `, ${row.fills ?? 0} fills, equity ${formatMoney(row.equity)}`;
  return `${row.strategy} ${oneLine(row.state)}${numbers}`;
}
