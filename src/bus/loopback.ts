import { once } from "node:events";
import { connect, createServer } from "node:net";
import { Fault } from "#core/result.ts";

/** A port of loopback that nobody has now. @throws Fault `no-port` */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address !== "object" || address === null) throw new Fault("no-port", "there is no free port on loopback");
  return address.port;
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
