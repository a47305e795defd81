import { connect, type Socket } from "node:net";
import type { JsonValue } from "#core/json.ts";
import { Fault } from "#core/result.ts";
import {
  type Algorithm,
  type AlgorithmCommand,
  AlgorithmError,
  type AlgorithmFacts,
  type AlgorithmLog,
  type AlgorithmStart,
  deadlinesMs,
  type Outcome,
  type PortfolioNow,
  type TimerTurn,
  type Writer,
} from "./algorithm.ts";
import { parseDecisions } from "./decisions.ts";
import { LineSplitter } from "./lines.ts";
import { isTexts, parseAnswer, parseError, parseLogs, parseSaid, parseTimers } from "./rpc-answers.ts";
import { type Checked, type ProposedOrder, parseBet, parseVerdict, type Sized, type Wager } from "./slots.ts";

/** A state of 1 MiB as a text in it, and what stands beside it. */
const lineBytesMax = 4 * 1024 * 1024;
const retryMs = 25;
/** Of docs/rpc.md. An algorithm that knows no `hello` speaks version 1. */
const protocol = 3;
/** The first version that knows sizing and guard of a strategy's own. */
const slotProtocol = 3;
const methodNotFound = -32601;

/**
 * Connects to an algorithm that listens on a unix socket (docs/rpc.md), waiting for the socket: both containers start at once. A lost
 * connection is not made again; the executor ends and its restart begins from the snapshot.
 *
 * @throws Fault `algorithm-missing` when nothing listens within `waitMs`
 */
export async function connectRpc(path: string, waitMs = 30_000): Promise<Algorithm> {
  const endMs = performance.now() + waitMs;
  for (;;) {
    try {
      return new RpcAlgorithm(await open(path));
    } catch (cause) {
      if (performance.now() >= endMs) {
        const message = `no algorithm listens on unix://${path} after ${waitMs / 1000} s`;
        throw new Fault("algorithm-missing", message, { cause });
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

type Method = keyof typeof deadlinesMs;

interface Waiting {
  readonly id: number;
  readonly method: Method;
  resolve(result: unknown): void;
  reject(cause: Error): void;
}

class RpcAlgorithm implements Algorithm {
  readonly #socket: Socket;
  readonly #lines = new LineSplitter(lineBytesMax);
  #waiting: Waiting | undefined;
  #ended: Fault | undefined;
  #onEnd: (fault: Fault) => void = () => undefined;
  /** Where the functions stand whose answers are read here, by method. */
  #places: { readonly [method: string]: unknown } = {};
  #lastId = 0;
  #spoken = 1;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    socket.on("error", (cause) =>
      this.#end(new Fault("algorithm-gone", "the algorithm's connection broke", { cause })),
    );
    socket.on("close", () => this.#end(new Fault("algorithm-gone", "the algorithm ended: its container says why")));
  }

  async describe(): Promise<unknown> {
    try {
      const { protocol: spoken, description } = Object(await this.#call("hello", { protocol }));
      if (!Number.isSafeInteger(spoken) || spoken < 1 || spoken > protocol)
        throw new AlgorithmError(`it speaks version ${String(spoken)} of the RPC; this executor knows ${protocol}`, {});
      this.#spoken = spoken;
      return description ?? undefined;
    } catch (thrown) {
      if (thrown instanceof AlgorithmError && thrown.code === methodNotFound) return undefined;
      throw thrown;
    }
  }

  async initialize(start: AlgorithmStart): Promise<AlgorithmFacts> {
    if (start.slots !== undefined && this.#spoken < slotProtocol) {
      const files = Object.values(start.slots).join(" and ");
      throw new AlgorithmError(`it speaks version ${this.#spoken} of the RPC, which cannot run ${files}`, {});
    }
    const { channels, hooks, timers, digest, places } = Object(await this.#call("initialize", start));
    this.#places = Object(places);
    if (!isTexts(channels))
      throw new AlgorithmError("initialize must return the channels it wants, a list of strings", {});
    return {
      channels,
      hooks: new Set(isTexts(hooks) ? hooks : []),
      timers: parseTimers(timers),
      digest: typeof digest === "string" ? digest : undefined,
    };
  }

  async warm(data: object, now: number, portfolio: PortfolioNow): Promise<void> {
    await this.#call("warm", { data, now, portfolio });
  }

  async event(data: object, now: number, portfolio: PortfolioNow): Promise<Outcome> {
    return this.#outcome("event", await this.#call("event", { data, now, portfolio }));
  }

  async order(event: object, now: number, portfolio: PortfolioNow): Promise<Outcome> {
    return this.#outcome("order", await this.#call("order", { event, now, portfolio }));
  }

  async timer(timer: TimerTurn, portfolio: PortfolioNow): Promise<Outcome> {
    return this.#outcome("timer", await this.#call("timer", { timer, now: timer.time, portfolio }));
  }

  async command(command: AlgorithmCommand, now: number, portfolio: PortfolioNow): Promise<Outcome> {
    return this.#outcome("command", await this.#call("command", { command, now, portfolio }));
  }

  async optimize(wager: Wager, now: number, portfolio: PortfolioNow): Promise<Sized> {
    const result = Object(await this.#call("optimize", { wager, now, portfolio }));
    const bet = parseBet(result["bet"], wager);
    if (!bet.ok) throw this.#malformed("optimize", bet.error.message, result);
    return { bet: bet.value, ...parseSaid(result) };
  }

  async check(order: ProposedOrder, now: number, portfolio: PortfolioNow): Promise<Checked> {
    const result = Object(await this.#call("check", { order, now, portfolio }));
    const verdict = parseVerdict(result["verdict"], order);
    if (!verdict.ok) throw this.#malformed("check", verdict.error.message, result);
    return { ...(verdict.value === undefined ? {} : { verdict: verdict.value }), ...parseSaid(result) };
  }

  async snapshot(): Promise<JsonValue> {
    return (await this.#call("snapshot", {})) as JsonValue;
  }

  async restore(state: JsonValue, writer: Writer): Promise<boolean> {
    return (await this.#call("restore", { state, writer })) !== false;
  }

  async stop(reason: string): Promise<readonly AlgorithmLog[]> {
    const { logs } = Object(await this.#call("stop", { reason }));
    return parseLogs(logs);
  }

  onEnd(handler: (fault: Fault) => void): void {
    this.#onEnd = handler;
    if (this.#ended !== undefined) handler(this.#ended);
  }

  close(): void {
    this.#ended ??= new Fault("algorithm-gone", "the connection was closed");
    this.#socket.destroy();
  }

  #outcome(method: Method, result: unknown): Outcome {
    const parsed = parseDecisions(Object(result)["decisions"]);
    if (!parsed.ok) throw this.#malformed(method, parsed.error.message, result);
    return { decisions: parsed.value, ...parseSaid(result) };
  }

  /** An answer that is none, with the function that gave it. */
  #malformed(method: Method, message: string, result: unknown): AlgorithmError {
    const place = this.#places[method];
    return new AlgorithmError(message, {
      place: typeof place === "string" ? place.slice(0, 300) : undefined,
      said: parseSaid(result),
    });
  }

  #call(method: Method, params: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      if (this.#waiting !== undefined) return reject(new Error(`a second call while ${this.#waiting.method} runs`));
      this.#lastId += 1;
      const line = `${JSON.stringify({ jsonrpc: "2.0", id: this.#lastId, method, params })}\n`;
      const timer = setTimeout(() => {
        this.#end(new Fault("algorithm-silent", `${method}() did not answer within ${deadlinesMs[method] / 1000} s`));
      }, deadlinesMs[method]);
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting = undefined;
      };
      this.#waiting = {
        id: this.#lastId,
        method,
        resolve(result) {
          settle();
          resolve(result);
        },
        reject(cause) {
          settle();
          reject(cause);
        },
      };
      this.#socket.write(line);
    });
  }

  #received(chunk: Buffer): void {
    const lines = this.#lines.push(chunk);
    if (lines.ok) for (const line of lines.value) this.#answered(line);
    else this.#end(new Fault("algorithm-protocol", `a line of more than ${lines.error.bytesMax} bytes`));
  }

  #answered(line: string): void {
    const answer = parseAnswer(line);
    const waiting = this.#waiting;
    if (answer === undefined || waiting === undefined || answer.id !== waiting.id) {
      this.#end(new Fault("algorithm-protocol", `not an answer to what was asked: ${line.slice(0, 120)}`));
    } else if (answer.error === undefined) waiting.resolve(answer.result);
    else waiting.reject(parseError(answer.error));
  }

  #end(fault: Fault): void {
    if (this.#ended !== undefined) return;
    this.#ended = fault;
    this.#socket.destroy();
    this.#waiting?.reject(fault);
    this.#onEnd(fault);
  }
}
