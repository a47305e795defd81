import type { ForgeApi } from "../remote/api.ts";
import type { GithubOptions } from "./api.ts";
import { ask } from "./faults.ts";

/** Labels, and whose review is asked for. */
export function marking({ kit, owner, name }: GithubOptions): Pick<ForgeApi, "addLabel" | "removeLabel" | "askReview"> {
  const at = { owner, repo: name };
  const { issues, pulls } = kit.rest;
  return {
    async addLabel(number, label) {
      await ask("POST labels", () => issues.addLabels({ ...at, issue_number: number, labels: [label] }));
    },
    async removeLabel(number, label) {
      await ask("DELETE labels", () => issues.removeLabel({ ...at, issue_number: number, name: label }), [404]);
    },
    async askReview(number, login) {
      // 422: the author's own, or of one who may not read it.
      await ask(
        "POST requested_reviewers",
        () => pulls.requestReviewers({ ...at, pull_number: number, reviewers: [login] }),
        [422],
      );
    },
  };
}
