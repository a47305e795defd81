// Calls its neighbour over a unix socket and tells what it heard; then tries the network.

import { createServer } from "node:http";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";

const call = () => {
  const peer = connect(process.env.SOCKET);
  peer.on("data", (data) => console.log(`heard: ${data}`));
  peer.on("error", () => setTimeout(call, 50));
};
call();
console.log(`interfaces ${Object.keys(networkInterfaces()).join(",")}`);
createServer((_request, response) => response.end()).listen(Number(process.env.SLIPWAY_PORT_HEALTH), "127.0.0.1");
