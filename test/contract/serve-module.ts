import type { Socket } from "node:net";
import { formatDecimal } from "#core/decimal.ts";
import { type Algorithm, AlgorithmError, type Outcome } from "#executor/algorithm.ts";
import { LineSplitter } from "#executor/lines.ts";

/** Serves a TypeScript algorithm over the RPC of docs/rpc.md: what the page says, from its other side. */
export function serveModule(connection: Socket, load: () => Promise<Algorithm>): void {
  const lines = new LineSplitter(4 * 1024 * 1024);
  let algorithm: Promise<Algorithm> | undefined;
  connection.on("error", () => undefined);
  connection.on("data", async (chunk: Buffer) => {
    const split = lines.push(chunk);
    if (!split.ok) return connection.destroy();
    for (const line of split.value) {
      const { id, method, params } = JSON.parse(line);
      algorithm ??= load();
      try {
        const result = await answer(await algorithm, method, params);
        connection.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
      } catch (thrown) {
        const {
          message,
          place: file,
          said,
        } = thrown instanceof AlgorithmError ? thrown : new AlgorithmError(String(thrown), {});
        const error = { code: -32000, message, data: { file, ...said } };
        connection.write(`${JSON.stringify({ jsonrpc: "2.0", id, error })}\n`);
      }
    }
    return undefined;
  });
}

async function answer(algorithm: Algorithm, method: string, params: Record<string, never>): Promise<unknown> {
  const { data, now, portfolio } = params as { data: never; now: never; portfolio: never };
  switch (method) {
    case "hello":
      return { protocol: 3, language: "typescript", description: await algorithm.describe() };
    case "initialize": {
      const { channels, hooks, timers } = await algorithm.initialize(params as never);
      return { channels, hooks: [...hooks], timers };
    }
    case "warm":
      return algorithm.warm(data, now, portfolio).then(() => null);
    case "event":
      return texts(await algorithm.event(data, now, portfolio));
    case "order":
      return texts(await algorithm.order(params["event"] as never, now, portfolio));
    case "timer":
      return texts(await algorithm.timer(params["timer"] as never, portfolio));
    case "command":
      return texts(await algorithm.command(params["command"] as never, now, portfolio));
    case "optimize": {
      const { bet, ...said } = await algorithm.optimize(params["wager"] as never, now, portfolio);
      return { bet: formatDecimal(bet), ...said };
    }
    case "check": {
      const { verdict, ...said } = await algorithm.check(params["order"] as never, now, portfolio);
      const told = verdict === undefined ? null : { ...verdict, quantity: formatDecimal(verdict.quantity) };
      return { verdict: told, ...said };
    }
    case "snapshot":
      return algorithm.snapshot();
    case "restore":
      return algorithm.restore(params["state"] as never, params["writer"] as never);
    case "stop":
      return { logs: await algorithm.stop(String(params["reason"])) };
    default:
      throw new Error(`unknown method ${method}`);
  }
}

function texts({ decisions, logs }: Outcome): object {
  const said = decisions.map(({ quantity, ...decision }) => ({
    ...decision,
    ...(quantity === undefined ? {} : { quantity: formatDecimal(quantity) }),
  }));
  return { decisions: said, logs };
}
