// The command line on a forge: each person with a token of their own, and `slipway server` beside them, all as processes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createPlayground, type Playground, type Running } from "../cli/cli.ts";
import { sma, spec } from "../delivery/fixture.ts";
import type { GiteaFixture } from "./gitea-fixture.ts";
import type { Account } from "./gitea-server.ts";
import { main, openWithPolicies } from "./site.ts";

let fixture: GiteaFixture;
let server: Running;
let playgrounds: Playground[];

beforeEach(async () => {
  playgrounds = [];
  fixture = await openWithPolicies();
  server = checkoutOf("slipway").start("server", "--poll", "1", "--port", "0");
  await expect.poll(() => server.output(), { timeout: 300_000 }).toContain('"msg":"ready"');
  expect(server.output()).toContain('"argocd":"none: SLIPWAY_ARGOCD_WEBHOOK is not set"');
});
afterEach(async () => {
  server?.child.kill("SIGTERM");
  await server?.ended;
  for (const playground of playgrounds) playground.remove();
  await fixture?.close();
});

/** A checkout with a `forge.yaml`, in the hands of someone with a token. */
function checkoutOf(account: Account, token = inject("gitea").tokens[account]): Playground {
  const playground = createPlayground({
    ...{ SLIPWAY_FORGE_TOKEN: token, SLIPWAY_WEBHOOK_SECRET: "of the webhooks, long enough" },
  });
  playgrounds.push(playground);
  playground.write(
    "forge.yaml",
    [
      "apiVersion: slipway.dev/v1",
      "kind: Forge",
      "spec:",
      "  provider: gitea",
      `  url: ${inject("gitea").url}`,
      `  repository: ${fixture.owner}/${fixture.name}`,
      "  writer: slipway",
      "",
    ].join("\n"),
  );
  return playground;
}

test("deploy, approve and merge, by two people, end on the environment's branch", async () => {
  const [alice, bob] = [checkoutOf("alice"), checkoutOf("bob")];
  const deployed = await alice.run("deploy", sma);
  expect([deployed.code, deployed.stderr]).toEqual([0, ""]);
  expect(deployed.stdout).toMatch(/^proposal #1 {2}momentum\/sma-cross/);
  expect(deployed.stdout).toContain("1 approval of @momentum-leads (bob, carol)");
  expect((await alice.run("deploy", sma)).stdout).toContain("#1");

  const own = await alice.run("approve", "1");
  expect([own.code, own.stderr]).toEqual([2, expect.stringContaining("nobody approves their own")]);
  const early = await bob.run("merge", "1");
  expect([early.code, early.stderr]).toEqual([2, expect.stringContaining("needs 1 approval of @momentum-leads")]);

  const approved = await bob.run("approve", "1");
  expect([approved.code, approved.stderr]).toEqual([0, ""]);
  expect(approved.stdout).not.toContain("verifies nobody");
  const merged = await bob.run("merge", "1");
  expect([merged.code, merged.stderr]).toEqual([0, ""]);
  expect(merged.stdout).toMatch(/rendered {2}[0-9a-f]{7} on env\/paper/);
  const again = await alice.run("deploy", sma);
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining("nothing to propose")]);

  const { document } = await alice.json("proposals");
  expect(document).toMatchObject({ proposals: [{ number: 1, state: "merged", author: "alice" }] });
  const { repository } = fixture;
  await fixture.look();
  const tip = await repository.resolve(main);
  expect((await repository.commit(tip!)).message).toMatch(/\n\nProposal: 1\nApproved-by: bob\n$/);
});

test("what the gate refuses is said at its line, and nothing is merged", async () => {
  const alice = checkoutOf("alice");
  const text = readFileSync(join(alice.repository, spec(sma)), "utf8");
  alice.write(spec(sma), text.replace(/maxOrderNotional: .*/, 'maxOrderNotional: "999999999.00"'));
  const checked = await alice.run("deploy", sma, "--merge");
  expect([checked.code, checked.stderr + checked.stdout]).toEqual([2, expect.stringMatching(/strategy\.yaml:\d+:\d+/)]);
});

test.each([
  { name: "no token", token: "", code: 2, says: "set SLIPWAY_FORGE_TOKEN" },
  { name: "a wrong token", token: "0123456789012345678901234567890123456789", code: 1, says: "127.0.0.1" },
])("with $name it says what to do", async ({ token, code, says }) => {
  const stranger = checkoutOf("alice", token);
  const ended = await stranger.run("deploy", sma);
  expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(says)]);
  expect(ended.stdout + ended.stderr).not.toContain(token === "" ? "\u0000" : token);
});
