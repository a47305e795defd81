// A pod's program for tests: answers probes, and shouts when it is not alone.
import { appendFileSync, closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSocketServer } from "node:net";

const { STATE, CONFIG, MODE = "", SOCKET, SLIPWAY_PORT_PROBE } = process.env;
const trace = (line) => STATE !== undefined && appendFileSync(`${STATE}/trace`, `${line}\n`);
if (MODE === "crash") {
  console.error("the spec is broken\u001b[31m");
  process.exit(2);
}
if (STATE !== undefined) {
  try {
    closeSync(openSync(`${STATE}/lock`, "wx"));
  } catch {
    trace("DOUBLE");
  }
}
trace(`start ${process.pid} ${MODE}`);
console.log(`environment ${JSON.stringify(process.env)} in ${process.cwd()}`);
if (MODE === "denied") {
  for (const path of ["/etc/hostname", "/proc/self/status"]) {
    try {
      readFileSync(path);
      console.log(`may read ${path}`);
    } catch (error) {
      console.log(`may not read ${path}: ${error.code}`);
    }
  }
}
if (MODE === "flood") {
  const line = `${"x".repeat(200)}\n`;
  const more = () => {
    for (let count = 0; count < 500; count += 1) process.stdout.write(line);
    setImmediate(more);
  };
  more();
}
if (MODE === "stuck") console.log(JSON.stringify({ level: "info", message: "calling initialize()" }));
let live = true;
process.on("SIGUSR2", () => {
  live = false;
});
process.on("SIGTERM", () => {
  trace(`term ${process.pid}`);
  if (MODE === "stubborn") return;
  if (STATE !== undefined) rmSync(`${STATE}/lock`, { force: true });
  process.exit(0);
});
if (SOCKET !== undefined) createSocketServer((peer) => peer.end("hello over the socket")).listen(SOCKET);
createServer((request, response) => {
  if (request.url === "/startup" && MODE === "stuck") return; // No answer, as of a loop that never ends.
  if (request.url === "/config") response.end(readFileSync(`${CONFIG}/value`));
  else if (request.url === "/live" && !live) response.writeHead(503).end("stuck in a loop");
  else response.end();
}).listen(Number(SLIPWAY_PORT_PROBE), "127.0.0.1");
