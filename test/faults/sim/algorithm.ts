import type { JsonValue } from "#core/json.ts";
import type { OrderEventMessage } from "#core/messages.ts";
import { Fault } from "#core/result.ts";
import type {
  Algorithm,
  AlgorithmCommand,
  AlgorithmFacts,
  AlgorithmLog,
  AlgorithmStart,
  Outcome,
  PortfolioNow,
  TimerTurn,
  Writer,
} from "#executor/algorithm.ts";
import type { DataMessage } from "#executor/messages.ts";
import { loadModule, readModule } from "#executor/module-algorithm.ts";
import type { Checked, ProposedOrder, Sized, Wager } from "#executor/slots.ts";
import { Killed, type Process } from "./time.ts";

/** The second container of a pod: a process that holds an algorithm of its own. */
export interface AlgorithmHost {
  readonly process: Process;
  readonly algorithm: Promise<Algorithm>;
  readonly thinkMs: number;
}

export function hostAlgorithm(process: Process, path: string, thinkMs: number): AlgorithmHost {
  const algorithm = process.run(() =>
    process.sim.outside(loadModule(readModule({ path, entry: "algorithm.ts", mapFile: "" }))),
  );
  return { process, algorithm, thinkMs };
}

const retryMs = 25;

/** Waits for the container, as `connectRpc` does. @param onTurn told of each turn that a timer is given */
export async function connectHost(
  executor: Process,
  host: () => AlgorithmHost | undefined,
  onTurn: (turn: TimerTurn) => void,
): Promise<Algorithm> {
  for (;;) {
    executor.step("connect to the algorithm");
    const found = host();
    if (found?.process.alive === true) return new HostedAlgorithm(executor, found, onTurn);
    await new Promise<void>((resolve) => executor.after(retryMs, resolve));
  }
}

/** The executor's end of the socket: what is asked and answered takes time, and either process may end meanwhile. */
class HostedAlgorithm implements Algorithm {
  readonly #executor: Process;
  readonly #host: AlgorithmHost;
  readonly #onTurn: (turn: TimerTurn) => void;
  #reject: (fault: Fault) => void = () => undefined;
  #onEnd: (fault: Fault) => void = () => undefined;
  #ended: Fault | undefined;

  constructor(executor: Process, host: AlgorithmHost, onTurn: (turn: TimerTurn) => void) {
    this.#onTurn = onTurn;
    this.#executor = executor;
    this.#host = host;
    host.process.onEnd(() => executor.after(1, () => this.#end()));
  }

  describe(): Promise<unknown> {
    return this.#call("hello", (algorithm) => algorithm.describe());
  }
  initialize(start: AlgorithmStart): Promise<AlgorithmFacts> {
    return this.#call("initialize", (algorithm) => algorithm.initialize(start));
  }
  warm(data: DataMessage, nowUs: number, portfolio: PortfolioNow): Promise<void> {
    return this.#call("warm", (algorithm) => algorithm.warm(data, nowUs, portfolio));
  }
  event(data: DataMessage, nowUs: number, portfolio: PortfolioNow): Promise<Outcome> {
    return this.#call("event", (algorithm) => algorithm.event(data, nowUs, portfolio));
  }
  order(event: OrderEventMessage, nowUs: number, portfolio: PortfolioNow): Promise<Outcome> {
    return this.#call("order", (algorithm) => algorithm.order(event, nowUs, portfolio));
  }
  timer(turn: TimerTurn, portfolio: PortfolioNow): Promise<Outcome> {
    this.#onTurn(turn);
    return this.#call("timer", (algorithm) => algorithm.timer(turn, portfolio));
  }
  command(command: AlgorithmCommand, nowUs: number, portfolio: PortfolioNow): Promise<Outcome> {
    return this.#call("command", (algorithm) => algorithm.command(command, nowUs, portfolio));
  }
  optimize(wager: Wager, nowUs: number, portfolio: PortfolioNow): Promise<Sized> {
    return this.#call("optimize", (algorithm) => algorithm.optimize(wager, nowUs, portfolio));
  }
  check(order: ProposedOrder, nowUs: number, portfolio: PortfolioNow): Promise<Checked> {
    return this.#call("check", (algorithm) => algorithm.check(order, nowUs, portfolio));
  }
  snapshot(): Promise<JsonValue> {
    return this.#call("snapshot", (algorithm) => algorithm.snapshot());
  }
  restore(state: JsonValue, writer: Writer): Promise<boolean> {
    return this.#call("restore", (algorithm) => algorithm.restore(state, writer));
  }
  stop(reason: string): Promise<readonly AlgorithmLog[]> {
    return this.#call("stop", (algorithm) => algorithm.stop(reason));
  }
  onEnd(handler: (fault: Fault) => void): void {
    this.#onEnd = handler;
    if (this.#ended !== undefined) handler(this.#ended);
  }
  close(): void {
    this.#ended ??= new Fault("algorithm-gone", "the connection was closed");
  }

  #call<Value>(name: string, work: (algorithm: Algorithm) => Promise<Value>): Promise<Value> {
    const executor = this.#executor;
    executor.step(`call ${name}`);
    return new Promise<Value>((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      this.#reject = reject;
      const answer = (settle: () => void): void => void executor.after(1, settle);
      this.#host.process.after(this.#host.thinkMs, () => {
        this.#work(name, work).then(
          (value) => answer(() => resolve(value)),
          (thrown: Error) => {
            if (!(thrown instanceof Killed)) answer(() => reject(thrown));
          },
        );
      });
    });
  }

  async #work<Value>(name: string, work: (algorithm: Algorithm) => Promise<Value>): Promise<Value> {
    const { process, algorithm } = this.#host;
    process.step(`do ${name}`);
    const value = await process.sim.outside(algorithm.then(work));
    process.step(`answer ${name}`);
    return value;
  }

  #end(): void {
    if (this.#ended !== undefined) return;
    this.#ended = new Fault("algorithm-gone", "the algorithm ended: its container says why");
    this.#reject(this.#ended);
    this.#onEnd(this.#ended);
  }
}
