import { type Broker, startBroker } from "#bus/broker.ts";
import type { Access } from "#core/access.ts";
import type { BrokerKind } from "../contract/bus-bench.ts";

/** The embedded broker, in this process. It keeps everything in memory. */
export const aedes: BrokerKind = {
  name: "aedes",
  denied: "cut",
  keeps: false,
  repeats: "first",
  async open(access, passwords) {
    let rules = byIdentity(access);
    const cutOff: string[] = [];
    const start = (port: number): Promise<Broker> =>
      startBroker({
        host: "127.0.0.1",
        port,
        access: () => rules,
        verify: (identity, password) => passwords.get(identity) === password,
        log: () => undefined,
        cutOff: (topic, reason) => cutOff.push(`${topic}: ${reason}`),
      });
    let broker = await start(0);
    const { port } = broker;
    return {
      port,
      cutOff,
      async restart() {
        await broker.close();
        broker = await start(port);
      },
      async allow(next) {
        rules = byIdentity(next);
      },
      violations: () => broker.stats().violations,
      close: () => broker.close(),
    };
  },
};

function byIdentity(access: readonly Access[]): ReadonlyMap<string, Access> {
  return new Map(access.map((rule) => [rule.identity, rule]));
}
