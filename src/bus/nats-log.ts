import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Log } from "./process.ts";

/**
 * Passes nats-server's log on, line by line, and raises an alarm for each line that says of a client that it published or subscribed what it may not.
 * nats-server answers such a client as if all were well, so nothing else tells.
 *
 * @param write takes a line as it came, with its end
 * @returns how many alarms were raised so far
 */
export function watchServerLog(stream: Readable, write: (line: string) => void, log: Log): () => number {
  let violations = 0;
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
    write(`${line}\n`);
    if (!isViolation(line)) return;
    violations += 1;
    log("warn", "alarm: a client tried a topic that is not its own", { server: line.slice(0, 500), violations });
  });
  return () => violations;
}

/** A line such as `[1] 2026/11/26 22:00:00 [ERR] 10.0.0.7:4000 - mid:12 - "team/name" - Publish Violation - User "…", Subject "…"`. */
export function isViolation(line: string): boolean {
  return /\b(?:Publish|Subscription) Violation\b/.test(line);
}
