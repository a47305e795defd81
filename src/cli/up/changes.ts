import type { Overview, OverviewRow } from "#console/overview.ts";
import { count } from "../output.ts";
import { formatMoney, oneLine } from "./table.ts";

/** How long a strategy must have been well for its next problem to be news, though it had the same before. */
const wellMs = 60_000;
/** Lines of one strategy's trouble; what it says may be different each time. */
const linesMax = 20;

interface Known {
  /** The last that was said. */
  label: string;
  /** What was said since its trouble began; undefined while it is well. */
  trouble: Set<string> | undefined;
  wellSinceMs: number | undefined;
}

/** What changed, a line each, for a reader who sees all of them one below the other: a process that ends again and again is told of once. */
export class Changes {
  readonly #known = new Map<string, Known>();

  look({ rows }: Overview, nowMs: number): readonly string[] {
    return rows.flatMap((row) => this.#change(row, nowMs) ?? []);
  }

  #change(row: OverviewRow, nowMs: number): string | undefined {
    const problem = worthALine(row.problem);
    const label = row.stage === row.state ? row.stage : `${row.stage}, ${oneLine(row.state)}`;
    const known = this.#known.get(row.strategy) ?? { label, trouble: undefined, wellSinceMs: undefined };
    this.#known.set(row.strategy, known);
    if (isOver(known, row, problem, nowMs)) known.trouble = undefined;
    if (problem !== undefined) known.trouble ??= new Set();
    if (known.label === label && problem === undefined) return undefined;
    // While it has a problem its states come and go with each try.
    const isNew = known.trouble === undefined || isUnsaid(known.trouble, problem ?? label);
    if (!isNew) return undefined;
    // That it recovers from this is news, once.
    if (problem !== undefined) known.trouble?.delete("running");
    const change = known.label === label ? label : `${known.label} → ${label}`;
    known.label = label;
    // An executor's own problem begins with its state, which has just been said.
    const why = problem?.startsWith(`${row.state}: `) === true ? problem.slice(row.state.length + 2) : problem;
    return `  ${row.strategy}: ${change}${why === undefined ? "" : `: ${why}`}`;
  }
}

function isOver(known: Known, { stage }: OverviewRow, problem: string | undefined, nowMs: number): boolean {
  const well = problem === undefined && (stage === "running" || stage === "stopped");
  known.wellSinceMs = well ? (known.wellSinceMs ?? nowMs) : undefined;
  return known.wellSinceMs !== undefined && (stage === "stopped" || nowMs - known.wellSinceMs >= wellMs);
}

/** The same with another price, port or count is the same. */
function isUnsaid(said: Set<string>, text: string): boolean {
  const key = text.replace(/\d+(?:\.\d+)?/g, "#");
  if (said.has(key) || said.size >= linesMax) return false;
  said.add(key);
  return true;
}

/** All strategies in one line: `seed/random-ts running, 3 restarts, 12 fills, equity 10 012.20 · …`. */
export function summarize({ rows }: Overview): string {
  return `  ${rows.map(summary).join(" · ")}`;
}

function summary(row: OverviewRow): string {
  const restarts = row.restarts === 0 ? "" : `, ${count(row.restarts, "restart")}`;
  const numbers = row.equity === null ? "" : `, ${row.fills ?? 0} fills, equity ${formatMoney(row.equity)}`;
  return `${row.strategy} ${oneLine(row.state)}${restarts}${numbers}`;
}

/** A refused order comes again and again; it is in the table, and in a pipe it would be noise. */
function worthALine(problem: string | null): string | undefined {
  return problem === null || problem.startsWith("last refused order") ? undefined : oneLine(problem);
}
