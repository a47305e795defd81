import type { Decimal } from "#core/decimal.ts";
import type { JsonValue } from "#core/json.ts";
import type { Result } from "#core/result.ts";
import { type SlotFiles, type SlotName, slotMethods, slotNames } from "#core/slots.ts";
import { AlgorithmError, type Writer } from "./algorithm.ts";
import { Indicators } from "./indicators.ts";
import { whyNotPlain } from "./plain.ts";
import { type AnswerMalformed, type ProposedOrder, parseBet, parseVerdict, type Verdict, type Wager } from "./slots.ts";

interface Slot {
  readonly file: string;
  readonly instance: object;
  readonly view: object;
  readonly indicators: Indicators;
}

/** Sizing and guard of a strategy's own in this process: exports of the algorithm's module, called between its calls. What they throw is passed on. */
export class ModuleSlots {
  readonly #slots = new Map<SlotName, Slot>();

  /** @param exported what the module exports under a slot's name, made by `make` if it is a class */
  constructor(
    files: SlotFiles,
    exported: (name: SlotName) => unknown,
    view: (indicators: Indicators) => object,
    params: unknown,
  ) {
    for (const name of slotNames) {
      const file = files[name];
      if (file === undefined) continue;
      const found = exported(name);
      const instance: unknown = typeof found === "function" ? Reflect.construct(found, []) : found;
      if (typeof instance !== "object" || instance === null || methodOf(instance, slotMethods[name]) === undefined)
        throw new AlgorithmError(`the default export has no ${slotMethods[name]}()`, { place: file });
      const indicators = new Indicators();
      const slot = { file, instance, view: view(indicators), indicators };
      this.#slots.set(name, slot);
      call(slot, "initialize", [params, slot.view]);
    }
  }

  /** Shows an event, live or from before, to those that look. */
  observe(data: object): void {
    for (const slot of this.#slots.values()) call(slot, "observe", [data, slot.view]);
  }

  /** Undefined where no file sizes. */
  optimize(wager: Wager): Decimal | undefined {
    const slot = this.#slots.get("sizing");
    return slot && checkedValue(slot, parseBet(call(slot, "optimize", [Object.freeze(wager), slot.view]), wager));
  }

  check(order: ProposedOrder): Verdict | undefined {
    const slot = this.#slots.get("guard");
    return slot && checkedValue(slot, parseVerdict(call(slot, "check", [Object.freeze(order), slot.view]), order));
  }

  /** Of each slot its state and its indicators, before they are JSON; undefined where there is no slot. */
  save(): { readonly [name: string]: unknown } | undefined {
    if (this.#slots.size === 0) return undefined;
    const saved = [...this.#slots].map(([name, slot]) => {
      const state = call(slot, "snapshot", []) ?? null;
      const why = whyNotPlain(state, `snapshot() of ${slot.file}`);
      if (why !== undefined) throw new AlgorithmError(why, { place: slot.file });
      return [name, { state, indicators: slot.indicators.save() }];
    });
    return Object.fromEntries(saved);
  }

  load(saved: JsonValue | undefined, writer: Writer): void {
    for (const [name, slot] of this.#slots) {
      const { state, indicators } = Object(Object(saved)[name]) as { readonly [key: string]: unknown };
      slot.indicators.load(indicators);
      const takes = writer.same || (methodOf(slot.instance, "restore")?.length ?? 0) >= 2;
      if (takes && state !== undefined && state !== null) call(slot, "restore", [state, writer]);
    }
  }
}

function checkedValue<Value>({ file }: Slot, parsed: Result<Value, AnswerMalformed>): Value {
  if (parsed.ok) return parsed.value;
  throw new AlgorithmError(parsed.error.message, { place: file });
}

/** They answer at once: a promise is an answer that is none. */
function call({ instance }: Slot, name: string, parameters: readonly unknown[]): unknown {
  return methodOf(instance, name)?.apply(instance, [...parameters]);
}

function methodOf(instance: object, name: string): ((...parameters: readonly unknown[]) => unknown) | undefined {
  const found: unknown = Reflect.get(instance, name);
  return typeof found === "function" ? (found as (...parameters: readonly unknown[]) => unknown) : undefined;
}
