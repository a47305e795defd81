import type { JsonObject } from "#core/json.ts";
import type { Proposal } from "#forge/port.ts";

/** A proposal as `--json` shows it. Keys are API. */
export function proposalJson(proposal: Proposal): JsonObject {
  return {
    number: proposal.number,
    title: proposal.title,
    description: proposal.description,
    author: proposal.author,
    state: proposal.state,
    branch: proposal.branch,
    target: proposal.target,
    head: proposal.head,
    gate:
      proposal.gate === undefined
        ? null
        : {
            state: proposal.gate.state,
            summary: proposal.gate.summary,
            base: proposal.gate.base,
            head: proposal.gate.head,
          },
    approvals: proposal.approvals.map(({ by, head, digest, timeSeconds }) => ({ by, head, digest, timeSeconds })),
    mergedAs: proposal.mergedAs ?? null,
    closed: proposal.closed === undefined ? null : { ...proposal.closed },
    openedSeconds: proposal.openedSeconds,
  };
}
