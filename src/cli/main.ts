import { enableCompileCache } from "node:module";

// Before the first import of weight: what V8 compiled is kept between runs.
enableCompileCache();

// The first process of a container is ended by no signal that it does not take: until a command takes them, they end it as they would any other.
if (process.pid === 1) for (const name of ["SIGHUP", "SIGINT", "SIGTERM"] as const) process.on(name, endBy);

function endBy(_name: NodeJS.Signals, number: number): void {
  process.exit(128 + number);
}

// A reader that has seen enough (`slipway deploy --merge | head -1`) closes the pipe. That stops nothing half-way: what is said from then on is for
// nobody, and only what would go on for ever ends.
const unread = new AbortController();
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (stream === process.stdout) unread.abort();
  });
}

// An older Node has started this one and was killed: then nobody is left who would pass signals on.
if (process.channel !== undefined) {
  process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel.unref();
}

const stopping = new AbortController();
const host = {
  argv: process.argv.slice(2),
  cwd: process.cwd(),
  variables: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  unread: unread.signal,
  stopping,
};
try {
  const { runCommandLine } = await import("./run.ts");
  process.exitCode = await runCommandLine(host);
  // Asked to stop it has ended what has to be ended; an answer that is still awaited is for nobody.
  if (stopping.signal.aborted) process.exit();
} catch (error) {
  // It throws nothing itself: an npm package is missing.
  const { explain } = await import("./explain.ts");
  process.exitCode = explain(error, host, { json: host.argv.includes("--json"), debug: host.argv.includes("--debug") });
}
