import { randomInt } from "node:crypto";
import { connect, createServer } from "node:net";
import { Fault } from "#core/result.ts";

// Below what systems hand out to outgoing connections (Linux: from 32768 on): there, the next connection of anybody could take it before its user does.
const portMin = 10_000;
const portMax = 29_999;
const triesMax = 1_000;

/** A port of loopback that nobody has now. @throws Fault `no-port` */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = randomInt(portMin, portMax + 1);
    if (await isFree(port)) return port;
  }
  throw new Fault("no-port", "there is no free port on loopback");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
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
