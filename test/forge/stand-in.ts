// A forge that speaks Gitea's words, as far as Slipway's adapter asks: pull requests in memory before a bare repository. What it says is held to the forges'
// contract (test/forge-servers/stand-in.forge.ts). A real Gitea is there, too; it takes eleven minutes of processor time to build.
import { createHmac, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { ForgeApi, Pull } from "#forge/remote/api.ts";
import { parseCommitSha } from "#git/open.ts";
import type { CommitSha, Repository } from "#git/port.ts";
import { answerGit } from "./git-backend.ts";
import { memoryForge } from "./memory-api.ts";

export interface StandInOptions {
  readonly repository: Repository;
  /** Where the repository lies, and as what folder in there. */
  readonly root: string;
  readonly folder: string;
  /** `o/n`, as its address has it. */
  readonly name: string;
  /** Who speaks by which token. */
  readonly logins: { readonly [token: string]: string };
  /** PEM; absent: plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

interface Hook {
  readonly url: string;
  readonly secret: string;
}

interface Reply {
  readonly status: number;
  readonly data?: unknown;
}

interface Asked {
  readonly api: ForgeApi;
  readonly method: string;
  /** Below the repository's own path. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: { readonly [key: string]: unknown };
}

export function standIn(options: StandInOptions): Server {
  const { root, folder, name, logins, tls } = options;
  const memory = memoryForge(options.repository);
  const contexts = new Set<string>();
  const labels: string[] = [];
  const hooks: Hook[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, search, searchParams: query } = new URL(request.url ?? "/", "http://forge");
    const login = loginOf(request, logins);
    if (login === undefined) {
      response.writeHead(401, { "www-authenticate": "Basic" }).end("{}");
      return;
    }
    const git = `/${name}.git/`;
    if (pathname.startsWith(git)) {
      const path = `/${folder}/${pathname.slice(git.length)}`;
      await answerGit(request, response, { root, path, query: search.slice(1), user: login });
      if (path.endsWith("/git-receive-pack")) tell(hooks, "push");
      return;
    }
    const body = JSON.parse((await textOf(request)) || "{}");
    const method = request.method ?? "GET";
    const { api } = memory.as(login);
    const own = `/api/v1/repos/${name}`;
    if (pathname === "/api/v1/user") return reply(response, { status: 200, data: { login } });
    if (!pathname.startsWith(own)) return reply(response, { status: 404, data: { message: "not found" } });
    const asked = { api, method, path: pathname.slice(own.length), query, body };
    const said =
      takeHook(hooks, asked) ??
      (await answerLabels(labels, asked)) ??
      (await answerStatuses(contexts, asked)) ??
      (await answerPulls(asked)) ??
      ({ status: 404, data: { message: `${method} ${asked.path} is nothing here` } } as const);
    reply(response, said);
    if (method !== "GET") tell(hooks, "pull_request");
  };
  const listener: RequestListener = (request, response) => {
    answer(request, response).catch((error: unknown) =>
      reply(response, { status: 500, data: { message: `${error}` } }),
    );
  };
  return tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
}

/** `token …` of the interface, `Basic …` of Git, whose password is the token. */
function loginOf({ headers }: IncomingMessage, logins: StandInOptions["logins"]): string | undefined {
  const [scheme, given = ""] = headers.authorization?.split(" ") ?? [];
  const token = scheme === "Basic" ? Buffer.from(given, "base64").toString().split(":")[1] : given;
  return logins[token ?? ""];
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}

function reply(response: ServerResponse, { status, data }: Reply): void {
  const total = Array.isArray(data) ? { "x-total-count": String(data.length) } : {};
  response.writeHead(status, { "content-type": "application/json", ...total });
  response.end(data === undefined ? undefined : JSON.stringify(data));
}

function takeHook(hooks: Hook[], { method, path, body }: Asked): Reply | undefined {
  if (method !== "POST" || path !== "/hooks") return undefined;
  hooks.push(body["config"] as Hook);
  return { status: 201, data: {} };
}

/** Once, and whether it arrives or not. */
function tell(hooks: readonly Hook[], event: string): void {
  for (const { url, secret } of hooks) {
    const body = "{}";
    const signature = createHmac("sha256", secret).update(body).digest("hex");
    const headers = {
      ...{ "content-type": "application/json", "x-gitea-event": event, "x-gitea-delivery": randomUUID() },
      "x-hub-signature-256": `sha256=${signature}`,
    };
    fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  }
}

async function answerLabels(labels: string[], { api, method, path, body }: Asked): Promise<Reply | undefined> {
  const named = (name: string): object => ({ id: labels.indexOf(name) + 1, name });
  if (path === "/labels" && method === "GET") return { status: 200, data: labels.map(named) };
  if (path === "/labels") {
    labels.push(String(body["name"]));
    return { status: 201, data: {} };
  }
  const [, number, id] = /^\/issues\/(\d+)\/labels(?:\/(\d+))?$/.exec(path) ?? [];
  if (number === undefined) return undefined;
  const held = (await api.pull(Number(number)))?.labels ?? [];
  if (method === "GET") return { status: 200, data: held.map(named) };
  if (method === "DELETE") await api.removeLabel(Number(number), labels[Number(id) - 1] ?? "");
  else for (const name of body["labels"] as readonly string[]) await api.addLabel(Number(number), name);
  return { status: 200, data: [] };
}

async function answerStatuses(contexts: Set<string>, { api, method, path, body }: Asked): Promise<Reply | undefined> {
  const sha = parseCommitSha(/^\/statuses\/(\w+)$/.exec(path)?.[1] ?? "");
  if (!sha.ok) return undefined;
  const text = (key: string): string => String(body[key]);
  if (method === "POST") {
    contexts.add(text("context"));
    const [state, description] = [text("state") as "success", text("description")];
    const status = { state, description, targetUrl: text("target_url"), context: text("context") };
    await api.writeStatus(sha.value, status);
    return { status: 201, data: {} };
  }
  const data: object[] = [];
  for (const context of contexts)
    for (const [index, status] of (await api.statuses(sha.value, context)).toReversed().entries())
      data.push({
        ...{ id: index + 1, context, status: status.state, description: status.description },
        ...{ target_url: status.targetUrl, creator: { login: status.writer } },
        created_at: instant(status.createdSeconds),
      });
  return { status: 200, data };
}

async function answerPulls(asked: Asked): Promise<Reply | undefined> {
  const { api, method, path, query, body } = asked;
  const branch = /^\/branches\/(.+)$/.exec(path)?.[1];
  if (branch !== undefined)
    return found(await api.branchTip(decodeURIComponent(branch)), (tip) => ({ commit: { id: tip } }));
  const [, kind, id, rest = ""] = /^\/(pulls|issues\/comments|issues|commits)(?:\/([^/]+))?(\/.*)?$/.exec(path) ?? [];
  const number = Number(id);
  const text = (key: string): string => String(body[key]);
  switch (`${method} ${kind}${rest}`) {
    case "GET pulls": {
      if (id !== undefined) return found(await api.pull(number), pullJson);
      const [state, target] = [query.get("state"), query.get("base_branch")];
      const filter = { ...(state === "all" ? {} : { open: state === "open" }), ...(target === null ? {} : { target }) };
      return { status: 200, data: (await api.pulls(filter)).map(pullJson) };
    }
    case "POST pulls": {
      const request = { title: text("title"), body: text("body"), branch: text("head"), target: text("base") };
      const opened = await api.openPull(request);
      if (typeof opened === "string") return { status: opened === "exists" ? 409 : 404, data: {} };
      return { status: 201, data: pullJson(opened) };
    }
    case "PATCH pulls":
      return { status: 201, data: pullJson(await api.editPull(number, body)) };
    case "GET commits/pull":
      return found(await api.pullOf(commit(id)), pullJson);
    case "GET issues/comments": {
      const comments = await api.comments(number);
      const data = comments.map((each) => ({
        ...{ id: each.id, body: each.body, user: { login: each.author } },
        created_at: instant(each.createdSeconds),
      }));
      return { status: 200, data };
    }
    case "POST issues/comments":
      await api.addComment(number, text("body"));
      return { status: 201, data: {} };
    case "PATCH issues/comments":
      await api.editComment(commentOf(path), text("body"));
      return { status: 200, data: {} };
    case "DELETE issues/comments":
      await api.removeComment(commentOf(path));
      return { status: 204 };
    case "GET pulls/reviews": {
      const data = (await api.reviews(number)).map((review) => ({
        ...{ user: { login: review.by, email: review.email }, state: "APPROVED", commit_id: review.commit },
        submitted_at: instant(review.submittedSeconds),
      }));
      return { status: 200, data };
    }
    case "POST pulls/reviews":
      await api.approve(number, commit(text("commit_id")), text("body"));
      return { status: 200, data: {} };
    case "POST pulls/requested_reviewers":
      for (const login of body["reviewers"] as readonly string[]) await api.askReview(number, login);
      return { status: 201, data: [] };
    case "POST pulls/merge": {
      const head = commit(text("head_commit_id"));
      const [title, message] = [text("MergeTitleField"), text("MergeMessageField")];
      const { end } = await api.merge(number, { head, title, body: message });
      return end === "merged" ? { status: 200 } : { status: end === "head-moved" ? 409 : 405, data: { message: end } };
    }
    default:
      return undefined;
  }
}

function commentOf(path: string): number {
  return Number(path.split("/").at(-1));
}

function found<Value>(value: Value | undefined, json: (value: Value) => object): Reply {
  return value === undefined ? { status: 404, data: { message: "not found" } } : { status: 200, data: json(value) };
}

function commit(text = ""): CommitSha {
  const parsed = parseCommitSha(text);
  if (!parsed.ok) throw new Error(`${text} is no commit`);
  return parsed.value;
}

function pullJson(pull: Pull): object {
  const { number, title, body, author, authorEmail, branch, head, target, state, mergedAs, labels, asked } = pull;
  return {
    ...{ number, title, body, user: { login: author, email: authorEmail } },
    ...{ head: { ref: branch, sha: head, repo_id: 1 }, base: { ref: target, repo_id: 1 } },
    ...{ state: state === "open" ? "open" : "closed", merged: state === "merged", merge_commit_sha: mergedAs ?? null },
    ...{ created_at: instant(pull.openedSeconds), labels: labels.map((name) => ({ name })) },
    requested_reviewers: asked.map((login) => ({ login })),
  };
}

function instant(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}
