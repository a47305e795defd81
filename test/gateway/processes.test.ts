import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Broker, startBroker } from "#bus/broker.ts";
import { type Bus, connectBus } from "#bus/client.ts";
import { type Access, feedAccess, gatewayAccess } from "#core/access.ts";
import { validateGatewayState, validatePlatformMetric } from "#core/bus-validators.generated.js";
import { add, decimal, formatDecimal, multiply, subtract } from "#core/decimal.ts";
import type { OrderEventMessage, OrderRequestMessage, QuoteMessage } from "#core/messages.ts";
import { paperFill } from "#gateway/paper.ts";

const root = join(import.meta.dirname, "..", "..");
const executor: Access = {
  identity: "momentum-paper/sma-cross",
  publish: ["strat/momentum/sma-cross/order/request", "strat/noise/+/order/request"],
  subscribe: [
    "strat/momentum/sma-cross/order/event",
    "gw/state",
    "md/+/AAPL/quote",
    "md/+/AAPL/history",
    "feed/#",
    "gw/metric",
  ],
};
const accesses = [gatewayAccess("paper"), feedAccess("paper", "stocks", "replay"), executor];
const access = new Map(accesses.map((rules) => [rules.identity, rules]));
const children: ChildProcess[] = [];
const heard: { readonly topic: string; readonly message: { readonly [key: string]: unknown } }[] = [];
let folder: string;
let broker: Broker;
let bus: Bus;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-processes-"));
  writeFileSync(join(folder, "token"), "secret\n");
  mkdirSync(join(folder, "limits"));
  writeBounds();
  writeLimits(true);
  writeFileSync(
    join(folder, "standing.json"),
    '{"halts":[],"refused":[],"strategies":{"momentum/sma-cross":"cancel"}}',
  );
  writeFileSync(join(folder, "venues.json"), '{"paper":{"kind":"paper","feeBps":"1","slippageBps":"2"}}');
  writeFileSync(
    join(folder, "feed.json"),
    '{"name":"stocks","source":"vega-stocks","venue":"replay","msPerStep":20,"warmup":30}',
  );
  const verify = (_identity: string, password: string): boolean => password === "secret";
  broker = await startBroker({ host: "127.0.0.1", port: 0, access: () => access, verify, log: () => undefined });
  bus = await connectBus({ url: url(), identity: executor.identity, password: () => "secret", access: executor });
  bus.onMessage(({ topic, payload }) => heard.push({ topic, message: JSON.parse(Buffer.from(payload).toString()) }));
  for (const filter of executor.subscribe) await bus.subscribe(filter, { qos: filter.startsWith("strat") ? 1 : 0 });
});

afterAll(async () => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) await end(child, "SIGKILL");
  await bus.close();
  await broker.close();
  rmSync(folder, { recursive: true, force: true });
});

const url = (): string => `mqtt://127.0.0.1:${broker.port}`;

const limits = {
  instruments: ["AAPL"],
  venues: ["paper"],
  maxOrderNotional: "2000",
  maxPositionNotional: "5000",
  orderRate: "10/1s",
  maxDrawdown: "1",
};

function writeBounds(): void {
  mkdirSync(join(folder, "bounds"), { recursive: true });
  const bounds = { everyone: limits, teams: {}, strategies: {} };
  writeFileSync(join(folder, "bounds", "bounds.json"), JSON.stringify(bounds));
}

function writeLimits(running: boolean): void {
  const texts = Object.entries(limits).map(([key, value]) => [`limits.${key}`, String(value)]);
  const file = {
    strategy: "momentum/sma-cross",
    running: String(running),
    startingCash: "10000",
    ...Object.fromEntries(texts),
  };
  writeFileSync(join(folder, "limits.part"), JSON.stringify(file));
  renameSync(join(folder, "limits.part"), join(folder, "limits", "momentum.sma-cross"));
}

interface Cramped {
  /** Files may not grow beyond so many blocks of 512 bytes. */
  readonly blocks: number;
}

function start(
  program: "feed" | "gateway",
  serviceAccount: string,
  { stateDir = join(folder, serviceAccount), cramped }: { readonly stateDir?: string; readonly cramped?: Cramped } = {},
): ChildProcess & { readonly said: () => string } {
  const command = [process.execPath, join(root, "src", program, "main.ts")];
  const [file = "", ...argv] =
    cramped === undefined ? command : ["/bin/sh", "-c", `ulimit -f ${cramped.blocks}; exec "$@"`, "sh", ...command];
  const child = spawn(file, argv, {
    env: {
      SLIPWAY_ENVIRONMENT: "paper",
      SLIPWAY_NAMESPACE: "slipway-paper",
      SLIPWAY_SERVICE_ACCOUNT: serviceAccount,
      SLIPWAY_STATE_DIR: stateDir,
      SLIPWAY_PORT_PROBE: "0",
      SLIPWAY_BUS_URL: url(),
      SLIPWAY_BUS_TOKEN_FILE: join(folder, "token"),
      SLIPWAY_FEED_FILE: join(folder, "feed.json"),
      SLIPWAY_GATEWAY_LIMITS_DIR: join(folder, "limits"),
      SLIPWAY_GATEWAY_BOUNDS_FILE: join(folder, "bounds", "bounds.json"),
      SLIPWAY_GATEWAY_STANDING_FILE: join(folder, "standing.json"),
      SLIPWAY_GATEWAY_VENUES_FILE: join(folder, "venues.json"),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  return Object.assign(child, { said: () => output });
}

/** By then all that it said has been read. */
function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  return new Promise((resolve) => {
    child.once("close", (code) => resolve(code));
    child.stdout?.resume();
    child.kill(signal);
  });
}

const last = (topic: string): { readonly [key: string]: unknown } | undefined =>
  heard.findLast((message) => message.topic === topic)?.message;
const until = { timeout: 20_000, interval: 20 };
const quotes = (): readonly QuoteMessage[] =>
  heard
    .filter(({ topic }) => topic === "md/replay/AAPL/quote")
    .map(({ message }) => message as unknown as QuoteMessage);
const orders = (): readonly OrderEventMessage[] =>
  heard
    .filter(({ topic }) => topic.endsWith("/order/event"))
    .map(({ message }) => message as unknown as OrderEventMessage);

function request(clientOrderId: string): OrderRequestMessage {
  return {
    ...{ v: 1, type: "order", clientOrderId, epoch: 1, sid: "AAPL", venue: "paper", side: "buy" },
    ...{ orderType: "market", quantity: "1.5", cause: "s:md/replay/AAPL/quote:1", ts: 1 },
    expiresAtMs: Date.now() + 60_000,
  };
}

const send = (clientOrderId: string): Promise<void> =>
  bus.publish("strat/momentum/sma-cross/order/request", request(clientOrderId), { qos: 1 });

describe("feed, broker and gateway as processes", () => {
  test("an order is filled at the last price, kill −9 and a stop lose and double nothing", async () => {
    let gateway = start("gateway", "gateway");
    await expect.poll(() => last("gw/state")?.["state"], until).toBe("online");
    const feed = start("feed", "feed-stocks");
    await expect.poll(() => quotes().length, until).toBeGreaterThan(2);
    expect(last("md/replay/AAPL/history")?.["session"]).toBe(quotes()[0]?.session);

    await send("one");
    await expect.poll(() => orders().length, until).toBe(1);
    const [first] = orders();
    const at = quotes().find(({ ts }) => ts === first?.ts);
    const venue = { feeBps: decimal("1"), slippageBps: decimal("2") };
    const fill = paperFill(venue, "buy", decimal("1.5"), decimal(at?.quote ?? ""));
    const [price, fee] = [formatDecimal(fill.price), formatDecimal(fill.fee)];
    expect(first).toMatchObject({ clientOrderId: "one", status: "filled", filledQuantity: "1.5", price, fee, seq: 1 });
    await expect
      .poll(() => last("gw/metric"), until)
      .toMatchObject({
        counts: { requests: 1, fills: 1, alarms: 0, deadLetters: 0, archiveBytes: 0 },
        countsBy: { orders: { filled: 1 }, denials: {} },
      });
    expect(validatePlatformMetric(last("gw/metric"))).toBe(true);
    expect(Reflect.get(Object(last("gw/metric")?.["counts"]), "bookBytes")).toBeGreaterThan(0);

    // Killed: the will says offline, the broker keeps the request, the next process answers it, and the earlier one from its book.
    await end(gateway, "SIGKILL");
    await expect.poll(() => last("gw/state")?.["state"], until).toBe("offline");
    await send("two");
    await send("one");
    gateway = start("gateway", "gateway");
    await expect.poll(() => last("gw/state")?.["state"], until).toBe("online");
    await expect.poll(() => orders().some(({ clientOrderId }) => clientOrderId === "two"), until).toBe(true);
    await expect
      .poll(() => orders().filter(({ clientOrderId }) => clientOrderId === "one").length, until)
      .toBeGreaterThan(1);
    for (const again of orders().filter(({ clientOrderId }) => clientOrderId === "one")) expect(again).toEqual(first);

    // A tightening in the limits directory, without a restart.
    writeLimits(false);
    await expect.poll(() => gateway.said().split("limits read").length, until).toBeGreaterThan(2);
    await send("three");
    await expect.poll(() => orders().at(-1)?.reason?.code, until).toBe("strategy-stopped");

    expect(await end(gateway, "SIGTERM")).toBe(0);
    await expect.poll(() => last("gw/state")?.["state"], until).toBe("offline");
    expect(await end(feed, "SIGTERM")).toBe(0);
    await expect.poll(() => last("feed/stocks/state")?.["state"], until).toBe("offline");
    expect(gateway.said()).not.toContain("ExperimentalWarning");

    const spent = orders().filter(
      ({ status }, index, all) => status === "filled" && all[index - 1]?.seq !== all[index]?.seq,
    );
    const unique = new Map(spent.map((event) => [event.clientOrderId, event]));
    let cash = decimal("10000");
    for (const { price: paid, fee: charged } of unique.values()) {
      const cost = add(multiply(decimal(paid ?? ""), decimal("1.5"), "exact"), decimal(charged ?? ""));
      cash = subtract(cash, cost);
    }
    const { Book } = await import("#gateway/book.ts");
    const book = new Book({ file: join(folder, "gateway", "book.sqlite"), durability: "process" });
    const [account] = book.accounts().values();
    expect(formatDecimal(account?.cash ?? decimal("0"))).toBe(formatDecimal(cash));
    expect(book.unpublished()).toEqual([]);
    book.close();
  });

  test("while a file of the platform cannot be read it is offline and says why; then online again; a stop and a kill have reasons too", async () => {
    const gateway = start("gateway", "gateway", { stateDir: join(folder, "reasons") });
    const said = (): unknown[] => [last("gw/state")?.["state"], last("gw/state")?.["reason"]];
    await expect.poll(said, until).toEqual(["online", undefined]);
    const bounds = join(folder, "bounds", "bounds.json");
    writeFileSync(bounds, "{");
    await expect
      .poll(said, until)
      .toEqual(["offline", expect.stringContaining("the bounds of limits cannot be read: it is not JSON")]);
    writeBounds();
    await expect.poll(said, until).toEqual(["online", undefined]);
    renameSync(join(folder, "standing.json"), join(folder, "away.json"));
    await expect
      .poll(said, until)
      .toEqual(["offline", expect.stringContaining("what is halted in Git cannot be read: ENOENT")]);
    // A next process says the same at once.
    expect(await end(gateway, "SIGTERM")).toBe(0);
    await expect.poll(said, until).toEqual(["offline", "it was stopped"]);
    const next = start("gateway", "gateway", { stateDir: join(folder, "reasons") });
    await expect.poll(said, until).toEqual(["offline", expect.stringContaining("what is halted in Git")]);
    renameSync(join(folder, "away.json"), join(folder, "standing.json"));
    await expect.poll(said, until).toEqual(["online", undefined]);
    await end(next, "SIGKILL");
    await expect.poll(said, until).toEqual(["offline", expect.stringContaining("ended without a word")]);
    for (const { topic, message } of heard) if (topic === "gw/state") expect(validateGatewayState(message)).toBe(true);
  });

  test("without its book it says which file is lost and trades nothing, until the file is back or somebody accepts an empty one", async () => {
    const stateDir = join(folder, "lost");
    const file = join(stateDir, "book.sqlite");
    const said = (): unknown[] => [last("gw/state")?.["state"], last("gw/state")?.["reason"]];
    const first = start("gateway", "gateway", { stateDir });
    await expect.poll(said, until).toEqual(["online", undefined]);
    expect(await end(first, "SIGTERM")).toBe(0);
    copyFileSync(file, join(folder, "copy.sqlite"));
    writeFileSync(file, "");
    const next = start("gateway", "gateway", { stateDir });
    await expect.poll(said, until).toEqual(["offline", expect.stringContaining(`${file} is empty (0 bytes)`)]);
    expect(validateGatewayState(last("gw/state"))).toBe(true);
    await expect.poll(next.said, until).toContain("alarm: the book");
    copyFileSync(join(folder, "copy.sqlite"), file);
    await expect.poll(said, until).toEqual(["online", undefined]);
    expect(await end(next, "SIGKILL")).toBe(null);

    writeFileSync(file, randomBytes(40_000));
    rmSync(`${file}-wal`, { force: true });
    const damaged = start("gateway", "gateway", { stateDir });
    await expect.poll(said, until).toEqual(["offline", expect.stringContaining(`${file} is damaged`)]);
    expect(damaged.said()).not.toContain('"bug"');
    writeFileSync(join(stateDir, "accept-book"), "alice: it was paper\n");
    await expect.poll(said, until).toEqual(["online", undefined]);
    expect(await end(damaged, "SIGTERM")).toBe(0);
    expect(damaged.said()).toContain("alice: it was paper");
  });

  test("while nobody reads its log it answers orders; who reads again is told how many lines are missing", async () => {
    writeLimits(true);
    const feed = start("feed", "feed-stocks");
    const gateway = start("gateway", "gateway", { stateDir: join(folder, "unread") });
    await expect.poll(() => last("gw/state")?.["state"], until).toBe("online");
    gateway.stdout?.pause();
    const noise = 3_000;
    for (let n = 0; n < noise; n += 1) {
      const topic = `strat/noise/s${Math.floor(n / 100)}/order/request`;
      await bus.publish(topic, request(`${"n".repeat(50)}-${n}`), { qos: 1 });
    }
    await send("through-the-noise");
    const answered = (): boolean => orders().some(({ clientOrderId }) => clientOrderId === "through-the-noise");
    await expect.poll(answered, until).toBe(true);
    gateway.stdout?.resume();
    await expect.poll(gateway.said, until).toContain("log lines were dropped: nobody read them in time");
    expect(await end(gateway, "SIGTERM")).toBe(0);
    expect(await end(feed, "SIGTERM")).toBe(0);
    await expect.poll(gateway.said, until).toContain("gateway stopped");
    const lines = gateway.said().trim().split("\n");
    const dropped = lines.flatMap((line) => Number(/were dropped.*"lines":(\d+)/.exec(line)?.[1] ?? []));
    const denials = lines.filter((line) => line.includes('"order denied"')).length;
    expect(dropped.reduce((sum, count) => sum + count, denials)).toBeGreaterThanOrEqual(noise);
  });

  test("a full disk: it says so and takes nothing more; with room again, each order is there once", async () => {
    writeLimits(true);
    const stateDir = join(folder, "cramped");
    const feed = start("feed", "feed-stocks");
    const gateway = start("gateway", "gateway", { stateDir, cramped: { blocks: 600 } });
    const ended = new Promise((resolve) => gateway.once("close", resolve));
    await expect.poll(() => last("gw/state")?.["state"], until).toBe("online");
    // Its first orders are filled: it has a price before them.
    const priced = quotes().length;
    await expect.poll(() => quotes().length, until).toBeGreaterThan(priced);
    const before = heard.length;
    let sent = 0;
    for (; gateway.exitCode === null && sent < 3_000; sent += 1) {
      await send(`full-${sent}`);
      if (sent % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await ended).toBe(1);
    expect(gateway.said()).toMatch(/"code":"book-(full|unusable)"/);
    await expect.poll(() => last("gw/state")?.["state"], until).toBe("offline");

    const next = start("gateway", "gateway", { stateDir });
    await expect.poll(() => last("gw/state")?.["state"], until).toBe("online");
    const answers = (): readonly OrderEventMessage[] =>
      heard
        .slice(before)
        .flatMap(({ topic, message }) =>
          topic.endsWith("/order/event") ? [message as unknown as OrderEventMessage] : [],
        );
    // What waited at the broker comes at once, and of a flood the gateway takes 200 in a second: one asks again, as executors do.
    const asked = async (): Promise<boolean> => {
      await send(`full-${sent - 1}`);
      return answers().some(({ clientOrderId }) => clientOrderId === `full-${sent - 1}`);
    };
    await expect.poll(asked, { timeout: 20_000, interval: 500 }).toBe(true);
    expect(await end(next, "SIGTERM")).toBe(0);
    expect(await end(feed, "SIGTERM")).toBe(0);

    const filled = new Set(
      answers().flatMap(({ status, clientOrderId }) => (status === "filled" ? [clientOrderId] : [])),
    );
    const { Book } = await import("#gateway/book.ts");
    const book = new Book({ file: join(stateDir, "book.sqlite"), durability: "process" });
    const held = book.accounts().values().next().value?.positions.get("AAPL") ?? decimal("0");
    expect(formatDecimal(held)).toBe(formatDecimal(multiply(decimal("1.5"), decimal(String(filled.size)), "exact")));
    expect(filled.size).toBeGreaterThan(0);
    book.close();
  });

  test("a feed's next process is another session", async () => {
    const earlier = quotes().at(-1)?.session;
    const feed = start("feed", "feed-stocks");
    await expect.poll(() => quotes().at(-1)?.session === earlier, until).toBe(false);
    expect(quotes().find(({ session }) => session !== earlier)?.seq).toBe(31);
    expect(await end(feed, "SIGTERM")).toBe(0);
  });

  test.each([
    ["gateway", "venues.json", '{"paper":{"kind":"live","feeBps":"1","slippageBps":"2"}}', "gateway knows"],
    [
      "feed",
      "feed.json",
      '{"name":"stocks","source":"nonsense","venue":"replay","msPerStep":1,"warmup":0}',
      "there is no source",
    ],
  ] as const)("a %s with a wrong %s ends with 2", async (program, file, content, says) => {
    writeFileSync(join(folder, file), content);
    const child = start(program, program === "feed" ? "feed-stocks" : "gateway");
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(child.said()).toContain(says);
    expect(code).toBe(2);
  });
});
