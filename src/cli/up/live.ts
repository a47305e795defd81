import { createLogUpdate } from "log-update";
import type { Overview } from "#console/overview.ts";
import type { Output } from "../output.ts";
import { Changes, summarize } from "./changes.ts";
import { clip, describeProblems, drawTable } from "./table.ts";

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

export function createLiveView(out: Output, stream: NodeJS.WriteStream, steady: () => number): LiveView {
  return out.interactive ? terminalView(out, stream) : pipeView(out, steady);
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
      const width = Math.min(widthMax, (stream.columns ?? widthMax) - 1);
      const [first, ...others] = describeProblems(overview);
      const more = others.length === 0 ? "" : `  (and ${others.length} more: slipway status)`;
      const problem =
        first === undefined ? "" : `\n${out.colors.yellow(`${clip(first, width - more.length)}${more}`)}\n`;
      const next = `\n${drawTable(overview, width, out.colors)}\n${problem}`;
      if (next === last) return;
      last = next;
      draw(next);
    },
    stop() {
      draw.done();
    },
  };
}

function pipeView(out: Output, steady: () => number): LiveView {
  const changes = new Changes();
  let summaryAtMs = steady() + summaryMs;
  return {
    line: (text) => out.line(text),
    update(overview) {
      for (const line of changes.look(overview, steady())) out.line(line);
      if (steady() < summaryAtMs) return;
      summaryAtMs = steady() + summaryMs;
      out.line(summarize(overview));
    },
    stop: () => undefined,
  };
}
