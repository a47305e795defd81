// A strategy in the cluster, as a test follows it: its Application, its pod, its orders.
import { readFileSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { expect } from "vitest";
import { add, type Decimal, decimal, formatDecimal, parseDecimal, subtract } from "#core/decimal.ts";
import type { OldOrder } from "#gateway/book-retention.ts";
import { asObject } from "../apiserver/client.ts";
import { addExample } from "./repository.ts";
import { Watch } from "./watch.ts";
import { type Stage, ship } from "./way.ts";

export class Life {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly pod: string;
  readonly application: string;
  readonly watch: Watch;
  readonly #stage: Stage;

  constructor(stage: Stage, id: string) {
    const [team = "", name = ""] = id.split("/");
    this.id = id;
    this.namespace = `${team}-paper`;
    this.name = name;
    this.pod = `${name}-0`;
    this.application = `paper-${team}-${name}`;
    this.watch = new Watch(stage.cluster);
    this.#stage = stage;
  }

  /** Proposes and merges one of this checkout's examples, unless it is there, and waits until it is ready. */
  async deployed(): Promise<void> {
    const { repository } = this.#stage;
    if (!(await this.#isToRun())) {
      addExample(repository, this.id);
      await ship(this.#stage, "deploy", this.id, "--merge", "--timeout", "1");
    }
    await this.ready();
  }

  /** Whether the cluster is to run it: its pod may be on its way from one to the next just now. */
  async #isToRun(): Promise<boolean> {
    const metadata = { name: this.name, namespace: this.namespace };
    const { ok, object } = await this.#stage.cluster.client.get({
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata,
    });
    return ok && asObject(object["spec"])["replicas"] === 1;
  }

  until(what: string, holds: () => boolean | Promise<boolean>, limitMs?: number): Promise<void> {
    return this.#stage.cluster.machine.until(`${this.id}: ${what}`, holds, limitMs);
  }

  /** @param application the strategy's own unless told */
  synced(revision: string, application = this.application): Promise<void> {
    return this.until(`${application} is synced to ${revision.slice(0, 7)}`, async () => {
      const state = await this.watch.application(application);
      return state?.sync === "Synced" && state.revision === revision && state.phase === "Succeeded";
    });
  }

  /** @param uid of a pod that it must not be any more */
  ready(uid?: string, limitMs?: number): Promise<void> {
    const isReady = async (): Promise<boolean> => {
      const seen = await this.watch.pod(this.namespace, this.pod);
      return seen?.ready === true && !seen.terminating && seen.uid !== uid;
    };
    return this.until("its pod is ready", isReady, limitMs);
  }

  /** Waits for an order that is not in the book yet. */
  async trading(): Promise<void> {
    const before = await this.watch.orders(this.id);
    await this.until("a new order in the book", async () => (await this.watch.orders(this.id)) > before);
  }

  /** Processes of its executor on this machine, whatever Kubernetes says of them. */
  executors(): readonly number[] {
    return this.watch.processes("/app/executor.mjs", `SLIPWAY_STRATEGY=${this.id}`);
  }

  /** How long its executor took from the start of its process until it traded, by its log. */
  async startMs(): Promise<number> {
    const [pid] = this.executors();
    const log = await this.watch.log(this.namespace, this.pod, "executor");
    const warmed = log.split("\n").find((line) => line.includes('"subscribed and warmed"'));
    if (pid === undefined || warmed === undefined) throw new Error(`${this.id} does not trade`);
    return Date.parse(String(JSON.parse(warmed).time)) - startedMs(pid);
  }

  /**
   * What the gateway's book says against itself: an account that is not what the fills make of it, an instrument ordered twice by one cause under two
   * ids, an order without an end.
   */
  async problems(): Promise<readonly string[]> {
    const book = await this.watch.withBook((database) => bookOf(database, this.id));
    if (book === undefined) return ["there is no book"];
    // After the book: what it forgets is in the archive before.
    return problemsOf(book, (await this.watch.archived(this.id)).map(orderOf));
  }

  /** Returns when the book says nothing against itself; what it still says is the error's cause. */
  sound(): Promise<void> {
    return this.until("the book agrees with itself", async () => {
      expect(await this.problems()).toEqual([]);
      return true;
    });
  }
}

/** When a process was started, milliseconds since the epoch. */
function startedMs(pid: number): number {
  const ticks = Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[19]);
  const [upSeconds] = readFileSync("/proc/uptime", "utf8").split(" ");
  return Date.now() - Number(upSeconds) * 1000 + ticks * 10;
}

interface Order {
  readonly id: string;
  readonly cause: string;
  readonly sid: string;
  readonly side: string;
  readonly filled: Decimal;
  readonly notional: Decimal;
  readonly fee: Decimal;
  /** By an executor, and accepted. */
  readonly accepted: boolean;
  /** Undefined when nothing more comes of it. */
  readonly open: string | undefined;
}

interface Book {
  readonly orders: readonly Order[];
  readonly startingCash: Decimal;
  readonly cash: Decimal;
  readonly positions: ReadonlyMap<string, Decimal>;
}

function bookOf(database: DatabaseSync, strategy: string): Book {
  const rows = (sql: string) => database.prepare(sql).all(strategy);
  const orders = rows("SELECT * FROM orders WHERE strategy = ?").map((row) => ({
    ...{ id: String(row["client_order_id"]), cause: String(row["cause"]) },
    ...{ sid: String(row["sid"]), side: String(row["side"]) },
    ...{ filled: amount(row["filled"]), notional: amount(row["notional"]), fee: amount(row["fee"]) },
    accepted: row["accepted"] === 1 && row["origin"] === "executor",
    open: row["open"] === 1 ? String(row["status"]) : undefined,
  }));
  const [account] = rows("SELECT starting_cash, cash FROM accounts WHERE strategy = ?");
  const positions = rows("SELECT sid, quantity FROM positions WHERE strategy = ?");
  return {
    orders,
    startingCash: amount(account?.["starting_cash"]),
    cash: amount(account?.["cash"]),
    positions: new Map(positions.map(({ sid, quantity }) => [String(sid), amount(quantity)])),
  };
}

/** An order as the archive has it: an executor's, and over. */
function orderOf(record: OldOrder["record"]): Order {
  const fills = (record["fills"] ?? []) as readonly Readonly<Record<"quantity" | "notional" | "fee", string>>[];
  const sum = (of: "quantity" | "notional" | "fee") => fills.reduce((all, fill) => add(all, amount(fill[of])), zero);
  return {
    ...{ id: String(record["clientOrderId"]), cause: String(record["cause"]) },
    ...{ sid: String(record["sid"]), side: String(record["side"]) },
    ...{ filled: sum("quantity"), notional: sum("notional"), fee: sum("fee") },
    accepted: record["accepted"] === 1,
    open: undefined,
  };
}

function problemsOf({ orders: known, startingCash, cash: booked, positions }: Book, old: readonly Order[]): string[] {
  // One that is being forgotten is in both; the book knows better.
  const orders = [...new Map([...old, ...known].map((order) => [order.id, order])).values()];
  const byCause = Map.groupBy(
    orders.filter(({ accepted }) => accepted),
    ({ cause, sid }) => `${sid} by ${cause}`,
  );
  const twice = [...byCause].filter(([, { length }]) => length > 1);
  const problems = twice.map(([what, { length }]) => `${length} orders of ${what}`);
  problems.push(...orders.flatMap(({ id, open }) => (open === undefined ? [] : [`${id} stays ${open}`])));
  let cash = startingCash;
  const held = new Map<string, Decimal>();
  for (const { side, sid, filled, notional, fee } of orders) {
    cash = subtract((side === "buy" ? subtract : add)(cash, notional), fee);
    held.set(sid, (side === "buy" ? add : subtract)(held.get(sid) ?? zero, filled));
  }
  const same = (what: string, made: Decimal, inBook: Decimal): void => {
    if (made !== inBook)
      problems.push(`${what}: the fills make ${formatDecimal(made)} of it, the book has ${formatDecimal(inBook)}`);
  };
  same("cash", cash, booked);
  for (const [sid, quantity] of positions) same(sid, held.get(sid) ?? zero, quantity);
  return problems;
}

const zero = decimal("0");

function amount(text: unknown): Decimal {
  const parsed = parseDecimal(String(text));
  if (!parsed.ok) throw new Error(`${text} is no amount`);
  return parsed.value;
}
