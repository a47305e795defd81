import { connect as connectSocket, type Socket } from "node:net";
import { Fault } from "#core/result.ts";
import { retryDelayMs } from "./delay.ts";

/** A message of NATS' own protocol. */
export interface NatsMessage {
  readonly subject: string;
  readonly payload: Uint8Array;
  /** Sends the answer; there is none to send where nobody waits for it. */
  respond(payload: string): void;
}

export interface NatsConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** What it takes, if anything. */
  readonly subscription?: {
    readonly subject: string;
    readonly queue: string;
    readonly take: (message: NatsMessage) => void;
  };
  readonly log: (level: "info" | "warn", message: string) => void;
}

const payloadBytesMax = 1024 * 1024;
const handshakeMs = 5_000;

/** One subscription over the text protocol of NATS, connected again for ever: as much as a callout needs, and no package for it. */
export class NatsConnection {
  readonly #options: NatsConnectionOptions;
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #closed = false;
  #greeted = false;
  #server = "";
  #ready: () => void = () => undefined;

  constructor(options: NatsConnectionOptions) {
    this.#options = options;
  }

  /** What the server it is connected to calls itself among others; empty before it has said so. */
  get server(): string {
    return this.#server;
  }

  /** Asks the server for something; without a place for the answer it does nothing, so there is one that nobody reads. Dropped without a connection. */
  request(subject: string, payload: string, answerTo = "_INBOX.nobody"): void {
    if (this.#greeted)
      this.#socket?.write(`PUB ${subject} ${answerTo} ${Buffer.byteLength(payload)}\r\n${payload}\r\n`);
  }

  /** Settles when it is subscribed for the first time. @throws Fault `nats-unreachable` after `limitMs` */
  async open(limitMs: number): Promise<void> {
    const subscribed = new Promise<void>((resolve) => {
      this.#ready = resolve;
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Fault("nats-unreachable", "no connection to nats-server")), limitMs);
    });
    this.#connect();
    try {
      await Promise.race([subscribed, late]);
    } catch (cause) {
      this.close();
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #connect(): void {
    const { host, port, user, password, subscription } = this.#options;
    const socket = connectSocket({ host, port, noDelay: true });
    this.#socket = socket;
    socket.setTimeout(handshakeMs, () => socket.destroy());
    let rest = Buffer.alloc(0);
    const greet = (): void => {
      const options = {
        user,
        pass: password,
        verbose: false,
        pedantic: false,
        lang: "node",
        version: "1",
        protocol: 1,
      };
      const asks = subscription === undefined ? "" : `SUB ${subscription.subject} ${subscription.queue} 1\r\n`;
      socket.write(`CONNECT ${JSON.stringify(options)}\r\n${asks}PING\r\n`);
    };
    socket.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const used = this.#line(rest, socket, greet);
        if (used === 0) break;
        rest = rest.subarray(used);
      }
      if (rest.length > payloadBytesMax) socket.destroy();
    });
    socket.on("error", (error) => this.#options.log("warn", `nats-server: ${error.message}`));
    socket.on("close", () => {
      this.#greeted = false;
      if (this.#closed) return;
      this.#failures += 1;
      this.#timer = setTimeout(() => this.#connect(), retryDelayMs(this.#failures, user));
    });
  }

  /** Takes one whole line, with its payload. @returns how many bytes it had; 0 if it is not there yet */
  #line(bytes: Buffer, socket: Socket, greet: () => void): number {
    const end = bytes.indexOf("\r\n");
    if (end < 0) return 0;
    const [verb = "", ...words] = bytes.subarray(0, end).toString("latin1").split(" ");
    if (verb === "MSG") return this.#message(bytes, end + 2, words, socket);
    if (verb === "INFO") {
      this.#server = serverOf(words.join(" "));
      greet();
    }
    if (verb === "PING") socket.write("PONG\r\n");
    else if (verb === "PONG") {
      socket.setTimeout(0);
      this.#failures = 0;
      this.#greeted = true;
      this.#ready();
    } else if (verb === "-ERR") this.#options.log("warn", `nats-server: ${words.join(" ").slice(0, 200)}`);
    return end + 2;
  }

  /** `MSG <subject> <sid> [reply] <bytes>` and the payload. */
  #message(bytes: Buffer, from: number, words: readonly string[], socket: Socket): number {
    const size = Number(words.at(-1));
    const reply = words.length === 4 ? words[2] : undefined;
    if (!Number.isSafeInteger(size) || size < 0 || size > payloadBytesMax) {
      socket.destroy();
      return 0;
    }
    if (bytes.length < from + size + 2) return 0;
    this.#options.subscription?.take({
      subject: words[0] ?? "",
      payload: Uint8Array.from(bytes.subarray(from, from + size)),
      respond: (payload) => {
        if (reply !== undefined) socket.write(`PUB ${reply} ${Buffer.byteLength(payload)}\r\n${payload}\r\n`);
      },
    });
    return from + size + 2;
  }
}

function serverOf(info: string): string {
  try {
    const { server_id: id } = JSON.parse(info);
    return typeof id === "string" ? id : "";
  } catch {
    return "";
  }
}

/** An answer of nats-server's own, in JSON. */
export type Said = { readonly [name: string]: unknown };

/** @returns undefined of what is no object in JSON */
export function parseSaid(payload: Uint8Array): Said | undefined {
  try {
    const said: unknown = JSON.parse(Buffer.from(payload).toString("utf8"));
    return typeof said === "object" && said !== null ? (said as Said) : undefined;
  } catch {
    return undefined;
  }
}
