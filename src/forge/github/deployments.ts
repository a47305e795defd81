import type { CommitSha } from "#git/port.ts";
import { integer } from "../fields.ts";
import type { ForgeApi } from "../remote/api.ts";
import { read, readList } from "../remote/read.ts";
import type { GithubOptions } from "./api.ts";
import { ask } from "./faults.ts";

const states = { pending: "in_progress", success: "success", failure: "failure", error: "error" } as const;

/** What a commit became in an environment, as GitHub's pages of environments show it. Without `deployments: write` nothing is written. */
export async function writeDeployment(
  { kit, owner, name: repo }: GithubOptions,
  commit: CommitSha,
  { environment, state, description }: Parameters<NonNullable<ForgeApi["writeDeployment"]>>[1],
): Promise<void> {
  const at = { owner, repo };
  const { repos } = kit.rest;
  const listed = await ask(
    "GET deployments",
    () => repos.listDeployments({ ...at, sha: commit, environment, task: "slipway" }),
    [403, 404],
  );
  if (!("value" in listed)) return;
  const [known] = readList("GET deployments", listed.value.data);
  const id = known === undefined ? await create() : integer(known, "id");
  if (id === undefined) return;
  const last = await ask("GET deployments/statuses", () =>
    repos.listDeploymentStatuses({ ...at, deployment_id: id, per_page: 1 }),
  );
  const [newest] = "value" in last ? readList("GET deployments/statuses", last.value.data) : [];
  if (newest?.["state"] === states[state] && newest["description"] === description) return;
  await ask("POST deployments/statuses", () =>
    repos.createDeploymentStatus({ ...at, deployment_id: id, state: states[state], description }),
  );

  async function create(): Promise<number | undefined> {
    const wanted = {
      ...{ ref: commit, environment, task: "slipway", description: "rendered by Slipway" },
      // It is rendered already: nothing is merged for it, and no status holds it up.
      ...{ auto_merge: false, required_contexts: [], production_environment: environment === "live" },
    };
    const made = await ask("POST deployments", () => repos.createDeployment({ ...at, ...wanted }), [403, 404]);
    return "value" in made ? read("POST deployments", made.value.data, (one) => integer(one, "id")) : undefined;
  }
}
