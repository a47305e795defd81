import type { Arrival } from "#forge/port.ts";
import { code, plain } from "./markdown.ts";

/** What stands behind it in a comment is of the time after the merge. */
const mark = "<!-- slipway:arrived ";
const signs = { passed: "✓", pending: "…", refused: "❌" } as const;
const linesMax = 20;

/**
 * The comment of a merged proposal, with what became of it in an environment; what it says of others stays.
 *
 * @returns undefined where it says so already
 */
export function withArrival(comment: string, arrival: Arrival): string | undefined {
  const [before = "", ...sections] = comment.split(mark);
  const own = `${arrival.environment} -->`;
  const others = sections.filter((section) => !section.startsWith(own));
  const said = [...others, `${own}\n${section(arrival)}\n`].sort().map((text) => `${mark}${text.trimEnd()}\n`);
  // What it was ready for is done.
  const done = before.trimEnd().replace(/(?<=^### ✅ slipway: )ready\b[^—\n]*(?=—)/m, "merged ");
  const next = `${done}\n\n${said.join("\n")}`;
  return next === comment ? undefined : next;
}

/** Whether it says anything of the environment yet. */
export function tellsOf(comment: string, { environment }: Arrival): boolean {
  return comment.includes(`${mark}${environment} -->`);
}

function section({ environment, commit, state, summary, failed }: Arrival): string {
  const head = `**${signs[state]} ${environment}** rendered ${code(commit.slice(0, 7))} on ${code(`env/${environment}`)}`;
  if (state !== "refused") return `${head} · ${plain(summary)}`;
  const more = failed.length > linesMax ? [`- … and ${failed.length - linesMax} more`] : [];
  const lines = failed.slice(0, linesMax).map((line) => `- ${plain(line)}`);
  const next = "The merge stands: mend it by another proposal, or go back with `slipway rollback`.";
  return [`${head} · **it does not run**`, ...lines, ...more, "", next].join("\n");
}
