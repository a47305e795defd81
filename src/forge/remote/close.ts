import { err, ok, type Result } from "#core/result.ts";
import type { ForgeRefusal, Proposal } from "../port.ts";
import { closingComment } from "./closing.ts";
import { isSame } from "./gate.ts";
import { findPull, present, type Remote } from "./pulls.ts";

/**
 * Closes a pull request. Why is said first, by a comment of whoever closes it: a forge keeps no reason, and of one that is closed nobody says it any
 * more. Killed between the two, the next call finds the comment.
 */
export async function closePull(
  remote: Remote,
  number: number,
  reason: string,
): Promise<Result<Proposal, ForgeRefusal>> {
  const { api, budget } = remote;
  const pull = await findPull(remote, number);
  if (!pull.ok) return pull;
  const { state } = pull.value;
  if (state === "merged") return err({ code: "proposal-not-open", number, state });
  if (state === "closed") return ok(await present(remote, pull.value));
  const comment = closingComment(reason);
  if (comment !== undefined) {
    const [by, comments] = [await api.login(), await api.comments(number)];
    if (!comments.some(({ author, body }) => isSame(author, by) && body.trimEnd() === comment)) {
      await budget.take();
      await api.addComment(number, comment);
    }
  }
  return ok(await present(remote, await api.editPull(number, { state: "closed" })));
}
