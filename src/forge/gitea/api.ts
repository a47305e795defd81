import { type Fields, fields, integer, oneOf, string } from "../fields.ts";
import type { ForgeApi, MergeAnswer, Pull, Status } from "../remote/api.ts";
import {
  askedOf,
  emailOf,
  labelsOf,
  lines,
  loginOf,
  read,
  readComment,
  readList,
  readReview,
  seconds,
  sha,
} from "../remote/read.ts";
import { saidBy } from "./client.ts";
import { marking } from "./marking.ts";
import { type GiteaOptions, readPages } from "./pages.ts";

/** Gitea's REST interface, version 1, as of Gitea 1.26. Forgejo's is of the same family. */
export function giteaApi(options: GiteaOptions): ForgeApi {
  const { client, webUrl } = options;
  const repository = `/repos/${encodeURIComponent(options.owner)}/${encodeURIComponent(options.name)}`;
  const pullPath = (number: number): string => `${repository}/pulls/${number}`;
  const commentPath = (id: number): string => `${repository}/issues/comments/${id}`;
  const list = (path: string, query: Readonly<Record<string, string>> = {}): Promise<readonly Fields[]> =>
    readPages(options, path, query);
  return {
    kind: "gitea",
    compareUrl: (base, head) => `${webUrl}/${options.owner}/${options.name}/compare/${base}...${head}`,
    login: async () => read("/user", (await client.call("GET", "/user")).data, (user) => string(user, "login")),
    async pull(number) {
      const { status, data } = await client.call("GET", pullPath(number), { codes: [404] });
      return status === 404 ? undefined : read(pullPath(number), data, readPull);
    },
    async pullOf(commit) {
      const path = `${repository}/commits/${commit}/pull`;
      const { status, data } = await client.call("GET", path, { codes: [404] });
      return status === 404 ? undefined : read(path, data, readPull);
    },
    async pulls({ open, branch, target }) {
      const states = { true: "open", false: "closed", undefined: "all" } as const;
      const state = states[`${open}`];
      // Since Gitea 1.24 a list can be asked for by target; by branch it cannot.
      const found = await list(`${repository}/pulls`, {
        state,
        ...(target === undefined ? {} : { base_branch: target }),
      });
      return found
        .map((pull) => read(`${repository}/pulls`, pull, readPull))
        .filter((pull) => branch === undefined || (!pull.fork && pull.branch === branch))
        .filter((pull) => target === undefined || pull.target === target)
        .sort((a, b) => b.number - a.number);
    },
    async openPull({ title, body, branch, target }) {
      const path = `${repository}/pulls`;
      const request = { body: { title, body, head: branch, base: target }, codes: [404, 409] };
      const { status, data } = await client.call("POST", path, request);
      if (status === 409) return "exists";
      return status === 404 ? "branch-missing" : read(path, data, readPull);
    },
    async editPull(number, change) {
      const { data } = await client.call("PATCH", pullPath(number), { body: change });
      return read(pullPath(number), data, readPull);
    },
    async statuses(sha, context) {
      const path = `${repository}/statuses/${sha}`;
      const found = await list(path);
      return found
        .filter((status) => status["context"] === context)
        .sort((a, b) => Number(b["id"]) - Number(a["id"]))
        .map((status) => read(path, status, readStatus));
    },
    async writeStatus(sha, { state, context, description, targetUrl }) {
      const body = { state, context, description, target_url: targetUrl };
      await client.call("POST", `${repository}/statuses/${sha}`, { body });
    },
    async comments(number) {
      const path = `${repository}/issues/${number}/comments`;
      // This list has no pages.
      const { data } = await client.call("GET", path);
      return readList(path, data).map((comment) => read(path, comment, readComment));
    },
    async addComment(number, body) {
      await client.call("POST", `${repository}/issues/${number}/comments`, { body: { body } });
    },
    async editComment(id, body) {
      await client.call("PATCH", commentPath(id), { body: { body } });
    },
    async removeComment(id) {
      await client.call("DELETE", commentPath(id), { codes: [404] });
    },
    async reviews(number) {
      const path = `${pullPath(number)}/reviews`;
      const found = (await list(path)).filter(
        ({ state, dismissed, user }) => state !== "PENDING" && dismissed !== true && loginOf(user) !== undefined,
      );
      return found.map((review) => read(path, review, (each) => readReview(each, "REQUEST_CHANGES")));
    },
    ...marking(options),
    async approve(number, commit, body) {
      const review = { event: "APPROVED", body, commit_id: commit };
      await client.call("POST", `${pullPath(number)}/reviews`, { body: review });
    },
    async merge(number, { head, title, body }) {
      const request = { Do: "merge", head_commit_id: head, MergeTitleField: title, MergeMessageField: body };
      const path = `${pullPath(number)}/merge`;
      const { status, data } = await client.call("POST", path, { body: request, codes: [403, 405, 409] });
      return mergeAnswer(status, saidBy(data));
    },
    async branchTip(branch) {
      const path = `${repository}/branches/${branch.split("/").map(encodeURIComponent).join("/")}`;
      const { status, data } = await client.call("GET", path, { codes: [404] });
      if (status === 404) return undefined;
      return read(path, data, (found) => sha(fields(found["commit"], "commit"), "id"));
    },
  };
}

function mergeAnswer(status: number, said: string): MergeAnswer {
  if (status < 400) return { end: "merged" };
  if (/try again later/i.test(said)) return { end: "later", said };
  // 409 is another head, a conflict, or a merge that another one won: the next look tells which.
  if (status === 409) return { end: "head-moved" };
  return { end: "refused", said: said === "" ? `it answered ${status}` : said };
}

function readPull(pull: Fields): Pull {
  const [head, base, user] = [fields(pull["head"], "head"), fields(pull["base"], "base"), fields(pull["user"], "user")];
  const merged = pull["merged"] === true;
  const branch = string(head, "ref");
  return {
    number: integer(pull, "number"),
    title: string(pull, "title"),
    body: lines(string(pull, "body")),
    author: string(user, "login"),
    authorEmail: emailOf(user),
    branch,
    // Of a deleted branch Gitea names what it keeps of it.
    fork: head["repo_id"] !== base["repo_id"] || branch.startsWith("refs/"),
    target: string(base, "ref"),
    state: merged ? "merged" : oneOf(pull, "state", ["open", "closed"]),
    head: sha(head, "sha"),
    mergedAs: merged ? sha(pull, "merge_commit_sha") : undefined,
    openedSeconds: seconds(pull, "created_at"),
    labels: labelsOf(pull),
    asked: askedOf(pull),
  };
}

function readStatus(status: Fields): Status {
  return {
    // `warning` and `skipped` are Gitea's own, and nothing that we write.
    state: oneOf(
      { state: ["warning", "skipped"].includes(String(status["status"])) ? "error" : status["status"] },
      "state",
      ["pending", "success", "failure", "error"],
    ),
    description: string(status, "description"),
    targetUrl: string(status, "target_url"),
    writer: loginOf(status["creator"]),
    createdSeconds: seconds(status, "created_at"),
  };
}
