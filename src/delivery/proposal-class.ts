import { skeleton } from "#core/person.ts";
import { roots } from "./tree.ts";

/**
 * What a proposal is, by the paths that its merge changes. `data`: `strategies/` and `policies/` alone, which is judged by what it does. `tool`: only
 * files outside of them, which decide what judges and renders from then on, and are a matter of people. `mixed`: both, which is refused: the one
 * could change what the other is judged by. A file that moves is both of its paths.
 */
export type ProposalClass = "nothing" | "data" | "tool" | "mixed";

export function classOf(paths: Iterable<string>): ProposalClass {
  let data = false;
  let tool = false;
  for (const path of paths) {
    if (isData(path)) data = true;
    else tool = true;
  }
  if (data && tool) return "mixed";
  if (data) return "data";
  return tool ? "tool" : "nothing";
}

/** Whether a path lies below `strategies/` or `policies/`, or stands in the place of one of them. */
export function isData(path: string): boolean {
  return roots.some((root) => path === root || path.startsWith(`${root}/`));
}

/** The folder of data for which people or a file system could take a path of the tool: `Strategies/`, `policies_/`, `ѕtrategies/` in Cyrillic. */
export function takenForData(path: string): (typeof roots)[number] | undefined {
  if (isData(path)) return undefined;
  const first = skeleton(path.split("/", 1)[0] ?? "");
  return roots.find((root) => skeleton(root) === first);
}
