import { err, Fault, ok, type Result } from "#core/result.ts";
import type { CommitSha } from "#git/port.ts";
import type { Forge, ForgeRefusal, Proposal } from "../port.ts";
import { mergeMessage } from "../text.ts";
import type { Pull } from "./api.ts";
import { branchName, findPull, present, type Remote } from "./pulls.ts";

type MergeRequest = Parameters<Forge["merge"]>[1];
type Merged = { readonly proposal: Proposal; readonly commit: CommitSha };

/** How often and how long a forge is waited for that is still working out whether it can merge. */
const laterTries = 20;
const laterMs = 500;

/** Merges by the forge's own merge, so that all its rules count too. Said again it answers with the commit that is there. */
export async function mergePull(
  remote: Remote,
  number: number,
  request: MergeRequest,
): Promise<Result<Merged, ForgeRefusal>> {
  const { pause } = remote;
  for (let tries = 1; ; tries += 1) {
    const found = await findPull(remote, number);
    if (!found.ok) return found;
    const pull = found.value;
    if (pull.state === "merged") return merged(remote, pull, request.head);
    const refusal = await refuse(remote, pull, request);
    if (refusal !== undefined) return err(refusal);
    const [title = "", ...rest] = mergeMessage(number, pull.title, request).split("\n");
    const answer = await attempt(remote, number, { head: request.head, title, body: rest.join("\n").trim() });
    switch (answer.end) {
      case "refused":
        return err({ code: "forge-rules", number, said: answer.said });
      case "later":
        if (tries >= laterTries) return err({ code: "forge-rules", number, said: answer.said });
        await pause(laterMs);
        break;
      case "merged":
      case "head-moved":
        // The next round reads what it is now.
        if (tries >= laterTries)
          throw new Fault("forge-contended", `pull request #${number} changes faster than it can be merged; try again`);
        if (answer.end === "head-moved" || tries > 1) await pause(laterMs);
        break;
    }
  }
}

/** A merge whose answer was lost may have happened: then the pull request says so. */
async function attempt(
  { api }: Remote,
  number: number,
  request: Parameters<Remote["api"]["merge"]>[1],
): ReturnType<Remote["api"]["merge"]> {
  try {
    return await api.merge(number, request);
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    const after = await api.pull(number);
    if (after?.state !== "merged") throw cause;
    return { end: "merged" };
  }
}

async function merged(remote: Remote, pull: Pull, head: CommitSha): Promise<Result<Merged, ForgeRefusal>> {
  const { number, mergedAs } = pull;
  if (pull.head !== head || mergedAs === undefined)
    return err({ code: "head-moved", number, expected: head, found: pull.head });
  // Whoever merged looks at main next.
  await remote.repository.fetch();
  return ok({ proposal: await present(remote, pull), commit: mergedAs });
}

async function refuse(remote: Remote, pull: Pull, { head, base }: MergeRequest): Promise<ForgeRefusal | undefined> {
  const { api, repository } = remote;
  const { number, state } = pull;
  if (state !== "open") return { code: "proposal-not-open", number, state };
  if (pull.head !== head) return { code: "head-moved", number, expected: head, found: pull.head };
  const proposal = await present(remote, pull);
  const found = await api.branchTip(branchName(proposal.target) ?? pull.target);
  if (found === undefined) return { code: "branch-missing", branch: proposal.target };
  if (found !== base) return { code: "base-moved", number, expected: base, found };
  const { gate } = proposal;
  if (gate === undefined || gate.base !== base) return { code: "gate-not-passed", number, gate: "missing" };
  if (gate.state !== "passed") return { code: "gate-not-passed", number, gate: gate.state };
  if (!(await repository.has(base))) await repository.fetch();
  const tree = await repository.mergeTree(base, head);
  return tree.ok ? undefined : { code: "merge-conflict", number, paths: tree.error.paths };
}
