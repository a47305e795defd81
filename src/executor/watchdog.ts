import { Script } from "node:vm";
import { Fault } from "#core/result.ts";

const slot = Symbol.for("slipway.call");

/**
 * Ends a call that never returns, from a thread of its own: a loop in this process lets no timer of it run. Costs some 50 µs a call (Node 24),
 * so it is for the calls of a start; on events the liveness probe does it.
 */
export class Watchdog {
  // A script is the one thing that Node can have V8 end; it reaches what it shall call by a global.
  readonly #script = new Script('globalThis[Symbol.for("slipway.call")]()', { filename: "slipway-watchdog" });

  /**
   * Calls it now. What an asynchronous one does after its first `await` is not watched.
   *
   * @param name as its author calls it
   * @throws Fault `algorithm-silent` when it has not returned within the time; whatever the call throws
   */
  call<Value>(name: string, limitMs: number, call: () => Value): Value {
    Reflect.defineProperty(globalThis, slot, { value: call, configurable: true });
    try {
      return this.#script.runInThisContext({ timeout: limitMs, displayErrors: false }) as Value;
    } catch (thrown) {
      if (!isTimeout(thrown)) throw thrown;
      throw new Fault("algorithm-silent", `the algorithm's ${name} did not return within ${limitMs / 1000} s`);
    } finally {
      Reflect.deleteProperty(globalThis, slot);
    }
  }
}

function isTimeout(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}
