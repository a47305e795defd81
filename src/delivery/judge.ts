import { Fault } from "#core/result.ts";
import type { Forge, Proposal, StageStatus } from "#forge/port.ts";
import type { CommitSha, Repository, TreePath } from "#git/port.ts";
import { describeAsked, weighApprovals } from "./approvals.ts";
import type { Beside } from "./beside.ts";
import { formatComment } from "./comment.ts";
import { type Judgement, judgeTrees } from "./judge-trees.ts";
import { annotationsOf, marksOf } from "./marks.ts";
import { createMemo, digest, type Memo } from "./memo.ts";
import { treePath } from "./names.ts";
import type { Verdict } from "./verdict.ts";

export interface JudgeRequest {
  readonly repository: Repository;
  readonly forge: Forge;
  readonly number: number;
  readonly memo?: Memo;
  /** Older proposals of the same, to be told of in the comment. */
  readonly beside?: readonly Beside[];
  /** Remembers what was judged, by the pair of commits: whoever judges and then merges gives both the same one. A small one will do. */
  readonly judged?: Memo;
  /** Labels and asked reviews could not be written last time: they are brought to what they should be, though nothing else is new. */
  readonly remark?: boolean;
}

/** A verdict, and the diff of the manifests for its comment. */
interface Judged {
  readonly verdict: Verdict;
  readonly diff: string;
}

const triesMax = 10;
const diffObjectsMax = 400;

/**
 * Judges an open proposal on the result of its merge with the target as it stands now, and writes the comment and the gate's status. Repeating
 * it writes nothing new. Only a head that moves meanwhile makes it judge again.
 *
 * @throws Fault `proposal-missing`, `proposal-not-open`, `gate-contended`
 */
export async function judge(request: JudgeRequest): Promise<Verdict> {
  const { repository, forge, number, judged = createMemo({ entriesMax: 1 }) } = request;
  for (let tries = 0; tries < triesMax; tries += 1) {
    const proposal = await openProposal(forge, number);
    const base = await targetTip(repository, proposal);
    const known = await judged.of("judged", judgedKey(proposal, base), () => judgePair(request, proposal, base));
    if (await writeVerdict(request, proposal, known)) return known.verdict;
  }
  throw new Fault("gate-contended", `proposal #${number} moved ${triesMax} times while it was judged; try again`);
}

/**
 * What the gate says of an open proposal, and nothing is written: for whoever looks on while Slipway's server judges.
 *
 * @throws Fault `proposal-missing`, `proposal-not-open`
 */
export async function preview(request: Omit<JudgeRequest, "judged">): Promise<Verdict> {
  const proposal = await openProposal(request.forge, request.number);
  const base = await targetTip(request.repository, proposal);
  const { verdict } = await judgeTrees(
    request.repository,
    proposal,
    { base, head: proposal.head },
    request.memo ?? createMemo(),
  );
  return verdict;
}

async function targetTip(repository: Repository, { target, number }: Proposal): Promise<CommitSha> {
  const base = await repository.resolve(target);
  if (base === undefined)
    throw new Fault("branch-missing", `${target}, the target of proposal #${number}, does not exist`);
  return base;
}

/** Commits and not trees: their messages are judged too, and the comment names them. */
function judgedKey({ number, title, description, branch, target, head }: Proposal, base: CommitSha): string {
  return digest(base, head, `${number}`, title, description, branch, target);
}

async function judgePair(
  { repository, memo = createMemo() }: JudgeRequest,
  proposal: Proposal,
  base: CommitSha,
): Promise<Judged> {
  const judgement = await judgeTrees(repository, proposal, { base, head: proposal.head }, memo);
  return { verdict: judgement.verdict, diff: await diffText(repository, judgement) };
}

async function openProposal(forge: Forge, number: number): Promise<Proposal> {
  const found = await forge.get(number);
  if (!found.ok) throw new Fault(found.error.code, `proposal #${number}: ${found.error.code}`);
  if (found.value.state !== "open") throw new Fault("proposal-not-open", `proposal #${number} is ${found.value.state}`);
  return found.value;
}

/** State first, the comment last: it says of which pair it tells, so a kill between the two is seen, and it is written again. */
async function writeVerdict(
  { forge, beside = [], remark = false }: JudgeRequest,
  proposal: Proposal,
  { verdict, diff }: Judged,
): Promise<boolean> {
  const comment = formatComment(verdict, diff, proposal.approvals, beside);
  const { number, title } = verdict;
  if (proposal.title !== title) {
    const reworded = await forge.reword(number, { title });
    // A title that no forge takes is no reason to judge nothing: the old one stays.
    if (!reworded.ok && reworded.error.code !== "title-malformed")
      throw new Fault(reworded.error.code, `proposal #${number}: the title was refused (${reworded.error.code})`);
  }
  if (!(await writeState(forge, proposal, verdict))) return false;
  if (proposal.comment === comment && !remark) return true;
  const failed = await markProposal(forge, proposal, verdict).catch((error: unknown) => {
    if (error instanceof Fault) return error;
    throw error;
  });
  if (proposal.comment === comment && failed === undefined) return true;
  const written = await forge.setComment(number, comment);
  // What only adorns keeps nobody from the comment, and is told once.
  if (written.ok && failed !== undefined) throw failed;
  if (written.ok) return true;
  throw new Fault(written.error.code, `proposal #${number}: the comment was refused (${written.error.code})`);
}

async function markProposal(forge: Forge, { approvals }: Proposal, verdict: Verdict): Promise<undefined> {
  const { number, state, summary, head, findings } = verdict;
  await forge.annotate?.(head, { state, summary, annotations: annotationsOf(findings) });
  const marked = await forge.mark?.(number, marksOf(verdict, approvals));
  if (marked?.ok === false && marked.error.code !== "proposal-not-open")
    throw new Fault(marked.error.code, `proposal #${number}: its labels were refused (${marked.error.code})`);
}

async function writeState(forge: Forge, { gate, approvals }: Proposal, verdict: Verdict): Promise<boolean> {
  const { number, state, summary, base, head, approvalDigest } = verdict;
  // First: with the gate alone, whoever may merge past what is required would have merged something whose approvals nobody had weighed.
  await forge.setStage?.(head, { name: "approvals", ...approvalStage(verdict, approvals) });
  if (gate?.state !== state || gate.summary !== summary || gate.base !== base || gate.head !== head) {
    const digests = approvalDigest === undefined ? {} : { approvalDigest };
    const set = await forge.setGate(number, { state, summary, base, head, ...digests });
    if (!set.ok && set.error.code === "head-moved") return false;
    if (!set.ok)
      throw new Fault(set.error.code, `proposal #${number}: the gate's status was refused (${set.error.code})`);
  }
  return true;
}

/** Whether the approvals are there: on a forge where anyone may press the button, that is a status of its own. */
function approvalStage(verdict: Verdict, approvals: Proposal["approvals"]): Pick<StageStatus, "state" | "summary"> {
  if (verdict.state === "refused") return { state: "pending", summary: "waits for the gate" };
  const short = weighApprovals(verdict, approvals).needs.filter(({ missing }) => missing > 0);
  if (short.length > 0)
    return { state: "pending", summary: `waits for ${short.map(({ need }) => describeAsked(need)).join(", ")}` };
  return { state: "passed", summary: verdict.needs.length === 0 ? "needs none" : "all are there" };
}

/** A unified diff of the rendered objects that differ. The two small trees it is made of stay behind as unreachable objects. */
async function diffText(repository: Repository, { verdict, pairs }: Judgement): Promise<string> {
  if (verdict.objects.length === 0 || verdict.objects.length > diffObjectsMax) return "";
  const before = new Map<TreePath, string>();
  const after = new Map<TreePath, string>();
  for (const { environment, path } of verdict.objects) {
    const pair = pairs.find((candidate) => candidate.environment === environment);
    const name = treePath(`${environment}/${path}`);
    const [old, now] = [pair?.before.get(path), pair?.after.get(path)];
    if (old !== undefined) before.set(name, old);
    if (now !== undefined) after.set(name, now);
  }
  const [from, to] = [await repository.writeTree(null, before), await repository.writeTree(null, after)];
  return repository.diffText(from, to);
}
