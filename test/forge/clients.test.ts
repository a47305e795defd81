// What the clients of both forges make of an outside that fails: a server that answers as it is told.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { giteaApi } from "#forge/gitea/api.ts";
import { giteaClient } from "#forge/gitea/client.ts";
import { githubApi } from "#forge/github/api.ts";
import { openKit } from "#forge/github/kit.ts";
import type { ForgeApi } from "#forge/remote/api.ts";

type Reply = (response: ServerResponse, request: IncomingMessage) => void;

const token = "a-very-secret-token";
let server: Server;
let url: string;
let asked: string[];
let authorizations: (string | undefined)[];
/** What the next requests are answered; the last one again and again. */
let replies: Reply[];
let paused: number[];

beforeEach(async () => {
  [asked, authorizations, replies, paused] = [[], [], [], []];
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    authorizations.push(request.headers.authorization);
    request.resume();
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    reply?.(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
}

const cut: Reply = (response) => void response.socket?.destroy();
const commit = "0123456789012345678901234567890123456789";
const user = { login: "alice", email: null, id: 1 };
const pull = {
  number: 7,
  title: "a title",
  body: "words",
  user,
  head: { ref: "alice/fast", sha: commit, repo_id: 1, repo: { id: 1 } },
  base: { ref: "main", sha: commit, repo_id: 1, repo: { id: 1 } },
  state: "open",
  merged: false,
  merged_at: null,
  created_at: "2026-11-26T10:00:00Z",
};

function gitea(timeoutMs = 2_000): ForgeApi {
  const pause = (ms: number): Promise<void> => {
    paused.push(ms);
    return Promise.resolve();
  };
  const client = giteaClient({ baseUrl: url, token: () => Promise.resolve(token), pause, timeoutMs });
  return giteaApi({ client, webUrl: url, owner: "o", name: "n", pageSize: 2 });
}

function github(): ForgeApi {
  const kit = openKit({ credential: { token }, apiUrl: url, paced: true });
  return githubApi({ kit, webUrl: url, owner: "o", name: "n", pageSize: 2 });
}

describe.each([
  ["gitea", gitea],
  ["github", github],
] as const)("%s", (_name, open) => {
  test("a read that fails once is read again", { timeout: 20_000 }, async () => {
    replies = [json(502, { message: "bad gateway" }), json(200, pull)];
    expect(await open().pull(7)).toMatchObject({ number: 7, author: "alice", branch: "alice/fast", state: "open" });
    expect(asked).toHaveLength(2);
  });

  test.each([
    ["a fault", json(502, { message: "bad gateway" }), "forge-failed"],
    ["no answer", cut, "forge-unreachable"],
  ])("a write that ends in %s is not repeated: it may have taken effect", async (_case, reply, code) => {
    replies = [reply];
    await expect(open().addComment(7, "hello")).rejects.toMatchObject({ code });
    expect(asked).toHaveLength(1);
  });

  test("a limit that ends soon is waited for, by a write as well: it was not counted", {
    timeout: 20_000,
  }, async () => {
    const limited = json(429, { message: "You have exceeded a secondary rate limit" }, { "retry-after": "1" });
    replies = [limited, json(200, pull)];
    expect(await open().pull(7)).toMatchObject({ number: 7 });
    expect(asked).toHaveLength(2);
  });

  test("a limit that ends in an hour is a fault", async () => {
    replies = [json(429, { message: "You have exceeded a secondary rate limit" }, { "retry-after": "3600" })];
    await expect(open().pull(7)).rejects.toMatchObject({ code: "forge-rate-limited" });
    expect(asked).toHaveLength(1);
  });

  test.each([
    [401, "forge-token-refused"],
    [403, "forge-forbidden"],
  ])("%i is %s, and says nothing of the token", async (status, code) => {
    replies = [json(status, { message: "no" })];
    const failed: unknown = await open()
      .pulls({ open: true })
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ code });
    expect(String(failed)).not.toContain(token);
    expect(asked).toHaveLength(1);
  });

  test("a redirect is not followed: the token would go along", async () => {
    replies = [(response) => response.writeHead(302, { location: `${url}/elsewhere` }).end(), json(200, pull)];
    await expect(open().addComment(7, "hello")).rejects.toMatchObject({ code: "forge-unreachable" });
    expect(asked).toHaveLength(1);
    expect(authorizations).toEqual([`token ${token}`]);
  });

  test.each([
    ["no number", { ...pull, number: "7" }, "number is not a whole number"],
    ["a head that is no commit", { ...pull, head: { ...pull.head, sha: "--upload-pack=x" } }, "full commit id"],
    ["another state", { ...pull, state: "ajar" }, "state is none of open, closed"],
    ["no base", { ...pull, base: null }, "base is not an object"],
    ["a list", [pull], "answer is not an object"],
  ])("an answer with %s is not believed", async (_case, answer, text) => {
    replies = [json(200, answer)];
    await expect(open().pull(7)).rejects.toMatchObject({
      code: "forge-answer-malformed",
      message: expect.stringContaining(text),
    });
  });

  test("a pull request of a fork, or of a branch that is gone, is known as such", async () => {
    replies = [json(200, { ...pull, head: { ...pull.head, repo_id: 2, repo: { id: 2 } } })];
    expect(await open().pull(7)).toMatchObject({ fork: true });
    replies = [json(200, { ...pull, head: { ...pull.head, ref: "refs/pull/7/head", repo: null, repo_id: 0 } })];
    expect(await open().pull(7)).toMatchObject({ fork: true, head: commit });
  });
});

describe("gitea", () => {
  test("a server that is slow to answer is not waited for beyond the bound", async () => {
    replies = [() => undefined];
    await expect(gitea(50).addComment(7, "hello")).rejects.toMatchObject({ code: "forge-unreachable" });
  });

  test("waits between reads grow, and end", async () => {
    replies = [json(503, {})];
    await expect(gitea().pull(7)).rejects.toMatchObject({ code: "forge-failed" });
    expect(paused).toEqual([500, 1_000, 2_000]);
  });

  test("an answer without end is cut off", async () => {
    replies = [
      (response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const more = (): void => {
          while (response.writable && response.write("x".repeat(1_000_000)));
        };
        response.on("drain", more).on("error", () => undefined);
        more();
      },
    ];
    await expect(gitea(20_000).pull(7)).rejects.toMatchObject({ code: "forge-answer-malformed" });
  });

  test("a list whose pages are shorter than asked for is read to its end", async () => {
    const page = (number: number): Reply => json(200, [{ ...pull, number }], { "x-total-count": "3" });
    replies = [page(3), page(2), page(1)];
    expect((await gitea().pulls({})).map(({ number }) => number)).toEqual([3, 2, 1]);
    expect(asked.at(-1)).toContain("page=3");
  });
});

describe("github", () => {
  test("asks for a version of the interface, and for nothing that it does not say", async () => {
    replies = [json(200, [])];
    await github().pulls({ open: true, branch: "x&y=z", target: "main" });
    const [, query = ""] = (asked[0] ?? "").split("?");
    expect(Object.fromEntries(new URLSearchParams(query))).toEqual({
      ...{ state: "open", head: "o:x&y=z", base: "main", sort: "created", direction: "desc", per_page: "2" },
    });
  });

  test("asks again only for what has changed, and a failure is no answer", { timeout: 20_000 }, async () => {
    const told: (string | undefined)[] = [];
    const etag =
      (tag: string, body: object): Reply =>
      (response, request) => {
        told.push(request.headers["if-none-match"]);
        const same = request.headers["if-none-match"] === tag;
        response.writeHead(same ? 304 : 200, { etag: tag, "content-type": "application/json" });
        response.end(same ? "" : JSON.stringify(body));
      };
    replies = [etag('"1"', pull), etag('"1"', pull), etag('"2"', { ...pull, title: "another" }), json(401, {})];
    const api = github();
    const titles = [await api.pull(7), await api.pull(7), await api.pull(7)].map((found) => found?.title);
    expect(titles).toEqual(["a title", "a title", "another"]);
    expect(told).toEqual([undefined, '"1"', '"1"']);
    await expect(api.pull(7)).rejects.toMatchObject({ code: "forge-token-refused" });
  });

  test("a next page on another host is not asked for: the token would go along", async () => {
    const elsewhere = url.replace("127.0.0.1", "localhost");
    replies = [json(200, [pull], { link: `<${elsewhere}/repos/o/n/pulls?page=2>; rel="next"` })];
    await expect(github().pulls({})).rejects.toMatchObject({ code: "forge-answer-malformed" });
    expect(asked).toHaveLength(1);
  });

  test.each([
    ["another head", 409, "Head branch was modified. Review and try the merge again.", "head-moved"],
    ["a base that moved", 405, "Base branch was modified. Review and try the merge again.", "head-moved"],
    ["what is not worked out yet", 405, "Pull Request is not mergeable", "later"],
    ["a missing review", 405, "At least 1 approving review is required by reviewers with write access.", "refused"],
    ["no right", 403, "Resource not accessible by integration", "refused"],
  ])("a merge of %s ends as %s", async (_case, status, message, end) => {
    replies = [json(status, { message })];
    expect(await github().merge(7, { head: commit as never, title: "t", body: "" })).toMatchObject({ end });
  });
});
