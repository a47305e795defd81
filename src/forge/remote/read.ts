import { Fault } from "#core/result.ts";
import { parseCommitSha } from "#git/open.ts";
import type { CommitSha } from "#git/port.ts";
import { type Fields, fields, integer, items, string } from "../fields.ts";
import type { Comment, Review } from "./api.ts";

/** Reads a forge's answer. @throws Fault `forge-answer-malformed` with what is wrong in it */
export function read<Value>(where: string, data: unknown, reader: (found: Fields) => Value): Value {
  try {
    return reader(fields(data, "the answer"));
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new Fault("forge-answer-malformed", `the answer to ${where} is not what it should be: ${detail}`, { cause });
  }
}

export function readList(where: string, data: unknown): readonly Fields[] {
  if (!Array.isArray(data)) throw new Fault("forge-answer-malformed", `the answer to ${where} is no list`);
  return data.map((item) => read(where, item, (found) => found));
}

/** Undefined for an account that is gone. */
export function loginOf(user: unknown): string | undefined {
  const login = typeof user === "object" && user !== null && "login" in user ? user.login : undefined;
  return typeof login === "string" && login !== "" ? login : undefined;
}

export function emailOf(user: Fields): string | undefined {
  const email = user["email"];
  return typeof email === "string" && email !== "" ? email : undefined;
}

export function sha(from: Fields, key: string): CommitSha {
  const parsed = parseCommitSha(string(from, key));
  if (!parsed.ok) throw new Error(`${key} is not a full commit id`);
  return parsed.value;
}

export function seconds(from: Fields, key: string): number {
  const at = Date.parse(string(from, key));
  if (!Number.isFinite(at)) throw new Error(`${key} is not a time`);
  return Math.floor(at / 1_000);
}

/** Line ends as people's browsers send them become ours. */
export function lines(text: string): string {
  return text.replaceAll("\r\n", "\n");
}

export function readComment(comment: Fields): Comment {
  return {
    id: integer(comment, "id"),
    body: lines(string(comment, "body")),
    author: loginOf(comment["user"]),
    createdSeconds: seconds(comment, "created_at"),
  };
}

/** @param refused the forge's word for a review that asks for changes */
export function readReview(review: Fields, refused: string): Review {
  const user = fields(review["user"], "user");
  const states = new Map<string, Review["state"]>([
    ["APPROVED", "approved"],
    [refused, "changes-requested"],
  ]);
  const commit = parseCommitSha(String(review["commit_id"]));
  return {
    by: string(user, "login"),
    email: emailOf(user),
    state: states.get(string(review, "state")) ?? "other",
    commit: commit.ok ? commit.value : undefined,
    submittedSeconds: seconds(review, "submitted_at"),
  };
}

/** Of a pull request. */
export function labelsOf(pull: Fields): readonly string[] {
  return optional(pull, "labels").map((label) => string(label, "name"));
}

/** Whose review was asked for. */
export function askedOf(pull: Fields): readonly string[] {
  return optional(pull, "requested_reviewers").flatMap((user) => loginOf(user) ?? []);
}

function optional(from: Fields, key: string): readonly Fields[] {
  return from[key] === undefined || from[key] === null ? [] : items(from, key);
}
