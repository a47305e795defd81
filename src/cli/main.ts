import { enableCompileCache } from "node:module";

// Before the first import of weight: what V8 compiled is kept between runs.
enableCompileCache();
const { runCommandLine } = await import("./run.ts");
process.exitCode = await runCommandLine({
  argv: process.argv.slice(2),
  cwd: process.cwd(),
  variables: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
});
