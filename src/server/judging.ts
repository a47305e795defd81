import { approvalsMark } from "#delivery/approvals.ts";
import { type Beside, besideOf, tellsOfBeside } from "#delivery/beside.ts";
import { pairMark } from "#delivery/comment.ts";
import { judge, type Verdict } from "#delivery/gate.ts";
import type { Memo } from "#delivery/memo.ts";
import { mainRef } from "#delivery/names.ts";
import type { Proposal } from "#forge/port.ts";
import type { Repository } from "#git/port.ts";
import type { ControlPlaneOptions } from "./control-plane.ts";
import { caught, type Raised } from "./raised.ts";
import type { TurnWatch } from "./turn-watch.ts";

/** What is kept from round to round, to spare work. */
export interface Judging {
  readonly memo: Memo;
  readonly turns: TurnWatch;
  /** As they were listed last, oldest first. */
  open: readonly Proposal[];
  /** By number, how often in a row not all of it could be written. */
  readonly failed: Map<number, number>;
}

/** What only adorns is tried again in so many rounds, and then when there is something new to say. */
const failedMax = 3;

/** How soon it is looked whether a merge that others wait for is done. */
export const turnSeconds = 1;

/**
 * Oldest first. One whose turn it is to be merged goes before all, and meanwhile only what was never judged is: main moves under the rest. That is looked
 * at again after each.
 */
export async function judgeAll(
  options: ControlPlaneOptions,
  judging: Judging,
  raised: Raised[],
): Promise<{ readonly judged: readonly Verdict[]; readonly putOff: number }> {
  const { forge, refresh } = options;
  const verdicts: Verdict[] = [];
  let [turn, putOff] = [await judgeTurn(options, judging, raised, verdicts), 0];
  judging.open = (await forge.list({ state: "open" })).toReversed();
  let judgedBefore = verdicts.length;
  for (const proposal of judging.open) {
    if (verdicts.length > judgedBefore) {
      judgedBefore = verdicts.length;
      await refresh?.();
      const now = await judging.turns.current();
      if (now !== turn) turn = await judgeTurn(options, judging, raised, verdicts);
    }
    if (proposal.number === turn) continue;
    if (turn !== undefined && proposal.gate !== undefined) putOff += 1;
    else await judgeOne(options, judging, raised, verdicts, proposal);
  }
  return { judged: verdicts, putOff };
}

/** @returns whose turn it is */
async function judgeTurn(
  options: ControlPlaneOptions,
  judging: Judging,
  raised: Raised[],
  verdicts: Verdict[],
): Promise<number | undefined> {
  const number = await judging.turns.current();
  const found = number === undefined ? undefined : await options.forge.get(number);
  if (found?.ok === true && found.value.state === "open")
    await judgeOne(options, judging, raised, verdicts, found.value);
  return number;
}

/** If its gate is missing or stale. */
async function judgeOne(
  { repository, forge, log }: ControlPlaneOptions,
  { memo, open, failed }: Judging,
  raised: Raised[],
  verdicts: Verdict[],
  proposal: Proposal,
): Promise<void> {
  const { number, target } = proposal;
  // What is proposed to other branches is no business of ours.
  if (target !== mainRef) return;
  const tried = failed.get(number) ?? 0;
  const remark = tried > 0 && tried < failedMax;
  const raisedBefore = raised.length;
  const verdict = await caught(raised, { number }, async () => {
    const beside = await besideOf(repository, proposal, open, memo);
    if (!remark && !(await isStale(repository, proposal, beside))) return undefined;
    return judge({ repository, forge, number, memo, beside, remark });
  });
  if (raised.length > raisedBefore) failed.set(number, tried + 1);
  if (verdict === undefined) return;
  failed.delete(number);
  verdicts.push(verdict);
  const { state, summary, title } = verdict;
  log.info({ number, state, summary, title }, "judged");
}

async function isStale(
  repository: Repository,
  { gate, comment, head, target, approvals }: Proposal,
  beside: readonly Beside[],
): Promise<boolean> {
  if (gate === undefined || gate.state === "pending" || comment === undefined) return true;
  if (!comment.includes(approvalsMark(approvals)) || !comment.includes(pairMark(gate))) return true;
  if (!tellsOfBeside(comment, beside)) return true;
  return gate.head !== head || gate.base !== (await repository.resolve(target));
}
