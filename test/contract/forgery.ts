import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { StrategyId } from "#core/identity.ts";
import {
  type BrokerKind,
  type BrokerUnderTest,
  Clients,
  everyone,
  feed,
  own,
  passwords,
  sma,
  type TestClient,
  until,
  watcher,
} from "./bus-bench.ts";
import { foreignWays, gatewayWays, requestOf } from "./forgery-ways.ts";
import { type RealGateway, startGateway } from "./real-gateway.ts";

const strategies = ["momentum/sma", "carry/rates"] as StrategyId[];

/** A hostile executor at a real broker with a real gateway behind it: each way is refused, and raised. */
export function forgeryContract(kind: BrokerKind): void {
  let broker: BrokerUnderTest;
  let heard: TestClient;
  let running: RealGateway;
  const folder = mkdtempSync(join(tmpdir(), "slipway-forgery-"));
  const clients = new Clients(() => broker);
  const forgers = new Clients(() => broker);
  const said = (): readonly (readonly [topic: string, text: string])[] =>
    heard.got.map(({ topic, payload }) => [topic, Buffer.from(payload).toString()]);

  beforeAll(async () => {
    broker = await kind.open(everyone, passwords);
    heard = await clients.open(watcher);
    for (const filter of watcher.subscribe) await heard.subscribe(filter, { qos: 1 });
    running = startGateway(broker.port, folder, strategies);
    await until("the gateway", () => said().some(([topic, text]) => topic === "gw/state" && text.includes("online")));
    const feeding = await clients.open(feed, { session: "s" });
    await feeding.publish(
      "md/replay/AAPL/quote",
      { v: 1, type: "quote", sid: "AAPL", venue: "replay", quote: "100", session: "s", seq: 1, ts: 1 },
      { qos: 1 },
    );
    // Whoever comes under its name later is cut by nobody who comes back.
    await feeding.close();
    const honest = await forgers.open(sma);
    const ask = (clientOrderId: string): Promise<void> =>
      honest.publish(`${own}/order/request`, requestOf({ clientOrderId }), { qos: 1 });
    const filled = (id: string): boolean =>
      said().some(([topic, text]) => topic === `${own}/order/event` && text.includes(id) && text.includes('"filled"'));
    const question = { v: 1, type: "order-resend", epoch: 5, after: 0, anew: true, atMs: 1 };
    await honest.publish(`${own}/order/resend`, question, { qos: 1 });
    await until("an account", () => said().some(([topic]) => topic === `${own}/order/statement`));
    // Until the price is there, orders are denied.
    for (let tries = 0; !filled("early-"); tries += 1) {
      await ask(`early-${tries}`);
      await until("an answer", () => said().some(([, text]) => text.includes(`"early-${tries}"`)));
      expect(tries).toBeLessThan(100);
    }
    await ask("honest");
    await until("an honest fill", () => filled('"honest"'));
    await forgers.close();
  });
  afterEach(() => forgers.close());
  afterAll(async () => {
    await running?.stop();
    await clients.close();
    await broker?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test(`there are ${foreignWays.length + gatewayWays().length} ways, at least forty`, () => {
    expect(foreignWays.length + gatewayWays().length).toBeGreaterThanOrEqual(40);
  });

  test.each(foreignWays)("$name is refused by the broker, and raised", async ({ topic, payload }) => {
    const accounts = running.book.accounts();
    const [from, before] = [heard.got.length, broker.violations()];
    const forger = await forgers.raw(sma);
    // Retained, at QoS 1: whoever comes later would hear it, too.
    forger.publish(topic, payload, 1, 1, true);
    await until("it is answered", () => forger.closed || forger.of(4).length > 0);
    expect(forger.closed ? "cut" : "silence").toBe(kind.denied);
    if (before !== undefined) await until("it is raised", () => (broker.violations() ?? 0) > before);
    forger.close();
    // What is said after it by somebody who may has overtaken nothing.
    const feeding = await clients.open(feed, { session: `after-${topic}` });
    await feeding.publish("feed/stocks/state", { last: topic }, { qos: 1 });
    await until("what is allowed", () =>
      said()
        .slice(from)
        .some(([, text]) => text.includes(`"last":${JSON.stringify(topic)}`)),
    );
    await feeding.close();
    expect(
      said()
        .slice(from)
        .filter(([, text]) => text.startsWith(payload)),
    ).toEqual([]);
    expect(running.book.accounts()).toEqual(accounts);
  });

  test.each(gatewayWays())("$name is denied by the gateway, and raised", async ({ topic, payload }) => {
    const accounts = running.book.accounts();
    const from = heard.got.length;
    const forger = await forgers.raw(sma);
    const raised = (): boolean =>
      said()
        .slice(from)
        .some(([at, text]) => at === "gw/dead" || (at === `${own}/order/event` && text.includes('"denied"')));
    // Of dead letters there are ten a second at most.
    let againMs = 0;
    await until("it is raised", () => {
      if (performance.now() > againMs) {
        forger.publish(topic, payload, 1);
        againMs = performance.now() + 1_100;
      }
      return raised();
    });
    expect(
      said()
        .slice(from)
        .filter(([at, text]) => at.endsWith("/order/event") && !text.includes('"denied"')),
    ).toEqual([]);
    expect(running.book.accounts()).toEqual(accounts);
    expect(running.book.epoch("momentum/sma" as StrategyId)).toBe(5);
  });
}
