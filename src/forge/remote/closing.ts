import type { Closing } from "../port.ts";
import { escapeText, oneLine } from "../text.ts";
import type { Comment } from "./api.ts";

/** What stands before the reason, in the comment that says why a proposal was given up. */
const opening = "<!-- slipway:closed -->\nGiven up: ";

/** @returns undefined where there is nothing to say */
export function closingComment(reason: string): string | undefined {
  const line = oneLine(reason);
  return line === "" ? undefined : `${opening}${line}`;
}

/** The last word on why a closed pull request was closed. */
export function closingOf(comments: readonly Comment[]): Closing | undefined {
  const last = comments.findLast(({ body, author }) => author !== undefined && body.startsWith(opening));
  if (last?.author === undefined) return undefined;
  const reason = oneLine(escapeText(last.body.slice(opening.length)));
  return { by: last.author, reason, timeSeconds: last.createdSeconds };
}
