// A push to a pull request on a real Gitea until its gate's status stands there, on a fleet of N strategies: webhook, fetch, judgement, statuses. Then what
// one round of the server asks of the forge, and fifty webhooks at once. The budget is 5 s. `node bench/forge.ts [N] [pushes]`; Gitea comes from
// `node test/forge-servers/build.ts`.
import { createHmac, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { giteaForge } from "#forge/gitea/gitea.ts";
import { branchRef, initBareRepository } from "#git/open.ts";
import type { Mirror, TreePath } from "#git/port.ts";
import { createControlPlane } from "#server/control-plane.ts";
import { startControlLoop } from "#server/loop.ts";
import { startWebhooks } from "#server/webhooks.ts";
import { startGitea } from "../test/forge-servers/gitea-server.ts";
import { spread } from "./measure.ts";
import { fleetOf } from "./policy-fleet.ts";

const [count = 1_000, pushes = 5] = process.argv.slice(2).map(Number);
const [quiet, secret, name] = [() => undefined, "of the webhooks, long enough", "fleet"];
const gitea = await startGitea();
const folder = await mkdtemp(join(tmpdir(), "slipway-bench-forge-"));
let asked = 0;
const plainFetch = globalThis.fetch;
globalThis.fetch = (...request) => {
  asked += 1;
  return plainFetch(...request);
};

function open(account: "keeper" | "slipway" | "alice") {
  return initBareRepository(join(folder, `${account}.git`)).then((mirror) =>
    giteaForge({
      ...{ url: gitea.url, token: gitea.tokens[account], owner: "keeper", name, mirror, writer: "slipway" },
      ...{ steady: () => performance.now(), pause: (ms: number) => delay(ms) },
    }),
  );
}

async function api(path: string, method: string, body: object): Promise<void> {
  const headers = { authorization: `token ${gitea.tokens.keeper}`, "content-type": "application/json" };
  const { ok, status } = await plainFetch(`${gitea.url}/api/v1${path}`, {
    method,
    headers,
    body: JSON.stringify(body),
  });
  if (!ok) throw new Error(`${method} ${path} answered ${status}`);
}

async function commit(repository: Mirror, branch: string, files: ReadonlyMap<TreePath, Uint8Array | string>) {
  const ref = branchRef(branch);
  const parent = (await repository.resolve(ref)) ?? (await repository.resolve(branchRef("main")));
  const by = { name: "alice", email: "alice@example.test", timeSeconds: Math.floor(Date.now() / 1_000) };
  const sha = await repository.writeCommit({
    tree: await repository.writeTree(parent === undefined ? null : (await repository.commit(parent)).tree, files),
    ...{ parents: parent === undefined ? [] : [parent], author: by, committer: by, message: "change\n" },
  });
  const moved = await repository.updateRef(ref, sha, (await repository.resolve(ref)) ?? null);
  if (!moved.ok) throw new Error(`${branch} moved`);
  return sha;
}

try {
  await api("/user/repos", "POST", { name, private: true, default_branch: "main" });
  for (const account of ["alice", "slipway"])
    await api(`/repos/keeper/${name}/collaborators/${account}`, "PUT", { permission: "write" });
  const fleet = await fleetOf(count);
  const [keeper, slipway, alice] = [await open("keeper"), await open("slipway"), await open("alice")];
  await commit(keeper.repository, "main", new Map([...fleet].map(([path, { bytes }]) => [path as TreePath, bytes])));
  await alice.repository.fetch();
  const controlPlane = createControlPlane({
    ...{ repository: slipway.repository, forge: slipway.forge, renderer: "bench" },
    ...{ clock: Date.now, steady: () => performance.now() },
    ...{ log: { info: quiet, warn: quiet, error: quiet }, refresh: () => slipway.repository.fetch() },
  });
  let rounds = 0;
  const loop = startControlLoop({
    ...{ controlPlane, repository: slipway.repository, clock: Date.now, remote: true, pollMs: 3_600_000 },
    log: { info: quiet, warn: quiet, error: (fields) => console.error(fields) },
    onReport: () => {
      rounds += 1;
    },
  });
  const webhooks = await startWebhooks({
    secret,
    log: { info: quiet, warn: quiet, error: quiet },
    onDelivery: () => loop.nudge(),
  });
  await api(`/repos/keeper/${name}/hooks`, "POST", {
    ...{ type: "gitea", active: true, branch_filter: "*", events: ["push", "pull_request", "pull_request_sync"] },
    config: { url: webhooks.url, content_type: "json", secret },
  });
  await loop.settled();
  const spec = "strategies/t3/s3/strategy.yaml" as TreePath;
  const text = new TextDecoder().decode(fleet.get(spec)?.bytes);
  const push = (fast: number) =>
    commit(alice.repository, "alice/s3", new Map([[spec, text.replace("fast: 10", `fast: ${fast}`)]]));
  await push(11);
  const opened = await alice.forge.open({
    ...{ title: "t3/s3: faster", description: "", author: { name: "alice", email: "alice@example.test" } },
    ...{ branch: branchRef("alice/s3"), target: branchRef("main") },
  });
  if (!opened.ok) throw new Error(opened.error.code);
  await loop.settled();
  const [wall, cpu, requests]: [number[], number[], number[]] = [[], [], []];
  for (let index = 0; index < pushes; index += 1) {
    await loop.settled();
    const [startedMs, before, askedBefore] = [performance.now(), process.cpuUsage(), asked];
    const head = await push(12 + index);
    for (;;) {
      const path = `${gitea.url}/api/v1/repos/keeper/${name}/commits/${head}/statuses`;
      const headers = { authorization: `token ${gitea.tokens.keeper}` };
      const statuses = (await (await plainFetch(path, { headers })).json()) as readonly { readonly context: string }[];
      if (statuses.some(({ context }) => context === "slipway/gate")) break;
      await delay(50);
    }
    wall.push((performance.now() - startedMs) / 1_000);
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / 1e6);
    await loop.settled();
    requests.push(asked - askedBefore);
  }
  console.log(`forge    push → gate, ${count} strategies ${spread(wall)} s; ${spread(cpu)} s of CPU here; budget 5 s`);
  console.log(`         requests of a push, with the round after it ${spread(requests)}`);
  const roundsBefore = rounds;
  const body = "{}";
  const signature = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  const startedMs = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      plainFetch(webhooks.url, {
        ...{ method: "POST", body },
        headers: { "x-gitea-event": "push", "x-gitea-delivery": randomUUID(), "x-hub-signature-256": signature },
      }),
    ),
  );
  const answered = performance.now() - startedMs;
  await loop.settled();
  const accepted = answers.filter(({ status }) => status === 202).length;
  console.log(
    `         50 webhooks at once: ${accepted} accepted in ${answered.toFixed(0)} ms, ${rounds - roundsBefore} rounds`,
  );
  await webhooks.stop();
  await loop.stop();
} finally {
  await gitea.stop();
  await rm(folder, { recursive: true, force: true });
}
