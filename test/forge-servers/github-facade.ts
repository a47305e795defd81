// A few of GitHub's routes in front of a Gitea: every fact and every decision is Gitea's; only verbs, names and status codes are translated.
// Where Gitea has no such rule (nobody approves their own; a review that is only begun), the test says so and not this.
import { createServer, type IncomingMessage, type Server } from "node:http";

type Json = { readonly [key: string]: unknown };

interface Request {
  readonly path: string;
  readonly repository: string;
  readonly query: URLSearchParams;
  readonly body: Json;
  readonly part: (name: string) => string;
  readonly ask: (method: string, path: string, body?: object) => Promise<Reply>;
}

interface Reply {
  readonly status: number;
  readonly data: unknown;
  readonly total: number | undefined;
}

type Answer = readonly [status: number, data: unknown, total?: number | undefined];
type Handler = (request: Request) => Promise<Answer>;

class Refusal extends Error {
  readonly status: number;
  readonly errors: readonly Json[] | undefined;
  constructor(status: number, message: string, errors?: readonly Json[]) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

const documentation = "https://docs.github.com/rest";

/** @param gitea its address; tokens are handed on as they come */
export async function startFacade(gitea: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const routes = routesOf();
  const server = createServer(async (incoming, outgoing) => {
    const [status, data, link] = await answer(incoming, gitea, routes);
    const text = data === undefined ? "" : JSON.stringify(data);
    outgoing.writeHead(status, {
      "content-type": "application/json; charset=utf-8",
      "x-ratelimit-limit": 5_000,
      "x-ratelimit-remaining": 4_999,
      ...(link === undefined ? {} : { link }),
    });
    outgoing.end(text);
  });
  const url = await listen(server);
  return {
    url,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.on("error", reject).listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`);
    });
  });
}

async function answer(
  incoming: IncomingMessage,
  gitea: string,
  routes: readonly Route[],
): Promise<readonly [status: number, data: unknown, link?: string | undefined]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  const url = new URL(incoming.url ?? "/", `http://${incoming.headers["x-forwarded-host"] ?? incoming.headers.host}`);
  for (const { method, pattern, handler } of routes) {
    const match = method === incoming.method ? pattern.exec(url.pathname) : null;
    if (match === null) continue;
    const groups = match.groups ?? {};
    const part = (name: string): string => decodeURIComponent(groups[name] ?? "");
    try {
      const [status, data, total] = await handler({
        path: url.pathname,
        repository: `/repos/${groups["owner"]}/${groups["repo"]}`,
        query: url.searchParams,
        body: text === "" ? {} : (JSON.parse(text) as Json),
        part,
        ask: (verb, path, body) => askGitea(gitea, incoming.headers.authorization, verb, path, body),
      });
      return [status, data, total === undefined ? undefined : links(url, total)];
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status, message, errors } = error;
      return [status, { message, documentation_url: documentation, ...(errors === undefined ? {} : { errors }) }];
    }
  }
  return [404, { message: "Not Found", documentation_url: documentation }];
}

async function askGitea(
  gitea: string,
  authorization: string | undefined,
  method: string,
  path: string,
  body?: object,
): Promise<Reply> {
  const response = await fetch(`${gitea}/api/v1${path}`, {
    method,
    headers: { "content-type": "application/json", ...(authorization === undefined ? {} : { authorization }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = response.headers.get("content-type")?.includes("json") === true && text !== "";
  const data: unknown = json ? JSON.parse(text) : text;
  const total = response.headers.get("x-total-count");
  if (response.ok) return { status: response.status, data, total: total === null ? undefined : Number(total) };
  const message = json ? String((data as Json)["message"] ?? "") : text;
  throw new Refusal(response.status, response.status === 404 ? "Not Found" : message);
}

/** GitHub's links from page to page. */
function links(url: URL, total: number): string {
  const size = Number(url.searchParams.get("per_page") ?? 30);
  const page = Number(url.searchParams.get("page") ?? 1);
  const last = Math.max(1, Math.ceil(total / size));
  const to = (target: number, rel: string): string => {
    const other = new URL(url);
    other.searchParams.set("page", String(target));
    return `<${other}>; rel="${rel}"`;
  };
  return page < last ? `${to(page + 1, "next")}, ${to(last, "last")}` : to(1, "first");
}

interface Route {
  readonly method: string;
  readonly pattern: RegExp;
  readonly handler: Handler;
}

function route(method: string, template: string, handler: Handler): Route {
  const source = template.replace(
    /\{(\w+)(\*)?\}/g,
    (_, name, star) => `(?<${name}>${star === undefined ? "[^/]+" : ".+"})`,
  );
  return { method, pattern: new RegExp(`^${source}$`), handler };
}

async function refusing(
  codes: Readonly<Record<number, readonly [status: number, message: string, error?: Json]>>,
  work: () => Promise<Reply>,
): Promise<Reply> {
  try {
    return await work();
  } catch (error) {
    const found = error instanceof Refusal ? codes[error.status] : undefined;
    if (found === undefined) throw error;
    throw new Refusal(found[0], found[1] || (error as Error).message, found[2] === undefined ? undefined : [found[2]]);
  }
}

function list(data: unknown): readonly Json[] {
  return data as readonly Json[];
}

async function page({ ask, path, query }: Request, route = path): Promise<Reply> {
  const parameters = new URLSearchParams({ page: query.get("page") ?? "1", limit: query.get("per_page") ?? "30" });
  return ask("GET", `${route}?${parameters}`);
}

function routesOf(): readonly Route[] {
  const at = "/repos/{owner}/{repo}";
  return [
    route("GET", "/user", async ({ ask }) => [200, (await ask("GET", "/user")).data]),
    route("GET", `${at}/git/ref/{ref*}`, async ({ ask, repository, part }) => {
      const ref = part("ref");
      const branch = ref
        .replace(/^heads\//, "")
        .split("/")
        .map(encodeURIComponent)
        .join("/");
      const { data } = await ask("GET", `${repository}/branches/${branch}`);
      const sha = ((data as Json)["commit"] as Json)["id"];
      return [200, { ref: `refs/${ref}`, object: { type: "commit", sha } }];
    }),
    ...pullRoutes(`${at}/pulls`),
    route("GET", `${at}/commits/{ref}/statuses`, async (request) => {
      const { data, total } = await page(request, `${request.repository}/statuses/${request.part("ref")}`);
      return [200, list(data).map((status) => ({ ...status, state: status["status"] })), total];
    }),
    route("GET", `${at}/commits/{sha}/pulls`, async ({ ask, repository, part }) => {
      const found = await ask("GET", `${repository}/commits/${part("sha")}/pull`).catch((error: unknown) => {
        // Gitea says that there is none where GitHub lists none.
        if (error instanceof Refusal && error.status === 404) return undefined;
        throw error;
      });
      return [200, found === undefined ? [] : [pull(found.data as Json)]];
    }),
    route("POST", `${at}/statuses/{sha}`, async ({ ask, path, body }) => {
      const { data } = await ask("POST", path, body);
      return [201, { ...(data as Json), state: (data as Json)["status"] }];
    }),
    route("GET", `${at}/issues/{number}/comments`, async ({ ask, path, query }) => {
      const all = list((await ask("GET", path)).data);
      const size = Number(query.get("per_page") ?? 30);
      const start = (Number(query.get("page") ?? 1) - 1) * size;
      return [200, all.slice(start, start + size), all.length];
    }),
    route("POST", `${at}/issues/{number}/comments`, async ({ ask, path, body }) => [
      201,
      (await ask("POST", path, body)).data,
    ]),
    route("PATCH", `${at}/issues/comments/{id}`, async ({ ask, path, body }) => [
      200,
      (await ask("PATCH", path, body)).data,
    ]),
    route("POST", `${at}/issues/{number}/labels`, async ({ ask, path, repository, body }) => {
      // GitHub makes a label that it does not know.
      for (const name of body["labels"] as readonly string[])
        if (!list((await ask("GET", `${repository}/labels`)).data).some((label) => label["name"] === name))
          await ask("POST", `${repository}/labels`, { name, color: "#ededed" });
      return [200, (await ask("POST", path, body)).data];
    }),
    route("DELETE", `${at}/issues/{number}/labels/{name}`, async ({ ask, repository, part }) => {
      const labels = `${repository}/issues/${part("number")}/labels`;
      const found = list((await ask("GET", labels)).data).find((label) => label["name"] === part("name"));
      if (found === undefined) throw new Refusal(404, "Label does not exist");
      await ask("DELETE", `${labels}/${found["id"]}`);
      return [200, (await ask("GET", labels)).data];
    }),
    route("DELETE", `${at}/issues/comments/{id}`, async ({ ask, path }) => {
      await ask("DELETE", path);
      return [204, undefined];
    }),
  ];
}

const reviewStates: Readonly<Record<string, string>> = { REQUEST_CHANGES: "CHANGES_REQUESTED", COMMENT: "COMMENTED" };

function pullRoutes(at: string): readonly Route[] {
  return [
    route("GET", at, async ({ ask, path, query }) => {
      const state = query.get("state") ?? "open";
      const base = query.get("base");
      const all: Json[] = [];
      for (let number = 1; ; number += 1) {
        const found = list((await ask("GET", `${path}?state=${state}&limit=50&page=${number}`)).data);
        all.push(...found);
        if (found.length < 50) break;
      }
      const wanted = all
        .map(pull)
        .filter((each) => query.get("head") === null || labelOf(each) === query.get("head"))
        .filter((each) => base === null || (each["base"] as Json)["ref"] === base);
      const size = Number(query.get("per_page") ?? 30);
      const start = (Number(query.get("page") ?? 1) - 1) * size;
      return [200, wanted.slice(start, start + size), wanted.length];
    }),
    route("POST", at, async ({ ask, path, body }) => {
      const exists = { resource: "PullRequest", code: "custom", message: "A pull request already exists for it." };
      const missing = { resource: "PullRequest", field: "head", code: "invalid" };
      const codes = { 409: [422, "Validation Failed", exists], 404: [422, "Validation Failed", missing] } as const;
      const { data } = await refusing(codes, () => ask("POST", path, body));
      return [201, pull(data as Json)];
    }),
    route("GET", `${at}/{number}`, async ({ ask, path }) => [200, pull((await ask("GET", path)).data as Json)]),
    route("PATCH", `${at}/{number}`, async ({ ask, path, body }) => [
      200,
      pull((await ask("PATCH", path, body)).data as Json),
    ]),
    route("GET", `${at}/{number}/reviews`, async (request) => {
      const { data, total } = await page(request);
      const reviews = list(data).map((review) => ({
        ...review,
        state: review["dismissed"] === true ? "DISMISSED" : (reviewStates[String(review["state"])] ?? review["state"]),
      }));
      return [200, reviews.filter(({ state }) => state !== "REQUEST_REVIEW"), total];
    }),
    route("POST", `${at}/{number}/reviews`, async ({ ask, path, body }) => {
      const event = body["event"] === "APPROVE" ? "APPROVED" : body["event"];
      return [200, (await ask("POST", path, { ...body, event })).data];
    }),
    route("POST", `${at}/{number}/requested_reviewers`, async ({ ask, path, body }) => {
      const refused = [422, "Reviews may only be requested from collaborators."] as const;
      await refusing({ 403: refused, 404: refused, 422: refused }, () => ask("POST", path, body));
      return [201, pull((await ask("GET", path.replace(/\/requested_reviewers$/, ""))).data as Json)];
    }),
    route("PUT", `${at}/{number}/merge`, async ({ ask, path, body }) => {
      const wanted = { Do: body["merge_method"] ?? "merge", head_commit_id: body["sha"] };
      const words = { MergeTitleField: body["commit_title"], MergeMessageField: body["commit_message"] };
      await refusing({ 409: [409, "Head branch was modified. Review and try the merge again."] }, () =>
        ask("POST", path, { ...wanted, ...words }),
      );
      const { data } = await ask("GET", path.replace(/\/merge$/, ""));
      return [
        200,
        { sha: (data as Json)["merge_commit_sha"], merged: true, message: "Pull Request successfully merged" },
      ];
    }),
  ];
}

/** Both know a pull request by nearly the same names. */
function pull(found: Json): Json {
  const side = (name: string): Json => {
    const { repo, ...rest } = found[name] as Json;
    return { ...rest, repo: repo ?? null };
  };
  // In a list Gitea says of nobody that they were asked.
  const asked = found["requested_reviewers"] ?? [];
  return { ...found, requested_reviewers: asked, head: side("head"), base: side("base") };
}

function labelOf(found: Json): string {
  const head = found["head"] as Json;
  const owner = ((head["repo"] as Json | null)?.["owner"] as Json | undefined)?.["login"];
  return `${owner}:${head["ref"]}`;
}
