import type { CommandContext } from "../context.ts";
import { formatDuration } from "../output.ts";

const widthMax = 100;

/** One line a part: `  bus      mqtt://127.0.0.1:1883 …      ready  0.1 s`. */
export function partLine(part: string, text: string, took?: string): string {
  const line = `  ${part.padEnd(8)} ${text}`;
  return took === undefined ? line : `${line.padEnd(84)} ready ${took.padStart(7)}`;
}

/** How processes are limited here, one line for equal words, wrapped at 100 columns. */
export function describeIsolation(notes: readonly string[]): readonly string[] {
  const groups = new Map<string, string[]>();
  for (const note of notes) {
    const [, topic, how] = /^([a-z ]+): (.*)$/.exec(note) ?? [undefined, note, ""];
    groups.set(how ?? "", [...(groups.get(how ?? "") ?? []), topic ?? note]);
  }
  const shown = [...groups].map(([how, topics]) => (how === "" ? topics.join(", ") : `${topics.join(", ")}: ${how}`));
  return shown.flatMap((text, index) => wrap(text, index === 0 ? "  limits   " : "           "));
}

function wrap(text: string, first: string): readonly string[] {
  const lines: string[] = [];
  let line = first;
  for (const word of text.split(" ")) {
    if (line.length + word.length > widthMax) {
      lines.push(line.trimEnd());
      line = `${" ".repeat(first.length)}  `;
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()];
}

/** Says at each look how long it is since the one before. */
export function stopwatch(context: Pick<CommandContext, "steady">): () => string {
  let lastMs = context.steady();
  return () => {
    const spentMs = context.steady() - lastMs;
    lastMs = context.steady();
    return formatDuration(spentMs);
  };
}
