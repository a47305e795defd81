import type { Proposal } from "#forge/port.ts";
import type { Repository } from "#git/port.ts";
import type { Memo } from "./memo.ts";
import { strategiesOf } from "./names.ts";
import { isData } from "./proposal-class.ts";
import { readableChanges } from "./readable-changes.ts";

/** An open proposal that was there before and changes some of the same. */
export interface Beside {
  readonly number: number;
  readonly author: string;
  /** Strategies by id, `policies`, and files of the tool by path. */
  readonly same: readonly string[];
}

/** The older open proposals that change what this one changes: whoever comes second is told who holds it. */
export async function besideOf(
  repository: Repository,
  proposal: Proposal,
  open: readonly Proposal[],
  memo: Memo,
): Promise<readonly Beside[]> {
  const older = open.filter(({ number, target }) => number < proposal.number && target === proposal.target);
  if (older.length === 0) return [];
  const own = new Set(await touchedBy(repository, proposal, memo));
  const found: Beside[] = [];
  for (const other of older) {
    const same = (await touchedBy(repository, other, memo)).filter((name) => own.has(name));
    if (same.length > 0) found.push({ number: other.number, author: other.author, same });
  }
  return found.sort((a, b) => a.number - b.number);
}

async function touchedBy(repository: Repository, { target, head }: Proposal, memo: Memo): Promise<readonly string[]> {
  const base = await repository.resolve(target);
  if (base === undefined || !(await repository.has(head))) return [];
  return memo.of("touched", `${base} ${head}`, async () => {
    const from = (await repository.mergeBase(base, head)) ?? base;
    const paths = ((await readableChanges(repository, from, head)) ?? []).map(({ path }) => path);
    const policies = paths.some((path) => path.startsWith("policies/")) ? ["policies"] : [];
    return [...strategiesOf(paths), ...policies, ...paths.filter((path) => !isData(path))];
  });
}

const markPattern = /^<!-- beside (?<numbers>[\d,]+) -->$/m;

/** Stands in the comment, so that one which tells of other proposals is known for stale; empty where there are none. */
export function besideMark(beside: readonly Beside[]): string {
  return beside.length === 0 ? "" : `<!-- beside ${beside.map(({ number }) => number).join(",")} -->`;
}

/** Whether a comment tells of exactly these. */
export function tellsOfBeside(comment: string, beside: readonly Beside[]): boolean {
  const told = markPattern.exec(comment)?.groups?.["numbers"] ?? "";
  return told === beside.map(({ number }) => number).join(",");
}

const sameMax = 20;

/** `momentum/sma-cross is in #7 of alice, which is older` */
export function describeBeside({ number, author, same }: Beside): string {
  const shown =
    same.length > sameMax ? `${same.slice(0, sameMax).join(", ")} and ${same.length - sameMax} more` : same.join(", ");
  return `${shown} ${same.length === 1 ? "is" : "are"} in #${number} of ${author}, which is older`;
}
