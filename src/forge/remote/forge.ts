import { assert, err, ok, type Result } from "#core/result.ts";
import type { CommitSha, RefName } from "#git/port.ts";
import type { Forge, ForgeRefusal, OpenProposal, Proposal, ProposalState, StageStatus } from "../port.ts";
import { checkDescription, checkTitle, commentMark, escapeText } from "../text.ts";
import type { Pull, Status } from "./api.ts";
import { closePull } from "./close.ts";
import { approvalsContext, currentGate, gateContext, isSame, statusOf, wordsOf } from "./gate.ts";
import { inTurn } from "./in-turn.ts";
import { markPull } from "./mark.ts";
import { mergePull } from "./merge.ts";
import {
  branchName,
  findOpen,
  findPull,
  isOurs,
  ownComments,
  present,
  type Remote,
  type RemoteForgeOptions,
} from "./pulls.ts";

/**
 * Proposals as pull requests of a forge on the network. Nothing is kept here: each call reads first and writes what is missing, so that one which
 * was killed, or whose answer was lost, is finished by the next. Two calls of this process about one thing wait for each other; others are met by
 * the forge's own checks.
 */
export function remoteForge(options: RemoteForgeOptions): Forge {
  const remote: Remote = { ...options, turns: inTurn() };
  const { api, turns } = remote;
  const about = <Value>(number: number, work: () => Promise<Value>): Promise<Value> => turns(`${number}`, work);
  return {
    kind: api.kind,
    identities: "verified",
    open: (request) => turns(`open ${request.branch}`, () => open(remote, request)),
    get: (number) => get(remote, number),
    list: (filter) => list(remote, filter ?? {}),
    reword: (number, words) => about(number, () => reword(remote, number, words)),
    setGate: (number, status) => about(number, () => setGate(remote, number, status)),
    setStage: (commit, status) => turns(`stage ${commit}`, () => setStage(remote, commit, status)),
    setArrival: (commit, { environment, state, summary }) =>
      turns(`stage ${commit}`, async () => {
        const words = wordsOf(state, summary);
        await writeStatus(remote, commit, `slipway/sync-${environment}`, { ...words, targetUrl: "" });
        await api.writeDeployment?.(commit, { ...words, environment });
      }),
    mergedWith: async (commit) => {
      const pull = await api.pullOf(commit);
      return pull?.state === "merged" && isOurs(pull) ? present(remote, pull) : undefined;
    },
    passedGate: async (commit, target) => {
      const pull = await api.pullOf(commit);
      if (pull?.state !== "merged" || pull.target !== branchName(target)) return undefined;
      const gate = currentGate(await api.statuses(pull.head, gateContext), remote.writer, pull.head);
      if (gate?.state !== "passed") return undefined;
      // It is written before the gate; merges of a version that had none have only that.
      const [approvals] = await api.statuses(pull.head, approvalsContext);
      const isThere =
        approvals === undefined || (isSame(approvals.writer, remote.writer) && approvals.state === "success");
      return isThere ? pull.number : undefined;
    },
    mark: (number, marks) => about(number, () => markPull(remote, number, marks)),
    annotate: (commit, { state, summary, annotations }) =>
      turns(`stage ${commit}`, async () => {
        await api.writeCheck?.(commit, { ...wordsOf(state, summary), name: "slipway/findings", annotations });
      }),
    setComment: (number, markdown) => about(number, () => setComment(remote, number, markdown)),
    approve: (number, approval) => about(number, () => approve(remote, number, approval)),
    merge: (number, request) => turns("merge", () => mergePull(remote, number, request)),
    tip: async (branch) => api.branchTip(branchName(branch) ?? ""),
    caller: async () => ({ name: await api.login(), email: undefined }),
    close: (number, closing) => about(number, () => closePull(remote, number, closing?.reason ?? "")),
  };
}

async function get(remote: Remote, number: number): Promise<Result<Proposal, ForgeRefusal>> {
  const pull = await findPull(remote, number);
  return pull.ok ? ok(await present(remote, pull.value)) : pull;
}

async function list(
  remote: Remote,
  filter: { readonly state?: ProposalState; readonly branch?: RefName },
): Promise<readonly Proposal[]> {
  const branch = filter.branch === undefined ? undefined : branchName(filter.branch);
  if (filter.branch !== undefined && branch === undefined) return [];
  const found = await remote.api.pulls({
    ...(filter.state === undefined ? {} : { open: filter.state === "open" }),
    ...(branch === undefined ? {} : { branch }),
  });
  const proposals: Proposal[] = [];
  for (const pull of found.filter(isOurs))
    if (filter.state === undefined || pull.state === filter.state) proposals.push(await present(remote, pull));
  return proposals;
}

async function open(remote: Remote, request: OpenProposal): Promise<Result<Proposal, ForgeRefusal>> {
  const title = checkTitle(request.title);
  if (!title.ok) return title;
  const description = checkDescription(request.description);
  if (!description.ok) return description;
  const [branch, target] = [branchName(request.branch), branchName(request.target)];
  if (branch === undefined) return err({ code: "branch-missing", branch: request.branch });
  if (target === undefined) return err({ code: "branch-missing", branch: request.target });
  const { api, budget } = remote;
  const openOne = async (): Promise<Pull | undefined> => (await api.pulls({ open: true, branch, target }))[0];
  const known = await openOne();
  if (known !== undefined) return ok(await present(remote, known));
  for (const [name, ref] of [
    [branch, request.branch],
    [target, request.target],
  ] as const) {
    if ((await api.branchTip(name)) === undefined) return err({ code: "branch-missing", branch: ref });
  }
  await budget.take();
  const opened = await api.openPull({ title: title.value, body: description.value, branch, target });
  if (opened === "branch-missing") return err({ code: "branch-missing", branch: request.branch });
  // Someone else was faster: theirs is as good.
  const pull = opened === "exists" ? await openOne() : opened;
  if (pull === undefined) return err({ code: "branch-missing", branch: request.branch });
  return ok(await present(remote, pull));
}

async function reword(
  remote: Remote,
  number: number,
  words: Parameters<Forge["reword"]>[1],
): Promise<Result<Proposal, ForgeRefusal>> {
  const title = words.title === undefined ? undefined : checkTitle(words.title);
  if (title?.ok === false) return title;
  const description = words.description === undefined ? undefined : checkDescription(words.description);
  if (description?.ok === false) return description;
  const pull = await findOpen(remote, number);
  if (!pull.ok) return pull;
  const change = {
    ...(title === undefined || title.value === pull.value.title ? {} : { title: title.value }),
    ...(description === undefined || description.value === pull.value.body ? {} : { body: description.value }),
  };
  if (Object.keys(change).length === 0) return ok(await present(remote, pull.value));
  await remote.budget.take();
  return ok(await present(remote, await remote.api.editPull(number, change)));
}

async function setGate(
  remote: Remote,
  number: number,
  gate: Parameters<Forge["setGate"]>[1],
): Promise<Result<Proposal, ForgeRefusal>> {
  const pull = await findOpen(remote, number);
  if (!pull.ok) return pull;
  const { head } = pull.value;
  if (head !== gate.head) return err({ code: "head-moved", number, expected: gate.head, found: head });
  await writeStatus(remote, head, gateContext, statusOf(gate, remote.api.compareUrl(gate.base, gate.head)));
  return ok(await present(remote, pull.value));
}

async function setStage(remote: Remote, commit: CommitSha, { name, state, summary }: StageStatus): Promise<void> {
  assert(/^[a-z][a-z0-9-]{0,39}$/.test(name) && name !== "gate", `no name of a stage: ${JSON.stringify(name)}`);
  await writeStatus(remote, commit, `slipway/${name}`, { ...wordsOf(state, summary), targetUrl: "" });
}

/** Only if it is not what stands there already, by our own hand: a commit takes a thousand statuses of one name, and no more. */
async function writeStatus(
  { api, writer }: Remote,
  commit: CommitSha,
  context: string,
  wanted: Pick<Status, "state" | "description" | "targetUrl">,
): Promise<void> {
  const [newest] = await api.statuses(commit, context);
  const same =
    newest !== undefined &&
    isSame(newest.writer, writer) &&
    newest.state === wanted.state &&
    newest.description === wanted.description &&
    newest.targetUrl === wanted.targetUrl;
  if (!same) await api.writeStatus(commit, { ...wanted, context });
}

/**
 * The oldest one of ours is the comment; what two that wrote at once left beside it is taken away. Whoever wrote a first one looks again, so that of two
 * servers the later one sees both.
 */
async function setComment(remote: Remote, number: number, markdown: string): Promise<Result<Proposal, ForgeRefusal>> {
  const { api, writer, budget } = remote;
  assert(markdown.startsWith(`${commentMark}\n`), "a comment without its mark");
  const pull = await findPull(remote, number);
  if (!pull.ok) return pull;
  const body = escapeText(markdown);
  const ours = async () => ownComments(await api.comments(number), writer);
  let [first, ...others] = await ours();
  if (first?.body !== body) await budget.take();
  if (first === undefined) {
    await api.addComment(number, body);
    [first, ...others] = await ours();
  } else if (first.body !== body) await api.editComment(first.id, body);
  for (const { id } of others) await api.removeComment(id);
  return ok(await present(remote, pull.value));
}

async function approve(
  remote: Remote,
  number: number,
  { head, digest }: Parameters<Forge["approve"]>[1],
): Promise<Result<Proposal, ForgeRefusal>> {
  const { api, budget } = remote;
  const pull = await findOpen(remote, number);
  if (!pull.ok) return pull;
  const by = await api.login();
  if (isSame(pull.value.author, by)) return err({ code: "self-approval", number, by });
  const found = pull.value.head;
  if (found !== head) return err({ code: "head-moved", number, expected: head, found });
  const before = await present(remote, pull.value);
  const said = before.approvals.some((known) => isSame(known.by, by) && known.head === head && known.digest === digest);
  if (said) return ok(before);
  // The review is dated by the gate that stands there: another one than what the person was shown must not take its place unseen.
  if (before.gate?.state !== "passed" || before.gate.approvalDigest !== digest)
    return err({
      code: "gate-not-passed",
      number,
      gate: before.gate?.state === "passed" ? "missing" : (before.gate?.state ?? "missing"),
    });
  await budget.take();
  await api.approve(number, head, `Approves \`${digest}\``);
  return ok(await present(remote, pull.value));
}
