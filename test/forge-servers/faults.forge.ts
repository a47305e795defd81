// Each request of each operation is the last one in turn: it was not made, or it was made and nobody heard the answer. Said again, the operation ends
// as if nothing had happened, and nothing is there twice.
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { Fault } from "#core/result.ts";
import { giteaApi } from "#forge/gitea/api.ts";
import { giteaClient } from "#forge/gitea/client.ts";
import type { Forge } from "#forge/port.ts";
import type { ForgeApi } from "#forge/remote/api.ts";
import { contentBudget } from "#forge/remote/budget.ts";
import { remoteForge } from "#forge/remote/forge.ts";
import { commentMark } from "#forge/text.ts";
import { branchRef } from "#git/open.ts";
import type { Mirror } from "#git/port.ts";
import { judged, main, mergeRequest, push, request, start, value } from "../contract/forge-contract.ts";
import { type GiteaFixture, openGitea, shared } from "./gitea-fixture.ts";
import type { Account } from "./gitea-server.ts";

type When = "before" | "after";

let fixture: GiteaFixture;
let mirrors: Map<Account, Mirror>;

beforeEach(async () => {
  fixture = await openGitea();
  mirrors = new Map();
  for (const account of ["slipway", "alice", "bob"] as const)
    mirrors.set(account, (await fixture.open(account)).repository);
  await start(fixture.repository);
});
afterEach(() => fixture.close());

/** A forge whose request number `at` is the last one of its life; 0: it lives on, and counts. */
function forgeOf(account: Account, at = 0, when: When = "before"): { readonly forge: Forge; calls(): number } {
  const { owner, name } = fixture;
  const { url, tokens } = inject("gitea");
  const token = (): Promise<string> => Promise.resolve(tokens[account]);
  const client = giteaClient({ baseUrl: `${url}/api/v1`, token, pause: shared.pause });
  let calls = 0;
  const api = new Proxy(giteaApi({ client, webUrl: url, owner, name }), {
    get(target, key: keyof ForgeApi) {
      const member: unknown = target[key];
      if (typeof member !== "function" || key === "compareUrl") return member;
      return async (...args: readonly unknown[]) => {
        calls += 1;
        const last = calls === at;
        if (last && when === "before") throw new Fault("forge-unreachable", "killed");
        // After its last request a process does nothing more.
        if (at > 0 && calls > at) throw new Fault("forge-unreachable", "killed");
        const answer: unknown = await member(...args);
        if (last) throw new Fault("forge-unreachable", "killed");
        return answer;
      };
    },
  });
  const repository = mirrors.get(account);
  if (repository === undefined) throw new Error(`no mirror of ${account}`);
  const budget = contentBudget({ steady: shared.steady, pause: shared.pause, perMinute: 10_000, perHour: 100_000 });
  return {
    forge: remoteForge({ api, repository, writer: "slipway", budget, pause: shared.pause }),
    calls: () => calls,
  };
}

async function countOf(path: string): Promise<number> {
  return ((await fixture.api("keeper", "GET", `/repos/${fixture.owner}/${fixture.name}${path}`)) as readonly unknown[])
    .length;
}

describe.each<When>(["before", "after"])("killed %s the answer of each request in turn", (when) => {
  test("open, the gate, the comment, an approval and the merge each happen once", { timeout: 600_000 }, async () => {
    const { repository } = fixture;
    for (let round = 1; round <= 12; round += 1) {
      const branch = branchRef(`alice/round-${round}`);
      await push(repository, branch, { [`b/${round}`]: "1\n" }, { from: main });
      const killed = async (account: Account, work: (forge: Forge) => Promise<unknown>): Promise<void> => {
        const { forge, calls } = forgeOf(account, round, when);
        const ended = await work(forge).catch((error: unknown) => error);
        // A short operation is over before its twelfth request.
        if (calls() >= round) expect(ended).toMatchObject({ code: "forge-unreachable" });
      };
      const [slipways, alices, bobs] = [forgeOf("slipway").forge, forgeOf("alice").forge, forgeOf("bob").forge];

      await killed("alice", (forge) => forge.open(request(branch)));
      const { number } = value(await alices.open(request(branch)));
      expect((await slipways.list({ branch })).map((each) => each.number)).toEqual([number]);

      const proposal = value(await slipways.get(number));
      const base = (await repository.resolve(main))!;
      const gate = {
        state: "passed",
        summary: "14 checks",
        base,
        head: proposal.head,
        approvalDigest: "sha256:1",
      } as const;
      await killed("slipway", (forge) => forge.setGate(number, gate));
      await judged({ forge: slipways, repository }, proposal, "passed", "sha256:1");
      expect(await countOf(`/statuses/${proposal.head}`)).toBe(1);

      const comment = `${commentMark}\nround ${round}\n`;
      await killed("slipway", (forge) => forge.setComment(number, comment));
      expect(value(await slipways.setComment(number, comment)).comment).toBe(comment);
      expect(await countOf(`/issues/${number}/comments`)).toBe(1);

      const approval = { by: "bob", head: proposal.head, digest: "sha256:1", timeSeconds: 1 };
      await killed("bob", (forge) => forge.approve(number, approval));
      expect(value(await bobs.approve(number, approval)).approvals).toHaveLength(1);
      expect(await countOf(`/pulls/${number}/reviews`)).toBe(1);

      await killed("bob", (forge) => forge.merge(number, mergeRequest(gate)));
      const { commit } = value(await bobs.merge(number, mergeRequest(gate)));
      await fixture.look();
      expect(await repository.resolve(main)).toBe(commit);
      expect(await repository.history(commit, { stop: base })).toHaveLength(1);
    }
  });
});
