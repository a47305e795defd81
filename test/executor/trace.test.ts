import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { limitTexts } from "#charts/shards.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import { Rig, until } from "./rig.ts";

const bench = new Rig();
let gateway: ChildProcess | undefined;
afterEach(async () => {
  if (gateway?.exitCode === null && gateway.signalCode === null) {
    const gone = once(gateway, "exit");
    gateway.kill("SIGKILL");
    await gone;
  }
  await bench.close();
});

/** The real gateway with the limits of the rig's strategy. @returns what it wrote */
function startGateway(): () => string {
  const { limits, team, name } = bench.spec;
  const files = join(bench.folder, "gateway");
  const bounds = { everyone: limits, teams: {}, strategies: {} };
  const standing = { halts: [], refused: [], strategies: { [`${team}/${name}`]: "cancel" } };
  const own = { strategy: `${team}/${name}`, running: "true", startingCash: "10000", ...limitTexts(limits) };
  for (const folder of ["limits", "state"]) mkdirSync(join(files, folder), { recursive: true });
  writeFileSync(join(files, "bounds.json"), JSON.stringify(bounds));
  writeFileSync(join(files, "standing.json"), JSON.stringify(standing));
  writeFileSync(join(files, "venues.json"), '{"paper":{"kind":"paper","feeBps":"0","slippageBps":"0"}}');
  writeFileSync(join(files, "limits", `${team}.${name}`), JSON.stringify(own));
  const child = spawn(process.execPath, [join(import.meta.dirname, "../../src/gateway/main.ts")], {
    env: {
      SLIPWAY_ENVIRONMENT: "paper",
      SLIPWAY_NAMESPACE: "slipway-paper",
      SLIPWAY_SERVICE_ACCOUNT: "gateway",
      SLIPWAY_STATE_DIR: join(files, "state"),
      SLIPWAY_PORT_PROBE: "0",
      SLIPWAY_BUS_URL: `mqtt://127.0.0.1:${bench.port}`,
      SLIPWAY_BUS_TOKEN_FILE: join(bench.folder, "token"),
      SLIPWAY_GATEWAY_LIMITS_DIR: join(files, "limits"),
      SLIPWAY_GATEWAY_BOUNDS_FILE: join(files, "bounds.json"),
      SLIPWAY_GATEWAY_STANDING_FILE: join(files, "standing.json"),
      SLIPWAY_GATEWAY_VENUES_FILE: join(files, "venues.json"),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  gateway = child;
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  return () => output;
}

/** Lines of a process's log that are about an order, as they stand there. */
function orderLines(output: string): readonly { readonly message: string; readonly [field: string]: string }[] {
  // Without what comes after the last line break: it may be the beginning of a line.
  const lines = output
    .split("\n")
    .slice(0, -1)
    .filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line)).filter(({ message }) => message.startsWith("order"));
}

test("one id leads from a tick through both processes' logs and messages to its fill", async () => {
  const listener = { identity: "slipway-paper/listener", publish: [], subscribe: ["strat/#"] };
  await bench.open({ gateway: false, others: [listener] });
  const heard: OrderEventMessage[] = [];
  const bus = await bench.connect(listener.identity);
  bus.onMessage(({ topic, payload }) => {
    const message = JSON.parse(Buffer.from(payload).toString());
    if (topic.endsWith("/order/request") || topic.endsWith("/order/event")) heard.push(message);
  });
  await bus.subscribe("strat/#", { qos: 1 });
  const gatewayLog = startGateway();
  const source = `export default class { initialize() { return ["quotes"]; } event(data) { return { sid: data.sid, side: "buy", quantity: "1" }; } }`;
  const executor = await bench.spawn(bench.module(source));
  await bench.state("running");
  await bench.say("AAPL", "100");
  await until("the fill in the executor's log", () =>
    orderLines(executor.output()).find(({ message }) => message === "order filled"),
  );
  const tick = "s1:md/replay/AAPL/quote:1";
  const requested = orderLines(executor.output()).find(({ cause }) => cause === tick);
  const id = requested?.["traceparent"] ?? "";
  expect(id).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  const said = (output: string): readonly string[] =>
    orderLines(output).flatMap(({ message, status, traceparent }) =>
      traceparent === id ? [`${message} ${status ?? ""}`.trim()] : [],
    );
  await until("the fill in the gateway's log", () => said(gatewayLog()).includes("order filled"));
  await until("the fill on the bus", () => heard.some(({ type }) => type === "order-event"));
  expect(said(executor.output())).toEqual(["order requested", "order filled"]);
  expect(said(gatewayLog())).toEqual(["order filled"]);
  expect(heard.map(({ type, traceparent }) => [type, traceparent])).toEqual([
    ["order", id],
    ["order-event", id],
  ]);
});
