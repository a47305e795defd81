import { Fault } from "#core/result.ts";
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
import { writeCheck } from "./checks.ts";
import { writeDeployment } from "./deployments.ts";
import { ask, type Refused } from "./faults.ts";
import type { Kit } from "./kit.ts";
import { marking } from "./marking.ts";

export interface GithubOptions {
  readonly kit: Kit;
  /** `https://github.com`, without a slash at the end. */
  readonly webUrl: string;
  readonly owner: string;
  readonly name: string;
  /** An App has no user to ask for. */
  readonly login?: string;
  /** Default 100, which is as much as GitHub gives. */
  readonly pageSize?: number;
}

const pagesMax = 400;

/** GitHub's REST interface, version 2022-11-28. */
export function githubApi(options: GithubOptions): ForgeApi {
  const { kit, webUrl, owner, name, pageSize = 100 } = options;
  const at = { owner, repo: name };
  const { pulls, repos, git, users } = kit.rest;
  const list: List = (where, route, parameters) =>
    readPages(kit, where, route, { ...at, ...parameters, per_page: pageSize });
  return {
    kind: "github",
    compareUrl: (base, head) => `${webUrl}/${owner}/${name}/compare/${base}...${head}`,
    async login() {
      if (options.login !== undefined) return options.login;
      return read("GET /user", (await must("GET /user", users.getAuthenticated())).data, (user) =>
        string(user, "login"),
      );
    },
    async pull(number) {
      const where = `GET pulls/${number}`;
      const found = await ask(where, () => pulls.get({ ...at, pull_number: number }), [404]);
      return "value" in found ? read(where, found.value.data, readPull) : undefined;
    },
    async pullOf(commit) {
      const route = "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls";
      const found = (await list("GET commits/pulls", route, { commit_sha: commit })).map((pull) =>
        read("GET commits/pulls", pull, readPull),
      );
      return found.find(({ mergedAs }) => mergedAs === commit) ?? found.find(({ state }) => state === "merged");
    },
    async pulls({ open, branch, target }) {
      const states = { true: "open", false: "closed", undefined: "all" } as const;
      const found = await list("GET pulls", "GET /repos/{owner}/{repo}/pulls", {
        ...{ state: states[`${open}`], sort: "created", direction: "desc" },
        ...(branch === undefined ? {} : { head: `${owner}:${branch}` }),
        ...(target === undefined ? {} : { base: target }),
      });
      return found
        .map((pull) => read("GET pulls", pull, readPull))
        .filter((pull) => branch === undefined || (!pull.fork && pull.branch === branch))
        .sort((a, b) => b.number - a.number);
    },
    async openPull({ title, body, branch, target }) {
      const request = { ...at, title, body, head: branch, base: target };
      const opened = await ask("POST pulls", () => pulls.create(request), [422]);
      if ("value" in opened) return read("POST pulls", opened.value.data, readPull);
      if (/already exists/i.test(opened.said)) return "exists";
      if (/"field":"(?:head|base)"/.test(opened.said)) return "branch-missing";
      throw new Fault("forge-failed", `POST pulls answered 422: ${opened.said}`);
    },
    async editPull(number, change) {
      const where = `PATCH pulls/${number}`;
      return read(where, (await must(where, pulls.update({ ...at, pull_number: number, ...change }))).data, readPull);
    },
    async statuses(ref, context) {
      const found = await list("GET statuses", "GET /repos/{owner}/{repo}/commits/{ref}/statuses", { ref });
      return found
        .filter((status) => status["context"] === context)
        .sort((a, b) => Number(b["id"]) - Number(a["id"]))
        .map((status) => read("GET statuses", status, readStatus));
    },
    async writeStatus(commit, { state, context, description, targetUrl }) {
      const link = targetUrl === "" ? {} : { target_url: targetUrl };
      const status = { ...at, sha: commit, state, context, description, ...link };
      await must("POST statuses", repos.createCommitStatus(status));
    },
    ...conversation(options, list),
    ...marking(options),
    writeDeployment: (commit, deployment) => writeDeployment(options, commit, deployment),
    writeCheck: (commit, check) => writeCheck(options, commit, check),
    async merge(number, { head, title, body }) {
      const request = { ...at, pull_number: number, sha: head, commit_title: title, commit_message: body };
      const merged = await ask(
        "PUT merge",
        () => pulls.merge({ ...request, merge_method: "merge" }),
        [403, 404, 405, 409, 422],
      );
      return "value" in merged ? { end: "merged" } : mergeAnswer(merged);
    },
    async branchTip(branch) {
      const where = `GET git/ref/heads/${branch}`;
      const found = await ask(where, () => git.getRef({ ...at, ref: `heads/${branch}` }), [404]);
      if (!("value" in found)) return undefined;
      return read(where, found.value.data, (ref) => sha(fields(ref["object"], "object"), "sha"));
    },
  };
}

type List = (where: string, route: string, parameters: object) => Promise<readonly Fields[]>;

/** What people and Slipway say to each other. */
function conversation(
  { kit, owner, name }: GithubOptions,
  list: List,
): Pick<ForgeApi, "comments" | "addComment" | "editComment" | "removeComment" | "reviews" | "approve"> {
  const { issues, pulls } = kit.rest;
  const at = { owner, repo: name };
  return {
    async comments(number) {
      const route = "GET /repos/{owner}/{repo}/issues/{issue_number}/comments";
      const found = await list("GET comments", route, { issue_number: number });
      return found.map((comment) => read("GET comments", comment, readComment));
    },
    async addComment(number, body) {
      await must("POST comments", issues.createComment({ ...at, issue_number: number, body }));
    },
    async editComment(id, body) {
      await must("PATCH comments", issues.updateComment({ ...at, comment_id: id, body }));
    },
    async removeComment(id) {
      await ask("DELETE comments", () => issues.deleteComment({ ...at, comment_id: id }), [404]);
    },
    async reviews(number) {
      const route = "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews";
      const found = (await list("GET reviews", route, { pull_number: number })).filter(
        // A review of an account that is gone approves nothing.
        ({ state, user }) => state !== "PENDING" && state !== "DISMISSED" && loginOf(user) !== undefined,
      );
      return found.map((review) => read("GET reviews", review, (each) => readReview(each, "CHANGES_REQUESTED")));
    },
    async approve(number, commit, body) {
      const review = { ...at, pull_number: number, commit_id: commit, event: "APPROVE", body } as const;
      await must("POST reviews", pulls.createReview(review));
    },
  };
}

async function must<Value>(where: string, request: Promise<Value>): Promise<Value> {
  const answer = await ask(where, () => request);
  if ("value" in answer) return answer.value;
  throw new Fault("forge-failed", `${where} answered ${answer.status}: ${answer.said}`);
}

/** All pages; the links between them are GitHub's own. */
async function readPages(kit: Kit, where: string, route: string, parameters: object): Promise<readonly Fields[]> {
  const found: Fields[] = [];
  let pages = 0;
  const read = async (): Promise<void> => {
    for await (const { data } of kit.paginate.iterator(route, { ...parameters })) {
      found.push(...readList(where, data));
      pages += 1;
      if (pages >= pagesMax) throw new Fault("forge-list-too-long", `${where} has more than ${pagesMax} pages`);
    }
  };
  await must(where, read());
  return found;
}

function mergeAnswer({ status, said }: Refused): MergeAnswer {
  // 409: another head than ours. 405 of a base that moved: the next look tells.
  if (status === 409 || /branch was modified/i.test(said)) return { end: "head-moved" };
  // Conflicts were looked for before: it has not worked it out yet.
  if (status === 405 && /not mergeable|try again later/i.test(said)) return { end: "later", said };
  return { end: "refused", said };
}

function readPull(pull: Fields): Pull {
  const [head, base, user] = [fields(pull["head"], "head"), fields(pull["base"], "base"), pull["user"]];
  const mergedAt = pull["merged_at"];
  const merged = typeof mergedAt === "string" && mergedAt !== "";
  const home = (side: Fields): unknown => (side["repo"] === null ? null : fields(side["repo"], "repo")["id"]);
  const branch = string(head, "ref");
  return {
    number: integer(pull, "number"),
    title: string(pull, "title"),
    body: pull["body"] === null ? "" : lines(string(pull, "body")),
    // Whose account is gone is nobody: GitHub shows them as this one.
    author: loginOf(user) ?? "ghost",
    authorEmail: user === null ? undefined : emailOf(fields(user, "user")),
    branch,
    fork: home(head) !== home(base) || branch.startsWith("refs/"),
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
  const text = (key: string): string => (status[key] === null ? "" : string(status, key));
  return {
    state: oneOf(status, "state", ["pending", "success", "failure", "error"]),
    description: text("description"),
    targetUrl: text("target_url"),
    writer: loginOf(status["creator"]),
    createdSeconds: seconds(status, "created_at"),
  };
}
