import { enableCompileCache } from "node:module";

// Before the first import of weight: what V8 compiled is kept between runs.
enableCompileCache();

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

const host = {
  argv: process.argv.slice(2),
  cwd: process.cwd(),
  variables: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  unread: unread.signal,
};
try {
  const { runCommandLine } = await import("./run.ts");
  process.exitCode = await runCommandLine(host);
} catch (error) {
  // It throws nothing itself: an npm package is missing.
  const { explain } = await import("./explain.ts");
  process.exitCode = explain(error, host, { json: host.argv.includes("--json"), debug: host.argv.includes("--debug") });
}
