import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bus, connectBus } from "#bus/client.ts";
import { operatorAccess } from "#core/access.ts";
import type { GatewayHaltsMessage } from "#core/messages.ts";
import { createPlayground, type Playground, type Running } from "./cli.ts";

// The policies name who may stop what: the command line, the gateway and the gate say the same.

const waitMs = 180_000;
const poll = { timeout: waitMs, interval: 100 };
let playground: Playground;
let running: Running;
const teamsFile = (): string => join(playground.repository, "policies/teams.yaml");

/** Whose Git it is from now on. */
function become(name: string): void {
  execFileSync("git", ["-C", playground.repository, "config", "user.name", name]);
}

beforeAll(() => {
  playground = createPlayground();
  execFileSync("git", ["init", "-q", playground.repository]);
  const halts =
    "  halts: [{ group: risk, scope: all }, { group: momentum, scope: team/momentum, verbs: [halt, command] }]\n";
  writeFileSync(teamsFile(), `${readFileSync(teamsFile(), "utf8").trimEnd()}\n${halts}`);
  become("alice");
  running = playground.start("up", "--bus-port", "0", "--console-port", "0");
});
afterAll(async () => {
  if (running.child.exitCode === null) running.child.kill("SIGTERM");
  await running.ended;
  playground.remove();
}, waitMs);

const asks = (verb: string, target: string) =>
  playground.run(verb, target, "--reason", "a bad tick", "--timeout", "120");

async function connect(group: string | undefined): Promise<Bus> {
  const { busUrl } = JSON.parse(readFileSync(join(playground.state, "console.json"), "utf8")) as { busUrl: string };
  const access = operatorAccess("paper", group);
  const file = join(playground.state, "cluster/identities/passwords", access.identity.replace("/", "."));
  const password = (): string => readFileSync(file, "utf8").trim();
  // One that is not known is refused again and again until then.
  const connectTimeoutMs = group === undefined ? 5_000 : 60_000;
  return connectBus({ url: busUrl, identity: access.identity, access, password, connectTimeoutMs });
}

test("whoever is not named is told who is, and nothing is halted", { timeout: 3 * waitMs }, async () => {
  const trading = (): number => running.output().match(/first order/g)?.length ?? 0;
  await expect.poll(trading, { ...poll, timeout: 2 * waitMs }).toBe(3);
  const { code, stderr } = await asks("halt", "all");
  expect(code).toBe(2);
  expect(stderr).toContain(
    "alice may not halt all: policies/teams.yaml lets risk (erin, frank) do that; alice, of momentum, may halt or command team/momentum",
  );
  expect((await asks("flatten", "team/momentum")).stderr).toContain("alice may not flatten team/momentum");
  become("mallory");
  expect((await asks("halt", "momentum/sma-cross")).stderr).toContain(
    "lets momentum (alice, bob, carol) or risk (erin, frank)",
  );
});

test("whoever is named does, within the scope, and Git has it without an approval", { timeout: waitMs }, async () => {
  become("alice");
  const halted = await asks("halt", "momentum/sma-cross");
  expect([halted.code, halted.stderr]).toEqual([0, ""]);
  expect(halted.stdout).toMatch(/halted 1 strategy .*\nrecorded, proposal #\d+ merged/);
  become("erin");
  const flattened = await asks("flatten", "all");
  expect([flattened.code, flattened.stderr]).toEqual([0, ""]);
  expect(flattened.stdout).toMatch(/^flattened 3 strategies/);
});

test("who may command an algorithm reaches it, and nobody else's", { timeout: waitMs }, async () => {
  become("alice");
  const told = await playground.run("tell", "momentum/sma-cross", "pause", '{"days": 2}');
  expect([told.code, told.stderr]).toEqual([0, ""]);
  expect(told.stdout).toMatch(/^pause was sent to momentum\/sma-cross \(tell-\d+-[0-9a-f]{6}\)\n/);
  const log = async (): Promise<string> => (await playground.run("logs", "momentum/sma-cross")).stdout;
  await expect
    .poll(log, poll)
    .toContain(
      "the command pause of slipway-paper/operator-momentum is not carried out: the algorithm takes no commands",
    );
  expect((await playground.run("tell", "seed/random-ts", "pause")).stderr).toContain(
    "alice may not command seed/random-ts: policies/teams.yaml lets nobody do that; alice, of momentum, may halt or command",
  );
  const bus = await connect("momentum");
  await expect(bus.publish("strat/seed/random-ts/cmd/pause", {}, { qos: 1 })).rejects.toThrow("may not publish");
  await bus.close();
});

test.each([
  { argv: ["momentum", "pause"], says: '"momentum" is no strategy' },
  { argv: ["momentum/sma-cros", "pause"], says: "did you mean momentum/sma-cross?" },
  { argv: ["momentum/sma-cross", "Pause"], says: '"Pause" is no verb' },
  { argv: ["momentum/sma-cross", "pause", "[1]"], says: "the arguments are no JSON object: [1]" },
  { argv: ["momentum/sma-cross", "pause", "{", "--expires", "5"], says: "the arguments are no JSON object: {" },
])("tell $argv is refused", async ({ argv, says }) => {
  const { code, stderr } = await playground.run("tell", ...argv);
  expect([code, stderr]).toEqual([2, expect.stringContaining(says)]);
});

test("at the bus the account operator is gone, and a group's account stops nobody else's", {
  timeout: waitMs,
}, async () => {
  await expect(connect(undefined)).rejects.toThrow();
  const bus = await connect("momentum");
  const refused: GatewayHaltsMessage["refused"][number][] = [];
  bus.onMessage(({ payload }) => {
    refused.push(...(JSON.parse(Buffer.from(payload).toString()) as GatewayHaltsMessage).refused);
  });
  await bus.subscribe("gw/halts", { qos: 1 });
  const command = {
    v: 1,
    type: "gateway-command",
    id: "forged",
    verb: "halt",
    scope: "seed",
    by: "erin",
    reason: "mine",
  };
  await bus.publish(
    "gw/cmd/momentum/halt",
    { ...command, expiresAtMs: Date.now() + 60_000, atMs: Date.now() },
    { qos: 1 },
  );
  await expect
    .poll(() => refused.find(({ id }) => id === "forged")?.message, poll)
    .toContain("erin may not halt team/seed");
  await bus.close();
});

test("resuming is a merge: it loosens", { timeout: waitMs }, async () => {
  const { code, stdout } = await playground.run("resume", "all", "--merge");
  expect([code, stdout]).toEqual([0, expect.stringContaining("merged")]);
});
