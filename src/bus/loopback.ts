import { randomInt } from "node:crypto";
import { connect, createServer, type Server } from "node:net";
import { Fault } from "#core/result.ts";

// Below what systems hand out to outgoing connections (Linux: from 32768 on): there, the next connection of anybody could take it before its user does.
// And below what an embedded cluster gives its pods, whose ports are free while they restart.
const portMin = 10_000;
const portMax = 19_999;
const triesMax = 1_000;

/** A port of loopback that nobody has now. @throws Fault `no-port` */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** As many, no two of them the same: whoever asks twice before the first one is in use may get that again. @throws Fault `no-port` */
export async function freePorts(count: number): Promise<readonly number[]> {
  const held = new Map<number, Server>();
  try {
    for (let tries = 0; held.size < count && tries < triesMax; tries += 1) {
      const port = randomInt(portMin, portMax + 1);
      const server = await listenAt(port);
      if (server !== undefined) held.set(port, server);
    }
  } finally {
    await Promise.all([...held.values()].map((server) => new Promise((resolve) => server.close(resolve))));
  }
  if (held.size < count) throw new Fault("no-port", `there are no ${count} free ports on loopback`);
  return [...held.keys()];
}

/** Whether a port of loopback can be listened on now. */
export async function isFree(port: number): Promise<boolean> {
  const server = await listenAt(port);
  if (server === undefined) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

/** Undefined: somebody has it. */
function listenAt(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

/** Whether somebody listens on this port of loopback. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
