// A process that logs much more than a pipe holds, answers its parent meanwhile, and ends when it is told to.
import { processLog } from "#bus/process.ts";

const log = processLog(process, Date.now);
const [lines = 0, turns = 0] = process.argv.slice(2).map(Number);
let line = 0;

async function flood(): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    for (let n = 0; n < lines / turns; n += 1) log("info", "line", { n: line++, filling: "x".repeat(100) });
    await new Promise((resolve) => setImmediate(resolve));
  }
  process.send?.({ flooded: line, rssBytes: process.memoryUsage.rss() });
}

process.on("message", (message: { readonly ask?: number; readonly exit?: number }) => {
  if (message.ask !== undefined) process.send?.({ answer: message.ask });
  if (message.exit === undefined) return;
  log("error", "the last words");
  process.exit(message.exit);
});
void flood();
