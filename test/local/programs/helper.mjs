// Serves a unix socket, and once somebody has connected ends as MODE says.
import { createServer } from "node:net";

const { MODE, SOCKET } = process.env;
const kept = [];
const ends = {
  hog: () => setInterval(() => kept.length < 100 && kept.push(Buffer.alloc(8 * 2 ** 20, 1)), 5),
  exit: () => process.exit(0),
};
createServer(() => setTimeout(ends[MODE], 50)).listen(SOCKET);
