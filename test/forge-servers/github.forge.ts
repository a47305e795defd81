// GitHub's adapter in front of a Gitea that speaks GitHub's words. Each request is held to GitHub's own description of its interface, and so is each
// field that is read of an answer.
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { githubForge } from "#forge/github/github.ts";
import { forgeContract } from "../contract/forge-contract.ts";
import { judgementContract } from "../contract/forge-judgement-contract.ts";
import { type Adapter, openGitea, shared } from "./gitea-fixture.ts";
import { readDescription, watchKit } from "./github-description.ts";
import { startFacade } from "./github-facade.ts";

const description = readDescription();
const problems = new Set<string>();
const operations = new Set<string>();
let facade: Awaited<ReturnType<typeof startFacade>>;

beforeAll(async () => {
  facade = await startFacade(inject("gitea").url);
});
afterAll(() => facade.stop());

const adapter: Adapter = ({ token, ...place }) =>
  githubForge({
    ...{ ...place, ...shared, url: inject("gitea").url, apiUrl: facade.url, credential: { token } },
    // GitHub's pace is three seconds between two comments.
    paced: false,
    onKit: (kit) => watchKit(kit, description, problems, operations),
  });

describe("GitHub's words", () => {
  forgeContract(() => openGitea(adapter));
  judgementContract(() => openGitea(adapter));

  test("were all as GitHub describes them", () => {
    expect([...problems]).toEqual([]);
    const repository = "/repos/{owner}/{repo}";
    expect([...operations].sort()).toEqual([
      ...[
        `GET ${repository}/commits/{ref}/statuses`,
        `GET ${repository}/commits/{commit_sha}/pulls`,
        // To a person's token, and to Gitea, there are none.
        `GET ${repository}/deployments`,
        `GET ${repository}/git/ref/{ref}`,
        `GET ${repository}/issues/{issue_number}/comments`,
        `GET ${repository}/pulls`,
        `GET ${repository}/pulls/{pull_number}`,
        `GET ${repository}/pulls/{pull_number}/reviews`,
        "GET /user",
        `PATCH ${repository}/issues/comments/{comment_id}`,
        `PATCH ${repository}/pulls/{pull_number}`,
        `POST ${repository}/issues/{issue_number}/comments`,
        `DELETE ${repository}/issues/{issue_number}/labels/{name}`,
        `POST ${repository}/issues/{issue_number}/labels`,
        `POST ${repository}/pulls/{pull_number}/requested_reviewers`,
        `POST ${repository}/pulls`,
        `POST ${repository}/pulls/{pull_number}/reviews`,
        `POST ${repository}/statuses/{sha}`,
        `PUT ${repository}/pulls/{pull_number}/merge`,
      ].sort(),
    ]);
  });
});
