import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** What a Service is in a cluster: one port, and each new connection goes to the next of those that answer. */
export class Balancer {
  readonly #server: Server;
  readonly #targets: readonly number[];
  readonly #sockets = new Set<Socket>();
  readonly port: number;
  readonly #open = new Map<Socket, number>();
  #turn = 0;

  private constructor(server: Server, targets: readonly number[], port: number) {
    this.#server = server;
    this.#targets = targets;
    this.port = port;
    server.on("connection", (socket: Socket) => this.#give(socket, this.#targets.length));
  }

  static async open(targets: readonly number[]): Promise<Balancer> {
    const server = createServer({ noDelay: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    return new Balancer(server, targets, typeof address === "object" && address !== null ? address.port : 0);
  }

  /** How many connections of one there are. */
  openTo(target: number): number {
    return [...this.#open.values()].filter((port) => port === target).length;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #give(from: Socket, tries: number): void {
    const target = this.#targets[this.#turn % this.#targets.length] ?? 0;
    this.#turn += 1;
    const to = connect({ port: target, host: "127.0.0.1", noDelay: true });
    this.#sockets.add(from).add(to);
    let open = false;
    to.on("connect", () => {
      open = true;
      this.#open.set(to, target);
      from.pipe(to).pipe(from);
    });
    from.on("error", () => undefined);
    to.on("error", () => undefined);
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    to.on("close", () => {
      this.#sockets.delete(to);
      this.#open.delete(to);
      if (open || tries <= 1) from.destroy();
      else if (!from.destroyed) this.#give(from, tries - 1);
    });
  }
}
