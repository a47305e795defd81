import type { Log } from "#bus/process.ts";
import { formatDecimal } from "#core/decimal.ts";
import { describeVerb, formatTarget, type Halt, type HaltTarget, haltOf, isTargeted, parseTarget } from "#core/halt.ts";
import type { StrategyId } from "#core/identity.ts";
import type { GatewayCommandMessage, GatewayHaltsMessage, Unstamped } from "#core/messages.ts";
import { judgeHalt } from "#core/operators.ts";
import { ok } from "#core/result.ts";
import type { Book } from "./book.ts";
import type { BookedHalt } from "./book-halts.ts";
import type { BookedState } from "./book-rows.ts";
import type { Clock } from "./clock.ts";
import { type Closing, ownPrefix } from "./closing.ts";
import { averagePrice, type Desk } from "./desk.ts";
import type { Ledger } from "./ledger.ts";
import type { LimitsEntry } from "./limits-directory.ts";
import type { Standing } from "./risk.ts";
import type { GitStanding } from "./standing.ts";

export interface HaltsOptions {
  readonly book: Book;
  readonly desk: Desk;
  readonly ledger: Ledger;
  readonly closing: Closing;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: (strategy: StrategyId) => LimitsEntry;
  /** Every strategy that has limits. */
  readonly strategies: () => readonly StrategyId[];
  /** What Git says; undefined while it cannot be read. */
  readonly git: () => GitStanding | undefined;
}

/** What is done about a strategy's orders and positions, whatever its executor wants. */
type Directive = { readonly do: "cancel" | "cancel-purchases" | "flatten"; readonly why: string };

const activeMax = 200;
const shownMax = 16;
const refusedMax = 20;
/** Of one halt, and of all that are said: a message has its bound. */
const eachListedMax = 100;
const listedMax = 240;

type HeldHalt = GatewayHaltsMessage["halts"][number];

/**
 * What operators stopped. A command acts at once and is kept in the book; Git says it later, and only its disappearance from Git ends it. What
 * has never been seen in Git holds for ever, so a record that fails loses nothing.
 */
export class Halts {
  readonly #options: HaltsOptions;
  #active: readonly BookedHalt[];
  #refused: GatewayHaltsMessage["refused"] = [];

  constructor(options: HaltsOptions) {
    this.#options = options;
    this.#active = options.book.halts.active();
  }

  /** How a strategy stands beside its limits. */
  standingOf(strategy: StrategyId): Standing {
    const git = this.#options.git();
    if (git === undefined) {
      const message = "what is halted in Git cannot be read, so nothing passes";
      return { mode: "halt", why: { code: "limits-unreadable", message } };
    }
    const halt = haltOf(this.#all(), strategy);
    if (halt === undefined) return { mode: "trade" };
    const message = `${formatTarget(halt.target)} is ${describeVerb(halt.verb)} by ${halt.by} (${halt.id}): ${halt.reason}`;
    if (halt.verb === "reduce") return { mode: "reduce", why: { code: "strategy-reducing", message } };
    return { mode: "halt", why: { code: "strategy-halted", message } };
  }

  /**
   * Carries a command out. It is in the book before anything is done about it.
   *
   * @param group whose account it comes from; undefined: from the account `operator`
   */
  command(message: GatewayCommandMessage, group?: string): void {
    const { id, by, verb } = message;
    const target = parseTarget(message.scope);
    if (!target.ok) {
      this.#refuse(id, "target-malformed", `${message.scope} is nobody; allowed is ${target.error.allowed}`);
      return;
    }
    const git = this.#options.git();
    // While Git cannot be read nobody is named, and nothing passes anyway: whom the bus let speak may stop.
    const allowed =
      git === undefined ? ok(undefined) : judgeHalt(git.operators, group, { by, verb, target: target.value });
    if (allowed.ok) this.#halt(message, target.value);
    else this.#refuse(id, allowed.error.code, allowed.error.message);
  }

  #halt({ id, verb, by, reason }: GatewayCommandMessage, target: HaltTarget): void {
    const { book, clock, log, strategies } = this.#options;
    const known = book.halts.get(id) ?? this.#options.git()?.halts.get(id);
    if (known !== undefined) {
      const same = known.verb === verb && known.target === target;
      if (!same) this.#refuse(id, "command-id-reused", "the gateway has another command of this id");
      return;
    }
    if (this.#active.length >= activeMax && target !== "all") {
      this.#refuse(id, "too-many-halts", `${activeMax} halts are in force; halt all, or resume some`);
      return;
    }
    const about = strategies().filter((strategy) => isTargeted(target, strategy)).length;
    const halt: BookedHalt = {
      ...{ id, verb, target, by, reason, atMs: clock.nowMs() },
      ...{ recorded: false, lifted: false, strategies: about, canceled: 0 },
    };
    book.halts.add(halt);
    this.#active = [...this.#active, halt];
    log("warn", "halted", { ...halt });
    this.enforce();
  }

  /** Git was read: what is seen there is recorded, what is gone from there is over. What cannot be read ends nothing. */
  reconcile(): void {
    const { book, log, git } = this.#options;
    const standing = git();
    if (standing === undefined) return;
    for (const halt of this.#active) {
      const there = standing.halts.has(halt.id);
      if (there === halt.recorded) continue;
      const next: BookedHalt = { ...halt, recorded: true, lifted: !there };
      book.halts.update(next);
      if (next.lifted) log("warn", "resumed: its file is gone from Git", { id: halt.id, target: halt.target });
    }
    this.#active = book.halts.active();
    const before = book.halts.retirements();
    const changed = [...standing.strategies].filter(([strategy, retire]) => before.get(strategy) !== retire);
    book.halts.saveRetirements(new Map(changed));
    this.enforce();
  }

  /** Does what is to be done about orders and positions; nothing if it is done already. */
  enforce(): void {
    const { desk, ledger, closing, book } = this.#options;
    const concerned = new Set([...desk.strategiesWithOrders(), ...ledger.holding()]);
    const canceled = new Map<string, number>();
    for (const strategy of concerned) {
      const directive = this.#directiveFor(strategy);
      if (directive === undefined) continue;
      const count = desk.cancel(strategy, ({ clientOrderId, side }) => {
        if (clientOrderId.startsWith(ownPrefix)) return false;
        return directive.do !== "cancel-purchases" || side === "buy";
      });
      canceled.set(directive.why, (canceled.get(directive.why) ?? 0) + count);
      if (directive.do === "flatten") closing.close(strategy, directive.why);
    }
    for (const halt of this.#active) {
      const count = canceled.get(halt.id) ?? 0;
      if (count > 0) book.halts.update({ ...halt, canceled: halt.canceled + count });
    }
    if ([...canceled.values()].some((count) => count > 0)) this.#active = book.halts.active();
  }

  /** What `gw/halts` says. */
  message(atMs: number): Unstamped<GatewayHaltsMessage> {
    const { desk, ledger } = this.#options;
    const newest = this.#all()
      .toReversed()
      .toSorted((a, b) => Number(a.recorded) - Number(b.recorded) || b.atMs - a.atMs);
    const concerned = [...new Set([...desk.strategiesWithOrders(), ...ledger.holding()])];
    let room = listedMax;
    const halts = newest.slice(0, shownMax).map((halt): HeldHalt => {
      const own = concerned.filter((strategy) => isTargeted(halt.target, strategy));
      let [ordersOpen, positionsOpen] = [0, 0];
      for (const strategy of own) {
        ordersOpen += desk.openCount(strategy);
        positionsOpen += ledger.get(strategy)?.positions.size ?? 0;
      }
      const { id, verb, target, by, reason, recorded, strategies, canceled } = halt;
      const said: HeldHalt = {
        ...{ id, verb, scope: target, by, reason, atMs: halt.atMs, recorded, strategies },
        ...{ ordersCanceled: canceled, ordersOpen, positionsOpen },
        ...(verb === "flatten" ? this.#closingOf(halt, own, room) : {}),
      };
      room -= (said.closed?.length ?? 0) + (said.held?.length ?? 0);
      return said;
    });
    return { v: 1, type: "gateway-halts", halts, refused: this.#refused, atMs };
  }

  /** What a flatten has closed, and what is still held. */
  #closingOf({ id }: Halt, strategies: readonly StrategyId[], room: number): Pick<HeldHalt, "closed" | "held"> {
    const { book, ledger } = this.#options;
    const most = Math.max(0, Math.min(eachListedMax, Math.floor(room / 2)));
    const held = strategies.flatMap((strategy) =>
      [...(ledger.get(strategy)?.positions ?? [])].map(([sid, quantity]) => ({
        ...{ strategy, sid, quantity: formatDecimal(quantity) },
      })),
    );
    return { closed: book.halts.closingOrders(id, most).map(closingOf), held: held.slice(0, most) };
  }

  /** Those of the book and those of Git. */
  #all(): readonly BookedHalt[] {
    const booked = new Set(this.#active.map(({ id }) => id));
    const others: BookedHalt[] = [];
    for (const halt of this.#options.git()?.halts.values() ?? []) {
      if (booked.has(halt.id)) continue;
      const about = this.#options.strategies().filter((strategy) => isTargeted(halt.target, strategy)).length;
      others.push({ ...halt, recorded: true, lifted: false, strategies: about, canceled: 0 });
    }
    return [...this.#active, ...others];
  }

  #directiveFor(strategy: StrategyId): Directive | undefined {
    const halt: Halt | undefined = haltOf(this.#all(), strategy);
    if (halt?.verb === "flatten") return { do: "flatten", why: halt.id };
    const retire = this.#retirementOf(strategy);
    if (retire === "flatten") return { do: "flatten", why: "retire" };
    if (halt?.verb === "halt") return { do: "cancel", why: halt.id };
    if (retire === "cancel") return { do: "cancel", why: "retire" };
    return halt === undefined ? undefined : { do: "cancel-purchases", why: halt.id };
  }

  /** Of a strategy that today's policies refuse, or that was deleted: both in the list and in the limits, since either may come late. */
  #retirementOf(strategy: StrategyId): string | undefined {
    const { git, limits, book } = this.#options;
    const standing = git();
    if (standing === undefined) return undefined;
    const listed = standing.strategies.get(strategy);
    if (listed !== undefined) return standing.refused.has(strategy) ? listed : undefined;
    if (limits(strategy).kind !== "absent") return undefined;
    return book.halts.retirements().get(strategy) ?? "cancel";
  }

  #refuse(id: string, code: string, message: string): void {
    this.#options.log("error", "alarm: a command was refused", { id, code, error: message });
    this.#refused = [{ id, code, message }, ...this.#refused].slice(0, refusedMax);
  }
}

function closingOf({ placed, order }: BookedState): NonNullable<HeldHalt["closed"]>[number] {
  const { strategy, sid, side, quantity } = placed;
  const { filled, notional, fee, status } = order;
  const fills = filled === 0n ? {} : { price: averagePrice(notional, filled), fee: formatDecimal(fee) };
  return {
    ...{ strategy, sid, side, quantity: formatDecimal(quantity), filledQuantity: formatDecimal(filled) },
    ...{ ...fills, status },
  };
}
